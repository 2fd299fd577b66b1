"""A CUDA device that is not there: tensors remember where they would lie, and what lies apart does not mix.

Everything is computed on the CPU. What a real device refuses raises here as well: an operation on tensors of both, and
numpy of one that lies there. So a program that forgets to move something is found without a GPU. Not pretended: what
backward passes do with devices, the kernels (test_cuda.py has them in numba's simulator), streams and time.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves, tree_map_only

import renderers
from renderers.streaming import kernels, operations
from renderers.streaming.launch import over_pictures

CPU, CUDA = torch.device("cpu"), torch.device("cuda", 0)
READING = ("device", "_parse_to", "from_numpy", "item", "tolist")  # of a word or a value; nothing moves
ACROSS = ("copy_", "_has_compatible_shallow_copy_type")  # between devices is what these are for
ALONE = ("cat", "stack", "einsum")  # not even a single number may lie elsewhere


def there(tensor: Tensor) -> bool:
    return getattr(tensor, "_there", False)


def put(results: Any, where: bool) -> Any:
    """Remember of tensors where they lie; `results` may hold other things too."""

    def one(tensor: Tensor) -> Tensor:
        tensor._there = where  # type: ignore[attr-defined]
        return tensor

    return tree_map_only(Tensor, one, results)


def named(word: Any) -> bool:
    """Whether an argument names a device."""
    return isinstance(word, torch.device) or (isinstance(word, str) and word.split(":")[0] in ("cpu", "cuda"))


class PretendedCuda(TorchFunctionMode):
    """Sees every call of torch that programs make, and decides where its results lie."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs, name = kwargs or {}, getattr(func, "__name__", "")
        if name in READING:
            return func(*args, **kwargs)
        if name == "__get__":
            return self.read(func, *args, **kwargs)
        if name == "__set__":  # module.to: parameter.data = moved
            put(args[0], there(args[1]) if isinstance(args[1], Tensor) else there(args[0]))
            return func(*args, **kwargs)
        if name in ("numpy", "__array__") and there(args[0]):
            raise TypeError("a tensor on CUDA is no numpy array: .cpu() first")
        if words := [word for word in tree_leaves((args, kwargs)) if named(word)]:
            return self.move(func, args, kwargs, torch.device(words[0]).type == "cuda")
        if name in ("cpu", "cuda"):
            return self.move(torch.clone, args, {}, name == "cuda")
        if name == "to" and isinstance(args[1], Tensor):
            return self.move(func, args, kwargs, there(args[1]))
        self.check(name, args, kwargs)
        deciding = args[:1] if name == "__getitem__" else (args, kwargs)
        where = any(there(x) for x in tree_leaves(deciding) if isinstance(x, Tensor))
        result = func(*args, **kwargs)
        return result if name == "copy_" else put(result, where)

    def read(self, func: Any, tensor: Tensor, *rest: Any) -> Any:
        """An attribute of a tensor."""
        known = {"device": CUDA if there(tensor) else CPU, "is_cuda": there(tensor)}
        attribute = func.__self__.__name__
        return known[attribute] if attribute in known else put(func(tensor, *rest), there(tensor))

    def move(self, func: Any, args: Any, kwargs: Any, where: bool) -> Any:
        """Make a tensor on a device, or bring one there."""
        here = [CPU if named(x) else x for x in args]
        result = func(*here, **{key: CPU if named(x) else x for key, x in kwargs.items()})
        given = next((x for x in args if isinstance(x, Tensor)), None)
        if result is given and there(given) != where:
            result = result.clone()
        return put(result, where)

    def check(self, name: str, args: Any, kwargs: Any) -> None:
        tensors = [x for x in tree_leaves((args, kwargs)) if isinstance(x, Tensor)]
        if name == "__getitem__" and there(args[0]):
            return  # numbers of places may lie on the CPU
        heavy = [x for x in tensors if x.dim() > 0 or name in ALONE]
        if name not in ACROSS and any(map(there, tensors)) and not all(map(there, heavy)):
            shapes = ", ".join(f"{tuple(x.shape)} on {'cuda' if there(x) else 'cpu'}" for x in tensors)
            raise RuntimeError(f"{name}: tensors on two devices: {shapes}")


@contextmanager
def pretended_cuda(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Within, device="cuda" works, painted by the kernels of the CPU."""
    for name, value in {
        "is_available": lambda: True,
        "synchronize": lambda device=None: None,
        "get_rng_state_all": list,
        "set_rng_state_all": lambda states: None,
    }.items():
        monkeypatch.setattr(torch.cuda, name, value)
    monkeypatch.setattr(renderers, "automatic", lambda device: "streaming")
    monkeypatch.setattr(operations, "launch", launch)
    for operation in (operations.Paint, operations.Compose):
        monkeypatch.setattr(operation, "apply", applied(operation.apply))
    with PretendedCuda():
        yield


def launch(name: str, *arguments: Any) -> None:
    arrays = [put(x.detach(), False).numpy() if isinstance(x, Tensor) else x for x in arguments]
    over_pictures(getattr(kernels, name), len(arrays[0]), *arrays)


def applied(apply: Any) -> Any:
    """An operation of the renderer, which torch does not show to modes."""

    def call(*arguments: Any) -> Tensor:
        tensors = [x for x in tree_leaves(arguments) if isinstance(x, Tensor)]
        places = {there(x) for x in tensors}
        if len(places) > 1:
            raise RuntimeError("the renderer was given tensors on two devices")
        return put(apply(*arguments), places == {True})

    return call
