"""Folders of meshes for the tests, made with trimesh."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import trimesh
from PIL import Image

BOX = (0.12, 0.08, 0.05)
CORNERS = [(0, 0), (1, 0), (1, 1), (0, 1)]


def box(*extents: float) -> trimesh.Trimesh:
    """Its lowest corner at the origin, so that it stands on every one of its file's planes."""
    solid = trimesh.creation.box(extents or BOX)
    solid.apply_translation(-solid.bounds[0])
    return solid


def save(folder: Path, name: str, solid: trimesh.Trimesh | trimesh.Scene | None = None) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    (solid or box()).export(path)
    return path


def obj_text(solid: trimesh.Trimesh, head: str = "", uv: bool = False) -> str:
    """An OBJ of a box, every face with a whole picture on it where uv is wanted."""
    lines = [head, *(f"v {x} {y} {z}" for x, y, z in solid.vertices.tolist())]
    if uv:
        lines += [f"vt {u} {v}" for u, v in CORNERS]
    for face in (solid.faces + 1).tolist():
        lines.append(
            "f " + " ".join(f"{corner}/{number + 1}" if uv else f"{corner}" for number, corner in enumerate(face))
        )
    return "\n".join(lines) + "\n"


def picture(path: Path, colours: np.ndarray) -> None:
    Image.fromarray((255 * colours).astype(np.uint8)).save(path)


def glb(tree: dict[str, Any], binary: bytes = b"") -> bytes:
    """A GLB file that says that, whether or not it is true."""
    text = json.dumps(tree).encode()
    text += b" " * (-len(text) % 4)
    chunks = struct.pack("<II", len(text), 0x4E4F534A) + text
    if binary:
        chunks += struct.pack("<II", len(binary), 0x004E4942) + binary
    return struct.pack("<4sII", b"glTF", 2, 12 + len(chunks)) + chunks
