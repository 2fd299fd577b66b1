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
from jaxtyping import Bool, Float, Int
from torch import Tensor

from air3d.model.attention import Attention, region
from air3d.model.batches import select_rows
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


def chosen(
    each: Sequence[Float[Tensor, "batch cell"]],
    scores: Float[Tensor, "batch candidate"],
    first: Bool[Tensor, " batch"],
) -> Float[Tensor, "batch cell"]:
    """The attention of the best score; that of the first where `first`."""
    best = scores.argmax(-1) * ~first
    return torch.stack(list(each), 1)[torch.arange(len(best), device=best.device), best]


def curiosity(curious: bool, state: Float[Tensor, "batch hidden"]) -> Bool[Tensor, " batch"]:
    """Where the first place is attended to, whatever it may be: of who is curious, in every second picture. Who learns
    must be: an identity that is not believed in yet would never be looked at again."""
    if not curious:
        return torch.zeros(len(state), dtype=torch.bool, device=state.device)
    return torch.rand(len(state), device=state.device) >= 0.5


@torch.no_grad()
def explained(
    pose: Callable[..., Pose], proposals: Sequence[Proposal], sight: Sight, gains: Gains, asked: Int[Tensor, " row"]
) -> Float[Tensor, "batch candidate"]:
    """What the likeliest identities of each proposal would explain, each in the middle of its pose, nats: the most. 0
    in the rows that are not asked for."""
    proposals = [select_rows(proposal, asked) for proposal in proposals]
    logits = torch.stack([proposal.identity.logits for proposal in proposals], 1)
    identity = logits.topk(min(PAINTED, logits.shape[-1]), -1).indices
    tries, kinds = identity.shape[1:].numel(), identity.shape[-1]

    def row(name: str) -> Tensor:
        values = torch.stack([getattr(proposal, name) for proposal in proposals], 1)
        return values.repeat_interleave(kinds, 1).flatten(0, 1)

    def everywhere(values: Tensor) -> Tensor:
        every = values.new_zeros(len(sight.closeup), tries, *values.shape[1:])
        return every.index_copy(0, asked, values.unflatten(0, (len(asked), tries)))

    names = ("presence_logit", "attended", "place", "state", "lengthwise")
    rows = {name: row(name) for name in names}
    several = Proposal(identity=Choice(logits=logits.repeat_interleave(kinds, 1).flatten(0, 1)), **rows)
    poses = pose(several, identity.flatten(), sight.closeup[asked], sight.view[asked].repeat(tries))
    values = {name: everywhere(q.mode()) for name, q in poses.items()}
    presence = everywhere(torch.ones_like(several.presence_logit))
    objects = Objects(presence=presence, identity=everywhere(identity.flatten()), **values)
    return gains(objects, [FORGIVING])[0].unflatten(1, identity.shape[1:]).amax(-1)
