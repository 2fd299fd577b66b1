"""What every backend shares: the catalogue as tensors, posing, shading, and the way a picture is painted."""

from __future__ import annotations

import math

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from renderers import canvas as canvases
from renderers import recolour
from renderers.alternatives import Touched
from renderers.projection import lenses, once, rows, to_ndc, to_view, yaw_matrix
from renderers.settings import RendererConfig
from renderers.shading import shade, surfaces, towards_light
from scenes.arrays import shared
from scenes.camera import FAR, NEAR
from scenes.errors import NotFinite, UserError
from scenes.objects import Objects
from scenes.scene import Scene
from scenes.view import View

TOGETHER = 2**22
"""Pixels of alternatives that are painted at once: on a GPU it is launches that cost, not pixels."""


class Renderer(nn.Module):
    """Paints the objects of a catalogue as a view shows them. A backend only adds ``splat``.

    ``Objects`` and ``View`` hold tensors (``renderers.convert.to_torch``) for the same B pictures; a view of one
    picture serves any number. Every continuous number of either gets its gradient.
    """

    vertices: Tensor
    normals: Tensor
    albedo: Tensor
    faces: Tensor
    face_count: Tensor
    vertex_count: Tensor

    def __init__(self, scene: Scene, settings: RendererConfig) -> None:
        super().__init__()
        self.settings = settings.at(scene.config.height, scene.config.width)
        packed = scene.catalogue.packed()
        floats = {"vertices": packed.vertices, "normals": packed.normals, "albedo": packed.colours}
        for name, values in floats.items():
            self.register_buffer(name, torch.as_tensor(values).to(torch.float32, copy=True), persistent=False)
        counts = {"face_count": packed.face_count, "vertex_count": packed.vertex_count}
        for name, values in {"faces": packed.faces, **counts}.items():
            self.register_buffer(name, torch.as_tensor(values).to(torch.int32, copy=True), persistent=False)

    @property
    def device(self) -> torch.device:
        """Where it paints."""
        return self.vertices.device

    def blank(self, view: View) -> Float[Tensor, "batch tall wide 6"]:
        """An empty canvas for each picture; ``settings.antialias`` times as tall and as wide."""
        times = self.settings.antialias
        return canvases.blank(len(view), times * view.height, times * view.width, self.vertices)

    def paint(
        self, canvas: Float[Tensor, "batch tall wide 6"], objects: Objects, view: View
    ) -> Float[Tensor, "batch tall wide 6"]:
        """A new canvas with more objects on each picture, those that are present.

        Differentiable with respect to canvas, objects and view. Raises UserError when an object reaches the camera's
        near plane or its pose is not finite, IndexError for an identity that the catalogue does not have.
        """
        entry, view = self.entry(objects), fitting(view, len(objects))
        corners, colours = self.pose(objects, view, entry)
        painted = objects.presence.detach() > 0.5
        self.check(corners, objects, painted)
        return self.splat(canvas, corners, colours, entry, painted)

    def entry(self, objects: Objects) -> Int[Tensor, "batch object"]:
        """Which mesh of the packed catalogue each object is: its identity, once it is known to be one of them."""
        identity, entries = objects.identity, len(self.faces)
        if not ((identity >= 0) & (identity < entries)).all():
            raise IndexError(f"an identity is not one of the {entries} entries of the catalogue")
        return identity.long()

    def pose(
        self, objects: Objects, view: View, entry: Int[Tensor, "batch object"]
    ) -> tuple[Float[Tensor, "batch object vertex 3"], Float[Tensor, "batch object vertex 3"]]:
        """Corners ``(x_ndc, y_ndc, z_view)`` and their shaded colours."""
        (turn, shift, towards), mesh = placed(objects, view), entry.flatten()
        points = torch.baddbmm(shift[:, None], self.vertices[mesh], turn)
        corners = to_ndc(points, rows(lenses(view), objects.slots).to(points))
        colours = shade(self.albedo[mesh], self.normals[mesh], towards, surfaces(view, objects.tint, objects.slots))
        return corners.unflatten(0, entry.shape), colours.unflatten(0, entry.shape)

    def splat(
        self,
        canvas: Float[Tensor, "batch tall wide 6"],
        corners: Float[Tensor, "batch object vertex 3"],
        colours: Float[Tensor, "batch object vertex 3"],
        entry: Int[Tensor, "batch object"],
        painted: Bool[Tensor, "batch object"],
    ) -> Float[Tensor, "batch tall wide 6"]:
        """Merge the triangles of each mesh ``entry`` into the canvas, where ``painted`` is true."""
        raise NotImplementedError

    def develop(self, canvas: Float[Tensor, "batch tall wide 6"], view: View) -> Float[Tensor, "batch height width 3"]:
        """The picture of a canvas, in [0, 1]."""
        times = self.settings.antialias
        return canvases.averaged(self.compose(canvas, empty_table(view, times)), times)

    def compose(
        self, canvas: Float[Tensor, "batch tall wide 6"], background: Float[Tensor, "#batch #tall #wide 3"]
    ) -> Float[Tensor, "batch tall wide 3"]:
        """The colour of each pixel of a canvas over its background."""
        return canvases.compose(canvas, background, self.settings.gamma)

    @torch.no_grad()
    def last(
        self,
        before: Float[Tensor, "batch tall wide 6"],
        after: Float[Tensor, "batch tall wide 6"],
        view: View,
        pictures: Float[Tensor, "batch height width 3"],
    ) -> recolour.Last:
        """What of the picture of ``after`` is the object that ``before`` lacks; without gradient."""
        own = recolour.own_colour(before, after, self.settings.gamma)
        image, front = self.develop(after, view), recolour.front(own, after, self.settings.antialias)
        square, product = front.square().sum((1, 2)), (front * (pictures - image)).sum((1, 2))
        return recolour.Last(image, front, square, product)

    def recoloured(
        self,
        before: Float[Tensor, "batch tall wide 6"],
        after: Float[Tensor, "batch tall wide 6"],
        excess: Float[Tensor, "batch 3"],
    ) -> Float[Tensor, "batch tall wide 6"]:
        """The canvas ``after`` with the object that ``before`` lacks in its colours times ``1 + excess``."""
        return recolour.recoloured(before, after, excess, self.settings.gamma)

    @torch.no_grad()
    def alternatives(
        self,
        canvas: Tensor,
        objects: Objects,
        view: View,
        pictures: Float[Tensor, "batch height width 3"],
        fronts: bool = True,
    ) -> Touched:
        """What each object of a picture would change if it alone were painted onto the canvas; without gradient. Those
        that are not present change nothing. Without `fronts` those are not asked for, and may be zeros."""
        lacking, changed, view = [], [], fitting(view, len(canvas))
        for slots in torch.arange(objects.slots).split(max(1, TOGETHER // pictures[..., 0].numel())):
            apart = (len(pictures), len(slots))
            each = objects.each(lambda _, array, slots=slots: array[:, slots].flatten(0, 1)[:, None])
            before, seen = (pixels.repeat_interleave(len(slots), 0) for pixels in (canvas, pictures))
            views = view.repeat(len(slots))
            after = self.paint(before, each, views)
            last = self.last(before, after, views, seen) if fronts else None
            left = seen - (self.develop(after, views) if last is None else last.image)
            lacking += left.unflatten(0, apart).unbind(1)
            changed += (torch.zeros_like(seen) if last is None else last.front).unflatten(0, apart).unbind(1)
        return Touched.whole((pictures - self.develop(canvas, view)).square().sum(-1), lacking, changed)

    def render(self, objects: Objects, view: View) -> Float[Tensor, "batch height width 3"]:
        """The pictures of whole scenes, all objects in one pass."""
        view = fitting(view, len(objects))
        return self.develop(self.paint(self.blank(view), objects, view), view)

    def check(self, corners: Tensor, objects: Objects, painted: Tensor) -> None:
        """Near clipping is not implemented: on a table nothing comes that close, so it is refused."""
        if not (torch.isfinite(objects.position).all() and torch.isfinite(objects.rotation).all()):
            raise NotFinite("an object's position or rotation is not a finite number: lower the learning rate")
        if objects.size is not None and not (objects.size.detach() > 0).logical_or(~painted).all():
            raise UserError("an object's size must be a finite number above 0")
        if not corners.numel():
            return
        nearest = self.depth(corners.detach()).amin(-1).masked_fill(~painted, math.inf).amin().item()
        if not nearest > NEAR:
            raise UserError(
                f"an object comes within {nearest:.3g} m of the camera, whose near plane is at {NEAR:g} m: "
                "move the camera away from the table"
            )

    def depth(self, corners: Float[Tensor, "*batch vertex 3"]) -> Float[Tensor, "*batch vertex"]:
        """Metres along the view axis of what ``pose`` returns."""
        return corners[..., 2]


def placed(objects: Objects, view: View) -> tuple[Tensor, Tensor, Tensor]:
    """Of every object what leads from its own axes to view axes, turn [M, 3, 3] and shift [M, 3] (see ``to_view``),
    and the direction towards the light in its own axes, [M, 3]."""
    fields = view.camera_rotation, view.camera_translation, view.light
    like, slots = objects.position, objects.slots  # cameras are kept in float64
    camera_rotation, camera_translation, light = once(
        view, ("placed", slots, like.dtype), lambda: tuple(rows(field, slots).to(like) for field in fields)
    )
    yaw, size = yaw_matrix(objects.rotation.flatten()), objects.size
    position, size = objects.position.flatten(0, 1), None if size is None else size.flatten()
    turn, shift = to_view(yaw, position, size, camera_rotation, camera_translation)
    return turn, shift, towards_light(yaw, light)


def fitting(view: View, batch: int) -> View:
    """The view for ``batch`` pictures. Raises ValueError for one of another number of pictures, unless it is one."""
    if len(view) not in (1, batch):
        raise ValueError(f"a view of {len(view)} pictures does not fit {batch} scenes")
    return view if len(view) == batch else view.repeat(batch)


def empty_table(view: View, times: int = 1) -> Float[Tensor, "#batch #height #width 3"]:
    """What is seen where nothing stands, to be broadcast against pictures (``times`` as tall and as wide, for
    antialiasing); one row where all pictures share it."""
    background = view.background[:1] if shared(view.background) else view.background
    return canvases.enlarged(background, times) if background.dim() == 4 else background[:, None, None]


__all__ = ["FAR", "NEAR", "Renderer", "RendererConfig", "empty_table", "fitting", "placed"]
