"""How far the backends are from what PyTorch3D painted: ``python tests/golden/differences.py [BACKEND ..]``."""

from __future__ import annotations

import sys
from pathlib import Path

from golden import FOLDER, GRADIENTS, load, paint


def differences(path: Path, name: str) -> dict[str, float]:
    """Of one case: share of pixels within 1e-4 in image and alpha, the worst difference, gradients relative to their
    norm, and the share of pixels that were left out."""
    case, weights, excluded, truth = load(path)
    renderer = case.renderer(name)
    result = paint(case, renderer.double() if name == "reference" else renderer, weights)
    image = (result.image - truth.image).abs().amax(-1)[~excluded]
    alpha = (result.alpha - truth.alpha).abs()[~excluded]
    gradients = {
        what: ((result.gradients[what].double() - expected.double()).norm() / expected.double().norm()).item()
        for what, expected in truth.gradients.items()
    }
    return {
        "image": (image < 1e-4).double().mean().item(),
        "alpha": (alpha < 1e-4).double().mean().item(),
        "worst": max(image.max().item(), alpha.max().item()),
        **gradients,
        "excluded": excluded.double().mean().item(),
    }


def main() -> None:
    """A line for each case and backend."""
    columns = ("image", "alpha", "worst", *GRADIENTS, "excluded")
    print(f"{'case':14}{'backend':12}", *(f"{column:>9}" for column in columns))
    for path in sorted(FOLDER.glob("*.npz")):
        for name in sys.argv[1:] or ("streaming", "reference"):
            found = differences(path, name)
            cells = (f"{found[c]:9.2%}" if c in ("image", "alpha", "excluded") else f"{found[c]:9.1e}" for c in columns)
            print(f"{path.stem:14}{name:12}", *cells, flush=True)


if __name__ == "__main__":
    main()
