"""Settings that stood under two names, or under one name with two meanings."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from small_runs import small_config

from air3d import cli
from air3d.training.checkpoint import load_config, save_config
from scenes.errors import UserError


def test_experiments_are_comparisons_and_ablations_are_trainings() -> None:
    with pytest.raises(
        UserError, match=r"experiment= of this program is ablation= now .*no_residual, no_wake_phase"
    ) as error:
        cli.compose("train", ["experiment=no_pull"])
    assert "\n" not in str(error.value)
    assert cli.compose("compare", ["experiment=repeats"], "compare").name == "repeats"
    assert cli.compose("train", ["ablation=no_residual"]).model.residual is False


@pytest.mark.parametrize(
    ("setting", "value", "kept"), [("scene.steps", 900, "trainer.steps"), ("supervised.query", True, "model.query")]
)
def test_the_second_name_of_a_setting_says_nothing_about_a_run(
    tmp_path: Path, setting: str, value: object, kept: str
) -> None:
    """Its value went into the first one when the run began, unless something else was given there."""
    save_config(small_config(tmp_path), tmp_path)
    config, (group, name) = load_config(tmp_path), setting.split(".")
    stored = yaml.safe_load((tmp_path / "config.yaml").read_text())
    stored[group][name] = value
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(stored))
    assert load_config(tmp_path) == config
    with pytest.raises(UserError, match=f"there is no setting {setting}"):
        cli.compose("train", [f"{setting}=1"])
    group, name = kept.split(".")
    assert name in stored[group]
