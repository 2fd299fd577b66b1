"""Small scenes for the renderers' tests: a few boxes and a ball seen from nearby, in pictures of 20 to 32 pixels."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from golden import at_cut_off
from torch import Tensor

from renderers import Renderer, RendererConfig, build_renderer
from renderers.canvas import blank
from renderers.convert import to_torch
from scenes.camera import Camera
from scenes.catalogue import Catalogue
from scenes.mesh import Mesh
from scenes.objects import Objects
from scenes.scene import Scene, SceneConfig
from scenes.view import ARRAYS, View


def small_scene(name: str = "crockery") -> Scene:
    """What the renderers are built for; tests look at it through ``small_view``."""
    return Scene(SceneConfig(catalogue=name))


def standing(mesh: Mesh, turn: np.ndarray, face: int = 0, weight: float = 1.0) -> Mesh:
    """The mesh turned by a rotation [3, 3] (of column vectors) and put down, as one of its entries."""
    vertices, placement = mesh.vertices @ np.asarray(turn, float).T, np.eye(4)
    placement[:3, :3], placement[2, 3] = turn, -vertices[:, 2].min()
    vertices, normals = vertices + placement[:3, 3], mesh.normals @ np.asarray(turn, float).T
    arrays = {"vertices": vertices.astype(np.float32), "normals": normals.astype(np.float32)}
    return replace(mesh, **arrays, face=face, weight=weight, placement=placement, symmetry=1)


def on_faces(meshes: tuple[Mesh, ...], *turns: np.ndarray, weights: tuple[float, ...] = ()) -> Catalogue:
    """Each mesh as it stands (face 0) and after each of the turns (faces 1, 2, ...), as likely where not given."""
    weights = weights or (1 / (1 + len(turns)),) * (1 + len(turns))
    entries = []
    for mesh in meshes:
        others = (standing(mesh, turn, face, weights[face]) for face, turn in enumerate(turns, 1))
        entries += [replace(mesh, weight=weights[0]), *others]
    return Catalogue(tuple(entries))


def small_camera(height: int = 24, width: int = 24, turned: float = 0.0, moved: tuple[float, float] = (0, 0)) -> Camera:
    """A camera close to the table, so that objects fill the picture.

    ``turned`` radians about the z axis and then ``moved`` along x and y: the camera's, for tests that move everything.
    """
    position = (0.75 * np.sin(turned) + moved[0], -0.75 * np.cos(turned) + moved[1], 0.6)
    return Camera.look_at(position, (*moved, 0.03), 26.0, height, width)


def small_view(batch: int = 1, height: int = 24, width: int = 24, **world: Any) -> View:
    """One world for all pictures, in tensors; ``world`` as for ``View.of``."""
    return to_torch(View.of(small_camera(height, width), **{"background": (0.2, 0.3, 0.4), **world}, batch=batch))


def random_camera(random: np.random.Generator, height: int, width: int) -> Camera:
    """From any side, rolled a little, with pixels that are not square and a principal point off the middle."""
    turn, tilt, away = random.uniform(-np.pi, np.pi), random.uniform(0.35, 1.2), random.uniform(0.8, 1.1)
    place = away * np.array([np.cos(turn) * np.cos(tilt), np.sin(turn) * np.cos(tilt), np.sin(tilt)])
    plain = Camera.look_at(tuple(place), tuple(random.uniform(-0.03, 0.03, 3)), 26.0, height, width)
    roll = random.uniform(-0.3, 0.3)
    rolled = np.array([[np.cos(roll), np.sin(roll), 0], [-np.sin(roll), np.cos(roll), 0], [0, 0, 1]])
    focal = plain.intrinsics[:2] * min(1, width / height) * random.uniform(0.9, 1.15, 2)
    middle = plain.intrinsics[2:] + random.uniform(-0.08, 0.08, 2) * min(height, width)
    intrinsics = np.concatenate([focal, middle])
    return Camera(intrinsics, plain.rotation @ rolled, plain.translation @ rolled, height, width)


def random_view(seed: int, batch: int = 3, height: int = 20, width: int = 26, picture: bool = True) -> View:
    """A world of its own for every picture (tensors): camera, light, gain, background (a ``picture`` or a colour)."""
    random, views = np.random.default_rng(seed), []
    for _ in range(batch):
        light = random.normal(size=3) + np.array([0, 0, 2])
        ambient = random.uniform(0.2, 0.6)
        shape = (height, width, 3) if picture else (3,)
        world = {"ambient": ambient, "diffuse": random.uniform(0.2, 1 - ambient), "gain": random.uniform(0.6, 1, 3)}
        camera = random_camera(random, height, width)
        views.append(View.of(camera, light, background=random.uniform(0.05, 0.95, shape), noise=0.01, **world))
    return to_torch(View.stack(views))


def double_objects(objects: Objects) -> Objects:
    """The same objects in float64."""
    return objects.each(lambda _, array: array.double() if array.is_floating_point() else array)


def double(view: View) -> View:
    """The same world in float64, for ``reference``; what pictures share stays shared."""
    return view.each(lambda array: array[:1].double().expand(array.shape) if array.stride(0) == 0 else array.double())


def renderers(scene: Scene, settings: RendererConfig | None = None) -> tuple[Renderer, Renderer]:
    """(streaming in float32, reference in float64): the pair that must agree."""
    settings = settings or RendererConfig()
    return build_renderer("streaming", scene, settings), build_renderer("reference", scene, settings).double()


def random_objects(seed: int, batch: int = 3, count: int = 3, kinds: int = 4, spread: float = 0.18) -> Objects:
    """Objects anywhere, through each other and over the border: harder than any scene of the layout."""
    random = torch.Generator().manual_seed(seed)
    ground = spread * (2 * torch.rand(batch, count, 2, generator=random) - 1)
    position = torch.cat([ground, 0.1 * torch.rand(batch, count, 1, generator=random)], -1)
    rotation = 2 * torch.pi * (torch.rand(batch, count, generator=random) - 0.5)
    identity = torch.randint(kinds, (batch, count), generator=random)
    return Objects(identity, position, rotation, torch.ones(batch, count))


def random_looks(objects: Objects, seed: int) -> Objects:
    """The same objects in other colours and sizes."""
    random = torch.Generator().manual_seed(seed)
    objects.tint = 0.6 + 0.5 * torch.rand(*objects.identity.shape, 3, generator=random)
    objects.size = 0.7 + 0.5 * torch.rand(*objects.identity.shape, generator=random)
    return objects


def one(identity: int, position: Tensor, rotation: Tensor | None = None) -> Objects:
    """One object in each of B pictures, at ``position`` [B, 3] with ``rotation`` [B] (0 if not given)."""
    rotation = torch.zeros_like(position[:, 0]) if rotation is None else rotation
    kind = torch.full((len(position), 1), identity)
    return Objects(kind, position[:, None], rotation[:, None], torch.ones_like(kind))


def soup(renderer: Renderer, triangles: Tensor, colours: Tensor, height: int = 24, width: int = 24) -> Tensor:
    """The canvas [1,H,W,6] of loose triangles [F,3,3] (x_ndc, y_ndc, z_view) with colours [F,3,3] at their corners."""
    count = len(triangles)
    renderer.faces = torch.arange(3 * count, dtype=torch.int32).view(1, count, 3)
    renderer.face_count = torch.tensor([count], dtype=torch.int32)
    corners, colours = triangles.reshape(1, 1, -1, 3), colours.reshape(1, 1, -1, 3)
    canvas = blank(1, height, width, triangles)
    return renderer.splat(canvas, corners, colours, torch.zeros(1, 1, dtype=torch.long), torch.ones(1, 1) > 0)


__all__ = [
    "ARRAYS",
    "at_cut_off",
    "double",
    "double_objects",
    "one",
    "random_camera",
    "random_looks",
    "random_objects",
    "random_view",
    "renderers",
    "small_camera",
    "small_scene",
    "small_view",
    "soup",
]
