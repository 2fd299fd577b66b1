"""Where a search may begin: with what a network would try at several places of a picture."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from air3d.model.air import Air
from air3d.model.batches import interleave, tree_map
from air3d.model.policies import one_slot
from renderers.convert import channels_first
from scenes.objects import Objects
from scenes.view import View

PLACES = 8
"""More than a step considers (`PosteriorConfig.candidates`): here nobody has to be quick."""


@torch.no_grad()
def proposals(
    model: Air,
    pictures: Float[Tensor, "picture height width 3"],
    image: Float[Tensor, "picture height width 3"],
    view: View,
) -> Objects:
    """Every identity in the middle of q, at each of the places where `image`, what is painted so far, lacks most of a
    picture: rows of one object, those of a picture one after the other."""
    posterior = model.posterior
    features = model.look(posterior.encoder.stem(channels_first(pictures)), pictures, image, view)
    closeup = model.closeup(pictures, image, view)
    sight = posterior.sight(features, posterior.start(len(pictures)), closeup, view)
    identity = torch.arange(posterior.identities, device=pictures.device).repeat(len(pictures))
    views, tried = view.repeat(posterior.identities), []
    for attention in posterior.attention.candidates(sight.contrast, sight.places, PLACES):
        proposal = posterior.proposed(sight, attention)
        several = tree_map(lambda tensor: tensor.repeat_interleave(posterior.identities, 0), proposal)
        pose = posterior.pose(several, identity, closeup, views, answering=True)
        tried.append(one_slot(identity, {name: family.mode() for name, family in pose.items()}))
    return interleave(tried)
