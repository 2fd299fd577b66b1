"""What was found in one picture, to be read, drawn and written."""

from __future__ import annotations

import base64
import html
import io
import json
import os
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from PIL import Image

from air3d.files import atomic, plain
from air3d.inference.serialization import object_text, scene_text
from air3d.report.overlay import overlay
from air3d.training.run import Run
from scenes.export import to_glb
from scenes.objects import Objects
from scenes.photographs import Photograph
from scenes.view import View


@dataclass(frozen=True, eq=False)
class Object:
    """One object. Metres and radians, world axes: x and y on the table, z up.

    name: of its mesh; face: the one it rests on (None where there is but one); probability: that it is there; names:
    the probability of every entry of the catalogue; position: of its base; rotation: about the vertical axis, None for
    a body of revolution; region: half the axes of the region that holds the truth with the model's `level`, `x` and
    `y` in metres and `rotation` in radians; rotation_matrix and, in the camera's axes (OpenCV: x right, y down, z into
    the picture), camera_rotation [3, 3] and camera_translation [3].
    """

    name: str
    face: str | None
    probability: float
    names: dict[str, float]
    position: np.ndarray
    rotation: float | None
    region: dict[str, float | None]
    rotation_matrix: np.ndarray
    camera_rotation: np.ndarray
    camera_translation: np.ndarray
    text: str

    @staticmethod
    def of(entry: dict[str, Any]) -> Object:
        """Of an object in scenes.json."""
        return Object(
            name=entry["shape"],
            face=entry["face"],
            probability=entry["presence"],
            names=entry["identity"],
            position=np.array(entry["3d_coords"]),
            rotation=entry["rotation"],
            region=entry["region"],
            rotation_matrix=np.array(entry["R_world"]),
            camera_rotation=np.array(entry["R_camera"]),
            camera_translation=np.array(entry["t_camera"]),
            text=object_text(entry),
        )

    def __repr__(self) -> str:
        return self.text


@dataclass(frozen=True, eq=False)
class Scene:
    """What stands on a table. `entry`: as in scenes.json; the other fields are what it is drawn with."""

    entry: dict[str, Any]
    photograph: Photograph
    inferred: Objects
    view: View
    run: Run

    @cached_property
    def objects(self) -> list[Object]:
        """Those that are there, the surest step first."""
        return [Object.of(entry) for entry in self.entry["objects"]]

    @property
    def probabilities(self) -> dict[int, float]:
        """Of every number of objects."""
        return {int(count): share for count, share in self.entry["count"].items()}

    @property
    def doubtful(self) -> bool:
        """Whether the picture is explained worse than any that the network was calibrated on: do not trust it."""
        return self.entry["doubtful"]

    @property
    def crop(self) -> tuple[float, float, float, float]:
        """The part of the picture that was seen: left, upper, right, lower, in its pixels."""
        return crop_of(self.photograph)

    def to_json(self, path: str | os.PathLike[str] | None = None) -> str:
        """As in scenes.json; also written to a file, where one is named."""
        text = json.dumps(plain(self.entry), indent=2, allow_nan=False)
        if path is not None:
            with atomic(os.fspath(path)) as temporary:
                temporary.write_text(text + "\n")
        return text

    def to_glb(self, path: str | os.PathLike[str] | None = None) -> bytes:
        """The objects on their table as a 3D model (glTF, +Y up); also written to a file, where one is named."""
        content = to_glb(self.inferred, self.run.scene.catalogue, self.run.scene.layout.table)
        if path is not None:
            with atomic(os.fspath(path)) as temporary:
                temporary.write_bytes(content)
        return content

    def plot(self, path: str | os.PathLike[str] | None = None) -> Image.Image:
        """The picture with the outline and the name of what was found; also written to a file, where one is named."""
        shown = overlay(self.photograph, self.inferred, self.view, self.run.renderer, self.labels)
        if path is not None:
            with atomic(os.fspath(path)) as temporary:
                shown.save(temporary)
        return shown

    @property
    def labels(self) -> list[str]:
        """Of every slot: its name and how sure it is."""
        names, there = self.run.scene.catalogue.names, iter(self.objects)
        present = self.inferred.presence[0] > 0.5
        return [
            f"{names[k]} {next(there).probability:.0%}" if here else ""
            for k, here in zip(self.inferred.identity[0].tolist(), present.tolist(), strict=True)
        ]

    def __len__(self) -> int:
        return len(self.objects)

    def __repr__(self) -> str:
        return scene_text(self.entry)

    def _repr_html_(self) -> str:
        """For notebooks: the picture, and a line for each object."""
        file = io.BytesIO()
        self.plot().save(file, "PNG")
        shown = base64.b64encode(file.getvalue()).decode()
        lines = "".join(f"<li>{html.escape(each.text)}</li>" for each in self.objects)
        doubt = "<p><b>Doubtful:</b> explained worse than any calibration scene.</p>" if self.doubtful else ""
        return f'<img src="data:image/png;base64,{shown}" width="320">{doubt}<ul>{lines}</ul>'


def crop_of(photograph: Photograph) -> tuple[float, float, float, float]:
    """Left, upper, right and lower border of what is seen of a picture, in its pixels."""
    frame, (height, width) = photograph.frame, photograph.pixels.shape[:2]
    return frame.left, frame.upper, frame.left + width * frame.scale, frame.upper + height * frame.scale
