"""PyTorch3D's own cameras, structures, rasterizer and blending, fed by our shading.

The library this project's image model comes from (Ravi et al. 2020, arXiv 2007.08501). It has no wheel on PyPI:
environment.yml brings it. It keeps the nearest ``faces_per_pixel`` triangles of a pixel and loses the others.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor

from renderers import canvas as canvases
from renderers.base import FAR, NEAR, Renderer, empty_table, fitting
from renderers.projection import rows, yaw_matrix
from renderers.settings import RendererConfig
from renderers.shading import shade, surfaces, towards_light
from scenes.errors import UserError
from scenes.objects import Objects
from scenes.scene import Scene
from scenes.view import View

if find_spec("pytorch3d") is not None:
    from pytorch3d.renderer import (  # pyright: ignore[reportMissingImports]
        BlendParams,
        PerspectiveCameras,
        TexturesVertex,
        rasterize_meshes,
        softmax_rgb_blend,
    )
    from pytorch3d.renderer.mesh.rasterizer import Fragments  # pyright: ignore[reportMissingImports]
    from pytorch3d.structures import Meshes  # pyright: ignore[reportMissingImports]


class PyTorch3D(Renderer):
    """Whole scenes are blended by the library; step by step, its fragments are merged into our canvas."""

    def __init__(self, scene: Scene, settings: RendererConfig) -> None:
        if find_spec("pytorch3d") is None:
            raise UserError(
                "renderer=pytorch3d needs PyTorch3D, which pip cannot install: conda env create -f environment.yml "
                "(or renderer=streaming, which paints the same pictures)"
            )
        super().__init__(scene, settings)

    def pose(self, objects: Objects, view: View, entry: Tensor) -> tuple[Tensor, Tensor]:
        """Corners ``(x_ndc, y_ndc, z_view)``, by the library's camera, and their shaded colours."""
        mesh, yaw = entry.flatten(), yaw_matrix(objects.rotation.flatten())
        turn = yaw if objects.size is None else yaw * objects.size.flatten()[:, None, None]
        world = torch.bmm(self.vertices[mesh], turn).unflatten(0, entry.shape) + objects.position[:, :, None]
        corners = projected(cameras(view), world.flatten(1, 2)).unflatten(1, world.shape[1:3])
        towards = towards_light(yaw, rows(view.light, objects.slots))
        surface = surfaces(view, objects.tint, objects.slots)
        return corners, shade(self.albedo[mesh], self.normals[mesh], towards, surface).unflatten(0, entry.shape)

    def splat(self, canvas: Tensor, corners: Tensor, colours: Tensor, entry: Tensor, painted: Tensor) -> Tensor:
        """See ``Renderer.splat``."""
        fragments, colours = self.rasterize(corners, colours, entry, painted, *canvas.shape[1:3])
        layers = fragments.pix_to_face >= 0, fragments.dists, fragments.zbuf, colours
        return canvases.merge(canvas, *layers, self.settings.soft, self.settings.gamma, NEAR, FAR)

    def render(self, objects: Objects, view: View) -> Tensor:
        """The pictures of whole scenes, blended by ``softmax_rgb_blend``."""
        rgb, alpha, background = self.blend(objects, view)
        return canvases.averaged(alpha * rgb + (1 - alpha) * background, self.settings.antialias)

    def blend(self, objects: Objects, view: View) -> tuple[Tensor, Tensor, Tensor]:
        """The library's colour [B,H,W,3], hard at silhouettes, its alpha [B,H,W,1], which is soft there, and the
        background that it was given; before antialiasing."""
        view = fitting(view, len(objects))
        fragments, colours = self.fragments(objects, view)
        background = empty_table(view, self.settings.antialias)
        params = BlendParams(self.settings.soft, self.settings.gamma, background)
        return *softmax_rgb_blend(colours, fragments, params, NEAR, FAR).split([3, 1], -1), background

    def most_fragments(self, objects: Objects, view: View) -> int:
        """The largest number of triangles that a pixel kept: where it is ``faces_per_pixel``, some may be lost."""
        return int((self.fragments(objects, fitting(view, len(objects)))[0].pix_to_face >= 0).sum(-1).max())

    def fragments(self, objects: Objects, view: View) -> tuple[Any, Tensor]:
        """``rasterize`` for whole scenes."""
        entry, painted, times = self.entry(objects), objects.presence.detach() > 0.5, self.settings.antialias
        corners, colours = self.pose(objects, view, entry)
        self.check(corners, objects, painted)
        return self.rasterize(corners, colours, entry, painted, times * view.height, times * view.width)

    def rasterize(
        self, corners: Tensor, colours: Tensor, entry: Tensor, painted: Tensor, height: int, width: int
    ) -> tuple[Any, Tensor]:
        """The library's fragments of all objects of a picture, and the colour [B,H,W,K,3] of each."""
        faces = packed_faces(self.faces[entry], self.face_count[entry], painted, corners.shape[2])
        meshes = Meshes(corners.flatten(1, 2), faces, TexturesVertex(colours.flatten(1, 2)))
        face, depth, weights, distance = rasterize_meshes(
            meshes,
            image_size=(height, width),
            blur_radius=self.settings.blur,
            faces_per_pixel=self.settings.faces_per_pixel,
            bin_size=0,  # tiny meshes: binning costs more than it saves
            perspective_correct=True,
            clip_barycentric_coords=self.settings.blur > 0,
            cull_backfaces=self.settings.cull_backfaces,
        )
        fragments = Fragments(pix_to_face=face, zbuf=depth, bary_coords=weights, dists=distance)
        return fragments, meshes.sample_textures(fragments)


def cameras(view: View) -> Any:
    """The library's, in its screen space: +X right, +Y down as in ``View``, but counted from the corner of a pixel."""
    return PerspectiveCameras(
        focal_length=view.intrinsics[:, :2],
        principal_point=view.intrinsics[:, 2:] + 0.5,
        R=view.camera_rotation,
        T=view.camera_translation,
        device=view.intrinsics.device,
        in_ndc=False,
        image_size=((view.height, view.width),),
    )


def projected(camera: Any, world: Tensor) -> Tensor:
    """World points [B, P, 3] -> ``(x_ndc, y_ndc, z_view)``, as the library's ``MeshRasterizer`` does."""
    depth = camera.get_world_to_view_transform().transform_points(world)[..., 2:]
    return torch.cat([camera.transform_points_ndc(world)[..., :2], depth], -1)


def packed_faces(faces: Tensor, count: Tensor, painted: Tensor, vertices: int) -> Tensor:
    """Triangles [B,N,F,3] of N objects a picture, as those [B,N*F,3] of one mesh a picture; -1 at the end is padding.

    Object n's corners are ``n * vertices`` onwards; objects that are not ``painted`` [B,N] have no triangles.
    """
    _, slots, size, _ = faces.shape
    exists = torch.arange(size, device=faces.device) < count[..., None]
    exists = (exists & painted[..., None]).flatten(1)
    shift = vertices * torch.arange(slots, device=faces.device)
    shifted = (faces + shift[:, None, None]).flatten(1, 2).long().masked_fill(~exists[..., None], -1)
    order = exists.int().argsort(dim=1, descending=True, stable=True)
    return shifted.gather(1, order[..., None].expand(-1, -1, 3))[:, : max(1, int(exists.sum(1).max()))]
