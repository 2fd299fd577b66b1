"""Lays out a wandb workspace: ``python scripts/dashboard.py ENTITY PROJECT`` (``pip install -e ".[dashboard]"``).

Sections in the order in which one asks: does it count right, does it see, how sure is the gradient, how fast is it.
Runs are grouped by model and estimator: lines are means over seeds, and the shade is their spread.
``--print`` shows the layout as JSON and needs neither account nor network.
"""

from __future__ import annotations

import argparse
import json
import sys

SECTIONS: dict[str, dict[str, list[str]]] = {
    "counts": {
        "count accuracy": ["val/count_accuracy"],
        "count accuracy, by number of objects": [f"by_count/{count}" for count in range(10)],
        "collapsed": ["val/collapsed", "val/confused"],
    },
    "objects": {
        "detection rate": ["val/detection_rate"],
        "identity accuracy": ["val/identity_accuracy"],
        "position, median (m)": ["val/position_error_median_m"],
        "rotation, median (degrees)": ["val/rotation_error_median_deg"],
        "detection rate, by object": ["by_object/detection_rate_.*"],
        "rotation, by object, median (degrees)": ["by_object/rotation_deg_.*"],
    },
    "objective": {
        "ELBO (nats)": ["val/elbo", "train/elbo"],
        "KL (nats)": ["train/kl"],
        "labels (weighted log q)": [f"train/label_{part}" for part in ("count", "identity", "position", "rotation")],
    },
    "gradient": {
        "share that is noise": ["val/gradient_noise"],
        "variance": ["val/gradient_variance"],
        "norm": ["train/gradient_norm"],
    },
    "speed": {
        "scenes a second": ["perf/scenes_per_second"],
        "the renderer's share": ["perf/renderer_share"],
        "minutes": ["perf/minutes"],
    },
}
PICTURES = {
    "step by step": "val/panel",
    "inferred against true counts": "val/count_confusion",
    "inferred scenes": "val/scene_.*",
}


def workspace(entity: str, project: str):  # a type of an optional library
    """The workspace object, not saved yet."""
    import wandb_workspaces.reports.v2 as wr
    import wandb_workspaces.workspaces as ws

    def line(title: str, keys: list[str]) -> wr.LinePlot:
        grouped = {"groupby_aggfunc": "mean", "groupby_rangefunc": "minmax"}
        names = {"metric_regex": keys[0]} if keys[0].endswith(".*") else {"y": keys}  # meshes are the user's to name
        return wr.LinePlot(title=title, x="step", title_x="step", **names, **grouped)

    media = [wr.MediaBrowser(title=title, media_keys=[key]) for title, key in PICTURES.items()]
    sections = [ws.Section(name="pictures", panels=media, is_open=True)]
    for name, panels in SECTIONS.items():
        plots = [line(title, keys) for title, keys in panels.items()]
        sections.append(ws.Section(name=name, panels=plots, is_open=name in ("counts", "objects")))
    runs = ws.RunsetSettings(groupby=[ws.Config("model.name"), ws.Config("gradient.name")])
    return ws.Workspace(entity=entity, project=project, name="air3d", sections=sections, runset_settings=runs)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("entity", help="your wandb user or team")
    parser.add_argument("project", nargs="?", default="air3d")
    parser.add_argument("--print", action="store_true", dest="shown", help="show the layout, save nothing")
    words = parser.parse_args()
    try:
        made = workspace(words.entity, words.project)
        if words.shown:
            print(json.dumps(made._to_model().model_dump(mode="json", by_alias=True), indent=1))
        else:
            print(made.save().url)
    except ImportError:
        print("error: this needs wandb-workspaces: pip install -e '.[dashboard]'", file=sys.stderr)
        return 2
    except Exception as error:  # no account, no network, no such entity: whatever wandb has to say of it, in one line
        print(f"error: {(str(error).strip().splitlines() or [type(error).__name__])[0]}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
