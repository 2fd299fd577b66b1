"""A folder of unlabelled pictures in a training: which of them are learned from, which are held out, and when."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from jaxtyping import Float
from torch import Tensor
from tqdm import tqdm

from air3d.training.config import Config
from renderers.convert import to_floats
from scenes.errors import UserError
from scenes.scene import Scene
from scenes.unlabelled import Unlabelled, foreign, read_folder

LEAST_HELD_OUT = 10
SPLIT, ORDER = 5_000_003, 5_000_011
"""Beside a run's seed, what decides the held-out pictures and the order of the others."""


@dataclass(frozen=True)
class FolderData:
    """The pictures of a folder, split by the run's seed, and how many of a batch are painted instead."""

    unlabelled: Unlabelled
    learned: np.ndarray
    held_out: np.ndarray
    seed: int
    painted: int
    batch: int
    where: str

    @property
    def own(self) -> int:
        """Pictures of the folder in each batch."""
        return self.batch - self.painted

    def rows(self, step: int) -> np.ndarray:
        """Which pictures of the folder step number `step` sees: every one once before any is seen again, in an order
        that is new each time. A pure function of the seed and the step."""
        length, places = len(self.learned), range(step * self.own, (step + 1) * self.own)
        return self.learned[[order(self.seed, place // length, length)[place % length] for place in places]]

    def pictures(self, rows: np.ndarray) -> Float[Tensor, "picture height width 3"]:
        return to_floats(self.unlabelled.pictures[rows])

    def about(self) -> dict[str, Any]:
        """What the record of a run says of them."""
        return {
            "folder": self.where,
            "pictures": len(self.unlabelled),
            "held_out": len(self.held_out),
            "fingerprint": self.unlabelled.fingerprint,
        }


@lru_cache(2)
def order(seed: int, number: int, length: int) -> np.ndarray:
    """The permutation of `length` pictures that round number `number` goes through."""
    return np.random.default_rng([ORDER, seed, number]).permutation(length)


def folder_data(config: Config, scene: Scene) -> FolderData | None:
    """The folder that the configuration names, read; what there is to say about it is printed. None without one."""
    if (where := config.data.folder) is None:
        return None
    unlabelled = read_folder(where, scene.camera.height, scene.camera.width, scene.config.background, watched)
    if strange := foreign(where, scene.catalogue.fingerprints):
        print(f"warning: {strange}; its pictures are learned from as if they showed this network's")
    for note in unlabelled.notes:
        print(f"{where}: {note}")
    data = split(unlabelled, config)
    learned, held_out = len(data.learned), len(data.held_out)
    print(f"{where}: {learned:,} pictures to learn from, {held_out:,} held out; no label is read")
    return data


def watched(names: list[str]) -> Iterable[str]:
    """A bar (on a terminal) while pictures are read."""
    return tqdm(names, desc="reading pictures", unit="picture", disable=None, leave=False, file=sys.stderr)


def split(unlabelled: Unlabelled, config: Config) -> FolderData:
    """Held-out pictures are chosen by the seed: the same ones whenever the same folder is read."""
    data, trainer, total = config.data, config.trainer, len(unlabelled)
    most = min(max(LEAST_HELD_OUT, trainer.validation_scenes), total // 2)
    number = min(max(LEAST_HELD_OUT, round(data.held_out * total)), most)
    chosen = np.random.default_rng([SPLIT, config.seed]).permutation(total)
    held_out, learned = np.sort(chosen[:number]), np.sort(chosen[number:])
    return FolderData(unlabelled, learned, held_out, config.seed, painted(config), trainer.batch, str(data.folder))


def painted(config: Config) -> int:
    """Painted pictures in each batch. UserError where a share of either kind is asked for that is less than one."""
    share, batch = config.data.painted, config.trainer.batch
    number = round(share * batch)
    if (number == 0) != (share == 0) or (number == batch) != (share == 1):
        raise UserError(
            f"data.painted={share:g} is {number} of trainer.batch={batch} pictures: give 0, 1, or a share that leaves "
            "some of both"
        )
    return number


def same_folder(data: FolderData, state: dict[str, Any], run_dir: Any) -> None:
    """A training goes on with the pictures that it began with: others would let it learn from what it is judged by,
    and no step would be what it would have been. UserError where they differ."""
    again = f"begin a new run with data={data.where} init={run_dir}"
    if "folder" not in state:
        raise UserError(f"{run_dir} was begun without a folder of pictures: {again}")
    if state["folder"]["fingerprint"] != data.unlabelled.fingerprint:
        raise UserError(f"{data.where} holds other pictures than when {run_dir} was begun: put those back, or {again}")
