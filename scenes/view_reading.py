"""Views from scenes.json, see `view_labels` for its words; and from data sets of earlier versions, which had others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8

from scenes.camera import Camera
from scenes.errors import UserError
from scenes.parsing import about, number, numbers
from scenes.view import AMBIENT, DIFFUSE, LIGHT, View
from scenes.view_labels import PARTS, written

PINHOLE = (*PARTS["camera"], "height", "width")
LOOK_AT = ("position", "target", "field_of_view", "height", "width")

Open = Callable[[str], UInt8[np.ndarray, "height width 3"]]
"""The picture of an empty table by the name of its file."""


def parse_views(
    info: dict[str, Any],
    scenes: Sequence[dict[str, Any]],
    path: Path,
    open_background: Open,
    default: View | None = None,
) -> list[View]:
    """The views of some scenes of scenes.json, `info` its head, each of its own size.

    default: what its first picture says of light, background and noise holds where the data set says nothing.
    UserError, naming the file, for what is no world.
    """
    stated = spoken(default) | earlier(info) | parts_of(info)
    if not any(parts_of(scene) for scene in scenes):
        return [parse_view(stated, path, open_background)] * len(scenes)
    return [parse_view(stated | parts_of(scene), path, open_background) for scene in scenes]


def of_one_size(views: Sequence[View], path: Path) -> View:
    """Views as one batch. UserError, naming the file, for pictures of several sizes."""
    if len(sizes := {(each.height, each.width) for each in views}) > 1:
        raise UserError(f"{path}: all cameras must take pictures of one size, not of {sorted(sizes)} (height, width)")
    return View.stack(views)


def parts_of(entry: dict[str, Any]) -> dict[str, Any]:
    return {part: entry[part] for part in PARTS if part in entry}


def spoken(view: View | None) -> dict[str, Any]:
    """Light, background and noise of a view's first picture."""
    if view is None:
        return {}
    return {"background": view.background[0], **{part: written(view, part, 0) for part in ("light", "noise")}}


def earlier(info: dict[str, Any]) -> dict[str, Any]:
    """Light and background where earlier versions wrote them: among the settings that painted the pictures."""
    painted, scene = info.get("renderer"), info.get("scene")
    parts: dict[str, Any] = {}
    if isinstance(painted, dict) and {"light", "ambient", "diffuse"} <= set(painted):
        parts["light"] = {"direction": painted["light"], "ambient": painted["ambient"], "diffuse": painted["diffuse"]}
    if isinstance(scene, dict) and "background" in scene:
        parts["background"] = scene["background"]
    return parts


def parse_view(parts: dict[str, Any], path: Path, open_background: Open) -> View:
    """The world that the parts describe, of one picture."""
    camera, light = parse_camera(parts.get("camera"), path), parts.get("light", {})
    if not isinstance(light, dict):
        raise UserError(f"{path}: light must give {', '.join(PARTS['light'])}")
    direction = numbers(light.get("direction", list(LIGHT)), 3, "light.direction", path)
    values = {
        "ambient": number(light.get("ambient", AMBIENT), "light.ambient", path),
        "diffuse": number(light.get("diffuse", DIFFUSE), "light.diffuse", path),
        "gain": numbers(light.get("gain", [1.0, 1.0, 1.0]), 3, "light.gain", path),
        "lamp": number(light.get("lamp", 0.0), "light.lamp", path),
        "noise": number(parts.get("noise", 0.0), "noise", path),
        **parse_sensor(parts.get("sensor", {}), path),
        "background": parse_background(parts.get("background", [0.0, 0.0, 0.0]), path, camera, open_background),
    }
    with about(path):
        view = View.of(camera, direction, **values)
    if np.isclose(np.linalg.norm(direction), 1, rtol=0, atol=1e-6):
        view.light = np.array([direction], float)  # to the last digit as it was written
    return view


def parse_sensor(given: Any, path: Path) -> dict[str, float]:
    """What it did to the picture beside its noise, as far as that is said."""
    if not isinstance(given, dict):
        raise UserError(f"{path}: sensor must give {', '.join(PARTS['sensor'])}")
    return {name: number(given[name], f"sensor.{name}", path) for name in PARTS["sensor"] if name in given}


def parse_camera(given: Any, path: Path) -> Camera:
    """A camera; its height and width are the size of its pictures."""
    known = set(given) if isinstance(given, dict) else set()
    if not known >= set(PINHOLE) and not known >= set(LOOK_AT):
        raise UserError(f"{path}: camera must give {', '.join(PINHOLE)}, or {', '.join(LOOK_AT)}")
    height, width = (int(number(given[name], f"camera.{name}", path)) for name in ("height", "width"))
    if not known >= set(PINHOLE):
        position, target = (tuple(numbers(given[name], 3, f"camera.{name}", path)) for name in LOOK_AT[:2])
        angle = number(given["field_of_view"], "camera.field_of_view", path)
        with about(path):
            return Camera.look_at(position, target, angle, height, width)  # pyright: ignore[reportArgumentType]
    rows = given["rotation"] if isinstance(given["rotation"], list) else [None]
    rotation = np.array([numbers(row, 3, "every row of camera.rotation", path) for row in rows])
    intrinsics = np.array(numbers(given["intrinsics"], 4, "camera.intrinsics", path))
    translation = np.array(numbers(given["translation"], 3, "camera.translation", path))
    with about(path):
        return Camera(intrinsics, rotation, translation, height, width)


def parse_background(
    given: Any, path: Path, camera: Camera, open_background: Open
) -> Float[np.ndarray, "*size 3"] | list[float]:
    """A colour, or a picture in [0, 1] of the size of the camera's pictures."""
    if isinstance(given, np.ndarray):
        return given
    if not isinstance(given, str):
        return numbers(given, 3, "background", path)
    picture, wanted = open_background(given), (camera.height, camera.width)
    if picture.shape[:2] != wanted:
        found = f"{picture.shape[0]} x {picture.shape[1]}"
        raise UserError(f"{path}: background {given} is {found} pixels, its camera says {wanted[0]} x {wanted[1]}")
    return picture / 255.0
