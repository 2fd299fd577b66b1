"""The picture of ``render.py``'s numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

LABELS = {"batch": "pictures in a batch", "side": "side, pixels", "faces": "triangles", "objects": "objects"}


def plot(result: dict[str, Any], path: Path) -> None:
    """Pictures per second with gradients against one thing at a time, with PyTorch3D and the limit of arithmetic."""
    lines = result["results"]
    base = lines[0]
    figure, (*axes, last) = plt.subplots(1, len(LABELS) + 1, figsize=(16, 3.4), layout="constrained")
    for axis, (name, label) in zip(axes, LABELS.items(), strict=True):
        points = sorted(
            (line[name], line["gradients_per_second"])
            for line in lines
            if line["renderer"] == base["renderer"] and line["varied"] in ("", name)
        )
        axis.plot(*zip(*points, strict=True), "o-", label="streaming")
        for line in lines:
            if line["renderer"] != base["renderer"] and line["cull"] == base["cull"]:
                axis.plot(line[name], line["gradients_per_second"], "s", label=line["renderer"])
        axis.axhline(result[f"limit_per_second_cull_{base['cull']}"], ls=":", c="grey", label="limit of arithmetic")
        axis.set(xscale="log", yscale="log", xlabel=label)
        axis.set_xticks([x for x, _ in points], [f"{x:g}" for x, _ in points], minor=False)
        axis.minorticks_off()
        axis.grid(alpha=0.3)
    more = result["one_more_object"]
    last.bar([line["painted"] for line in more], [line["milliseconds"] for line in more], color="tab:green")
    last.set(xlabel="objects painted already", ylabel="ms a picture for one more, with gradients")
    axes[0].set_ylabel("pictures/s with gradients")
    axes[0].legend(fontsize=8)
    figure.suptitle(f"{result['machine']['cpu']}, {base['threads']} threads; otherwise batch {base['batch']}, "
                    f"{base['side']} pixels, {base['objects']} objects, {base['faces']} triangles")  # fmt: skip
    figure.savefig(path, dpi=110)
    plt.close(figure)
