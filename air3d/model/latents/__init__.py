"""The table of latents: all that is inferred of an object, besides whether it is there and which mesh it is.

A latent is one file here and one line in `LATENTS`. Its class says all there is to say of it: the field of `Objects`
that it fills (which is also the renderer's argument), the head that reads it off the picture, the family of q and with
it the prior, how it is written down, and how errors in it are measured. Everything that goes over objects (draws,
joins, the KL, metrics, export, reports) goes over this table and over the fields of `Objects`.
"""

from __future__ import annotations

from air3d.model.latents.base import Family, Latent, Look, Sizes, Value
from air3d.model.latents.position import Position
from air3d.model.latents.rotation import Rotation

LATENTS: tuple[type[Latent], ...] = (Position, Rotation)

__all__ = ["LATENTS", "Family", "Latent", "Look", "Position", "Rotation", "Sizes", "Value"]
