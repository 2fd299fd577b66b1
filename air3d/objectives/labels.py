"""The supervised baseline: the same network, told on labels what AIR has to find out.

It maximises the density of the true objects under the posterior that AIR trains with the ELBO,

    log q(n) + sum_{t<=n} log q(identity_t) + log q(position_t) + log q(yaw_t),

cross-entropies for what is counted or chosen and a regression with learned widths for what is measured, whose terms are
weighted (`supervised.beta`, see densities.py). What is reported, and chooses the best checkpoint, is the plain density.
Between its steps it paints its own answers and sees the canvas, as in use (with `model.residual=false` it sees none).

A list of objects has an order, a table has none. `matching` says which label a step is asked for:

    ordered     the labels from left to right, the arbitrary but fixed order of Eslami et al. 2016, section 4.3
    hungarian   for each picture the pairing that is likeliest under the network's answers (as Carion et al. 2020,
                "End-to-End Object Detection with Transformers", section 3.1)
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from scipy.optimize import linear_sum_assignment
from torch import Tensor, nn

from air3d.checkpoint import Run
from air3d.draws import Schedule
from air3d.elbo import log_count_posterior
from air3d.objectives.densities import EDGE, log_normal, log_yaw
from air3d.posterior import Pose, Proposal
from renderers.convert import channels_first, to_torch
from scenes.objects import Objects


@dataclass
class Step:
    """What the network said at a step, what its closer look saw, and the pose of its likeliest identity."""

    proposal: Proposal
    sight: Float[Tensor, "picture 6 height width"]
    pose: Pose


class Labels:
    """Sees the truth of the training scenes."""

    labelled = True

    def __init__(self, run: Run) -> None:
        self.model, self.settings = run.model, run.config.supervised
        self.learned = nn.Module()
        symmetries, self.device = run.scene.catalogue.symmetries, run.config.device
        turns = symmetries if self.settings.symmetric else [1] * len(symmetries)
        self.symmetry = torch.tensor(turns, device=self.device)

    def __call__(
        self, pictures: Float[Tensor, "picture height width 3"], at: Schedule, truth: Objects | None
    ) -> tuple[Float[Tensor, ""], dict[str, float]]:
        """The mean of -log q(labels), in nats with `supervised.beta=0`, and its parts."""
        assert truth is not None
        parts = {name: part.mean() for name, part in self.log_q(pictures, truth, self.settings.beta).items()}
        values = {f"train/label_{name}": part.item() for name, part in parts.items()}
        return -torch.stack(list(parts.values())).sum(), values

    @torch.no_grad()
    def judge(self, pictures: Float[Tensor, "picture height width 3"], truth: Objects, elbo: float) -> float:
        """log q(labels) of the validation scenes."""
        return sum(part.mean().item() for part in self.log_q(pictures, truth).values())

    def log_q(self, pictures: Tensor, truth: Objects, beta: float = 0.0) -> dict[str, Float[Tensor, " picture"]]:
        """The density of the true objects, in parts; what is measured weighted by its widths to the 2 `beta`."""
        truth = to_torch(truth, self.device)
        steps = self.unroll(pictures, truth.slots)
        chosen = self.pairing(steps, truth)
        # from here on the steps of all pictures in one row, step by step
        identity, rotation = (values.gather(1, chosen).T.flatten() for values in (truth.identity, truth.rotation))
        unit = self.unit(truth.position).gather(1, chosen[..., None].expand(-1, -1, 3)).transpose(0, 1).flatten(0, 1)
        proposal, sight = joined([step.proposal for step in steps]), torch.cat([step.sight for step in steps])
        pose = self.model.posterior.pose(proposal, identity, sight)
        there = truth.presence.T.flatten()
        objects = {
            "identity": proposal.identity.log_prob(identity),
            "position": log_normal(pose.box, unit, beta, self.model.prior.free),
            "rotation": log_yaw(pose, rotation, self.symmetry[identity], beta),
        }
        logits = torch.stack([step.proposal.presence_logit for step in steps], -1)
        log_count = log_count_posterior(logits, self.model.prior.min_objects).gather(1, truth.count.long()[:, None])
        summed = {name: (value * there).view(len(steps), -1).sum(0) for name, value in objects.items()}
        return {"count": log_count.squeeze(1), **summed}

    def unroll(self, pictures: Float[Tensor, "picture height width 3"], steps: int) -> list[Step]:
        """The network's own likeliest answers, one after the other, each painted before the next."""
        model, answers = self.model, []
        looked = model.posterior.encoder.look(channels_first(pictures))
        canvas, state = model.renderer.blank(len(pictures)), model.posterior.start(len(pictures))
        image = model.renderer.develop(canvas)
        for _ in range(steps):
            proposal = model.posterior.propose(model.look(looked, pictures, image), state)
            sight = model.sight(pictures, image)
            with torch.no_grad():
                identity, pose = model.mode(proposal, sight)
                if model.posterior.config.residual:  # otherwise nobody sees it
                    canvas = model.renderer.paint(canvas, identity, *model.centre(pose))
                    image = model.renderer.develop(canvas)
            answers.append(Step(proposal, sight, pose))
            state = proposal.state
        return answers

    @torch.no_grad()
    def pairing(self, steps: list[Step], truth: Objects) -> Int[Tensor, "picture step"]:
        """The label that each step is asked for; steps beyond the count come last and are not asked."""
        if self.settings.matching == "ordered":
            return truth.position[..., 0].masked_fill(truth.presence < 0.5, torch.inf).argsort(1)
        cost, chosen = self.cost(steps, truth), torch.arange(truth.slots).repeat(len(truth), 1)
        for row, count in enumerate(truth.count.long().tolist()):
            chosen[row, :count] = torch.from_numpy(linear_sum_assignment(cost[row, :count, :count])[1])
        return chosen.to(self.device)

    def cost(self, steps: list[Step], truth: Objects) -> Float[Tensor, "picture step label"]:
        """-log q of each label's identity and position at each step, nats."""
        unit, rows = self.unit(truth.position), []
        for step in steps:
            log_identity = step.proposal.identity.logits.gather(1, truth.identity)
            there = [step.pose.box.log_prob(unit[:, label], self.model.prior.free) for label in range(truth.slots)]
            rows.append(-(log_identity + torch.stack(there, 1)))
        return torch.stack(rows, 1).cpu()

    def unit(self, position: Float[Tensor, "picture slot 3"]) -> Float[Tensor, "picture slot 3"]:
        """Metres to the unsquashed units of the posterior's box."""
        return self.model.prior.to_unit(position).clamp(EDGE, 1 - EDGE).logit()


def joined(proposals: list[Proposal]) -> Proposal:
    """The proposals of several steps as one batch."""

    def join(values: list[Tensor]) -> Tensor:
        return torch.cat(values)

    return Proposal(
        join([p.presence_logit for p in proposals]),
        type(proposals[0].identity)(logits=join([p.identity.logits for p in proposals])),
        join([p.attended for p in proposals]),
        join([p.place for p in proposals]),
        join([p.state for p in proposals]),
    )
