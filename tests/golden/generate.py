"""Paint the fixed scenes with the real PyTorch3D: ``python tests/golden/generate.py``.

Needs the environment of environment.yml. Writes tests/golden/*.npz, with which the tests compare every other backend.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytorch3d
import torch
from golden import FOLDER, Case, at_cut_off, paint, save

from renderers import RendererConfig
from renderers.convert import to_torch
from scenes.camera import Camera
from scenes.catalogue import catalogue
from scenes.objects import Objects

PLATE, BOWL, MUG, SAUCEPAN = range(4)
ABOVE = Camera.look_at((0.0, -0.75, 0.6), (0.0, 0.0, 0.03), 26.0, 48, 48)
LOW = Camera.look_at((0.05, -0.9, 0.13), (0.0, 0.0, 0.05), 26.0, 48, 48)
WIDE = Camera.look_at((0.0, -0.75, 0.6), (0.0, 0.0, 0.03), 26.0, 32, 56)


def scene(*pieces: tuple[int, float, float, float, float]) -> Objects:
    """One picture; a piece is (identity, x, y, z, yaw)."""
    table = np.array(pieces, np.float32)
    identity, present = table[None, :, 0].astype(np.int64), np.ones((1, len(table)), bool)
    return Objects(identity, table[None, :, 1:4], table[None, :, 4], present)


CROWD = (
    scene((SAUCEPAN, 0.02, 0.09, 0, 2.3), (MUG, -0.03, -0.02, 0, -0.7), (BOWL, 0.05, 0.0, 0, 0)),
    scene((BOWL, -0.05, 0.05, 0, 0), (BOWL, 0.0, 0.0, 0.02, 0.4), (MUG, 0.05, -0.07, 0, 1.2)),
)
EDGES = (
    scene((PLATE, -0.2, 0.05, 0, 0), (SAUCEPAN, 0.17, -0.1, 0, 0.2), (MUG, 0.0, -0.21, 0, 3.0)),
    scene((SAUCEPAN, -0.15, 0.15, 0, 1.8), (BOWL, 0.22, 0.2, 0, 0), (MUG, 0.2, -0.14, 0, 0.1)),
)
THIN = (
    scene((PLATE, 0.0, 0.0, 0, 0), (PLATE, 0.08, 0.1, 0.06, 0), (MUG, -0.1, -0.05, 0, 2.2)),
    scene((SAUCEPAN, 0.05, 0.1, 0, -1.4), (SAUCEPAN, -0.08, 0.0, 0, 2.9), (PLATE, 0.0, -0.1, 0.02, 0)),
)
PLAIN = RendererConfig(name="pytorch3d", sigma=1e-5, faces_per_pixel=150)
CASES = {
    "occlusion": (CROWD, ABOVE, PLAIN),
    "border": (EDGES, ABOVE, PLAIN),
    "thin": (THIN, LOW, PLAIN),
    "both_sides": (CROWD, ABOVE, replace(PLAIN, cull_backfaces=False)),
    "soft": (THIN, LOW, replace(PLAIN, sigma=1e-4, gamma=1e-3)),
    "wide": (EDGES, WIDE, PLAIN),
}


def main() -> None:
    """Write every case, and say what was left out and whether any pixel ran out of ``faces_per_pixel``."""
    torch.set_num_threads(1)
    for seed, (name, (scenes, camera, settings)) in enumerate(CASES.items()):
        background = np.array([0.2, 0.3, 0.4], np.float32)
        case = Case(Objects.stack(scenes), camera, settings, catalogue("crockery").packed(), background)
        objects = replace(to_torch(case.objects), **{name: torch.from_numpy(getattr(case.objects, name)).double()
                                                     for name in ("position", "rotation")})  # fmt: skip
        excluded = at_cut_off(case.renderer("reference").double(), objects, case.view(torch.float64)).numpy()
        weights = np.random.default_rng(seed).integers(-9, 10, (*excluded.shape, 3)).astype(np.int8)
        weights *= ~excluded[..., None]
        renderer = case.renderer("pytorch3d")
        result = paint(case, renderer, torch.from_numpy(weights))
        about = {"pytorch3d": pytorch3d.__version__, "torch": torch.__version__, "numpy": np.__version__}
        save(FOLDER / f"{name}.npz", case, weights, excluded, result, about)
        kept = renderer.most_fragments(to_torch(case.objects), case.view())
        print(f"{name}: {excluded.mean():.2%} of pixels at the cut-off, at most {kept} fragments a pixel")


if __name__ == "__main__":
    main()
