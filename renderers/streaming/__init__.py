"""The default backend: compiled loops over triangles and the few pixels each one touches, forward and backward.

No list of nearest faces, no sort, no tensor with a dimension for faces. ``backend`` is the renderer, ``operations`` its
steps with their gradients. Where the tensors lie decides which loops run: ``kernels`` on the CPU, ``cuda`` on CUDA,
from the same ``formulas``. float32 only.
"""

from renderers.streaming.backend import Streaming

__all__ = ["Streaming"]
