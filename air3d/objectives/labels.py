"""The supervised baseline: the same network, told on labels what AIR has to find out.

It maximises the density of the true objects under the posterior that AIR trains with the ELBO,

    log q(n) + sum_{t<=n} [ log q(identity_t) + sum over the latents of log q(latent_t | identity_t) ],

cross-entropies for what is counted or chosen and a regression with learned widths for what is measured, whose terms are
weighted (`supervised.beta`, see `LogitNormal.weighted_log_prob`). Where a network infers the world, log q of the true
world is added. What is reported, and chooses the best checkpoint, is the plain density. Between its steps it paints its
own answers and sees the canvas, as in use (with `model.residual=false` it sees none).

A list of objects has an order, a table has none. `matching` says which label a step is asked for:

    ordered     the labels from left to right, the arbitrary but fixed order of Eslami et al. 2016, section 4.3
    hungarian   for each picture the pairing that is likeliest under the network's answers (as Carion et al. 2020,
                "End-to-End Object Detection with Transformers", section 3.1)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import torch
from jaxtyping import Float, Int
from scipy.optimize import linear_sum_assignment
from torch import Tensor, nn

from air3d.model.air import Air, Step
from air3d.model.batches import concatenate
from air3d.model.elbo import log_count_posterior
from air3d.model.mode import Mode
from air3d.objectives.weights import Weights
from renderers.convert import to_torch
from scenes.errors import UserError, nearest
from scenes.objects import Objects
from scenes.view import View

MATCHINGS = ("ordered", "hungarian")


@dataclass
class SupervisedConfig:
    """How `model=supervised` learns from labels.

    `symmetric` counts turns that a mesh does not show as right; otherwise the label's yaw is the only right one. `beta`
    in [0, 1] weights regressions by their widths: 0 not at all, 1 as if all had the same.
    """

    matching: str = "hungarian"
    symmetric: bool = True
    beta: float = 0.5

    def __post_init__(self) -> None:
        if self.matching not in MATCHINGS:
            raise UserError(f"supervised.matching={self.matching} is unknown; {nearest(self.matching, MATCHINGS)}")
        if not 0 <= self.beta <= 1:
            raise UserError(f"supervised.beta={self.beta}: give a number from 0 (plain density) to 1")


class Labels:
    """Sees the truth of the training scenes."""

    labelled = True

    def __init__(self, model: Air, settings: SupervisedConfig, symmetries: Sequence[int]) -> None:
        self.model, self.settings, self.device = model, settings, model.prior.low.device
        self.learned = nn.Module()
        turns = symmetries if settings.symmetric else [1] * len(symmetries)
        self.symmetry = torch.tensor(turns, device=self.device)

    def __call__(
        self,
        pictures: Float[Tensor, "picture height width 3"],
        view: View,
        weights: Weights,
        truth: Objects,
        painting: Float[Tensor, "picture height width 3"] | None = None,
    ) -> tuple[Float[Tensor, ""], dict[str, float]]:
        """The mean of -log q(labels), in nats with `supervised.beta=0`, and its parts."""
        parts = {name: part.mean() for name, part in self.log_q(pictures, view, truth, self.settings.beta).items()}
        values = {f"train/label_{name}": part.item() for name, part in parts.items()}
        return -torch.stack(list(parts.values())).sum(), values

    @torch.no_grad()
    def validation_score(self, pictures: Tensor, view: View, truth: Objects, elbo: float) -> float:
        """log q(labels) of the validation scenes."""
        return sum(part.mean().item() for part in self.log_q(pictures, view, truth).values())

    def log_q(
        self, pictures: Tensor, view: View, truth: Objects, beta: float = 0.0
    ) -> dict[str, Float[Tensor, " picture"]]:
        """The density of the true objects, in parts; what is measured weighted by its widths to the 2 `beta`."""
        truth, model = to_torch(truth, self.device), self.model
        # the network's own likeliest answers, each painted before the next; where it sees none of them, none are
        policy = Mode(truth.slots, -1.0 if model.posterior.config.residual else 2.0)
        believed = model.world.believed(pictures, view)
        steps = list(model.unroll(pictures, view, truth.slots, policy, believed=believed))
        chosen = self.pairing(steps, truth)
        # from here on the steps of all pictures in one row, step by step
        proposal = concatenate([step.proposal for step in steps])
        closeup, views = torch.cat([step.closeup for step in steps]), View.stack([believed] * len(steps))
        identity, there = by_step(truth.identity, chosen), truth.presence.T.flatten()
        pose = model.posterior.pose(proposal, identity, closeup, views)
        objects = {"identity": proposal.identity.log_prob(identity)}
        given = {about.name: truth.given(about) for about in fields(Objects)}
        for name, family in pose.items():
            objects[name] = family.log_density(by_step(given[name], chosen), self.symmetry[identity], beta)
        world = None if model.world.posterior is None else model.world.drawn(pictures, view, told=True).log_q
        logits = torch.stack([step.proposal.presence_logit for step in steps], -1)
        log_count = log_count_posterior(logits, model.prior.min_objects).gather(1, truth.count.long()[:, None])
        summed = {name: (value * there).view(len(steps), -1).sum(0) for name, value in objects.items()}
        return {"count": log_count.squeeze(1), **summed, **({} if world is None else {"world": world})}

    @torch.no_grad()
    def pairing(self, steps: list[Step], truth: Objects) -> Int[Tensor, "picture step"]:
        """The label that each step is asked for; steps beyond the count come last and are not asked."""
        if self.settings.matching == "ordered":
            return truth.position[..., 0].masked_fill(truth.presence < 0.5, torch.inf).argsort(1)
        cost, chosen = self.cost(steps, truth).nan_to_num(), torch.arange(truth.slots).repeat(len(truth), 1)
        for row, count in enumerate(truth.count.long().tolist()):
            chosen[row, :count] = torch.from_numpy(linear_sum_assignment(cost[row, :count, :count])[1])
        return chosen.to(self.device)

    def cost(self, steps: list[Step], truth: Objects) -> Float[Tensor, "picture step label"]:
        """-log q of each label's identity and position at each step, nats."""
        rows = []
        for step in steps:
            log_identity, q = step.proposal.identity.logits.gather(1, truth.identity), step.decision.pose["position"]
            symmetry = self.symmetry[step.decision.objects.identity[:, 0]]
            there = [q.log_density(truth.position[:, label], symmetry) for label in range(truth.slots)]
            rows.append(-(log_identity + torch.stack(there, 1)))
        return torch.stack(rows, 1).cpu()


def by_step(values: Tensor, chosen: Int[Tensor, "picture step"]) -> Tensor:
    """A field of `Objects` [picture, slot, ...] as each step is asked for it, [step * picture, ...], step by step."""
    index = chosen.view(*chosen.shape, *[1] * (values.dim() - 2)).expand(*chosen.shape, *values.shape[2:])
    return values.gather(1, index).transpose(0, 1).flatten(0, 1)
