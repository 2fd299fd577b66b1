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


@dataclass
class Drawn:
    """One object for each row of the batch, and what its draw cost in the bound."""

    identity: Int[Tensor, " batch"]
    position: Float[Tensor, "batch 3"]
    rotation: Float[Tensor, " batch"]
    yaw_bin: Choice
    offset: Float[Tensor, "batch bin"]
    log_identity: Float[Tensor, " batch"]
    log_yaw: Float[Tensor, " batch"]
    kl: Float[Tensor, " batch"]
    heat: Float[Tensor, " batch"]


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
        self, pictures: Float[Tensor, "picture height width 3"], samples: int, at: Schedule, sum_yaw: bool = False
    ) -> Trace:
        """Unroll the posterior as often as the prior has objects, with `samples` draws a picture."""
        each = repeat(pictures, "picture ... -> (picture sample) ...", sample=samples)
        looked = self.posterior.encoder.look(channels_first(pictures))
        looked = repeat(looked, "picture ... -> (picture sample) ...", sample=samples)
        canvas, state = self.renderer.blank(len(each)), self.posterior.start(len(each))
        image = self.renderer.develop(canvas)
        likelihoods, drawn, presence, turned = [log_likelihood(image, each, at.sigma, at.pyramid)], [], [], []
        for _ in range(self.prior.max_objects):
            features = self.look(looked, each, image)
            proposal = self.posterior.propose(features, state, at.focused)
            draw = self.draw(proposal, self.sight(each, image), at)
            if sum_yaw:
                turned.append(self.turn(canvas[::samples], draw, pictures, samples, at))
            canvas = self.renderer.paint(canvas, draw.identity, draw.position, draw.rotation)
            image, state = self.renderer.develop(canvas), proposal.state
            likelihoods.append(log_likelihood(image, each, at.sigma, at.pyramid))
            presence.append(proposal.presence_logit)
            drawn.append(draw)
        return gather(likelihoods, presence, drawn, turned, samples)

    def look(self, looked: Tensor, pictures: Tensor, image: Tensor) -> Float[Tensor, "batch channel row column"]:
        """Features of what is seen now. The canvas enters as an observation: no gradient runs back through it."""
        return self.posterior.encoder(looked, channels_first(pictures), channels_first(image.detach()))

    def sight(
        self, pictures: Float[Tensor, "batch height width 3"], image: Float[Tensor, "batch height width 3"]
    ) -> Float[Tensor, "batch 6 height width"]:
        """What a closer look sees: the picture, and what the canvas lacks of it (again as an observation)."""
        return torch.cat([channels_first(pictures), channels_first(pictures - image.detach())], 1)

    def draw(self, proposal: Proposal, sight: Tensor, at: Schedule) -> Drawn:
        """Sample identity, position and yaw: identity and yaw bin by choice, the rest reparameterised.

        Every bin has its own offset; their divergence from the prior is summed over the bins.
        """
        identity = proposal.identity.sample()
        pose = self.posterior.pose(proposal, identity, sight)
        yaw_bin, unit, offset = pose.yaw_bin.sample(), pose.box.sample(), pose.offset.sample()
        position, rotation = self.place(unit, yaw_bin, offset)
        kl_identity, kl_yaw = proposal.identity.kl(), pose.yaw_bin.kl()
        kl_box = pose.box.kl(unit, self.prior.free) + pose.offset.kl(offset, pose.yaw_bin.probs)
        heat = at.identity_heat * kl_identity + at.yaw_heat * kl_yaw
        log_identity, log_yaw = proposal.identity.log_prob(identity), pose.yaw_bin.log_prob(yaw_bin)
        kl = kl_identity + kl_yaw + kl_box
        return Drawn(identity, position, rotation, pose.yaw_bin, offset.sigmoid(), log_identity, log_yaw, kl, heat)

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


def gather(
    likelihoods: list[Tensor], presence: list[Tensor], drawn: list[Drawn], turned: list[Tensor], samples: int
) -> Trace:
    """Per-step lists of [picture*sample] to the [picture, sample, step] tensors of a Trace."""

    def stack(values: list[Tensor]) -> Tensor:
        return rearrange(torch.stack(values, -1), "(picture sample) step -> picture sample step", sample=samples)

    return Trace(
        log_likelihood=stack(likelihoods),
        presence_logit=stack(presence),
        log_identity=stack([draw.log_identity for draw in drawn]),
        log_yaw=stack([draw.log_yaw for draw in drawn]),
        turned=torch.stack(turned, -1) if turned else None,
        kl=stack([draw.kl for draw in drawn]),
        heat=stack([draw.heat for draw in drawn]),
    )
