"""The world that a network believes each picture to show, and how it is written down."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from air3d.model.world import World
from scenes.view import View
from scenes.view_labels import written


def believed_views(
    world: World, pictures: Float[Tensor, "batch height width 3"], view: View, batch_size: int = 100
) -> View:
    """What is believed of pictures of which `view` is said, `batch_size` at a time; that itself where all is known."""
    if not world.open:
        return view
    rows = torch.arange(len(pictures)).split(batch_size)
    return View.stack([world.believed(pictures[part], view[part]) for part in rows])


def written_world(view: View, row: int, parts: Sequence[str]) -> dict[str, Any]:
    """Those of the `parts` that are of the picture, for JSON; `view` in numpy.

    camera as in a data set's scenes.json; light: direction towards it, ambient, diffuse; background: the mean colour of
    the empty table; noise: standard deviation.
    """
    said: dict[str, Any] = {}
    for part in parts:
        if part == "background":
            said[part] = np.reshape(view.background[row], (-1, 3)).mean(0).tolist()
        elif part == "light":
            said[part] = {name: x for name, x in written(view, part, row).items() if name not in ("gain", "lamp")}
        elif part in ("camera", "noise"):
            said[part] = written(view, part, row)
    return said
