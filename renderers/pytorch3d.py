"""PyTorch3D's own cameras, structures, rasterizer and blending, fed by our shading.

The library this project's image model comes from (Ravi et al. 2020, arXiv 2007.08501). It has no wheel on PyPI:
environment.yml brings it. It keeps the nearest ``faces_per_pixel`` triangles of a pixel and loses the others.
"""

from __future__ import annotations

import math
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor

from renderers import canvas as canvases
from renderers.base import Renderer, RendererConfig
from renderers.projection import yaw_matrix
from scenes.errors import UserError
from scenes.objects import Objects
from scenes.scene import Scene

if find_spec("pytorch3d") is not None:
    from pytorch3d.renderer import (  # pyright: ignore[reportMissingImports]
        BlendParams,
        FoVPerspectiveCameras,
        MeshRasterizer,
        RasterizationSettings,
        TexturesVertex,
        softmax_rgb_blend,
    )
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

    def pose(self, identity: Tensor, position: Tensor, rotation: Tensor) -> tuple[Tensor, Tensor]:
        """Corners in *world* axes, metres, and their shaded colours: the library's camera does the rest."""
        shape, mesh = identity.shape, identity.flatten()
        turned = torch.bmm(self.vertices[mesh], yaw_matrix(rotation.flatten()))
        world = turned + position.flatten(0, 1)[:, None]
        return world.unflatten(0, shape), self.shade(identity, rotation)

    def splat(self, canvas: Tensor, vertices: Tensor, colours: Tensor, identity: Tensor, painted: Tensor) -> Tensor:
        """See ``Renderer.splat``; ``vertices`` in world axes."""
        fragments, colours = self.rasterize(vertices, colours, identity, painted)
        layers = fragments.pix_to_face >= 0, fragments.dists, fragments.zbuf, colours
        return canvases.merge(canvas, *layers, self.settings.sigma, self.settings.gamma, self.znear, self.zfar)

    def render(self, objects: Objects) -> Tensor:
        """The picture of whole scenes, blended by ``softmax_rgb_blend``."""
        rgb, alpha = self.blend(objects)
        return alpha * rgb + (1 - alpha) * self.background

    def blend(self, objects: Objects) -> tuple[Tensor, Tensor]:
        """The library's colour [B,H,W,3], hard at silhouettes, and its alpha [B,H,W,1], which is soft there."""
        fragments, colours = self.fragments(objects)
        params = BlendParams(self.settings.sigma, self.settings.gamma, self.background)
        return softmax_rgb_blend(colours, fragments, params, self.znear, self.zfar).split([3, 1], -1)

    def most_fragments(self, objects: Objects) -> int:
        """The largest number of triangles that a pixel kept: where it is ``faces_per_pixel``, some may be lost."""
        return int((self.fragments(objects)[0].pix_to_face >= 0).sum(-1).max())

    def fragments(self, objects: Objects) -> tuple[Any, Tensor]:
        """``rasterize`` for whole scenes."""
        pose = self.pose(objects.identity, objects.position, objects.rotation)
        self.check(pose[0], objects.position, objects.rotation)
        return self.rasterize(*pose, objects.identity, objects.presence.detach() > 0.5)

    def rasterize(self, vertices: Tensor, colours: Tensor, identity: Tensor, painted: Tensor) -> tuple[Any, Tensor]:
        """The library's fragments of all objects of a picture, and the colour [B,H,W,K,3] of each."""
        faces = packed_faces(self.faces[identity], self.face_count[identity], painted, vertices.shape[2])
        textures = TexturesVertex(colours.flatten(1, 2))
        meshes = Meshes(vertices.flatten(1, 2), faces, textures)
        settings = RasterizationSettings(
            image_size=(self.height, self.width),
            blur_radius=self.settings.blur,
            faces_per_pixel=self.settings.faces_per_pixel,
            bin_size=0,  # tiny meshes: binning costs more than it saves
            cull_backfaces=self.settings.cull_backfaces,
        )
        fragments = MeshRasterizer(self.cameras(), settings)(meshes)
        return fragments, meshes.sample_textures(fragments)

    def cameras(self) -> Any:
        """Its field of view is that of the picture's shorter side; ours is always the vertical one."""
        return FoVPerspectiveCameras(
            znear=self.znear,
            zfar=self.zfar,
            fov=2 * math.atan(1 / self.scale),
            degrees=False,
            R=self.camera_rotation[None],
            T=self.camera_translation[None],
            device=self.vertices.device,
        )

    def depth(self, vertices: Tensor) -> Tensor:
        """Distance along the view axis of corners in world axes."""
        return self.cameras().get_world_to_view_transform().transform_points(vertices.flatten(0, -2))[..., 2]


def packed_faces(faces: Tensor, count: Tensor, painted: Tensor, vertices: int) -> Tensor:
    """Faces [B,N,F,3] of N objects a picture, as the faces [B,N*F,3] of one mesh a picture; -1 at the end is padding.

    Object n's corners are ``n * vertices`` onwards; objects that are not ``painted`` [B,N] have no faces.
    """
    _, slots, size, _ = faces.shape
    exists = torch.arange(size, device=faces.device) < count[..., None]
    exists = (exists & painted[..., None]).flatten(1)
    shift = vertices * torch.arange(slots, device=faces.device)
    shifted = (faces + shift[:, None, None]).flatten(1, 2).long().masked_fill(~exists[..., None], -1)
    order = exists.int().argsort(dim=1, descending=True, stable=True)
    return shifted.gather(1, order[..., None].expand(-1, -1, 3))[:, : max(1, int(exists.sum(1).max()))]
