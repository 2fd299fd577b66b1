"""How a scene looks: camera, shading, canvas, and the backends that splat triangles. No network, no prior.

``build_renderer("streaming", scene)`` picks a backend by name; one file and one yaml each.
"""

from __future__ import annotations

import difflib
from dataclasses import replace
from importlib import import_module

from renderers.base import Renderer, RendererConfig
from scenes.errors import UserError
from scenes.scene import Scene

BACKENDS = {"reference": "Reference", "streaming": "Streaming"}  # module -> class, imported only when asked for


def build_renderer(name: str, scene: Scene, settings: RendererConfig | None = None) -> Renderer:
    """The backend ``name`` for a scene's catalogue, camera and background. Raises UserError for an unknown name."""
    if name not in BACKENDS:
        near = difflib.get_close_matches(name, BACKENDS, n=1, cutoff=0.0)[0]
        raise UserError(f"there is no renderer '{name}': did you mean '{near}'? (known: {', '.join(BACKENDS)})")
    module = import_module(f"renderers.{name}")
    return getattr(module, BACKENDS[name])(scene, replace(settings or RendererConfig(), name=name))


__all__ = ["BACKENDS", "Renderer", "RendererConfig", "build_renderer"]
