"""Fixed scenes that the real PyTorch3D has painted: how they are described, stored, and compared.

A case carries its own meshes and camera, so that it stays what it was when the catalogue changes. What is compared is
the picture, its alpha, and the gradient of a random linear functional of the picture with respect to every object's
position and rotation and to the meshes' corners and colours.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from renderers import Renderer, RendererConfig, build_renderer
from renderers.canvas import LOG_CLEAR
from renderers.projection import pixel_centres
from renderers.reference import fragments
from scenes.camera import Camera
from scenes.catalogue import Packed
from scenes.objects import Objects
from scenes.scene import Scene, SceneConfig

FOLDER = Path(__file__).resolve().parent
GRADIENTS = ("position", "rotation", "vertices", "colours")
CAMERA = ("position", "target", "field_of_view", "height", "width")


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
        scene.camera, scene.background = self.camera, self.background
        return build_renderer(name, scene, replace(self.settings, **changes))


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
    image, alpha = picture(renderer, Objects(identity, position, rotation, presence))
    gradients = torch.autograd.grad((image * weights.to(dtype)).sum(), list(leaves.values()))
    return Result(image.detach(), alpha.detach(), dict(zip(leaves, gradients, strict=True)))


def picture(renderer: Renderer, objects: Objects) -> tuple[Tensor, Tensor]:
    """Image and alpha; PyTorch3D's come from its own blending."""
    if renderer.settings.name == "pytorch3d":
        rgb, alpha = renderer.blend(objects)  # pyright: ignore[reportCallIssue]
        return alpha * rgb + (1 - alpha) * renderer.background, alpha[..., 0]
    painted = objects.presence > 0
    canvas = renderer.add(renderer.blank(len(objects)), objects.identity, objects.position, objects.rotation, painted)
    return renderer.develop(canvas), -torch.expm1(canvas[..., LOG_CLEAR])


def at_cut_off(renderer: Renderer, objects: Objects, margin: float = 1e-3) -> Tensor:
    """Pixels [B,H,W] where rounding may decide whether a fragment counts: its squared distance is within ``margin``
    (relative) of the blur radius. There, and only there, two backends may rightly differ."""
    identity, painted = objects.identity, torch.ones_like(objects.identity, dtype=torch.bool)
    vertices, colours = renderer.pose(identity, objects.position.double(), objects.rotation.double())
    corners, _, drawn = renderer._triangles(vertices, colours, identity, painted)
    _, d, _, _ = fragments(corners, pixel_centres(renderer.height, renderer.width, vertices), 0.0)
    return ((d / renderer.settings.blur - 1).abs() < margin).logical_and(drawn[:, None, None]).any(-1)


def save(path: Path, case: Case, weights: np.ndarray, excluded: np.ndarray, result: Result, about: dict) -> None:
    """One compressed file; ``about`` are the versions that made it."""
    arrays = {f"objects.{name}": value for name, value in vars(case.objects).items()}
    arrays |= {f"packed.{name}": value for name, value in vars(case.packed).items()}
    arrays |= {f"camera.{name}": np.array(getattr(case.camera, name)) for name in CAMERA}
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
    settings = {name: value.tolist() for name, value in group("settings.").items()}
    case = Case(
        Objects(**group("objects.")),
        Camera(**{**camera, "position": tuple(camera["position"]), "target": tuple(camera["target"])}),
        RendererConfig(**settings),
        Packed(**group("packed.")),
        arrays["background"],
    )
    gradients = {name: torch.from_numpy(value) for name, value in group("gradient.").items()}
    result = Result(torch.from_numpy(arrays["image"]), torch.from_numpy(arrays["alpha"]), gradients)
    return case, torch.from_numpy(arrays["weights"]), torch.from_numpy(arrays["excluded"]), result
