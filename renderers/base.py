"""What every backend shares: settings, the catalogue as tensors, posing, shading, and the way a picture is painted."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from renderers import canvas as canvases
from renderers.projection import to_ndc, to_view
from renderers.shading import shade
from scenes.errors import UserError
from scenes.objects import Objects
from scenes.scene import Scene


@dataclass  # not frozen: OmegaConf makes frozen ones read-only before it can fill them
class RendererConfig:
    """Every choice about how things look. ``sigma`` and ``blur_radius`` are squared NDC lengths."""

    name: str = "auto"
    sigma: float = 1e-5  # softness of silhouettes: right for triangles of about two pixels at 64 px, 1e-4 shows seams
    gamma: float = 1e-4  # softness of depth, in units of zfar - znear
    blur_radius: float | None = None  # where a triangle's influence ends; default: where p falls to 1e-4
    cull_backfaces: bool = True  # the catalogue's meshes are closed
    ambient: float = 0.55
    diffuse: float = 0.45
    light: tuple[float, float, float] = (0.5, -0.4, 0.8)  # towards the light, world axes, any length
    faces_per_pixel: int = 100  # pytorch3d only: the nearest triangles a pixel keeps, the others are lost
    black_box: str = "streaming"  # finite_difference only: what paints
    position_step: float = 2e-3  # finite_difference only: metres to either side
    rotation_step: float = 2e-2  # finite_difference only: radians to either side

    def __post_init__(self) -> None:
        if not (self.sigma > 0 and self.gamma > 0):
            raise UserError(f"renderer.sigma={self.sigma} and renderer.gamma={self.gamma} must both be above 0")
        if self.blur_radius is not None and self.blur_radius < 0:
            raise UserError(f"renderer.blur_radius={self.blur_radius} is a squared length: 0 or more, or null")
        if min(self.ambient, self.diffuse) < 0 or self.ambient + self.diffuse > 1 + 1e-6:
            raise UserError("renderer.ambient and renderer.diffuse must be 0 or more and add up to 1 at most")
        if len(self.light) != 3 or not math.hypot(*self.light) > 0:
            raise UserError(f"renderer.light={list(self.light)} must be a direction of three numbers, not all 0")
        for name in ("faces_per_pixel", "position_step", "rotation_step"):
            if not getattr(self, name) > 0:
                raise UserError(f"renderer.{name}={getattr(self, name)} must be above 0")

    @property
    def blur(self) -> float:
        """Squared NDC distance beyond which a triangle does not touch a pixel."""
        return math.log(1e4 - 1) * self.sigma if self.blur_radius is None else self.blur_radius


class Renderer(nn.Module):
    """Paints a scene's catalogue as its camera sees it, one object at a time. A backend only adds ``splat``."""

    vertices: Tensor
    normals: Tensor
    albedo: Tensor
    faces: Tensor
    face_count: Tensor
    vertex_count: Tensor
    background: Tensor
    light: Tensor
    camera_rotation: Tensor
    camera_translation: Tensor

    def __init__(self, scene: Scene, settings: RendererConfig) -> None:
        super().__init__()
        self.settings, camera = settings, scene.camera
        self.height, self.width, self.znear, self.zfar = camera.height, camera.width, camera.znear, camera.zfar
        self.scale = camera.scale
        packed = scene.catalogue.packed()
        floats = {
            "vertices": packed.vertices,
            "normals": packed.normals,
            "albedo": packed.colours,
            "background": scene.background,
            "camera_rotation": camera.rotation,
            "camera_translation": camera.translation,
            "light": [x / math.hypot(*settings.light) for x in settings.light],
        }
        for name, values in floats.items():
            self.register_buffer(name, torch.as_tensor(values).to(torch.float32, copy=True), persistent=False)
        counts = {"face_count": packed.face_count, "vertex_count": packed.vertex_count}
        for name, values in {"faces": packed.faces, **counts}.items():
            self.register_buffer(name, torch.as_tensor(values).to(torch.int32, copy=True), persistent=False)

    def blank(self, batch: int) -> Float[Tensor, "batch height width 6"]:
        """An empty canvas for each of ``batch`` pictures."""
        return canvases.blank(batch, self.height, self.width, self.vertices)

    def paint(
        self,
        canvas: Float[Tensor, "batch height width 6"],
        identity: Int[Tensor, "batch"],
        position: Float[Tensor, "batch 3"],
        rotation: Float[Tensor, "batch"],
        presence: Float[Tensor, "batch"] | None = None,
    ) -> Float[Tensor, "batch height width 6"]:
        """A new canvas with one more object on each picture; nothing where ``presence`` is 0.

        Differentiable with respect to canvas, position (metres) and rotation (radians). Raises UserError when an
        object reaches the camera's near plane or its pose is not finite.
        """
        painted = torch.ones_like(identity, dtype=torch.bool) if presence is None else presence.detach() > 0.5
        return self.add(canvas, *(x[:, None] for x in (identity, position, rotation, painted)))

    def add(self, canvas: Tensor, identity: Tensor, position: Tensor, rotation: Tensor, painted: Tensor) -> Tensor:
        """``paint`` for any number of objects on each picture at once: the arguments are those of ``Objects``."""
        vertices, colours = self.pose(identity, position, rotation)
        self.check(vertices, position, rotation)
        return self.splat(canvas, vertices, colours, identity, painted)

    def pose(
        self,
        identity: Int[Tensor, "batch object"],
        position: Float[Tensor, "batch object 3"],
        rotation: Float[Tensor, "batch object"],
    ) -> tuple[Float[Tensor, "batch object vertex 3"], Float[Tensor, "batch object vertex 3"]]:
        """Corners ``(x_ndc, y_ndc, z_view)`` and their shaded colours."""
        shape, mesh = identity.shape, identity.flatten()
        pose = position.flatten(0, 1), rotation.flatten()
        view = to_view(self.vertices[mesh], *pose, self.camera_rotation, self.camera_translation)
        return to_ndc(view, self.scale).unflatten(0, shape), self.shade(identity, rotation)

    def shade(
        self, identity: Int[Tensor, "batch object"], rotation: Float[Tensor, "batch object"]
    ) -> Float[Tensor, "batch object vertex 3"]:
        """The colours of all corners in this light."""
        shape, mesh, settings = identity.shape, identity.flatten(), self.settings
        light = self.light, settings.ambient, settings.diffuse
        return shade(self.albedo[mesh], self.normals[mesh], rotation.flatten(), *light).unflatten(0, shape)

    def splat(
        self,
        canvas: Float[Tensor, "batch height width 6"],
        vertices: Float[Tensor, "batch object vertex 3"],
        colours: Float[Tensor, "batch object vertex 3"],
        identity: Int[Tensor, "batch object"],
        painted: Bool[Tensor, "batch object"],
    ) -> Float[Tensor, "batch height width 6"]:
        """Merge the triangles of each mesh ``identity`` into the canvas, where ``painted`` is true."""
        raise NotImplementedError

    def develop(self, canvas: Float[Tensor, "batch height width 6"]) -> Float[Tensor, "batch height width 3"]:
        """The picture of a canvas, in [0, 1]."""
        return canvases.develop(canvas, self.background, self.settings.gamma)

    @contextmanager
    def softened(self, settings: RendererConfig) -> Iterator[None]:
        """Paint with other settings for a while, as a schedule of sigma, gamma or blur asks for."""
        before, self.settings = self.settings, settings
        try:
            yield
        finally:
            self.settings = before

    def render(self, objects: Objects) -> Float[Tensor, "batch height width 3"]:
        """The picture of whole scenes (tensors; see ``renderers.convert.to_torch``), all objects in one pass."""
        canvas, painted = self.blank(len(objects)), objects.presence.detach() > 0.5
        return self.develop(self.add(canvas, objects.identity, objects.position, objects.rotation, painted))

    def check(self, vertices: Tensor, position: Tensor, rotation: Tensor) -> None:
        """Near clipping is not implemented: on a table nothing comes that close, so it is refused."""
        if not (torch.isfinite(position).all() and torch.isfinite(rotation).all()):
            raise UserError("an object's position or rotation is not a finite number: lower the learning rate")
        nearest = self.depth(vertices.detach()).amin().item() if vertices.numel() else math.inf
        if not nearest > self.znear:
            raise UserError(
                f"an object comes within {nearest:.3g} m of the camera, whose near plane is at {self.znear:g} m: "
                "move the camera away from the table"
            )

    def depth(self, vertices: Float[Tensor, "*batch vertex 3"]) -> Tensor:
        """Metres along the view axis of what ``pose`` returns."""
        return vertices[..., 2]
