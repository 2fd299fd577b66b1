"""A trained network, ready to be asked about anybody's pictures."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, overload

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from air3d.api.given import listed, photograph_of
from air3d.api.scene import Scene
from air3d.evaluation.calibration_scenes import CALIBRATION_SCENES, calibrate
from air3d.inference.believed import believed_views
from air3d.inference.conformal import ConformalRegions
from air3d.inference.counting import check_counting, predictor
from air3d.inference.greedy import Predictor
from air3d.inference.predictions import Predictions, predict
from air3d.inference.serialization import Serializer
from air3d.training.checkpoint import load_run
from air3d.training.run import Run
from renderers.convert import to_floats, to_numpy, to_torch
from scenes.camera import Camera
from scenes.errors import UserError
from scenes.framing import framed
from scenes.photographs import Behind, Photograph
from scenes.view import View

BATCH = 100  # pictures that are looked at together; it changes no answer


def load(
    run: str | os.PathLike[str],
    level: float = 0.9,
    calibration_scenes: int = CALIBRATION_SCENES,
    counting: str = "presence",
    max_objects: int | None = None,
    device: str = "cpu",
) -> Model:
    """The network of a run's folder, or a released one, `pretrained/tabletop`.

    level: of the regions, the share of truths that they should hold; calibration_scenes: that they are scaled by, which
    takes some seconds at the first picture; counting: `presence`, or `likelihood` of the picture; max_objects: in one
    picture (default: one more than the run's scenes have). UserError, one line, for what cannot be.
    """
    return Model(load_run(os.fspath(run), device=device), level, calibration_scenes, counting, max_objects)


@dataclass(frozen=True, eq=False)
class Answers:
    """What is said of a batch of pictures: predictions, the world believed of each (numpy), and both as JSON has it."""

    predictions: Predictions
    believed: View
    entries: list[dict[str, Any]]


class Model:
    """Call it with a picture, or with several."""

    def __init__(
        self,
        run: Run,
        level: float = 0.9,
        calibration_scenes: int = CALIBRATION_SCENES,
        counting: str = "presence",
        max_objects: int | None = None,
    ) -> None:
        if not 0 < level < 1:
            raise UserError(f"level={level}: give a share between 0 and 1")
        for name, value in (("calibration_scenes", calibration_scenes), ("max_objects", max_objects)):
            if value is not None and value < 1:
                raise UserError(f"{name}={value}: give at least 1")
        check_counting(counting)
        self.run, self.level, self.calibration_scenes = run, level, calibration_scenes
        self.steps = max_objects or run.model.prior.steps
        self.counting: Predictor = predictor(counting, run.config.trainer.schedule.last_sigma)

    @overload
    def __call__(self, pictures: str | os.PathLike[str] | Image.Image, camera: Camera | None = None) -> Scene: ...
    @overload
    def __call__(
        self, pictures: list[Any] | tuple[Any, ...], camera: Camera | Sequence[Camera] | None = None
    ) -> list[Scene]: ...
    @overload
    def __call__(self, pictures: Any, camera: Camera | Sequence[Camera] | None = None) -> Any: ...
    def __call__(self, pictures: Any, camera: Camera | Sequence[Camera] | None = None) -> Any:
        """What stands on the table of a picture, or of each of several.

        pictures: a file's name, a PIL image, an array or a tensor [height, width, 3] or [3, height, width], bytes or
        floating-point colours in 0..1; or a list of them, or an array of four dimensions. Of any size: cropped about
        the centre and brought to the network's. camera: that took them, at their own size, one for all or one for
        each; not given, the run's. UserError, one line, for what is no picture.
        """
        given, alone = listed(pictures)
        cameras = list(camera) if isinstance(camera, Sequence) else [camera] * len(given)
        if len(cameras) != len(given):
            raise UserError(f"{len(cameras)} cameras for {len(given)} pictures: give one for each, or one for all")
        scenes = []
        for start in range(0, len(given), BATCH):
            photographs = [photograph_of(each, *self.size, self.behind) for each in given[start : start + BATCH]]
            own = zip(photographs, cameras[start : start + BATCH], strict=True)
            scenes += self.scenes(photographs, View.stack([self.view(*each) for each in own]))
        return scenes[0] if alone else scenes

    def scenes(self, photographs: Sequence[Photograph], view: View) -> list[Scene]:
        """The same of pictures that are read, and what is told of them (numpy)."""
        answers = self.answers(np.stack([photograph.pixels for photograph in photographs]), view)
        objects = to_numpy(answers.predictions.objects)
        return [
            Scene(answers.entries[row], photograph, objects[row], answers.believed[row], self.run)
            for row, photograph in enumerate(photographs)
        ]

    def view(self, photograph: Photograph, camera: Camera | None) -> View:
        """What the network is told of a picture: the run's own world, behind the camera that took it."""
        own = self.run.scene.configured
        return own if camera is None else own.behind(framed(View.of(camera), [photograph.frame], *self.size))

    def answers(self, pictures: UInt8[np.ndarray, "batch height width 3"], view: View) -> Answers:
        """Of pictures at the network's size and what is told of them (numpy)."""
        model, device = self.run.model, self.run.config.device
        images, told = to_floats(pictures).to(device), to_torch(view, device)
        predictions = predict(model, images, told, self.steps, predictor=self.counting)
        believed = to_numpy(believed_views(model.world, images, told))
        inferred = self.run.scene.config.view.parts("inferred")
        return Answers(predictions, believed, self.serializer.scenes(predictions, believed, inferred))

    @cached_property
    def serializer(self) -> Serializer:
        return Serializer(
            self.run.scene.catalogue, self.run.model.prior, self.conformal, self.level, self.run.model.latents
        )

    @cached_property
    def conformal(self) -> ConformalRegions:
        """How far the regions reach: by scenes that the run's own seed paints, once."""
        run = self.run
        return calibrate(run.model, run.scene, run.config.seed, self.calibration_scenes, self.counting)

    @property
    def camera(self) -> Camera:
        """The run's own, of pictures at the network's size."""
        return self.run.scene.camera

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of what the network sees."""
        return self.camera.height, self.camera.width

    @property
    def behind(self) -> Behind:
        """What a transparent picture is laid over: the run's table, where that is known and of one colour."""
        background = self.run.scene.configured.background[0]
        known = "background" not in self.run.scene.config.view.parts("inferred")
        return tuple(background.tolist()) if known and background.ndim == 1 else None

    @property
    def names(self) -> tuple[str, ...]:
        """Of the objects that it knows."""
        return self.run.scene.catalogue.kinds

    def __repr__(self) -> str:
        height, width = self.size
        return f"air3d.Model({', '.join(self.names)}; {width} x {height} pixels)"
