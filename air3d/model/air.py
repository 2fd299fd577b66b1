"""Attend, Infer, Repeat in three dimensions: the whole method on one page.

Eslami et al., "Attend, Infer, Repeat: Fast Scene Understanding with Generative Models", NIPS 2016, arXiv 1603.08575.

    first    read the world off the picture: table, noise, light, camera            (world.believed)
    repeat   look at the picture, at what is painted already and at the difference   (posterior.propose)
             decide on an identity, a position and a yaw                             (a policy: policies.py)
             paint that object onto the canvas, in its colour                        (Air.paint)
             compare the canvas with the picture                                     (Air.log_likelihood)

The bound sums the counts exactly, because every prefix of objects is painted on the way (elbo.py):

    ELBO = E_{z_1..N ~ q} [ sum_n q(n) (log p(x | z_1..n) + log p(n) - log q(n) - sum_{t<=n} KL_t) ]
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

import torch
from einops import repeat
from jaxtyping import Float
from torch import Tensor, nn

from air3d.model.elbo import ElboTerms, expected_bound, log_count_posterior, prefix_bounds, stack_steps, stack_terms
from air3d.model.latents import LATENTS, Latent
from air3d.model.likelihood import gain, log_likelihood, log_likelihood_with_outliers
from air3d.model.policies import Decision, Policy, Sample, sample
from air3d.model.posterior import Posterior
from air3d.model.posterior_config import PosteriorConfig
from air3d.model.prior import Prior
from air3d.model.proposal import Proposal
from air3d.model.unexplained import in_colours, in_noise
from air3d.model.world import World
from renderers.base import Renderer, empty_table
from renderers.convert import channels_first
from scenes.layout import support
from scenes.objects import Objects
from scenes.scene import Scene
from scenes.view import View

EACH_SAMPLE = "picture ... -> (picture sample) ..."
Observed = TypeVar("Observed")


@dataclass
class Place:
    """What it takes to paint a step's object, or another one there, and to compare it, B rows.

    before: the canvas without the object; pictures: what it is compared with; view: the world that is painted, which
    the model is `told` (it is that of a painting) or believes (it was read off the picture).
    """

    before: Tensor
    pictures: Float[Tensor, "batch height width 3"]
    view: View
    told: bool


@dataclass
class Painted:
    """A canvas with one more object on it, its picture, and what the object's colour costs in the bound, nats."""

    canvas: Tensor
    image: Float[Tensor, "batch height width 3"]
    colour_cost: Float[Tensor, " batch"] | None


@dataclass
class Step:
    """One step of the unrolled posterior, B rows: what it looked at, what it said, what was decided and painted.

    `seen` is the picture of the canvas without the object, `painted` that with it; `closeup` is the picture and what
    the canvas, in the world that is believed, lacks of it. `first` are the rows of the first sample of each picture.
    """

    place: Place
    closeup: Float[Tensor, "batch 6 height width"]
    believed: View
    proposal: Proposal
    decision: Decision
    seen: Float[Tensor, "batch height width 3"]
    painted: Painted
    samples: int = 1

    @property
    def image(self) -> Float[Tensor, "batch height width 3"]:
        return self.painted.image

    @property
    def first(self) -> slice:
        return slice(None, None, self.samples)


class Air(nn.Module):
    """The generative model (prior and renderer) together with its inference network. `sigma`: the pixel noise by which
    objects are coloured when nothing else is said."""

    def __init__(
        self,
        scene: Scene,
        renderer: Renderer,
        config: PosteriorConfig,
        latents: Sequence[type[Latent]] = LATENTS,
        sigma: float = 0.3,
    ):
        super().__init__()
        low, high = support(scene.layout, scene.catalogue)
        counts, weights = (scene.layout.min_objects, scene.layout.max_objects), scene.catalogue.weights.tolist()
        self.prior = Prior(*counts, low.tolist(), high.tolist(), weights)
        self.world = World(scene.config.view, scene.configured, scene.config.vary)
        # anybody's meshes may be as dark as the table
        foreign = scene.config.view.background == "inferred" or scene.config.meshes is not None
        look = in_noise if foreign else in_colours
        self.posterior = Posterior(config, scene.catalogue, self.prior, latents, look)
        self.renderer, self.latents, self.sigma = renderer, tuple(latents), sigma

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
        painting: Float[Tensor, "picture height width 3"] | None = None,
        sigma: float | None = None,
        believed: View | None = None,
    ) -> Iterator[Step]:
        """Attend, infer, repeat: `steps` times, `samples` rows for each picture, decisions by `policy`.

        `view` is what is said of the pictures. The network believes of it what `scene.view` allows. What is painted,
        and compared with the pictures, is the world that is believed, too. `believed` is a draw of it, where there is
        one.

        `painting` is what pictures that were painted show before the sensor. Then the model is told their true world,
        and what it paints is compared with the painting; the network sees the photographs alone, and learns to look
        through what the sensor did (Im et al. 2017, "Denoising Criterion for Variational Auto-Encoding Framework").
        """
        each, told = repeat(pictures, EACH_SAMPLE, sample=samples), painting is not None
        compared = each if painting is None or painting is pictures else repeat(painting, EACH_SAMPLE, sample=samples)
        known = self.world.believed(pictures, view) if believed is None else believed
        painted = self.world.told(view, known) if told else known
        believed = known.repeat(samples)
        views = believed if painted is known else painted.repeat(samples)
        state, now = self.posterior.start(len(each)), self.blank(views)
        same = views is believed and (compared is each or self.world.colours(told) is None)
        shown = now if same else self.blank(believed)
        stem = self.posterior.encoder.stem(channels_first(pictures))
        # before anything is decided, all samples of a picture see the same
        features = repeat(self.look(stem, pictures, shown.image[::samples], known), EACH_SAMPLE, sample=samples)
        stem = repeat(stem, EACH_SAMPLE, sample=samples)
        taken: list[Objects] = []
        for index in range(steps):
            if index:
                features = self.look(stem, each, shown.image, believed)
            closeup = self.closeup(each, shown.image, believed)
            place, seen = Place(now.canvas, compared, views, told), now.image
            gains = partial(self.gains, place)
            proposal = self.posterior.propose(features, state, closeup, believed, policy is sample, taken, gains)
            state = proposal.state
            decision = policy(self.posterior, proposal, closeup, believed, partial(self.gains, place))
            taken.append(decision.objects)
            now = self.paint(place, decision.objects, sigma)
            shown = now if same else self.shown(shown, decision.objects, each, believed)
            yield Step(place, closeup, believed, proposal, decision, seen, now, samples)

    def blank(self, view: View) -> Painted:
        """The empty table."""
        canvas = self.renderer.blank(view)
        return Painted(canvas, self.renderer.develop(canvas, view), None)

    def paint(self, place: Place, objects: Objects, sigma: float | None = None) -> Painted:
        """One more object, in the colour that explains the picture best where that is open (`colour`)."""
        view, prior = place.view, self.world.colours(place.told)
        after = self.renderer.paint(place.before, objects, view)
        if prior is None:
            return Painted(after, self.renderer.develop(after, view), None)
        with torch.no_grad():
            last = self.renderer.last(place.before, after, view, place.pictures)
            excess, cost = prior.posterior(last.square, last.product, sigma or self.sigma)
        after = self.renderer.recoloured(place.before, after, excess)
        return Painted(after, self.renderer.develop(after, view), cost)

    @torch.no_grad()
    def gains(
        self, place: Place, objects: Objects, sigmas: Sequence[float]
    ) -> list[Float[Tensor, "batch alternative"]]:
        """By how many nats each of these objects, alone, would explain the pictures better than the canvas does; each
        in the colour that explains them best, less what that costs. For each pixel noise."""
        prior, share = self.world.colours(place.told), self.world.states.outliers
        touched = self.renderer.alternatives(place.before, objects, place.view, place.pictures, prior is not None)
        lacking, front = touched.lacking, touched.front
        if prior is not None:
            square, product = touched.summed(front.square()), touched.summed(front * lacking)
        gains: dict[float, Tensor] = {}
        for sigma in set(sigmas):
            left, cost = lacking, 0.0
            if prior is not None:
                excess, cost = prior.posterior(square, product, sigma)
                left = lacking - touched.spread(excess) * front
            gains[sigma] = touched.summed(gain(touched.before, left.square().sum(-1), sigma, share)) - cost
        return [gains[sigma] for sigma in sigmas]

    def log_likelihood(
        self,
        image: Float[Tensor, "batch height width 3"],
        pictures: Float[Tensor, "batch height width 3"],
        sigma: float,
    ) -> Float[Tensor, " batch"]:
        """log p(x | z) of what was painted, nats."""
        if share := self.world.states.outliers:
            return log_likelihood_with_outliers(image, pictures, sigma, share)
        return log_likelihood(image, pictures, sigma)

    @torch.no_grad()
    def shown(self, before: Painted, objects: Objects, pictures: Tensor, believed: View) -> Painted:
        """What the network sees of its objects where the likelihood is told more than it: they are painted once more,
        in the world that is believed, and in the colours that explain the photograph. So it learns on paintings from
        what it will see of photographs."""
        return self.paint(Place(before.canvas, pictures, believed, told=False), objects)

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
        painting: Float[Tensor, "picture height width 3"] | None = None,
    ) -> tuple[ElboTerms, list[Observed]]:
        """`samples` draws of the posterior for each picture, all in one draw of its world, with as many objects as the
        prior has, as terms of the bound. `observe` is called with every step, for what only some estimators need;
        `painting` as in `unroll`."""
        likelihoods, colours, proposals, drawn, observed = [], [], [], [], []
        worlds, steps = self.world.drawn(pictures, view, painting is not None), self.prior.max_objects
        for step in self.unroll(pictures, view, steps, sample, samples, painting, sigma, worlds.view):
            assert isinstance(step.decision, Sample)
            if not likelihoods:
                likelihoods.append(self.log_likelihood(step.seen, step.place.pictures, sigma))
            likelihoods.append(self.log_likelihood(step.image, step.place.pictures, sigma))
            colours.append(step.painted.colour_cost)
            if observe is not None:
                observed.append(observe(step))
            proposals.append(step.proposal)
            drawn.append(step.decision)
        terms = stack_terms(likelihoods, [p.presence_logit for p in proposals], drawn, samples)
        if colours[0] is not None:
            costs = stack_steps(colours, samples)
            assert terms.log_weight is not None
            terms = replace(terms, kl=terms.kl + costs, log_weight=terms.log_weight - costs)
        of_world = {"world_kl": worlds.kl, "world_log_weight": worlds.log_weight, "world_log_q": worlds.log_q}
        return replace(terms, **of_world), observed

    def elbo(
        self,
        pictures: Float[Tensor, "picture height width 3"],
        view: View,
        sigma: float,
        painting: Float[Tensor, "picture height width 3"] | None = None,
    ) -> Tensor:
        """The bound of one draw for each picture, nats, [picture]; `painting` as in `unroll`."""
        terms, _ = self.elbo_terms(pictures, view, 1, sigma, painting=painting)
        log_q = log_count_posterior(terms.presence_logit, self.prior.min_objects)
        return expected_bound(log_q, prefix_bounds(terms, self.prior.log_count)).squeeze(1)
