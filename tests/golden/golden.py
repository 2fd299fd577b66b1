"""Fixed scenes that the real PyTorch3D has painted: how they are described, stored, and compared.

A case carries its own meshes and camera, so that it stays what it was when the catalogue changes. What is compared is
the picture, its alpha, and the gradient of a random linear functional of the picture with respect to every object's
position and rotation and to the meshes' corners and colours.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from renderers import Renderer, RendererConfig, build_renderer
from renderers.canvas import LOG_CLEAR
from renderers.convert import to_torch
from renderers.projection import pixel_centres
from renderers.reference import fragments
from scenes.camera import Camera
from scenes.catalogue import Packed
from scenes.objects import Objects
from scenes.scene import Scene, SceneConfig
from scenes.view import View

FOLDER = Path(__file__).resolve().parent
GRADIENTS = ("position", "rotation", "vertices", "colours")
CAMERA = tuple(field.name for field in fields(Camera))
OLD = ("light", "ambient", "diffuse")  # settings of the files that are now part of the view, with its default values


@dataclass
class Case:
    """Everything that decides a picture. objects: numpy, of one batch; background: red, green, blue."""

    objects: Objects
    camera: Camera
    settings: RendererConfig
    packed: Packed
    background: np.ndarray

    def renderer(self, name: str, **changes: Any) -> Renderer:
        """A backend that paints this case."""
        scene: Any = Scene(SceneConfig())
        scene.catalogue = SimpleNamespace(packed=lambda: self.packed)
        return build_renderer(name, scene, replace(self.settings, **changes))

    def view(self, dtype: torch.dtype = torch.float32) -> View:
        """The same for all its pictures; the light is that of the default scene."""
        view = to_torch(View.of(self.camera, background=self.background))
        return view.each(lambda array: array.to(dtype)).repeat(len(self.objects))


@dataclass
class Result:
    """What a backend makes of a case: image [B,H,W,3], alpha [B,H,W], gradients by name."""

    image: Tensor
    alpha: Tensor
    gradients: dict[str, Tensor]


def paint(case: Case, renderer: Renderer, weights: Tensor) -> Result:
    """The picture and the gradients of ``(picture * weights).sum()``, in the renderer's own precision."""
    dtype = renderer.vertices.dtype
    given = (case.objects.position, case.objects.rotation)
    position, rotation = (torch.as_tensor(x, dtype=dtype).requires_grad_() for x in given)
    identity, presence = (torch.as_tensor(x) for x in (case.objects.identity, case.objects.presence))
    leaves = {"position": position, "rotation": rotation}
    leaves |= {"vertices": renderer.vertices.requires_grad_(), "colours": renderer.albedo.requires_grad_()}
    image, alpha = picture(renderer, Objects(identity, position, rotation, presence), case.view(dtype))
    gradients = torch.autograd.grad((image * weights.to(dtype)).sum(), list(leaves.values()))
    return Result(image.detach(), alpha.detach(), dict(zip(leaves, gradients, strict=True)))


def picture(renderer: Renderer, objects: Objects, view: View) -> tuple[Tensor, Tensor]:
    """Image and alpha; PyTorch3D's come from its own blending."""
    if renderer.settings.name == "pytorch3d":
        rgb, alpha, background = renderer.blend(objects, view)  # pyright: ignore[reportCallIssue]
        return alpha * rgb + (1 - alpha) * background, alpha[..., 0]
    canvas = renderer.paint(renderer.blank(view), objects, view)
    return renderer.develop(canvas, view), -torch.expm1(canvas[..., LOG_CLEAR])


def at_cut_off(renderer: Renderer, objects: Objects, view: View, margin: float = 1e-3) -> Tensor:
    """Pixels [B,H,W] where rounding may decide whether a fragment counts: its squared distance is within ``margin``
    (relative) of the blur radius. There, and only there, two backends may rightly differ. Objects and view in the
    renderer's precision."""
    entry = renderer.entry(objects)
    vertices, colours = renderer.pose(objects, view, entry)
    corners, _, drawn = renderer._triangles(vertices, colours, entry, torch.ones_like(entry, dtype=torch.bool))
    times = renderer.settings.antialias
    _, d, _, _ = fragments(corners, pixel_centres(times * view.height, times * view.width, vertices), 0.0)
    close = ((d / renderer.settings.blur - 1).abs() < margin).logical_and(drawn[:, None, None]).any(-1)
    return close.unflatten(2, (-1, times)).unflatten(1, (-1, times)).any(4).any(2)


def save(path: Path, case: Case, weights: np.ndarray, excluded: np.ndarray, result: Result, about: dict) -> None:
    """One compressed file; ``about`` are the versions that made it."""
    arrays = {f"objects.{name}": value for name, value in vars(case.objects).items() if value is not None}
    arrays |= {f"packed.{name}": value for name, value in vars(case.packed).items()}
    arrays |= {f"camera.{name}": np.array(value) for name, value in vars(case.camera).items() if name in CAMERA}
    arrays |= {
        f"settings.{name}": np.array(value) for name, value in asdict(case.settings).items() if value is not None
    }
    arrays |= {f"gradient.{name}": value.numpy() for name, value in result.gradients.items()}
    arrays |= {f"about.{name}": np.array(value) for name, value in about.items()}
    arrays |= {"image": result.image.numpy(), "alpha": result.alpha.numpy(), "background": case.background}
    np.savez_compressed(path, weights=weights, excluded=excluded, **arrays)


def load(path: Path) -> tuple[Case, Tensor, Tensor, Result]:
    """Case, weights [B,H,W,3], excluded pixels [B,H,W], and what PyTorch3D made of it."""
    with np.load(path, allow_pickle=False) as file:
        arrays = dict(file)

    def group(name: str) -> dict[str, np.ndarray]:
        return {key.removeprefix(name): value for key, value in arrays.items() if key.startswith(name)}

    camera = {name: value.tolist() for name, value in group("camera.").items()}
    settings = {name: value.tolist() for name, value in group("settings.").items() if name not in OLD}
    packed = group("packed.")
    packed.pop("first", None)  # of a time when one entry had several resting faces
    case = Case(
        Objects(**group("objects.")),
        Camera.look_at(**camera) if "target" in camera else Camera(**camera),
        RendererConfig(**settings),
        Packed(**packed),
        arrays["background"],
    )
    gradients = {name: torch.from_numpy(value) for name, value in group("gradient.").items()}
    result = Result(torch.from_numpy(arrays["image"]), torch.from_numpy(arrays["alpha"]), gradients)
    return case, torch.from_numpy(arrays["weights"]), torch.from_numpy(arrays["excluded"]), result
