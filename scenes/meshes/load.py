"""A mesh file as parts with colours: every piece of its scene graph where it belongs, in units and axes of the file."""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import trimesh
from jaxtyping import Float, Int, UInt8
from PIL import Image
from trimesh.visual.material import PBRMaterial

from scenes.meshes.files import Unusable, read_inside
from scenes.meshes.find import KINDS
from scenes.meshes.heads import MOST_ELEMENTS, check_head
from scenes.meshes.resolver import PIXELS, Inside
from scenes.photographs import readable

GREY = (0.75, 0.75, 0.75)
"""Of what has no material."""

GAMMA = 2.2
"""Colours that glTF gives as numbers are linear; those of pictures, and all of ours, are as a screen shows them."""

trimesh.util.log.setLevel(logging.ERROR)


@dataclass(frozen=True)
class Part:
    """Triangles of one material. colours: of every corner, 0..1, which a texture is multiplied by; uv: of every corner,
    v upwards; texture: its first row is the top; bare: it has no material at all."""

    vertices: Float[np.ndarray, "vertex 3"]
    faces: Int[np.ndarray, "face 3"]
    colours: Float[np.ndarray, "face 3 3"]
    uv: Float[np.ndarray, "face 3 2"] | None = None
    texture: UInt8[np.ndarray, "height width 3"] | None = None
    bare: bool = False


def load(folder: Path, path: Path) -> tuple[list[Part], list[str]]:
    """The parts of a mesh file of the folder, and what it names that could not be used. Unusable, with the reason."""
    resolver, kind = Inside(folder, path), KINDS[path.suffix.lower()]
    data = read_inside(folder, folder / path)
    check_head(kind, data, resolver.note)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            scene = trimesh.load_scene(io.BytesIO(data), file_type=kind, resolver=resolver, process=False)
            parts = list(pieces(scene, resolver))
    except Unusable:
        raise
    except Exception as error:  # the readers raise whatever they stumble over
        raise Unusable(f"is damaged: {reason(error)}") from error
    if not parts:
        raise Unusable("holds no triangles")
    for part in parts:
        if strange := int((~np.isfinite(part.vertices)).any(1).sum()):
            raise Unusable(f"is damaged: {strange:,} of its vertices are NaN or infinite")
    return parts, resolver.notes


def pieces(scene: trimesh.Scene, resolver: Inside) -> Iterator[Part]:
    nodes = scene.graph.nodes_geometry
    placed = [scene.graph[node] for node in nodes]
    meshes = [(scene.geometry[name], place) for place, name in placed if name is not None]
    solids = [(mesh, place) for mesh, place in meshes if isinstance(mesh, trimesh.Trimesh) and len(mesh.faces)]
    if sum(3 * len(mesh.faces) + len(mesh.vertices) for mesh, _ in solids) > MOST_ELEMENTS:
        raise Unusable(f"has more than {MOST_ELEMENTS:,} vertices and corners of triangles")
    for mesh, place in solids:
        yield part(mesh, np.asarray(place, float), resolver)


def part(mesh: trimesh.Trimesh, place: np.ndarray, resolver: Inside) -> Part:
    """One piece, at its place; a place that mirrors turns its triangles round."""
    vertices = np.asarray(mesh.vertices, float) @ place[:3, :3].T + place[:3, 3]
    faces = np.asarray(mesh.faces, np.int64)
    if faces.min() < 0 or faces.max() >= len(vertices):
        raise Unusable("is damaged: a triangle has a corner that there is not")
    order = [0, 2, 1] if np.linalg.det(place[:3, :3]) < 0 else [0, 1, 2]
    faces = faces[:, order]
    colours, bare = colours_of(mesh, faces)
    uv, texture = getattr(mesh.visual, "uv", None), None
    if (image := picture_of(mesh)) is not None:
        texture = pixels(image, resolver)
    if texture is None or uv is None or np.shape(uv) != (len(vertices), 2) or not np.isfinite(uv).all():
        colours = colours if texture is None else colours * texture.mean((0, 1)) / 255
        return Part(vertices, faces, colours, bare=bare)
    return Part(vertices, faces, colours, np.asarray(uv, float)[faces], texture)


def colours_of(mesh: trimesh.Trimesh, faces: np.ndarray) -> tuple[np.ndarray, bool]:
    """What the corners are painted with where no texture is, and whether nothing says it."""
    visual: Any = mesh.visual
    whole = np.ones((len(faces), 3, 3))
    if (material := getattr(visual, "material", None)) is not None:
        told = factor(material)
        own = getattr(visual, "vertex_attributes", {}).get("color")
        if own is not None and len(own) == len(mesh.vertices):
            whole = unit(own)[faces]
        if told is None and own is None and picture_of(mesh) is None:
            return whole * GREY, True
        return whole * (told if told is not None else 1.0), False
    if visual.kind == "vertex":
        return unit(visual.vertex_colors)[faces], False
    if visual.kind == "face":
        return np.repeat(unit(visual.face_colors)[:, None], 3, axis=1), False
    return whole * GREY, True


def factor(material: Any) -> np.ndarray | None:
    """The colour of a material, 3, which its texture is multiplied by; None where it says none."""
    if isinstance(material, PBRMaterial):
        told = material.baseColorFactor
        return np.ones(3) if told is None else unit(np.asarray(told)) ** (1 / GAMMA)
    given = material.kwargs.get("kd")
    if given is None or np.shape(given) != (3,) or not np.isfinite(given).all():
        return None
    textured = getattr(material, "image", None) is not None
    return np.ones(3) if textured and not np.any(given) else np.clip(np.asarray(given, float), 0, 1)


def picture_of(mesh: trimesh.Trimesh) -> Image.Image | None:
    material = getattr(mesh.visual, "material", None)
    return getattr(material, "baseColorTexture", None) or getattr(material, "image", None)


def unit(colours: np.ndarray) -> np.ndarray:
    """Red, green and blue in 0..1, of bytes or of numbers that are so already."""
    colours = np.asarray(colours)
    most = np.iinfo(colours.dtype).max if np.issubdtype(colours.dtype, np.integer) else 1
    return np.nan_to_num(np.clip(colours[..., :3].astype(float) / most, 0, 1))


def pixels(image: Image.Image, resolver: Inside) -> np.ndarray | None:
    """An opened picture unpacked, on grey where it is transparent; None where it must not be, or cannot."""
    if image.format not in readable() or image.width * image.height > PIXELS:
        return None
    try:
        if not image.has_transparency_data:
            return np.asarray(image.convert("RGB"))
        grey = Image.new("RGBA", image.size, (*(round(255 * level) for level in GREY), 255))
        return np.asarray(Image.alpha_composite(grey, image.convert("RGBA")).convert("RGB"))
    except Exception as error:  # Pillow raises many kinds for a file that is cut short
        resolver.note(f"a texture cannot be read: {reason(error)}")
        return None


def reason(error: Exception) -> str:
    return " ".join((str(error) or type(error).__name__).split())[:120]
