"""Test scenes that differ from those a run was trained on: fuller, without repeats, seen from elsewhere."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

from scenes.errors import UserError
from scenes.scene import Scene, SceneConfig
from scenes.view import View


@dataclass
class SceneChange:
    """What evaluate.py may change about a run's scene, None where it stays. Units as in `SceneConfig`.

    camera_known: whether the network is told of another camera (which point of the table a cell shows, where the rings
    of a closer look lie, what it paints).
    """

    repeats: bool | None = None
    gap: float | None = None
    max_hidden: float | None = None
    table: tuple[float, float] | None = None
    background: tuple[float, float, float] | None = None
    camera_position: tuple[float, float, float] | None = None
    camera_target: tuple[float, float, float] | None = None
    field_of_view: float | None = None
    intrinsics: tuple[float, float, float, float] | None = None
    camera_known: bool = True

    def changes(self) -> dict[str, Any]:
        """The settings that are not as trained."""
        given = {name: value for name, value in asdict(self).items() if value is not None}
        del given["camera_known"]
        return given

    def applied(self, trained: SceneConfig) -> SceneConfig:
        """The scene to test on. UserError for a field of view beside intrinsics, which would not be seen."""
        if self.field_of_view is not None and (self.intrinsics or trained.intrinsics):
            raise UserError("scene.field_of_view changes nothing where a camera has scene.intrinsics: change those")
        return replace(trained, **self.changes())

    def known_view(self, trained: Scene, view: View) -> View:
        """What the network is told of pictures painted under `view`: the world of its training, or the picture's own
        where every picture of its training had one, behind the camera that it knows of."""
        world = view if trained.config.vary else trained.views(0, range(len(view)))
        return world.behind(view if self.camera_known else trained.configured.repeat(len(view)))

    def __str__(self) -> str:
        words = [f"{name}={list(x) if isinstance(x, tuple) else x}" for name, x in self.changes().items()]
        return " ".join(words + ["camera_known=false"] * (not self.camera_known))
