"""Pictures of one entry of a catalogue from several sides, in its true proportions, beside a ruler."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from PIL import Image, ImageDraw

from renderers import Renderer, RendererConfig, build_renderer
from renderers.convert import to_bytes, to_torch
from scenes.camera import FAR, NEAR, Camera
from scenes.errors import UserError
from scenes.mesh import Mesh
from scenes.objects import Objects
from scenes.scene import Scene, SceneConfig, camera_of
from scenes.view import View

SIDES = {"front": 0.0, "right": 90.0, "back": 180.0, "left": 270.0}
"""From where a picture is taken, and the angle from -Y, counter-clockwise seen from above."""
ELEVATION, OVERHEAD = 22.0, 89.0  # degrees above the table
FIELD_OF_VIEW = 20.0  # degrees, unless the thing is so large or small that the camera must stand elsewhere
PAPER, INK, MARK = (0.93, 0.93, 0.91), (60, 60, 60), (200, 60, 40)
TICKS = 0.01, 0.05, 0.10, 0.50, 1.0  # metres between the marks of a ruler
MOST_TICKS = 14
TRIED = 8  # tables, of which the fullest is shown
PICTURES = [*SIDES, "from above"]


class Studio:
    """Takes pictures of the entries of a catalogue, `side` pixels tall and wide."""

    def __init__(self, renderer: Renderer, side: int) -> None:
        self.renderer, self.side = renderer, side

    def pictures(self, meshes: Sequence[Mesh], entry: int) -> list[Image.Image]:
        """One from each of `PICTURES`; a ruler lies before the thing in the first and the last, its footprint is drawn
        in the last."""
        mesh = meshes[entry]
        cameras = [camera_for(mesh, angle, ELEVATION, self.side) for angle in SIDES.values()]
        cameras.append(camera_for(mesh, 0.0, OVERHEAD, self.side))
        view = View.stack([View.of(each, background=PAPER) for each in cameras])
        objects = Objects.stack([one(entry)] * len(cameras))
        with torch.no_grad():
            painted = to_bytes(self.renderer.render(to_torch(objects), to_torch(view)))
        pictures = [Image.fromarray(each) for each in painted]
        ruler(pictures[0], cameras[0], mesh)
        ruler(pictures[-1], cameras[-1], mesh)
        outline(pictures[-1], cameras[-1], mesh)
        return pictures


def one(entry: int) -> Objects:
    """That entry alone in the middle of the table."""
    objects = Objects.empty(1, 1)
    objects.identity[:], objects.presence[:] = entry, True
    return objects


def camera_for(mesh: Mesh, angle: float, elevation: float, side: int) -> Camera:
    """A camera that has the whole mesh in its picture, whatever its size, and a ruler before it."""
    low, high = mesh.vertices.min(0), mesh.vertices.max(0)
    middle, radius = (low + high) / 2, 1.12 * float(np.linalg.norm(high - low)) / 2
    near, far = NEAR + 1.5 * radius + 0.02, FAR - 2 * radius
    away = float(np.clip(radius / np.sin(np.radians(FIELD_OF_VIEW) / 2), near, max(near, far)))
    opening = 2 * float(np.degrees(np.arcsin(min(radius / away, 0.99))))
    turned, raised = np.radians([angle, elevation])
    towards = np.array([np.sin(turned) * np.cos(raised), -np.cos(turned) * np.cos(raised), np.sin(raised)])
    position = tuple((middle + away * towards).tolist())
    return Camera.look_at(position, tuple(middle.tolist()), opening, side, side)  # pyright: ignore[reportArgumentType]


def ruler(picture: Image.Image, camera: Camera, mesh: Mesh) -> None:
    """Draws a ruler that lies on the table along X, before the mesh, and says how far apart its marks are."""
    low, high = mesh.vertices.min(0).astype(float), mesh.vertices.max(0).astype(float)
    length = high[0] - low[0]
    step = next((tick for tick in TICKS if length / tick <= MOST_TICKS), TICKS[-1])
    step = step if length >= step else 0.001 * max(1, int(length * 1000 / 2))
    marks, beside = low[0] + step * np.arange(int(length / step + 1e-6) + 1), low[1] - 0.04 * np.linalg.norm(high - low)
    pen, tick = ImageDraw.Draw(picture), 0.02 * np.linalg.norm(high - low)
    ends = np.array([[x, beside, 0.0] for x in (low[0], high[0])])
    pen.line(pixels(camera, ends), MARK, 1)
    for x in marks:
        pen.line(pixels(camera, np.array([[x, beside, 0.0], [x, beside - tick, 0.0]])), MARK, 1)
    pen.text((4, picture.height - 14), f"marks {100 * step:g} cm apart", MARK)


def outline(picture: Image.Image, camera: Camera, mesh: Mesh) -> None:
    """Draws the footprint and the base point."""
    corners = np.pad(mesh.outline, ((0, 0), (0, 1)))
    pen = ImageDraw.Draw(picture)
    pen.line(pixels(camera, np.concatenate([corners, corners[:1]])), INK, 1)
    ((x, y),) = pixels(camera, np.zeros((1, 3)))
    pen.line([(x - 3, y), (x + 3, y)], INK, 1)
    pen.line([(x, y - 3), (x, y + 3)], INK, 1)


def pixels(camera: Camera, points: np.ndarray) -> list[tuple[float, float]]:
    """Where points of the world are in a picture."""
    return [(float(column), float(row)) for column, row in camera.to_pixels(camera.project(points))]


def example(config: SceneConfig, settings: RendererConfig, tall: int = 384) -> tuple[Image.Image | None, list[str]]:
    """A table as a training sees it, but finer: the fullest of the first ones; or none, and why there is none."""
    times = max(1, round(tall / config.height))
    height, width = times * config.height, times * config.width
    intrinsics = config.intrinsics and tuple(camera_of(config).resized(height, width).intrinsics.tolist())
    scene = Scene(replace(config, image_size=[height, width], intrinsics=intrinsics))
    try:
        fullest = max(range(TRIED), key=lambda index: int(scene.objects(0, index).count[0]))
        objects, view = scene.objects(0, fullest), scene.view(0, fullest)
    except UserError as error:
        return None, [f"no table can be painted: {error}"]
    renderer = build_renderer(settings.name, scene, settings)
    with torch.no_grad():
        return Image.fromarray(to_bytes(renderer.render(to_torch(objects), to_torch(view)))[0]), []
