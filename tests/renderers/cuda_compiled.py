"""Run by test_cuda.py in a process of its own: every CUDA kernel compiled for a device that need not be there.

The simulator runs kernels as Python and takes what a device's compiler does not.
"""

from __future__ import annotations

from types import SimpleNamespace

import numba.cuda.dispatcher
from numba import types
from numba.cuda import compile_ptx

from renderers.streaming import cuda

CAPABILITY = (9, 0)

numba.cuda.dispatcher.get_current_device = lambda: SimpleNamespace(compute_capability=CAPABILITY)

NUMBER, PICTURES = types.float32, types.Array(types.float32, 4, "C")
MESHES = (
    *[PICTURES] * 3, types.Array(types.int32, 3, "C"), types.Array(types.int32, 1, "C"),
    types.Array(types.int64, 2, "C"), types.Array(types.boolean, 2, "C"), *[NUMBER] * 5, types.boolean,
)  # fmt: skip
KERNELS = {
    cuda._compose_forward: (PICTURES, PICTURES, NUMBER, PICTURES),
    cuda._compose_backward: (PICTURES, PICTURES, NUMBER, PICTURES, PICTURES),
    cuda._background_backward: (PICTURES, NUMBER, PICTURES, PICTURES),
    cuda._merge_backward: (PICTURES, PICTURES, NUMBER, PICTURES, PICTURES),
    cuda._paint_forward: MESHES,
    cuda._paint_backward: (*MESHES, *[PICTURES] * 3),
}

if __name__ == "__main__":
    for kernel, arguments in KERNELS.items():
        code, _ = compile_ptx(kernel.py_func, arguments, cc=CAPABILITY)
        assert ".entry" in code
    print("the kernels compile")
