"""Has the posterior stopped looking at the picture? The ways in which AIR fails, told from its predictions alone.

The prior says how predictions should vary: counts are uniform, identities have their weights, positions fill
the table. A network that
predicts the same of (nearly) all held-out pictures has found what costs least on average; none was seen to come back.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from air3d.model.prior import Prior
from scenes.objects import Objects

ALIKE = 0.98  # share of the predictions
FEW = 20  # predictions from which nothing is concluded
SEVERAL = 5  # objects of an identity from which something is concluded
RARE = 0.7  # of what the prior says is an identity's share of the predictions when it is being given up
UNLIKELY = 4.0  # standard deviations: so few of an identity are no accident
CLOSE = 0.05  # spread of all positions, as a share of the table's


def collapse(found: Objects, prior: Prior, names: Sequence[str]) -> str | None:
    """In words what (nearly) every prediction of a batch of held-out pictures has in common; None where they vary."""
    present = torch.as_tensor(found.presence) > 0.5
    count, identity = present.sum(1), torch.as_tensor(found.identity)[present]
    if prior.max_objects > prior.min_objects and len(count) >= FEW and (most := common(count)) is not None:
        return "no object is ever detected" if most == 0 else f"every picture is predicted to show {most} objects"
    if len(names) > 1 and len(identity) >= FEW and (most := common(identity)) is not None:
        return f"every object is predicted to be a {names[most]}"
    given, share = identity.bincount(minlength=len(names)), prior.shares(len(names)).to(identity.device).double()
    expected, spread = share * len(identity), (share * (1 - share) * len(identity)).sqrt()
    if (given < torch.minimum(RARE * expected, expected - UNLIKELY * spread)).any():
        rarest = int((given / share).argmin())
        return f"too few objects are predicted to be a {names[rarest]} ({given[rarest]} of {len(identity)})"
    position = prior.to_unit(torch.as_tensor(found.position)[present])[:, prior.free > 0]
    if len(position) >= FEW and position.std(0).max() < CLOSE:
        return "every object is predicted in the same place"
    return None


def confused(confusion: Sequence[Sequence[int]], names: Sequence[str]) -> list[str]:
    """Which identities are called by another's name more often than by their own, in words, the worst first.

    confusion: held-out objects by true and predicted identity (`metrics.identity_confusion`).
    """
    found = []
    for true, row in enumerate(confusion):
        called = max(range(len(row)), key=lambda k: row[k])
        if called != true and sum(row) >= SEVERAL and row[called] > row[true]:
            found.append(
                (row[called] / sum(row), f"{names[true]} is called {names[called]} ({row[called]} of {sum(row)})")
            )
    return [words for _, words in sorted(found, reverse=True)]


def common(predictions: Tensor) -> int | None:
    """The prediction that nearly all have in common."""
    values, numbers = predictions.unique(return_counts=True)
    return int(values[numbers.argmax()]) if numbers.max() >= ALIKE * len(predictions) else None
