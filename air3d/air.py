"""Attend, Infer, Repeat in three dimensions: the whole method on one page.

Eslami et al., "Attend, Infer, Repeat: Fast Scene Understanding with Generative Models", NIPS 2016, arXiv 1603.08575.

    repeat   look at the picture, at what is painted already and at the difference   (posterior.propose)
             draw an identity, a position and a yaw                                  (Air.draw)
             paint that object onto the canvas                                       (renderer.paint)
             compare the canvas with the picture                                     (likelihood.log_likelihood)
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from einops import rearrange, repeat
from jaxtyping import Float, Int
from torch import Tensor, nn

from air3d.distributions import Choice
from air3d.elbo import Trace
from air3d.likelihood import log_likelihood
from air3d.posterior import Pose, Posterior, PosteriorConfig, Proposal
from air3d.prior import Prior
from renderers.base import Renderer
from renderers.convert import channels_first
from scenes.layout import support
from scenes.scene import Scene

COARSE = 8
"""A baseline sees pictures averaged to so many pixels a side."""


@dataclass
class Schedule:
    """Where training stands: what the schedules say at this moment. The defaults are the end, the plain ELBO.

    The heats are added to the weight 1 of the KL of a choice. The best posterior then is
    p(x | choice)^(1 / (1 + heat)), renormalised: soft while the heat is as large as differences in log likelihood.
    """

    sigma: float = 0.3
    pyramid: float = 0.0
    count_heat: float = 0.0
    identity_heat: float = 0.0
    yaw_heat: float = 0.0
    blend: float = 1.0
    focused: bool = True
    prior_odds: float = 1.0


@dataclass
class Drawn:
    """One object for each row of the batch, what its draw cost in the bound, and the random numbers of its pose."""

    identity: Int[Tensor, " batch"]
    position: Float[Tensor, "batch 3"]
    rotation: Float[Tensor, " batch"]
    yaw_bin: Choice
    bin: Int[Tensor, " batch"]
    offset: Float[Tensor, "batch bin"]
    log_identity: Float[Tensor, " batch"]
    log_yaw: Float[Tensor, " batch"]
    kl: Float[Tensor, " batch"]
    heat: Float[Tensor, " batch"]
    noise: Float[Tensor, "batch noise"]


class Air(nn.Module):
    """The generative model (prior and renderer) together with its inference network."""

    def __init__(self, scene: Scene, renderer: Renderer, config: PosteriorConfig):
        super().__init__()
        low, high = support(scene.layout, scene.catalogue)
        self.prior = Prior(scene.layout.min_objects, scene.layout.max_objects, low.tolist(), high.tolist())
        self.posterior = Posterior(config, scene.catalogue, self.prior, scene.camera)
        self.renderer = renderer
        self.yaw_bins = config.yaw_bins

    def trace(
        self,
        pictures: Float[Tensor, "picture height width 3"],
        samples: int,
        at: Schedule,
        sum_yaw: bool = False,
        sum_identity: bool = False,
        context: bool = False,
    ) -> Trace:
        """Unroll the posterior as often as the prior has objects, with `samples` draws a picture.

        The flags ask for `turned`, `swapped` and `context` of the trace, which not every estimator needs.
        """
        each = repeat(pictures, "picture ... -> (picture sample) ...", sample=samples)
        looked = self.posterior.encoder.look(channels_first(pictures))
        looked = repeat(looked, "picture ... -> (picture sample) ...", sample=samples)
        canvas, state = self.renderer.blank(len(each)), self.posterior.start(len(each))
        image = self.renderer.develop(canvas)
        likelihoods, drawn, presence, turned = [log_likelihood(image, each, at.sigma, at.pyramid)], [], [], []
        swapped, contexts = [], []
        for _ in range(self.prior.max_objects):
            features = self.look(looked, each, image)
            proposal = self.posterior.propose(features, state, at.focused)
            sight = self.sight(each, image)
            draw = self.draw(proposal, sight, at)
            if context:
                contexts.append(self.context(sight, proposal))
            if sum_yaw:
                turned.append(self.turn(canvas[::samples], draw, pictures, samples, at))
            before, canvas = canvas, self.renderer.paint(canvas, draw.identity, draw.position, draw.rotation)
            image, state = self.renderer.develop(canvas), proposal.state
            likelihoods.append(log_likelihood(image, each, at.sigma, at.pyramid))
            if sum_identity:
                swapped.append(self.swap(before, proposal, sight, draw, likelihoods[-1], each, at))
            presence.append(proposal.presence_logit)
            drawn.append(draw)
        return gather(likelihoods, presence, drawn, turned, swapped, contexts, samples)

    def look(self, looked: Tensor, pictures: Tensor, image: Tensor) -> Float[Tensor, "batch channel row column"]:
        """Features of what is seen now."""
        return self.posterior.encoder(looked, channels_first(pictures), channels_first(self.shown(image)))

    def sight(
        self, pictures: Float[Tensor, "batch height width 3"], image: Float[Tensor, "batch height width 3"]
    ) -> Float[Tensor, "batch 6 height width"]:
        """What a closer look sees: the picture, and what the canvas lacks of it."""
        return torch.cat([channels_first(pictures), channels_first(pictures - self.shown(image))], 1)

    def shown(self, image: Float[Tensor, "batch height width 3"]) -> Float[Tensor, "batch height width 3"]:
        """The canvas as the network sees it: an observation, through which no gradient runs back.

        Without `model.residual`, it is shown the empty table instead, whatever has been painted.
        """
        return image.detach() if self.posterior.config.residual else self.renderer.background.expand_as(image)

    def draw(self, proposal: Proposal, sight: Tensor, at: Schedule) -> Drawn:
        """Sample identity, position and yaw: identity and yaw bin by choice, the rest reparameterised."""
        identity = proposal.identity.sample()
        pose = self.posterior.pose(proposal, identity, sight)
        yaw_bin, noise = pose.yaw_bin.sample(), (torch.randn_like(pose.box.mean), torch.randn_like(pose.offset.mean))
        return self.drawn(proposal, identity, pose, yaw_bin, torch.cat(noise, -1), at)

    def drawn(
        self, proposal: Proposal, identity: Tensor, pose: Pose, yaw_bin: Tensor, noise: Tensor, at: Schedule
    ) -> Drawn:
        """The object of these choices and random numbers, and what it costs.

        Every bin has its own offset; their divergence from the prior is summed over the bins.
        """
        unit, offset = pose.box.sample(noise[:, :3]), pose.offset.sample(noise[:, 3:])
        position, rotation = self.place(unit, yaw_bin, offset)
        kl_identity, kl_yaw = proposal.identity.kl(), pose.yaw_bin.kl()
        kl_box = pose.box.kl(unit, self.prior.free) + pose.offset.kl(offset, pose.yaw_bin.probs)
        heat = at.identity_heat * kl_identity + at.yaw_heat * kl_yaw
        log_identity, log_yaw = proposal.identity.log_prob(identity), pose.yaw_bin.log_prob(yaw_bin)
        kl = kl_identity + kl_yaw + kl_box
        within = offset.sigmoid()
        return Drawn(
            identity, position, rotation, pose.yaw_bin, yaw_bin, within, log_identity, log_yaw, kl, heat, noise
        )

    def turn(
        self, canvas: Tensor, draw: Drawn, pictures: Tensor, samples: int, at: Schedule
    ) -> Float[Tensor, " picture"]:
        """E log p(x | .., yaw) over the yaw bins of the first sample's object, painted once in every bin."""
        first, bins = slice(None, None, samples), torch.arange(self.yaw_bins, device=canvas.device)

        def each_bin(values: Tensor) -> Tensor:
            return values[:, None].expand(-1, self.yaw_bins, *values.shape[1:]).flatten(0, 1)

        with torch.no_grad():
            rotation = self.angle(bins, draw.offset[first]).flatten()
            identity, position = each_bin(draw.identity[first]), each_bin(draw.position[first])
            image = self.renderer.develop(self.renderer.paint(each_bin(canvas), identity, position, rotation))
            likelihood = log_likelihood(image, each_bin(pictures), at.sigma, at.pyramid).unflatten(0, (-1, len(bins)))
            likelihood = likelihood - likelihood.mean(1, keepdim=True)
        return (draw.yaw_bin.probs[first] * likelihood).sum(1)

    def swap(
        self,
        canvas: Tensor,
        proposal: Proposal,
        sight: Tensor,
        draw: Drawn,
        likelihood: Tensor,
        pictures: Tensor,
        at: Schedule,
    ) -> Float[Tensor, " batch"]:
        """E F_t over the identities of the drawn object, each painted once on the canvas before it, less its own F_t.

        Another identity has another distribution over poses, and gets a draw of its own from it. It would be as right
        with fresh random numbers; with those of the object that was drawn, the difference is mostly the identity's.
        """
        probs, expected = proposal.identity.probs, torch.zeros_like(likelihood)
        own = (likelihood - draw.kl - draw.heat).detach()
        for shift in range(1, probs.shape[-1]):
            with torch.no_grad():
                identity = (draw.identity + shift) % probs.shape[-1]
                pose = self.posterior.pose(proposal, identity, sight)
                yaw_bin = same_quantile(draw.bin, draw.yaw_bin, pose.yaw_bin)
                other = self.drawn(proposal, identity, pose, yaw_bin, draw.noise, at)
                painted = self.renderer.paint(canvas, other.identity, other.position, other.rotation)
                likelihood = log_likelihood(self.renderer.develop(painted), pictures, at.sigma, at.pyramid)
                gain = likelihood - other.kl - other.heat - own
            expected = expected + probs.gather(-1, identity[:, None]).squeeze(-1) * gain
        return expected

    def context(self, sight: Tensor, proposal: Proposal) -> Float[Tensor, "batch feature"]:
        """What a baseline may look at before the step's decisions: picture and residual, coarsely, and the state."""
        return torch.cat([F.adaptive_avg_pool2d(sight, COARSE).flatten(1), proposal.state], -1).detach()

    @property
    def context_size(self) -> int:
        """Length of a step's `context`."""
        return 6 * COARSE**2 + self.posterior.config.hidden

    def mode(
        self, proposal: Proposal, sight: Tensor
    ) -> tuple[Int[Tensor, " batch"], Float[Tensor, "batch 3"], Float[Tensor, " batch"]]:
        """The most probable identity and, given it, the centre of the pose."""
        identity = proposal.identity.logits.argmax(-1)
        pose: Pose = self.posterior.pose(proposal, identity, sight)
        return identity, *self.place(pose.box.mean, pose.yaw_bin.logits.argmax(-1), pose.offset.mean)

    def place(
        self, position: Float[Tensor, "batch 3"], yaw_bin: Int[Tensor, " batch"], offset: Float[Tensor, "batch bin"]
    ) -> tuple[Float[Tensor, "batch 3"], Float[Tensor, " batch"]]:
        """Unsquashed (x, y, z), a yaw bin and unsquashed offsets, to metres on the table and radians in (-pi, pi]."""
        within = offset.gather(-1, yaw_bin[:, None]).squeeze(-1).sigmoid()
        return self.prior.to_metres(position.sigmoid()), self.angle(yaw_bin, within)

    def angle(self, yaw_bin: Tensor, offset: Tensor) -> Tensor:
        """The yaw in radians of a place in [0, 1] within a bin; the bins tile (-pi, pi]."""
        return (yaw_bin + offset) * (2 * math.pi / self.yaw_bins) - math.pi


def same_quantile(drawn: Int[Tensor, " batch"], before: Choice, after: Choice) -> Int[Tensor, " batch"]:
    """A draw from `after` by the random number that gave `drawn` from `before`: the same one where the two agree."""
    upper = before.probs.cumsum(-1).gather(-1, drawn[:, None])
    number = upper - torch.rand_like(upper) * before.probs.gather(-1, drawn[:, None])
    return (number >= after.probs.cumsum(-1)[:, :-1]).sum(-1)


def gather(
    likelihoods: list[Tensor],
    presence: list[Tensor],
    drawn: list[Drawn],
    turned: list[Tensor],
    swapped: list[Tensor],
    contexts: list[Tensor],
    samples: int,
) -> Trace:
    """Per-step lists of [picture*sample] to the [picture, sample, step] tensors of a Trace."""

    def stack(values: list[Tensor]) -> Tensor:
        return rearrange(torch.stack(values, -1), "(picture sample) ... -> picture sample ...", sample=samples)

    return Trace(
        log_likelihood=stack(likelihoods),
        presence_logit=stack(presence),
        log_identity=stack([draw.log_identity for draw in drawn]),
        log_yaw=stack([draw.log_yaw for draw in drawn]),
        turned=torch.stack(turned, -1) if turned else None,
        kl=stack([draw.kl for draw in drawn]),
        heat=stack([draw.heat for draw in drawn]),
        swapped=stack(swapped) if swapped else None,
        context=stack(contexts).transpose(-1, -2) if contexts else None,
    )
