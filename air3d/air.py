"""Attend, Infer, Repeat in three dimensions: the whole method on one page.

Eslami et al., "Attend, Infer, Repeat: Fast Scene Understanding with Generative Models", NIPS 2016, arXiv 1603.08575.

    repeat   look at the picture, at what is painted already and at the difference   (posterior.propose)
             draw an identity, a position and a yaw                                  (Air.draw)
             paint that object onto the canvas                                       (renderer.paint)
             compare the canvas with the picture                                     (likelihood.log_likelihood)
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from einops import repeat
from jaxtyping import Float, Int
from torch import Tensor, nn

from air3d.alternatives import Step, alternatives
from air3d.draws import Drawn, Schedule, gather
from air3d.elbo import Trace
from air3d.likelihood import log_likelihood
from air3d.posterior import Pose, Posterior, PosteriorConfig, Proposal
from air3d.prior import Prior
from renderers.base import Renderer
from renderers.convert import channels_first
from scenes.layout import support
from scenes.scene import Scene

EACH_SAMPLE = "picture ... -> (picture sample) ..."

COARSE = 8
"""A baseline sees pictures averaged to so many pixels a side."""


class Air(nn.Module):
    """The generative model (prior and renderer) together with its inference network."""

    turns: Tensor  # by identity: False for bodies of revolution

    def __init__(self, scene: Scene, renderer: Renderer, config: PosteriorConfig):
        super().__init__()
        low, high = support(scene.layout, scene.catalogue)
        self.prior = Prior(scene.layout.min_objects, scene.layout.max_objects, low.tolist(), high.tolist())
        self.posterior = Posterior(config, scene.catalogue, self.prior, scene.camera)
        self.renderer = renderer
        self.yaw_bins = config.yaw_bins
        self.register_buffer("turns", torch.tensor(scene.catalogue.symmetries) != 0, persistent=False)

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

        The flags ask for `turned`, `swapped` and `context` of the trace, which not every estimator needs; with
        `at.pull` there is a `pull` as well.
        """
        each = repeat(pictures, EACH_SAMPLE, sample=samples)
        canvas, state = self.renderer.blank(len(each)), self.posterior.start(len(each))
        image = self.renderer.develop(canvas)
        looked = self.posterior.encoder.look(channels_first(pictures))
        features = repeat(self.look(looked, pictures, image[::samples]), EACH_SAMPLE, sample=samples)
        looked = repeat(looked, EACH_SAMPLE, sample=samples)
        likelihoods, drawn, presence = [log_likelihood(image, each, at.sigma, at.pyramid)], [], []
        instead, contexts = [], []
        for index in range(self.prior.max_objects):
            if index:  # before anything is drawn, all samples of a picture see the same
                features = self.look(looked, each, image)
            proposal = self.posterior.propose(features, state)
            sight = self.sight(each, image)
            draw = self.draw(proposal, sight)
            if context:
                contexts.append(self.context(sight, proposal))
            before, canvas = canvas, self.renderer.paint(canvas, draw.identity, draw.position, draw.rotation)
            image, state = self.renderer.develop(canvas), proposal.state
            likelihoods.append(log_likelihood(image, each, at.sigma, at.pyramid))
            step = Step(before, each, sight, proposal, draw, likelihoods[-1])
            instead.append(alternatives(self, step, samples, at, sum_yaw, sum_identity))
            presence.append(proposal.presence_logit)
            drawn.append(draw)
        return gather(likelihoods, presence, drawn, instead, contexts, samples)

    def look(self, looked: Tensor, pictures: Tensor, image: Tensor) -> Float[Tensor, "batch channel row column"]:
        """Features of what is seen now."""
        shown = channels_first(self.shown(image))
        return self.posterior.encoder(looked, channels_first(pictures), shown, self.renderer.background)

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

    def draw(self, proposal: Proposal, sight: Tensor) -> Drawn:
        """Sample identity, position and yaw: identity and yaw bin by choice, the rest reparameterised."""
        identity = proposal.identity.sample()
        pose = self.posterior.pose(proposal, identity, sight)
        yaw_bin, noise = pose.yaw_bin.sample(), (torch.randn_like(pose.box.mean), torch.randn_like(pose.offset.mean))
        return self.drawn(proposal, identity, pose, yaw_bin, torch.cat(noise, -1))

    def drawn(self, proposal: Proposal, identity: Tensor, pose: Pose, yaw_bin: Tensor, noise: Tensor) -> Drawn:
        """The object of these choices and random numbers, and what it costs.

        Every bin has its own offset; their divergence from the prior is summed over the bins.
        """
        unit, offset = pose.box.sample(noise[:, :3]), pose.offset.sample(noise[:, 3:])
        position, rotation = self.place(unit, yaw_bin, offset)
        log_identity, log_yaw = proposal.identity.log_prob(identity), pose.yaw_bin.log_prob(yaw_bin)
        kl_box = pose.box.kl(unit, self.prior.free) + pose.offset.kl(offset, pose.yaw_bin.probs)
        kl = proposal.identity.kl() + pose.yaw_bin.kl() + kl_box
        with torch.no_grad():
            chosen = pose.offset.at(yaw_bin).log_prob(offset.gather(-1, yaw_bin[:, None]))
            log_even = math.log(proposal.identity.logits.shape[-1] * self.yaw_bins)
            log_q = log_identity + log_yaw + pose.box.log_prob(unit, self.prior.free) + chosen
        return Drawn(
            identity, position, rotation, pose.yaw_bin, yaw_bin, offset.sigmoid(), log_identity, log_yaw, kl, noise,
            -log_even - log_q,
        )  # fmt: skip

    def context(self, sight: Tensor, proposal: Proposal) -> Float[Tensor, "batch feature"]:
        """What a baseline may look at before the step's decisions: picture and residual, coarsely, and the state."""
        return torch.cat([F.adaptive_avg_pool2d(sight, COARSE).flatten(1), proposal.state], -1).detach()

    @property
    def context_size(self) -> int:
        """Length of a step's `context`."""
        return 6 * COARSE**2 + self.posterior.config.hidden

    def mode(self, proposal: Proposal, sight: Tensor) -> tuple[Int[Tensor, " batch"], Pose]:
        """The most probable identity and, given it, the distribution over its pose."""
        identity = proposal.identity.logits.argmax(-1)
        return identity, self.posterior.pose(proposal, identity, sight)

    def centre(self, pose: Pose) -> tuple[Float[Tensor, "batch 3"], Float[Tensor, " batch"]]:
        """Position and rotation in the middle of a pose's box and of its most probable yaw bin."""
        return self.place(pose.box.mean, pose.yaw_bin.logits.argmax(-1), pose.offset.mean)

    def place(
        self, position: Float[Tensor, "batch 3"], yaw_bin: Int[Tensor, " batch"], offset: Float[Tensor, "batch bin"]
    ) -> tuple[Float[Tensor, "batch 3"], Float[Tensor, " batch"]]:
        """Unsquashed (x, y, z), a yaw bin and unsquashed offsets, to metres on the table and radians in (-pi, pi]."""
        within = offset.gather(-1, yaw_bin[:, None]).squeeze(-1).sigmoid()
        return self.prior.to_metres(position.sigmoid()), self.angle(yaw_bin, within)

    def angle(self, yaw_bin: Tensor, offset: Tensor) -> Tensor:
        """The yaw in radians of a place in [0, 1] within a bin; the bins tile (-pi, pi]."""
        return (yaw_bin + offset) * (2 * math.pi / self.yaw_bins) - math.pi
