"""What the object that was painted last adds to a canvas, and the same canvas with that object in another colour.

A canvas is linear in every object's colours (``renderers.canvas``): what the last one added is the new colour layer
less the old one, faded as the object's depth demands. A factor on it recolours the object without painting it again.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from renderers.canvas import COLOUR, DEPTH, EPS, LOG_CLEAR, WEIGHT, averaged


@dataclass
class Last:
    """Of a picture with one more object: the `image`; the `front`, what of it is that object, i.e. by how much it
    changes if the object's colours are doubled; and over all pixels sum front^2 and sum front (picture - image)."""

    image: Float[Tensor, "batch height width 3"]
    front: Float[Tensor, "batch height width 3"]
    square: Float[Tensor, "batch 3"]
    product: Float[Tensor, "batch 3"]


def own_colour(
    before: Float[Tensor, "batch tall wide 6"], after: Float[Tensor, "batch tall wide 6"], gamma: float
) -> Float[Tensor, "batch tall wide 3"]:
    """The part of the colour layer of ``after`` that was not in ``before``."""
    depths = (before[..., DEPTH, None] - after[..., DEPTH, None]).detach()
    return after[..., COLOUR] - (depths / gamma).exp() * before[..., COLOUR]


def front(
    own: Float[Tensor, "batch tall wide 3"], after: Float[Tensor, "batch tall wide 6"], antialias: int
) -> Float[Tensor, "batch height width 3"]:
    """What of the picture of ``after`` is that part."""
    share = -torch.expm1(after[..., LOG_CLEAR, None]) / (after[..., WEIGHT, None] + EPS)
    return averaged(share * own, antialias)


def recoloured(
    before: Float[Tensor, "batch tall wide 6"],
    after: Float[Tensor, "batch tall wide 6"],
    excess: Float[Tensor, "batch 3"],
    gamma: float,
) -> Float[Tensor, "batch tall wide 6"]:
    """The canvas ``after`` with the colours of what ``before`` lacks times ``1 + excess``."""
    colours = after[..., COLOUR] + excess[:, None, None] * own_colour(before, after, gamma)
    return torch.cat([after[..., :2], colours, after[..., LOG_CLEAR, None]], -1)
