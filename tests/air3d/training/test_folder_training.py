"""Learning from a folder: what a batch is made of, what is kept, and that it goes on bit for bit."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from folder_runs import folder_trainer, photographs
from torch import Tensor
from unread import labels_unread

from air3d.training.checkpoint import load_checkpoint, load_run
from air3d.training.folder_trainer import FolderTrainer
from air3d.training.schedules import ScheduleConfig
from air3d.training.unlabelled import FolderData
from renderers.convert import to_torch
from scenes.unlabelled import Unlabelled


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return photographs(tmp_path_factory.mktemp("pictures") / "photos")


def weights(trainer: FolderTrainer) -> Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in trainer.parameters])


def curve(run_dir: Path, name: str) -> dict[int, float]:
    """A number by the step that it was recorded at."""
    rows = (json.loads(line) for line in (run_dir / "metrics.jsonl").read_text().splitlines())
    return {row["step"]: row[name] for row in rows if name in row}


def data(learned: int, painted: int = 2, batch: int = 8, seed: int = 0) -> FolderData:
    nothing = Unlabelled(np.zeros((learned + 3, 4, 4, 3), np.uint8), ("",) * (learned + 3), "", ())
    return FolderData(nothing, np.arange(3, learned + 3), np.arange(3), seed, painted, batch, "")


def test_every_picture_is_seen_before_any_is_seen_again() -> None:
    given = data(10)
    rows = np.concatenate([given.rows(step) for step in range(10)])  # six times all ten
    rounds = rows.reshape(6, 10)
    assert all(sorted(each) == list(range(3, 13)) for each in rounds) and len({tuple(each) for each in rounds}) == 6
    assert (data(10).rows(4) == given.rows(4)).all() and (data(10, seed=1).rows(4) != given.rows(4)).any()
    assert Counter(data(2).rows(0).tolist()) == {3: 3, 4: 3}, "a batch may be larger than the folder"


def test_a_batch_is_half_painted_and_half_of_the_folder(tmp_path: Path, folder: Path) -> None:
    trainer, seen = folder_trainer(tmp_path, folder, "trainer.batch=6", "data.painted=0.34"), []
    assert set(trainer.data.held_out) | set(trainer.data.learned) == set(range(24))
    assert len(trainer.data.held_out) == 10 and len(trainer.data.learned) == 14

    def objective(
        pictures: Tensor, view: Any, weights: Any, truth: Any, painting: Tensor | None = None
    ) -> tuple[Tensor, dict[str, float]]:
        seen.append((pictures, view, truth, painting is not None))
        return torch.tensor(float(len(seen))), {"train/elbo": float(len(seen))}

    trainer.objective = objective  # type: ignore[assignment]
    objective.labelled = False  # type: ignore[attr-defined]
    loss, values = trainer.loss(ScheduleConfig().at(0))
    (scenes, its_view, nothing, told), (pictures, view, no_truth, told_of_folder) = seen
    assert told and not told_of_folder, "the view of a photograph is a guess"
    assert (len(scenes), len(its_view), len(pictures), len(view)) == (2, 2, 4, 4) and nothing is no_truth is None
    assert loss.item() == pytest.approx(1 * 2 / 6 + 2 * 4 / 6)
    assert values == {"train/elbo": 1.0, "train/folder_elbo": 2.0}
    learned = trainer.data.unlabelled.pictures[trainer.data.rows(0)]
    np.testing.assert_array_equal((255 * pictures).round().to(torch.uint8), learned)
    assert torch.equal(view.background, to_torch(trainer.run.scene.configured.repeat(4)).background)


@pytest.mark.parametrize(("share", "parts"), [(0, [4]), (1, [4])])
def test_one_kind_of_picture_alone(tmp_path: Path, folder: Path, share: int, parts: list[int]) -> None:
    trainer, seen = folder_trainer(tmp_path, folder, f"data.painted={share}"), []
    objective = trainer.objective

    def watched(pictures: Tensor, *others: Any, **named: Any) -> Any:
        seen.append(len(pictures))
        return objective(pictures, *others, **named)

    watched.labelled = False  # type: ignore[attr-defined]
    trainer.objective = watched  # type: ignore[assignment]
    _, values = trainer.loss(ScheduleConfig().at(0))
    assert seen == parts and ("train/folder_elbo" in values) == (share == 0)


def test_four_steps_are_two_and_two_more_bit_for_bit(tmp_path: Path, folder: Path) -> None:
    whole = folder_trainer(tmp_path / "whole", folder)
    whole.fit()
    first = folder_trainer(tmp_path / "parts", folder)
    step = first.train_step

    def stop_after_two() -> dict[str, float]:
        first.stopped = first.step == 1
        return step()

    first.train_step = stop_after_two  # type: ignore[method-assign]
    first.fit()
    second = folder_trainer(tmp_path / "parts", folder)
    second.restore(load_checkpoint(tmp_path / "parts" / "last.pt"))
    assert second.step == 2 and second.folder.highest == first.folder.highest
    second.fit()
    assert torch.equal(weights(whole), weights(second)) and not torch.equal(weights(whole), weights(first))
    assert torch.equal(whole.state()["random"], second.state()["random"]) and whole.best == second.best
    assert curve(tmp_path / "whole", "folder/elbo") == curve(tmp_path / "parts", "folder/elbo")


def test_the_same_seed_learns_the_same_and_another_does_not(tmp_path: Path, folder: Path) -> None:
    first = folder_trainer(tmp_path / "first", folder)
    first.fit()
    again, other = (folder_trainer(tmp_path / f"seed{seed}", folder, f"seed={seed}") for seed in (0, 1))
    assert (first.data.held_out == again.data.held_out).all() and (first.data.held_out != other.data.held_out).any()
    torch.manual_seed(0)
    again.fit()
    assert torch.equal(weights(first), weights(again)) and not torch.equal(weights(first), weights(other))


def test_labels_in_the_folder_are_never_opened(tmp_path: Path, folder: Path) -> None:
    """A whole training, to the end, on a data set whose labels are garbage, and may not even be opened."""
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "images").symlink_to(folder)
    (tmp_path / "set" / "scenes.json").write_text('{"info": {}, "scenes": [{"objects": 3')
    (tmp_path / "set" / "manifest.json").write_text("\0")
    with labels_unread():
        labelled = folder_trainer(tmp_path / "with", tmp_path / "set")
        labelled.fit()
    plain = folder_trainer(tmp_path / "without", folder)
    plain.fit()
    assert torch.equal(weights(labelled), weights(plain))


def test_what_a_run_leaves_behind(tmp_path: Path, folder: Path) -> None:
    trainer = folder_trainer(tmp_path, folder)
    trainer.fit()
    assert {"best.pt", "last.pt", "before_collapse.pt"} <= {path.name for path in tmp_path.iterdir()}
    panels = sorted(path.name for path in (tmp_path / "panels").glob("folder_*.png"))
    assert panels == ["folder_000000.png", "folder_000002.png", "folder_000004.png"]
    bound, counts = curve(tmp_path, "folder/elbo"), curve(tmp_path, "folder/objects_per_picture")
    assert list(bound) == [0, 2, 4] and set(counts.values()) == {1.0} and set(curve(tmp_path, "val/elbo")) == {0, 2, 4}
    shares = [curve(tmp_path, f"folder/share_{name}")[4] for name in trainer.run.scene.catalogue.names]
    assert sum(shares) == pytest.approx(1) and curve(tmp_path, "folder/collapsed")[4] == 0
    assert trainer.best == max(bound.values()) == load_checkpoint(tmp_path / "best.pt")["best"]
    assert load_run(tmp_path).config.data.folder == str(folder)


def test_the_checkpoint_before_an_identity_is_given_up_is_kept(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """From step 2 on the bound rises and the cubes are gone: a network that pays for its best with an identity."""
    trainer = folder_trainer(tmp_path, folder, "trainer.validate_every=1", f"init={tmp_path}")
    predicted = {0: [8, 8, 8], 1: [9, 8, 7], 2: [0, 12, 12], 3: [0, 12, 12], 4: [8, 8, 8]}
    monkeypatch.setattr(trainer.folder, "by_identity", lambda found: [10 * n for n in predicted[trainer.step]])
    score, keep, kept = trainer.score, trainer.keep, []
    monkeypatch.setattr(trainer, "score", lambda elbo: score(elbo) and float(trainer.step))

    def watched(scored: float) -> None:
        keep(scored)
        steps = [load_checkpoint(tmp_path / f"{name}.pt")["step"] for name in ("best", "before_collapse", "last")]
        kept.append((steps, trainer.collapsed))

    monkeypatch.setattr(trainer, "keep", watched)
    trainer.fit()
    said = "cube is given up (0 of 240 predicted objects, 90 of 240 before)"
    assert kept == [
        ([0, 0, 0], None),
        ([1, 1, 1], None),
        ([1, 1, 2], said),
        ([1, 1, 3], said),
        ([4, 4, 4], None),  # and back: it is no collapse any more
    ]
    assert curve(tmp_path, "folder/collapsed") == {0: 0, 1: 0, 2: 1, 3: 1, 4: 0}
    out = capsys.readouterr()
    assert (out.out + out.err).count(f"warning: {said}: before_collapse.pt is from before") == 2
