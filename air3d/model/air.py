"""Attend, Infer, Repeat in three dimensions: the whole method on one page.

Eslami et al., "Attend, Infer, Repeat: Fast Scene Understanding with Generative Models", NIPS 2016, arXiv 1603.08575.

    repeat   look at the picture, at what is painted already and at the difference   (posterior.propose)
             decide on an identity, a position and a yaw                             (a policy: policies.py)
             paint that object onto the canvas                                       (renderer.paint)
             compare the canvas with the picture                                     (likelihood.log_likelihood)

The bound sums the counts exactly, because every prefix of objects is painted on the way (elbo.py):

    ELBO = E_{z_1..N ~ q} [ sum_n q(n) (log p(x | z_1..n) + log p(n) - log q(n) - sum_{t<=n} KL_t) ]
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import torch
from einops import repeat
from jaxtyping import Float
from torch import Tensor, nn

from air3d.model.elbo import ElboTerms, expected_bound, log_count_posterior, prefix_bounds, stack_terms
from air3d.model.latents import LATENTS, Latent
from air3d.model.likelihood import log_likelihood
from air3d.model.policies import Decision, Policy, Sample, sample
from air3d.model.posterior import Posterior, PosteriorConfig, Proposal
from air3d.model.prior import Prior
from renderers.base import Renderer, empty_table
from renderers.convert import channels_first
from scenes.layout import support
from scenes.objects import Objects
from scenes.scene import Scene
from scenes.view import View

EACH_SAMPLE = "picture ... -> (picture sample) ..."
Observed = TypeVar("Observed")


@dataclass
class Step:
    """One step of the unrolled posterior, B rows: what it looked at, what it said, what was decided and painted.

    `before` is the canvas without the object and `seen` its picture, `image` the picture with it; `closeup` is the
    picture and what `seen` lacks of it. `first` are the rows of the first sample of each picture.
    """

    pictures: Float[Tensor, "batch height width 3"]
    view: View
    closeup: Float[Tensor, "batch 6 height width"]
    proposal: Proposal
    decision: Decision
    before: Tensor
    seen: Float[Tensor, "batch height width 3"]
    image: Float[Tensor, "batch height width 3"]
    samples: int = 1

    @property
    def first(self) -> slice:
        return slice(None, None, self.samples)


class Air(nn.Module):
    """The generative model (prior and renderer) together with its inference network."""

    def __init__(
        self, scene: Scene, renderer: Renderer, config: PosteriorConfig, latents: Sequence[type[Latent]] = LATENTS
    ):
        super().__init__()
        low, high = support(scene.layout, scene.catalogue)
        self.prior = Prior(scene.layout.min_objects, scene.layout.max_objects, low.tolist(), high.tolist())
        self.posterior = Posterior(config, scene.catalogue, self.prior, latents)
        self.renderer, self.latents = renderer, tuple(latents)

    def generate(self, objects: Objects, view: View) -> Float[Tensor, "batch height width 3"]:
        """The mean of p(x | z): the picture of whole scenes."""
        return self.renderer.render(objects, view)

    def unroll(
        self,
        pictures: Float[Tensor, "picture height width 3"],
        view: View,
        steps: int,
        policy: Policy,
        samples: int = 1,
    ) -> Iterator[Step]:
        """Attend, infer, repeat: `steps` times, `samples` rows for each picture, decisions by `policy`."""
        each, views = repeat(pictures, EACH_SAMPLE, sample=samples), view.repeat(samples)
        canvas, state = self.renderer.blank(views), self.posterior.start(len(each))
        image = self.renderer.develop(canvas, views)
        stem = self.posterior.encoder.stem(channels_first(pictures))
        # before anything is decided, all samples of a picture see the same
        features = repeat(self.look(stem, pictures, image[::samples], view), EACH_SAMPLE, sample=samples)
        stem = repeat(stem, EACH_SAMPLE, sample=samples)
        for index in range(steps):
            if index:
                features = self.look(stem, each, image, views)
            proposal = self.posterior.propose(features, state, views)
            closeup = self.closeup(each, image, views)
            decision = policy(self.posterior, proposal, closeup, views)
            before, canvas = canvas, self.renderer.paint(canvas, decision.objects, views)
            seen, image = image, self.renderer.develop(canvas, views)
            state = proposal.state
            yield Step(each, views, closeup, proposal, decision, before, seen, image, samples)

    def look(self, stem: Tensor, pictures: Tensor, image: Tensor, view: View) -> Tensor:
        """Features [batch, channel, row, column] of what is seen now."""
        canvas = channels_first(self.visible_canvas(image, view))
        return self.posterior.encoder(stem, channels_first(pictures), canvas, channels_first(empty_table(view)))

    def closeup(self, pictures: Tensor, image: Tensor, view: View) -> Float[Tensor, "batch 6 height width"]:
        """What a closer look sees: the picture, and what the canvas lacks of it."""
        lacking = pictures - self.visible_canvas(image, view)
        return torch.cat([channels_first(pictures), channels_first(lacking)], 1)

    def visible_canvas(self, image: Float[Tensor, "batch height width 3"], view: View) -> Tensor:
        """The canvas as the network sees it: an observation, through which no gradient runs back.

        Without `model.residual`, it is shown the empty table instead, whatever has been painted.
        """
        return image.detach() if self.posterior.config.residual else empty_table(view).expand_as(image)

    def elbo_terms(
        self,
        pictures: Float[Tensor, "picture height width 3"],
        view: View,
        samples: int,
        sigma: float,
        observe: Callable[[Step], Observed] | None = None,
    ) -> tuple[ElboTerms, list[Observed]]:
        """`samples` draws of the posterior for each picture, with as many objects as the prior has, as terms of the
        bound. `observe` is called with every step, for what only some estimators need."""
        likelihoods, proposals, drawn, observed = [], [], [], []
        for step in self.unroll(pictures, view, self.prior.max_objects, sample, samples):
            assert isinstance(step.decision, Sample)
            if not likelihoods:
                likelihoods.append(log_likelihood(step.seen, step.pictures, sigma))
            likelihoods.append(log_likelihood(step.image, step.pictures, sigma))
            if observe is not None:
                observed.append(observe(step))
            proposals.append(step.proposal)
            drawn.append(step.decision)
        return stack_terms(likelihoods, [p.presence_logit for p in proposals], drawn, samples), observed

    def elbo(self, pictures: Float[Tensor, "picture height width 3"], view: View, sigma: float) -> Tensor:
        """The bound of one draw for each picture, nats, [picture]."""
        terms, _ = self.elbo_terms(pictures, view, 1, sigma)
        log_q = log_count_posterior(terms.presence_logit, self.prior.min_objects)
        return expected_bound(log_q, prefix_bounds(terms, self.prior.log_count)).squeeze(1)
