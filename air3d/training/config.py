"""The typed configuration of a training run. Only the entry points see a DictConfig; inside there are dataclasses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import torch
from omegaconf import OmegaConf

from air3d.cli import typed
from air3d.gradients import GradientConfig
from air3d.model.posterior_config import PosteriorConfig
from air3d.objectives import SupervisedConfig
from air3d.splits import check_seed
from air3d.training.schedules import ScheduleConfig
from renderers import RendererConfig
from scenes.errors import UserError
from scenes.scene import SceneConfig


def device_of(name: str) -> torch.device:
    """The device of that name. Raises UserError for one that this machine does not have."""
    try:
        device = torch.device(name)
    except RuntimeError:
        raise UserError(f"there is no device={name}: cpu or cuda") from None
    if device.type not in ("cpu", "cuda"):
        raise UserError(f"device={name}: the renderers know cpu and cuda")
    if device.type == "cuda" and not torch.cuda.is_available():
        raise UserError(f"device={name}: torch sees no CUDA device here; device=cpu always works")
    return device


@dataclass
class TrainerConfig:
    """How long and how fast. Whichever of `steps` and `minutes` ends first ends the training."""

    steps: int = 600
    minutes: float | None = None
    batch: int = 32
    learning_rate: float = 1e-3
    clip: float = 10.0
    validate_every: int = 100
    validation_scenes: int = 256
    panel_scenes: int = 8
    schedule: ScheduleConfig = field(default_factory=ScheduleConfig)

    def __post_init__(self) -> None:
        for name in ("steps", "batch", "learning_rate", "clip", "validate_every", "validation_scenes", "panel_scenes"):
            if not getattr(self, name) > 0:
                raise UserError(f"trainer.{name} must be above 0, not {getattr(self, name)}")
        if self.minutes is not None and self.minutes <= 0:
            raise UserError(f"trainer.minutes must be above 0 (or null for no limit), not {self.minutes}")


@dataclass
class DataConfig:
    """Unlabelled pictures to learn from. folder: where they lie; painted: the share of each batch that is painted
    scenes nevertheless; held_out: the share of the folder that is not learned from but validated on."""

    folder: str | None = None
    painted: float = 0.5
    held_out: float = 0.1

    def __post_init__(self) -> None:
        if self.folder == "":
            raise UserError("data= names no folder: give a folder of pictures, or null")
        if not 0 <= self.painted <= 1:
            raise UserError(f"data.painted={self.painted}: give a share from 0 (the folder alone) to 1")
        if not 0 < self.held_out <= 0.5:
            raise UserError(f"data.held_out={self.held_out}: give a share above 0, at most 0.5")


@dataclass
class LoggerConfig:
    """Where the numbers go besides the run's own folder: wandb, `offline`, `online` or `disabled`."""

    mode: str = "offline"
    project: str = "air3d"
    group: str | None = None

    def __post_init__(self) -> None:
        if self.mode not in ("offline", "online", "disabled"):
            raise UserError(f"logger.mode must be offline, online or disabled, not {self.mode}")


@dataclass
class Config:
    """One training run. Seeds, folders and the choices of configs/."""

    scene: SceneConfig = field(default_factory=SceneConfig)
    model: PosteriorConfig = field(default_factory=PosteriorConfig)
    renderer: RendererConfig = field(default_factory=RendererConfig)
    gradient: GradientConfig = field(default_factory=GradientConfig)
    supervised: SupervisedConfig = field(default_factory=SupervisedConfig)
    trainer: TrainerConfig = field(default_factory=TrainerConfig)
    data: DataConfig = field(default_factory=DataConfig)
    logger: LoggerConfig = field(default_factory=LoggerConfig)
    seed: int = 0
    device: str = "cpu"
    init: str | None = None
    run_dir: str | None = None
    resume: str | None = None

    def __post_init__(self) -> None:
        check_seed(self.seed)
        if self.data.folder is not None and self.model.name == "supervised":
            raise UserError("model=supervised learns from labels, which nobody gave data='s pictures: leave one out")

    def plain(self) -> dict[str, Any]:
        """Nested dictionaries of plain values, what config.yaml holds."""
        return OmegaConf.to_container(OmegaConf.create(asdict(self)))  # type: ignore[return-value]


RESUMABLE = ("trainer.steps", "trainer.minutes", "logger.", "device=", "data.folder=")
"""What may change when a run goes on; everything else would make it another run. A folder may lie elsewhere now: that
it holds the same pictures is looked at."""


def resumed(stored: Config, overrides: Sequence[str], resume: str) -> Config:
    """The configuration of a run that goes on, with what the command line may change about it.

    Changing steps or minutes stretches what is left of the schedules.
    """
    given = [word for word in overrides if not word.startswith("resume=")]
    if strange := [word for word in given if not word.startswith(RESUMABLE)]:
        raise UserError(f"resume= keeps a run's settings, so {strange[0]} cannot be given with it; start a new run")
    changed = OmegaConf.merge(OmegaConf.create(stored.plain()), OmegaConf.from_dotlist(given))
    return replace(typed(changed, Config), run_dir=resume, resume=resume)  # type: ignore[arg-type]
