"""How a scene looks: projection, shading, canvas, and the backends that splat triangles. No network, no prior.

``build_renderer("streaming", scene)`` picks a backend by name, ``"auto"`` the right one for a device; one module and
one yaml each.
"""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from importlib.util import find_spec

import torch

from renderers.base import Renderer, empty_table
from renderers.settings import RendererConfig
from scenes.errors import UserError, nearest
from scenes.scene import Scene

BACKENDS = {  # module -> class, imported only when asked for
    "reference": "Reference",
    "streaming": "Streaming",
    "pytorch3d": "PyTorch3D",
    "finite_difference": "FiniteDifference",
}


def build_renderer(
    name: str, scene: Scene, settings: RendererConfig | None = None, device: torch.device | str = "cpu"
) -> Renderer:
    """The backend ``name`` for a scene's catalogue, on ``device``.

    Raises UserError for an unknown name and for a backend that is not installed.
    """
    name = automatic(torch.device(device)) if name == "auto" else name
    if name not in BACKENDS:
        raise UserError(f"there is no renderer={name}; {nearest(name, ['auto', *BACKENDS])}")
    module = import_module(f"{__name__}.{name}")
    return getattr(module, BACKENDS[name])(scene, replace(settings or RendererConfig(), name=name)).to(device)


def automatic(device: torch.device) -> str:
    """What ``renderer=auto`` stands for on a device: the fastest backend that is installed."""
    if device.type == "cpu" or find_spec("numba_cuda") is not None:
        return "streaming"
    if find_spec("pytorch3d") is not None:
        return "pytorch3d"
    raise UserError(
        f"no renderer for {device} is installed: pip install -e '.[cuda]' for renderer=streaming, or the environment "
        "of environment.yml for renderer=pytorch3d; device=cpu needs neither"
    )


__all__ = ["BACKENDS", "Renderer", "RendererConfig", "automatic", "build_renderer", "empty_table"]
