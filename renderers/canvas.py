"""The canvas: six floats a pixel that say all a later object needs to know about the earlier ones.

With fragments k (triangles near a pixel), ``p_k = sigmoid(-d_k / sigma)``, ``zinv_k = (zfar - z_k) / (zfar - znear)``::

    m = max zinv_k        S = sum p_k exp((zinv_k - m) / gamma)        C = sum p_k exp((zinv_k - m) / gamma) colour_k
    L = sum log(1 - p_k)

All four are associative reductions, so objects may be painted one at a time and in any order. The blend is
``softmax_rgb_blend`` of PyTorch3D (Ravi et al. 2020, arXiv 2007.08501), without its list of nearest faces.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor

LAYERS = 6
DEPTH, WEIGHT, COLOUR, LOG_CLEAR = 0, 1, slice(2, 5), 5  # m, S, (Cr, Cg, Cb), L
EPS = 1e-10  # PyTorch3D's eps: the depth of the background and the floor under its weight


def blank(batch: int, height: int, width: int, like: Tensor) -> Float[Tensor, "batch height width 6"]:
    """An empty canvas with the dtype and device of ``like``: one pixel, seen everywhere, until something is painted."""
    pixel = torch.zeros(LAYERS, dtype=like.dtype, device=like.device)
    pixel[DEPTH] = EPS
    return pixel.expand(batch, height, width, LAYERS)


def merge(
    canvas: Float[Tensor, "batch height width 6"],
    hit: Bool[Tensor, "batch height width fragment"],
    d: Float[Tensor, "batch height width fragment"],
    z: Float[Tensor, "batch height width fragment"],
    colours: Float[Tensor, "batch height width fragment 3"],
    sigma: float,
    gamma: float,
    znear: float,
    zfar: float,
) -> Float[Tensor, "batch height width 6"]:
    """The canvas with more fragments in it, those that ``hit``; ``d`` in squared NDC, ``z`` in metres.

    The formulas at the top of this file, for backends that list their fragments.
    """
    p = torch.where(hit, torch.sigmoid(-d / sigma), 0)
    log_clear = torch.where(hit, torch.nn.functional.logsigmoid(d / sigma), 0)
    zinv = torch.where(hit, (zfar - z) / (zfar - znear), 0)

    before = canvas[..., DEPTH].detach()
    after = torch.maximum(before, zinv.detach().amax(-1))  # m: no gradient, see ``compose``
    fade = torch.exp((before - after) / gamma)[..., None]
    q = p * torch.exp((zinv - after[..., None]) / gamma)
    weight = fade * canvas[..., WEIGHT, None] + q.sum(-1, keepdim=True)
    colour = fade * canvas[..., COLOUR] + torch.einsum("bhwf,bhwfc->bhwc", q, colours)
    clear = canvas[..., LOG_CLEAR, None] + log_clear.sum(-1, keepdim=True)
    return torch.cat([after[..., None], weight, colour, clear], -1)


def compose(
    canvas: Float[Tensor, "batch height width 6"], background: Float[Tensor, "#batch #height #width 3"], gamma: float
) -> Float[Tensor, "batch height width 3"]:
    """Picture in [0, 1] of a canvas: ``alpha rgb + (1 - alpha) background``.

    Alpha is what makes silhouettes soft: ``rgb`` alone keeps a face's full colour until its blur cut-off.
    ``m`` carries no gradient, here and in every backend. The canvas means ``S exp(m / gamma)`` and
    ``C exp(m / gamma)``; ``m`` only keeps those in the range of a float, so moving it changes the picture by
    delta = 1e-10 at most and its gradient may be left out as long as everybody leaves it out.
    """
    depth, weight = canvas[..., DEPTH, None].detach(), canvas[..., WEIGHT, None]
    delta = torch.exp((EPS - depth) / gamma).clamp(min=EPS)
    rgb = (canvas[..., COLOUR] + delta * background) / (weight + delta)
    alpha = -torch.expm1(canvas[..., LOG_CLEAR, None])
    return alpha * rgb + (1 - alpha) * background


def enlarged(
    pictures: Float[Tensor, "batch height width channel"], times: int
) -> Float[Tensor, "batch tall wide channel"]:
    """Every pixel as a square of ``times`` by ``times`` equal ones."""
    return pictures if times == 1 else pictures.repeat_interleave(times, 1).repeat_interleave(times, 2)


def averaged(
    pictures: Float[Tensor, "batch tall wide channel"], times: int
) -> Float[Tensor, "batch height width channel"]:
    """The mean of every square of ``times`` by ``times`` pixels."""
    if times == 1:
        return pictures
    return torch.nn.functional.avg_pool2d(pictures.permute(0, 3, 1, 2), times).permute(0, 2, 3, 1)
