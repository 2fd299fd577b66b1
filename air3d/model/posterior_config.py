"""The settings of the network, `model.` of a configuration."""

from __future__ import annotations

from dataclasses import dataclass

from scenes.errors import UserError


@dataclass
class PosteriorConfig:
    """Sizes of the network. `yaw_bins` should be divisible by the symmetries that occur. `refinement_steps`: how many
    closer looks a pose is read from; from the second on they are centred on the object, whose yaw shows better then.
    `inference_steps`: the same once it answers, None: as many.
    `crop`: features of a closer look at each place that is attended to, before it is decided what stands there; 0: no
    such look.
    `fine_yaw`: whether the yaw is read from a look of its own, at more heights, with more features, and told the
    identity; false: from the look that moves the object, as in earlier networks.
    `compare_identities`: whether each identity is painted, too, before an answer says which it is.
    `compare_yaws`: whether the identity that it says is painted in several yaws, too.
    `standing`: whether the place that is attended to is taken for the middle of an object, which stands the nearer to
    the camera the taller it is; otherwise for its base point.
    `beta`: how much less the bound teaches a place of which it is surer, as `supervised.beta` for labels: 0 to 1.
    `candidates`: how many places a step considers; the one where an object is likeliest is attended to.
    `region`: whether it considers besides them the middle of the connected region around the most unexplained one. Then
    the one is attended to where what is likeliest there explains most.
    `starts`: whether identities that are compared begin where attention fell, too.

    `residual=False` hides from it what has been painted, and with it what is left: it can only count in its head.
    Then it should have a `query`: without one it looks for the same at every step.
    """

    name: str = "air"
    stem: int = 16
    channels: int = 32
    hidden: int = 128
    yaw_bins: int = 12
    initial_std: float = 0.5
    refinement_steps: int = 2
    inference_steps: int | None = None
    crop: int = 0
    fine_yaw: bool = True
    compare_identities: bool = False
    compare_yaws: bool = False
    standing: bool = False
    beta: float = 0.0
    candidates: int = 1
    region: bool = False
    starts: bool = False
    residual: bool = True
    query: bool = False

    def __post_init__(self) -> None:
        for name in ("stem", "channels", "hidden", "yaw_bins", "initial_std", "refinement_steps", "candidates"):
            if getattr(self, name) <= 0:
                raise UserError(f"model.{name} must be above 0, not {getattr(self, name)}")
        if self.inference_steps is not None and self.inference_steps <= 0:
            raise UserError(f"model.inference_steps must be above 0 or null, not {self.inference_steps}")
        if not 0 <= self.beta <= 1:
            raise UserError(f"model.beta must be 0 to 1, not {self.beta}")
        if self.crop < 0:
            raise UserError(f"model.crop must be 0 or more, not {self.crop}")
        if self.region and self.candidates == 1:
            raise UserError("model.region=true is one more of several places: it needs model.candidates above 1")
        if self.query and self.candidates > 1:
            raise UserError("model.query=true chooses where to look by itself: it needs model.candidates=1")
