"""What a file declares about itself, looked at before it is parsed: a small file may declare what fills the memory."""

from __future__ import annotations

import base64
import binascii
import json
import struct
from collections.abc import Callable
from typing import Any

from scenes.meshes.files import MOST_BYTES, Unusable
from scenes.meshes.resolver import check_picture

MOST_ELEMENTS = 30_000_000
"""Vertices and corners of triangles of one mesh, all its parts together."""

MOST_NODES = 10_000
BYTES = {5120: 1, 5121: 1, 5122: 2, 5123: 2, 5125: 4, 5126: 4}
NUMBERS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT2": 4, "MAT3": 9, "MAT4": 16}
BUFFERS = 4
"""All views of a glTF file, and all its accessors, may together have this many times the bytes of the largest file."""

Note = Callable[[str], None]


def check_head(kind: str, data: bytes, note: Note) -> None:
    """Unusable for a file of that kind that declares more than it can hold, or more than is taken; `note` is told of
    pictures inside it that will not be used."""
    checks = {"glb": check_glb, "gltf": lambda data, note: check_gltf(data, b"", note), "ply": check_ply}
    checks |= {"off": check_off}
    if kind in checks:
        checks[kind](data, note)


def check_glb(data: bytes, note: Note) -> None:
    if len(data) < 20 or data[:4] != b"glTF":
        raise Unusable("is no GLB file")
    _, version, total, length, chunk = struct.unpack("<4s4I", data[:20])
    if version != 2 or chunk != 0x4E4F534A:
        raise Unusable("is no GLB file of version 2")
    if total > len(data) or 20 + length > len(data):
        raise Unusable(f"declares {max(total, 20 + length):,} bytes and has {len(data):,}")
    check_gltf(data[20 : 20 + length], data[28 + length :], note)


def check_gltf(text: bytes, binary: bytes, note: Note) -> None:
    """text: the JSON part; binary: what a GLB carries behind it."""
    try:
        tree = json.loads(text)
        if not isinstance(tree, dict):
            raise TypeError
        check_tree(tree)
        for number, image in enumerate(tree.get("images", [])):
            check_image(tree, image, binary, f"its picture {number}", note)
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError) as error:
        raise Unusable("is damaged: its description is no glTF") from error


def check_tree(tree: dict[str, Any]) -> None:
    if needed := tree.get("extensionsRequired"):
        strange = [name for name in needed if name not in ("KHR_texture_transform", "KHR_materials_unlit")]
        if strange:
            raise Unusable(f"needs {strange[0]}, which cannot be read: write it without")
    counts = [size(each["count"]) for each in tree.get("accessors", [])]
    wide = [BYTES[each["componentType"]] * NUMBERS[each["type"]] for each in tree.get("accessors", [])]
    views = sum(size(each["byteLength"]) for each in tree.get("bufferViews", []))
    buffers = sum(size(each["byteLength"]) for each in tree.get("buffers", []))
    declared = max(sum(count * each for count, each in zip(counts, wide, strict=True)), views, buffers)
    if declared > BUFFERS * MOST_BYTES:
        raise Unusable(f"declares {declared:,} bytes, more than {BUFFERS * MOST_BYTES:,}")
    used = 0
    for mesh in tree.get("meshes", []):
        for primitive in mesh["primitives"]:
            accessors = [*primitive["attributes"].values(), *([primitive["indices"]] if "indices" in primitive else [])]
            used += sum(counts[number] for number in accessors)
    if used > MOST_ELEMENTS:
        raise Unusable(f"declares {used:,} numbers of vertices and triangles, more than {MOST_ELEMENTS:,}")
    check_nodes(tree.get("nodes", []))


def check_nodes(nodes: list[dict[str, Any]]) -> None:
    """A scene graph must be a tree: a node below two others is there twice, and so is what is below it."""
    children = [child for node in nodes for child in node.get("children", [])]
    if len(nodes) > MOST_NODES or len(set(children)) < len(children):
        raise Unusable(f"has more than {MOST_NODES:,} nodes, or one below two others")


def check_image(tree: dict[str, Any], image: dict[str, Any], binary: bytes, name: str, note: Note) -> None:
    """Of a picture inside the file; one outside it is looked at when it is read."""
    if str(image.get("uri", "")).startswith("data:"):
        try:
            data = base64.b64decode(image["uri"].partition(",")[2])
        except binascii.Error:
            data = b""
    elif "bufferView" in image:
        view = tree["bufferViews"][image["bufferView"]]
        start = size(view.get("byteOffset", 0))
        data = binary[start : start + size(view["byteLength"])] if view["buffer"] == 0 else b""
    else:
        return
    try:
        check_picture(data)
    except Unusable as reason:
        note(f"{name} {reason}")


def size(value: Any) -> int:
    if not isinstance(value, int) or value < 0:
        raise ValueError(value)
    return value


def check_ply(data: bytes, note: Note) -> None:
    head, end, _ = data[:100_000].partition(b"end_header")
    if not end:
        raise Unusable("is damaged: its head has no end")
    for line in head.splitlines():
        words = line.split()
        if words[:1] == [b"element"]:
            declares(words[-1], data)


def check_off(data: bytes, note: Note) -> None:
    words = b" ".join(line.partition(b"#")[0] for line in data[:10_000].splitlines()[:20]).split()
    counts = [word for word in words if word not in (b"OFF", b"COFF")][:2]
    for word in counts:
        declares(word.removeprefix(b"C").removeprefix(b"OFF"), data)


def declares(word: bytes, data: bytes) -> None:
    """Unusable where a file declares more elements than it has bytes."""
    if not word.isdigit() or int(word) > min(len(data), MOST_ELEMENTS):
        raise Unusable(
            f"is damaged: it declares {word.decode('ascii', 'replace')[:30]} elements in {len(data):,} bytes"
        )
