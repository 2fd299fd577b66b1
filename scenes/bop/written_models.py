"""The meshes of a catalogue as BOP's models: PLY in millimetres about the middle of their bounding box."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import trimesh

from scenes.bop.files import MILLIMETRES
from scenes.catalogue import Catalogue
from scenes.mesh import Mesh


def write_models(folder: Path, catalogue: Catalogue) -> None:
    folder.mkdir()
    infos, offsets = {}, {}
    for kind, name in enumerate(catalogue.kinds):
        mesh = catalogue.meshes[catalogue.entries_of(kind)[0]]
        (vertices, normals), offset = mesh.in_file(), centring(mesh)
        colours = np.concatenate([mesh.colours, np.ones((len(mesh.colours), 1))], 1)
        solid = trimesh.Trimesh(MILLIMETRES * (vertices + offset), mesh.faces, vertex_normals=normals, process=False,
                                vertex_colors=(255 * colours).round().astype(np.uint8))  # fmt: skip
        encoded = solid.export(file_type="ply", encoding="ascii", vertex_normal=True)
        (folder / f"obj_{kind + 1:06d}.ply").write_bytes(encoded)  # pyright: ignore[reportArgumentType]
        infos[str(kind + 1)] = model_info(mesh, MILLIMETRES * (vertices.astype(float) + offset), offset)
        offsets[name] = {"obj_id": kind + 1, "mesh_to_model_offset_m": offset.tolist()}
    write_json(folder / "models_info.json", infos)
    write_json(folder / "offsets.json", offsets)


def centring(mesh: Mesh) -> np.ndarray:
    """What brings the middle of a mesh's bounding box to the origin, [3] metres in the frame of its file."""
    vertices = mesh.in_file()[0].astype(float)
    return -(vertices.min(0) + vertices.max(0)) / 2


def model_info(mesh: Mesh, points: np.ndarray, offset: np.ndarray) -> dict[str, Any]:
    """An entry of models_info.json; points [V, 3] in millimetres in the model's frame."""
    corners = np.unique(points.round(6), axis=0)
    hull = trimesh.Trimesh(points, mesh.faces, process=False).convex_hull.vertices if len(corners) > 3 else corners
    low, size = points.min(0), np.ptp(points, axis=0)
    away = np.linalg.norm(np.asarray(hull)[:, None] - np.asarray(hull)[None], axis=-1)
    info: dict[str, Any] = {"diameter": float(away.max())}
    info |= {f"min_{axis}": float(low[k]) for k, axis in enumerate("xyz")}
    info |= {f"size_{axis}": float(size[k]) for k, axis in enumerate("xyz")}
    discrete, continuous = motions(mesh, offset)
    if discrete:
        info["symmetries_discrete"] = discrete
    if continuous:
        info["symmetries_continuous"] = continuous
    return info


def motions(mesh: Mesh, offset: np.ndarray) -> tuple[list[list[float]], list[dict[str, list[float]]]]:
    """Discrete and continuous symmetries in the model's frame, millimetres, without the motion that is none.

    Of a body of revolution the axis says all turns about it; of the stated group one motion is left for each other way
    that it moves the axis, such as upside down.
    """
    group, back = np.asarray(mesh.group, float), np.linalg.inv(mesh.placement)
    if mesh.symmetry == 0:
        axis, through = back[:3, 2], back[:3, 3] + offset
        ways = np.unique((group[:, :3, :3] @ axis).round(3), axis=0, return_index=True)[1]
        moving = [row for row in sorted(ways.tolist()) if group[row, :3, :3] @ axis @ axis < 0.999]
        turning = {"axis": axis.tolist(), "offset": (MILLIMETRES * through).tolist()}
        return in_model(group[moving], offset), [turning]
    if len(group) == 1 and mesh.symmetry > 1:
        angles = 2 * np.pi * np.arange(mesh.symmetry) / mesh.symmetry
        turns = np.tile(np.eye(4), (mesh.symmetry, 1, 1))
        turns[:, 0, 0] = turns[:, 1, 1] = np.cos(angles)
        turns[:, 1, 0] = np.sin(angles)
        turns[:, 0, 1] = -np.sin(angles)
        group = back @ turns @ mesh.placement
    return in_model(group[1:], offset), []


def in_model(group: np.ndarray, offset: np.ndarray) -> list[list[float]]:
    """Motions of the file's frame (metres) in that of the model (millimetres), 16 numbers each."""
    moved = group.copy()
    moved[:, :3, 3] = MILLIMETRES * (group[:, :3, 3] + offset - group[:, :3, :3] @ offset)
    return (moved.reshape(-1, 16).round(9) + 0.0).tolist()


def write_json(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, indent=1) + "\n")
