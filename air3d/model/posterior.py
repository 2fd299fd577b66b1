"""q(z | x): the recurrent inference network, one object at a time.

Step t reads the picture, the canvas of the objects proposed so far and what that canvas leaves unexplained, and
answers with the probability that one more object is there, its identity, and a distribution over its pose. Nothing
in it depends on the number of steps: the same weights run for three objects or for nine. Nor does it know a camera: it
is told the `View` of each picture.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Float, Int
from torch import Tensor, nn

from air3d.model.attention import REACH, Attention, attended_place, lengthwise, table_shares
from air3d.model.candidates import IMPOSSIBLE, NEVER, chosen, considered, curiosity, explained
from air3d.model.crop_features import CropFeatures
from air3d.model.distributions import Choice
from air3d.model.encoder import Encoder
from air3d.model.footprints import Footprints
from air3d.model.latents import Latent, Look, Sizes
from air3d.model.posterior_config import PosteriorConfig
from air3d.model.prior import Prior
from air3d.model.proposal import Gains, Pose, Proposal, Sight
from air3d.model.ring_features import RingFeatures
from air3d.model.unexplained import Unexplained, in_colours
from scenes.catalogue import Catalogue
from scenes.objects import Objects
from scenes.view import View

REFINEMENT_REACH = 0.05
"""How far a closer look may still move an object, as a share of the table."""

STEADY = 0.25
"""Share of what the last layers say that moves an object. Adam's steps are as long whatever the gradient, and each
moves all objects at once: without it they swing by a centimetre and more (docs/method.md)."""


class Posterior(nn.Module):
    """The network. `prior` gives the box of positions, `latents` the table of what is read off each object;
    `unexplained` is where it looks."""

    symmetries: Tensor
    steady: Tensor

    def __init__(
        self,
        config: PosteriorConfig,
        catalogue: Catalogue,
        prior: Prior,
        latents: Sequence[type[Latent]],
        unexplained: Unexplained = in_colours,
    ):
        super().__init__()
        self.config, self.identities, self.prior = config, len(catalogue), prior
        self.register_buffer("symmetries", torch.tensor(catalogue.symmetries), persistent=False)
        self.footprints = Footprints(catalogue, prior)
        self.register_buffer("steady", torch.tensor(STEADY))  # kept with the weights: earlier networks have 1
        identities = self.identities
        self.encoder = Encoder(config.stem, config.channels, unexplained)
        channels, hidden = self.encoder.channels, config.hidden
        self.attention = Attention(channels, hidden, config.query)
        averaged = channels + 2
        attended = averaged + config.crop
        self.normal = nn.LayerNorm(averaged)
        self.recurrence = nn.GRUCell(attended, hidden)
        self.presence = mlp(2 * channels + attended + hidden, hidden, 1)
        self.identity = mlp(attended + hidden, hidden, identities)
        self.correction = mlp(attended + hidden + identities, hidden, 3, gain=0.1 / STEADY)
        self.ring_features = RingFeatures(catalogue, config.yaw_bins, config.channels)
        fine = RingFeatures(catalogue, config.yaw_bins, config.channels, fine=True) if config.fine_yaw else None
        self.yaw_features = fine
        rings, known = self.ring_features.features, attended + hidden + identities
        sizes = Sizes(fine.features if fine else rings, config.yaw_bins, known, config.initial_std, config.beta)
        self.latents = nn.ModuleDict({latent.name: latent(sizes, prior) for latent in latents})
        widest = max(mesh.radius for mesh in catalogue.meshes)
        self.crop_features = CropFeatures(widest, config.channels, config.crop) if config.crop else None
        self.refinement = mlp(rings * config.yaw_bins + known, hidden, 6, gain=0.1 / STEADY)

    def start(self, batch: int) -> Float[Tensor, "batch hidden"]:
        return self.normal.weight.new_zeros(batch, self.config.hidden)

    def propose(
        self,
        features: Float[Tensor, "batch channel row column"],
        state: Float[Tensor, "batch hidden"],
        closeup: Float[Tensor, "batch 6 height width"],
        view: View,
        curious: bool = False,
        taken: Sequence[Objects] = (),
        gains: Gains | None = None,
    ) -> Proposal:
        """Attend to one place of the feature map and say whether an object is there, and which.

        `curious`: in every second picture to where most is unexplained, whatever it may be; `taken`: the objects
        that stand there already; `gains`: what others would explain, which `region` asks for.
        """
        sight = self.sight(features, state, closeup, view)
        if self.config.candidates == 1:
            return self.proposed(sight, self.attention(sight.contrast, state, sight.places))
        proposal = self.proposed(sight, self.chosen(sight, curious, taken, gains))
        proposal.presence_logit = proposal.presence_logit - IMPOSSIBLE * self.taken(proposal, taken, view)
        return proposal

    def sight(self, features: Tensor, state: Tensor, closeup: Tensor, view: View) -> Sight:
        cells = rearrange(features, "batch channel row column -> batch (row column) channel")
        shape = features.shape[-2], features.shape[-1]
        return Sight(cells, normalise_cells(cells), table_shares(self.prior, view), state, closeup, view, shape)

    def proposed(self, sight: Sight, attention: Float[Tensor, "batch cell"]) -> Proposal:
        """What is to be said of the place that is attended to."""
        place = attended_place(attention, sight.places)
        values = torch.cat([sight.contrast, (2 * sight.places - 1).expand(len(attention), -1, -1)], -1)
        attended = self.normal(torch.einsum("bkc,bk->bc", values, attention))
        if self.crop_features is not None:
            here = self.footprints.metres(place).detach()
            attended = torch.cat([attended, self.crop_features(sight.closeup, here, sight.view)], -1)
        state = self.recurrence(attended, sight.state)
        seen = torch.cat([attended, state], -1)
        everywhere = torch.cat([sight.cells.mean(1), sight.cells.amax(1)], -1)
        presence_logit = self.presence(torch.cat([everywhere, seen], -1)).squeeze(-1)
        identity = Choice(logits=self.identity(seen), log_prior=self.prior.log_identity)
        along = lengthwise(attention, self.footprints.metres(sight.places)[..., :2])
        return Proposal(presence_logit, identity, seen, place, state, along)

    @torch.no_grad()
    def chosen(
        self, sight: Sight, curious: bool, taken: Sequence[Objects], gains: Gains | None
    ) -> Float[Tensor, "batch cell"]:
        """Of several places, the one where an object is likeliest, or with `region` where one explains most."""
        each = considered(self.attention, sight, self.config.candidates, self.config.region)
        proposals = [self.proposed(sight, attention) for attention in each]
        there = torch.stack([self.taken(proposal, taken, sight.view) for proposal in proposals], -1)
        first = curiosity(curious, sight.state)
        if self.config.region:
            assert gains is not None, "places are compared by what they would explain"
            scores = explained(self.pose, proposals, sight, gains, (~first).nonzero()[:, 0]) - NEVER * there
        else:
            scores = torch.stack([proposal.presence_logit for proposal in proposals], -1) - IMPOSSIBLE * there
        return chosen(each, scores, first)

    @torch.no_grad()
    def taken(self, proposal: Proposal, others: Sequence[Objects], view: View) -> Float[Tensor, " batch"]:
        """1 where an object stands already: what is left to explain there is how it was painted."""
        place = proposal.place
        if self.config.standing and others:
            place = self.footprints.stands(place, proposal.identity.logits.argmax(-1), view)
        return self.footprints.taken(place, others, own=self.config.standing)

    def pose(
        self,
        proposal: Proposal,
        identity: Int[Tensor, " batch"],
        closeup: Float[Tensor, "picture 6 height width"],
        view: View,
        answering: bool = False,
    ) -> Pose:
        """q of every latent of the attended object if it is a `identity`; `answering`: from as many looks as then.

        A picture may have several rows, one after the other, in all but `closeup`."""
        steps = (answering and self.config.inference_steps) or self.config.refinement_steps
        look = self.look_closer(proposal, identity, closeup, view, steps)
        return {name: latent(look) for name, latent in self.latents.items()}

    def look_closer(self, proposal: Proposal, identity: Tensor, closeup: Tensor, view: View, steps: int) -> Look:
        """A correction to the attended place, and then closer looks, each where the one before moved it, for the last
        millimetres and what else is to be read. Where it looks counts as an observation, as the canvas does: no
        gradient runs back through it."""
        known = torch.cat([proposal.attended, F.one_hot(identity, self.identities).float()], -1)
        correction = self.steady * self.correction(known)
        place = self.footprints.stands(proposal.place, identity, view) if self.config.standing else proposal.place
        place, height = place + REACH * correction[:, :2].tanh(), correction[:, 2:]
        for _ in range(steps):
            here = self.prior.to_metres(inside(place, height).detach().sigmoid())
            rings = self.ring_features(closeup, identity, here, view)
            read = self.refinement(torch.cat([rings.flatten(1), known], -1))
            moved = self.steady * read[:, :3]
            place, height = place + REFINEMENT_REACH * moved[:, :2].tanh(), height + moved[:, 2:]
        log_width = (read[:, 3:] + math.log(self.config.initial_std)).clamp(-6, 1.5)
        base_point = inside(place, height)
        if self.yaw_features is not None:
            here = self.prior.to_metres(base_point.detach().sigmoid())
            rings = self.yaw_features(closeup, identity, here, view)
        return Look(rings, known, base_point, log_width)


def inside(place: Float[Tensor, "batch 2"], height: Float[Tensor, "batch 1"]) -> Float[Tensor, "batch 3"]:
    """The centre of a LogitNormal: a place in shares of the table's sides, at the least just inside, and a height."""
    return torch.cat([place.clamp(0.01, 0.99).logit(), height], -1)


def normalise_cells(cells: Float[Tensor, "batch cell channel"]) -> Float[Tensor, "batch cell channel"]:
    """Features less their mean over the picture, at the same scale for every channel (instance normalisation).

    Most cells show the bare table. Left in, what they have in common drowns the object: every picture looks the same
    to the heads, and the first identity that pays anywhere is chosen everywhere.
    """
    contrast = cells - cells.mean(1, keepdim=True)
    return contrast / (contrast.square().mean(1, keepdim=True) + 0.05**2).sqrt()


def mlp(inputs: int, hidden: int, outputs: int, gain: float = 1.0) -> nn.Sequential:
    """Two layers; `gain` < 1 lets the answers begin near 0."""
    last = nn.Linear(hidden, outputs)
    with torch.no_grad():
        last.weight.mul_(gain)
    return nn.Sequential(nn.Linear(inputs, hidden), nn.SiLU(), last)
