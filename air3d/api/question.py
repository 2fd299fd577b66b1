"""What is asked: pictures in files or in a data set, with their cameras, a batch at a time however many there are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from air3d.api.model import BATCH, Model
from scenes.bop.files import is_bop
from scenes.bop.reading import BopData, read_bop
from scenes.camera import Camera
from scenes.errors import UserError
from scenes.framing import framed
from scenes.photographs import Frame, Photograph, read_photograph
from scenes.pictures import labels, picture_paths
from scenes.reading import read_views
from scenes.unlabelled import shown
from scenes.view import View


@dataclass
class CameraConfig:
    """The camera that took pictures which do not say so themselves, where it is not the run's.

    intrinsics: fx, fy, cx, cy in pixels of the pictures as they are; position, target: where it stands and a point in
    the middle of what it looks at, metres, world axes.
    """

    intrinsics: list[float] | None = None
    position: list[float] | None = None
    target: list[float] | None = None

    def __post_init__(self) -> None:
        for name, length in (("intrinsics", 4), ("position", 3), ("target", 3)):
            if (value := getattr(self, name)) is not None and len(value) != length:
                raise UserError(f"camera.{name}={value}: give {length} numbers")
        if (self.position is None) != (self.target is None):
            raise UserError("camera.position and camera.target say together where a camera looks: give both")

    def of(self, frame: Frame, own: Camera) -> Camera:
        """The camera of a picture; what is not said is as `own` has it, which sees the frame."""
        lens = frame.outward(own.intrinsics[None])[0] if self.intrinsics is None else np.array(self.intrinsics)
        pose = own.rotation, own.translation
        if self.position is not None and self.target is not None:
            (x, y, z), (tx, ty, tz) = self.position, self.target
            seen = Camera.look_at((x, y, z), (tx, ty, tz), 45.0, frame.height, frame.width)
            pose = seen.rotation, seen.translation
        return Camera(lens, *pose, frame.height, frame.width)


@dataclass(frozen=True, eq=False)
class Picture:
    """One of them: what it is called in what is printed and among files, what scenes.json says of where it is from,
    how the network sees it, and what it is told of it (numpy, a batch of one)."""

    label: str
    about: dict[str, Any]
    photograph: Photograph
    view: View


@dataclass(eq=False)
class Question:
    """All pictures that are asked about. remarks: what there is to say about those that cannot be."""

    total: int
    batches: Iterator[list[Picture]]
    remarks: list[str] = field(default_factory=list)
    bop: BopData | None = None


def question(pictures: str, model: Model, camera: CameraConfig) -> Question:
    """The picture, the folder of pictures or the data set (ours or BOP's) of that name. UserError where it is none."""
    if Path(pictures).is_dir() and is_bop(pictures):
        return of_bop(pictures, model, camera)
    paths, others = picture_paths(pictures)
    asked = Question(len(paths), iter(()), [f"left out: {shown(path.name)}, save it as PNG or JPEG" for path in others])
    asked.batches = of_files(asked, Path(pictures), paths, model, camera)
    return asked


def of_files(
    asked: Question, where: Path, paths: list[Path], model: Model, camera: CameraConfig
) -> Iterator[list[Picture]]:
    """Pictures in files; what cannot be read is remarked and left out, unless nothing else is asked about."""
    views = None
    if (where / "scenes.json").is_file():
        given(camera, where)
        views = read_views(where, [path.name for path in paths], model.run.scene.configured)
    names = labels(paths)
    for start in range(0, len(paths), BATCH):
        read = []
        for row, path in enumerate(paths[start : start + BATCH], start):
            try:
                photograph = read_photograph(path, *model.size, model.behind)
                if views is None:
                    view = model.view(photograph, camera.of(photograph.frame, model.camera))
                else:
                    view = framed(views[row], [photograph.frame], *model.size)
                read.append(Picture(names[row], {"image_filename": path.name}, photograph, view))
            except UserError as error:
                if len(paths) == 1:
                    raise UserError(f"{path}: {error}") from error
                asked.remarks.append(f"left out: {shown(path.name)}, {error}")
        if read:
            yield read


def of_bop(folder: str, model: Model, camera: CameraConfig) -> Question:
    given(camera, folder)
    scene = model.run.scene
    data = read_bop(folder, scene.catalogue, scene.configured, model.size, judged=False)
    pictures = []
    for row, photograph in enumerate(data.photographs):
        scene_id, im_id = data.ids[row].tolist()
        about = {"image_filename": Path(str(photograph.source)).name, "scene_id": scene_id, "im_id": im_id}
        pictures.append(Picture(f"{scene_id:06d}_{im_id:06d}", about, photograph, data.view[row]))
    batches = (pictures[start : start + BATCH] for start in range(0, len(pictures), BATCH))
    return Question(len(pictures), batches, data.remarks, data)


def given(camera: CameraConfig, where: Path | str) -> None:
    """UserError where two say which camera it was."""
    if camera != CameraConfig():
        raise UserError(f"{where} says itself which cameras took its pictures: leave camera. out")
