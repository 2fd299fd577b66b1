"""Which objects stand on a table, where and how turned, from one picture.

    import air3d
    model = air3d.load("pretrained/tabletop")
    scene = model("table.png")

`scene` holds objects with probabilities and regions; print it, or scene.plot(), scene.to_json(), scene.to_glb().
Several pictures give a list of them. train, resume, evaluate and generate are the programs of these names. What
`__all__` does not list may change.

Rooms, arrows from right to left:

model <- gradients <- objectives; model <- inference <- evaluation <- report <- training <- api, comparison <- programs.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from air3d.api.model import Camera, Model, UserError, load
    from air3d.api.scene import Object, Scene
    from air3d.programs.from_python import evaluate, generate, resume, train

PLACES = {
    "air3d.api.model": ("Camera", "Model", "UserError", "load"),
    "air3d.api.scene": ("Object", "Scene"),
    "air3d.programs.from_python": ("evaluate", "generate", "resume", "train"),
}
__all__ = [
    "Camera",
    "Model",
    "Object",
    "Scene",
    "UserError",
    "evaluate",
    "generate",
    "load",
    "resume",
    "train",
]


def __getattr__(name: str) -> Any:
    """Public names are loaded when they are asked for: a program that only wants `air3d.files` waits for no torch."""
    for module, names in PLACES.items():
        if name in names:
            import_module("air3d.threads")  # before torch
            return getattr(import_module(module), name)
    raise AttributeError(f"module 'air3d' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
