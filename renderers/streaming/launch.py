"""Running the kernels of ``streaming`` where the tensors lie."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from importlib import import_module
from importlib.util import find_spec
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor

from renderers.streaming import kernels
from scenes.errors import UserError


def launch(name: str, first: Tensor, *others: Any) -> None:
    """Run the kernel ``name`` where its first tensor lies: here on threads, or on CUDA in torch's current stream."""
    arguments = (first, *others)
    if first.is_cuda:
        with torch.cuda.device(first.device):  # a kernel runs on the current device, whichever its arrays lie on
            cuda().launch(name, arguments, torch.cuda.current_stream(first.device).cuda_stream)
    else:
        arrays = (argument.numpy() if isinstance(argument, Tensor) else argument for argument in arguments)
        over_pictures(getattr(kernels, name), len(first), *arrays)


def cuda() -> Any:
    """The kernels for CUDA. Raises UserError where they cannot be compiled."""
    if find_spec("numba_cuda") is None:
        raise UserError("renderer=streaming on CUDA needs numba-cuda: pip install -e '.[cuda]', or device=cpu")
    return import_module(".cuda", __package__)


def over_pictures(kernel: Callable[..., None], batch: int, *arguments: Any) -> None:
    """Run a kernel over ranges of pictures on as many threads as torch uses; a few ranges each even out the load."""
    threads = min(torch.get_num_threads(), batch)
    if threads <= 1:
        kernel(0, batch, *arguments)
        return
    bounds = np.linspace(0, batch, min(batch, 4 * threads) + 1).astype(int).tolist()
    ranges = pairwise(bounds)
    workers = pool(torch.get_num_threads(), os.getpid())
    for future in [workers.submit(kernel, *pair, *arguments) for pair in ranges]:
        future.result()


@lru_cache(maxsize=1)
def pool(threads: int, process: int) -> ThreadPoolExecutor:
    """Threads do not survive a fork, so every process has its own; numba's own thread pool would abort after one.

    One pool however large the batches are; where torch is told another number of threads, the old ones end.
    """
    return ThreadPoolExecutor(threads, thread_name_prefix="streaming")
