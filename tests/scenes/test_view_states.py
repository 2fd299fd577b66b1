"""What a model is given of a picture's world: three states, and one line for anything else."""

from __future__ import annotations

import pytest

from air3d.cli import compose, typed
from scenes.errors import UserError
from scenes.scene import SceneConfig
from scenes.view_states import STATES, ViewStates


def test_all_is_known_unless_it_is_said_otherwise() -> None:
    plain = ViewStates()
    assert all(getattr(plain, part) == ("varied" if part == "tint" else "known") for part in STATES)
    assert plain.outliers == 0 and SceneConfig().view == plain
    composed = typed(compose("generate", ["scene=tabletop"]).scene, SceneConfig)
    assert composed.view == plain


def test_it_is_set_on_the_command_line() -> None:
    words = ["scene=tabletop", "scene.view.gain=inferred", "scene.view.camera=varied", "scene.view.outliers=0.02"]
    states = typed(compose("generate", words).scene, SceneConfig).view
    assert states == ViewStates(gain="inferred", camera="varied", outliers=0.02)


@pytest.mark.parametrize(
    ("given", "answer"),
    [
        ({"background": "guessed"}, "scene.view.background=guessed: it must be known or inferred or varied"),
        ({"noise": "infered"}, "scene.view.noise=infered: it must be known or inferred or varied"),
        ({"tint": "known"}, "scene.view.tint=known: it must be varied or inferred"),
        ({"outliers": 1.0}, "scene.view.outliers=1.0: give a share from 0 to below 1"),
        ({"outliers": -0.1}, "scene.view.outliers=-0.1: give a share from 0 to below 1"),
        ({"outliers": float("nan")}, "scene.view.outliers=nan: give a share"),
    ],
)
def test_a_state_that_there_is_not_is_one_line(given: dict, answer: str) -> None:
    with pytest.raises(UserError, match=answer) as caught:
        ViewStates(**given)
    assert "\n" not in str(caught.value)
