"""The posterior's own credible regions, and where the truth lies in them.

A credible region of level c is the smallest one that holds the share c of the posterior; over many objects, the truth
should lie in it that often. So for each object the **level of the truth** is computed, that of the region whose border
it is on: if the posterior is right, levels are uniform on [0, 1], and the share of levels up to c is the coverage of c.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

from air3d.model.distributions import LogitNormal
from air3d.model.latents.rotation import Yaw
from air3d.model.prior import Prior

CELLS = 60  # of a yaw bin: densities of yaws are compared cell by cell, of half a degree with 12 bins


def position_levels(box: LogitNormal, position: Float[Tensor, "object 3"], prior: Prior) -> Float[Tensor, " object"]:
    """Level of the ellipsoid, in unsquashed coordinates, through the true position: chi-squared in the free axes."""
    true = prior.to_unit(position).clamp(1e-6, 1 - 1e-6).logit()
    square = (((true - box.mean) / box.std).square() * prior.free).sum(-1)
    return torch.special.gammainc(prior.free.sum().expand_as(square) / 2, square / 2)


def deviations(box: LogitNormal, prior: Prior) -> Float[Tensor, "object 3"]:
    """Metres: standard deviations of the position along x, y and z, to first order about the centre."""
    unit = box.mean.sigmoid()
    slope = unit * (1 - unit)  # of the sigmoid, at the centre
    return (prior.high - prior.low).to(unit) * slope * box.std


def radius(box: LogitNormal, prior: Prior, level: float) -> Float[Tensor, " object"]:
    """Metres: the geometric mean of the semi-axes, along x and y, of the region of that level."""
    how_many = math.sqrt(-2 * math.log(1 - level))  # of the chi-squared with two axes
    return how_many * deviations(box, prior)[:, :2].prod(-1).sqrt()


def yaw_masses(yaw: Yaw) -> Float[Tensor, "batch cell"]:
    """The posterior mass of each of the circle's cells, from -pi on: exact, by the Gaussian's distribution function."""
    edges = torch.linspace(0, 1, CELLS + 1, device=yaw.offset.mean.device).logit()
    below = torch.special.ndtr((edges - yaw.offset.mean[..., None]) / yaw.offset.std[..., None])
    return (yaw.choice.probs[..., None] * below.diff(dim=-1)).flatten(-2)


def yaw_level(masses: Float[Tensor, " cell"], fold: int, yaw: float, level: float = 0.9) -> tuple[float, float]:
    """Level of the true yaw (radians) modulo the mesh's symmetry, and the width of the region of `level` in degrees.

    A region is a set of cells, the likeliest first. Within its cell, the truth counts as half-way.
    """
    cells = len(masses)
    at = (torch.arange(cells) * fold) % cells // fold  # cells that the symmetry makes one
    masses = masses.new_zeros(cells // fold + 1).index_add_(0, at, masses)
    here = masses[int((yaw + math.pi) / (2 * math.pi) * cells * fold % cells / fold)]
    ranked = masses.sort(descending=True).values.cumsum(0)
    width = (int((ranked < level).sum()) + 1) * 360 / cells
    return (masses[masses > here].sum() + here / 2).item(), width
