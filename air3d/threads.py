"""Imported before torch, by the entry points: idle threads of torch's pool sleep instead of spinning.

torch's OpenMP waits busily for its next small operation. On few cores it takes them away from the renderer's threads in
between, and two trainings beside each other slow down many times over. OpenMP reads this once, when torch is loaded.
"""

import os

os.environ.setdefault("OMP_WAIT_POLICY", "passive")
