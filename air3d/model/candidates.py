"""Which of several places a step attends to.

A shadow or a pattern of the table, looked at first, would end the search before the objects that come after it: so
several places are considered, and the one is taken where an object is likeliest. With `region`, the connected cells
around the most unexplained one are considered, too: their middle is about that of an object that stands alone, where
the most striking cell is a label or the far end of a bottle. For two that touch it is between them. Presence cannot
tell: there is an object wherever one is looked at. What the likeliest identities explain, painted as q has them from
there, can.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from air3d.model.attention import Attention, region
from air3d.model.distributions import Choice
from air3d.model.proposal import FORGIVING, Gains, Pose, Proposal, Sight
from scenes.objects import Objects

IMPOSSIBLE = 10.0
"""What is taken from the logit of an object where another one stands."""

NEVER = 1e9
"""The same in nats of what it explains."""

PAINTED = 3
"""Identities that are painted at each place: the likeliest there."""


def considered(attention: Attention, sight: Sight, number: int, whole: bool) -> list[Float[Tensor, "batch cell"]]:
    """Attention to each of the places that a step considers, the most unexplained first; before it, where `whole`, to
    the region around it."""
    each = attention.candidates(sight.contrast, sight.places, number)
    return [region(sight.cells[..., -1].detach().unflatten(1, sight.shape)), *each] if whole else each


@torch.no_grad()
def chosen(
    each: Sequence[Float[Tensor, "batch cell"]], scores: Float[Tensor, "batch candidate"], curious: bool
) -> Float[Tensor, "batch cell"]:
    """The attention of the best score; `curious`: in every second picture the first, whatever it may be. Who learns
    must be: an identity that is not believed in yet would never be looked at again."""
    best = scores.argmax(-1)
    if curious:
        best = best * (torch.rand(len(best), device=best.device) < 0.5)
    return torch.stack(list(each), 1)[torch.arange(len(best), device=best.device), best]


@torch.no_grad()
def explained(
    pose: Callable[..., Pose], proposals: Sequence[Proposal], sight: Sight, gains: Gains
) -> Float[Tensor, "batch candidate"]:
    """What the likeliest identities of each proposal would explain, each in the middle of its pose, nats: the most."""
    logits = torch.stack([proposal.identity.logits for proposal in proposals], 1)
    identity = logits.topk(min(PAINTED, logits.shape[-1]), -1).indices
    batch, places, kinds = identity.shape
    tries = places * kinds

    def row(name: str) -> Tensor:
        values = torch.stack([getattr(proposal, name) for proposal in proposals], 1)
        return values.repeat_interleave(kinds, 1).flatten(0, 1)

    names = ("presence_logit", "attended", "place", "state", "lengthwise")
    rows = {name: row(name) for name in names}
    several = Proposal(identity=Choice(logits=logits.repeat_interleave(kinds, 1).flatten(0, 1)), **rows)
    poses = pose(several, identity.flatten(), sight.closeup, sight.view.repeat(tries))
    values = {name: q.mode().unflatten(0, (batch, tries)) for name, q in poses.items()}
    objects = Objects(presence=torch.ones_like(values["rotation"]), identity=identity.flatten(1), **values)
    return gains(objects, [FORGIVING])[0].view(identity.shape).amax(-1)
