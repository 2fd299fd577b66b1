"""Answers in words and as JSON: which object, where in metres, how turned, and how sure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from air3d.answers import Answers
from air3d.elbo import log_count_posterior
from air3d.prior import Prior
from air3d.regions import Dreams, Spread, spread


def described(
    said: Answers, dreams: Dreams, prior: Prior, names: Sequence[str], symmetry: Sequence[int], level: float
) -> list[dict[str, Any]]:
    """One dictionary for each picture, in CLEVR's words where CLEVR has one.

    count: the probability of every number of objects. objects: those that are present, each with its shape, 3d_coords
    (metres), rotation (radians; None for a body of revolution), presence (the probability that it is there), identity
    (of every mesh), and the region of `level` that dreams have scaled: half the axes of the ellipse, x and y in metres,
    and half the width of the interval of the rotation in radians. mean_square: what is left unexplained; doubtful:
    whether that is more than in any dream.
    """
    rows = said.objects.identity.flatten().numpy()
    of = spread(said, prior, symmetry)
    regions = dreams.regions(of, rows, level)
    counts = log_count_posterior(said.rho.double().logit(), prior.min_objects).exp().tolist()
    surely, scenes = said.rho.cumprod(1), []
    for index, error in enumerate(said.unexplained.tolist()):
        present = np.flatnonzero(said.objects.presence[index].numpy())
        objects = [thing(said, index, slot, names, symmetry, regions) for slot in present.tolist()]
        for slot, entry in zip(present.tolist(), objects, strict=True):
            entry["presence"] = surely[index, slot].item()
        count = {str(n): share for n, share in enumerate(counts[index])}
        scenes.append(
            {"count": count, "objects": objects, "mean_square": error, "doubtful": error > dreams.most_unexplained}
        )
    return scenes


def thing(
    said: Answers, index: int, slot: int, names: Sequence[str], symmetry: Sequence[int], regions: Spread
) -> dict[str, Any]:
    """One object of one picture."""
    row, identity = index * said.steps + slot, int(said.objects.identity[index, slot])
    turns = symmetry[identity] > 0
    shares = said.identity[index, slot].tolist()
    return {
        "shape": names[identity],
        "3d_coords": said.objects.position[index, slot].tolist(),
        "rotation": said.objects.rotation[index, slot].item() if turns else None,
        "identity": dict(zip(names, shares, strict=True)),
        "region": {
            "x": regions.axes[row, 0].item(),
            "y": regions.axes[row, 1].item(),
            "rotation": regions.turn[row].item() if turns else None,
        },
    }


def sentence(scene: dict[str, Any]) -> str:
    """A scene in one line."""
    things, number = "; ".join(map(phrase, scene["objects"])), len(scene["objects"])
    warning = "DOUBTFUL, explained worse than any dream: " if scene["doubtful"] else ""
    return f"{warning}{number} ({scene['count'][str(number)]:.0%}){': ' * bool(things)}{things}"


def phrase(entry: dict[str, Any]) -> str:
    """`mug at (12.3, -4.5) ± (0.4, 0.5) cm, turned 35 ± 12 degrees`, with how sure the shape is if it is not."""
    (x, y, _), region, sure = entry["3d_coords"], entry["region"], entry["identity"][entry["shape"]]
    shape = entry["shape"] + (f" ({sure:.0%})" if sure < 0.995 else "")
    where = f"{shape} at ({100 * x:.1f}, {100 * y:.1f}) ± ({100 * region['x']:.1f}, {100 * region['y']:.1f}) cm"
    if entry["rotation"] is None:
        return where
    yaw, width = math.degrees(entry["rotation"]), math.degrees(region["rotation"])
    return f"{where}, turned {yaw:.0f} ± {width:.0f} degrees"
