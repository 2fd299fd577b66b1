"""Imported before torch, by the entry points: what torch reads from the environment once, when it is loaded.

Idle threads of torch's pool sleep instead of spinning: its OpenMP waits busily for its next small operation. On few
cores it takes them away from the renderer's threads in between, and two trainings beside each other slow down many
times over.
"""

import os

os.environ.setdefault("OMP_WAIT_POLICY", "passive")
