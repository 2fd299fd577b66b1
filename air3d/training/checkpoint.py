"""A run on disk: config.yaml, last.pt and best.pt, written whole or not at all, read without executing anything."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import torch
import yaml
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from air3d.cli import typed
from air3d.files import atomic
from air3d.home import run_folder
from air3d.training.config import Config
from air3d.training.earlier import renamed_settings, renamed_weights
from air3d.training.other_catalogue import with_identities
from air3d.training.run import Run, build
from scenes.catalogue import Catalogue
from scenes.catalogue_file import read_catalogue, save_catalogue
from scenes.catalogues import FILE
from scenes.errors import UserError
from scenes.parsing import plain_yaml

INTERPOLATION = b"${"
"""What OmegaConf replaces by other settings, or by what stands in the environment."""

FORMAT = "air3d-checkpoint-1"
RELEASED = "model.safetensors"
STEP_0 = "world."
"""How the names of its weights begin."""


def save_config(config: Config, run_dir: Path) -> None:
    with atomic(run_dir / "config.yaml") as temporary:
        temporary.write_text(yaml.safe_dump(config.plain(), sort_keys=False))


def load_config(run_dir: Path | str) -> Config:
    """The configuration a run was started with. Raises UserError where there is none, it does not parse, or a version
    of this program wrote it whose settings are not those of today."""
    stored = stored_settings(run_dir)
    try:
        return typed(renamed_settings(stored, str(run_dir)), Config)
    except UserError as error:
        path = run_folder(run_dir) / "config.yaml"
        raise UserError(f"{path}: {error}; was it edited, or written by another version?") from error


def keep_catalogue(run: Run, run_dir: Path) -> None:
    """Keeps meshes that are somebody's with the run, which needs their folder no more."""
    if run.config.scene.meshes is not None:
        save_catalogue(run_dir / FILE, run.scene.catalogue)


def kept_catalogue(run_dir: Path | str) -> Catalogue | None:
    """What `keep_catalogue` kept; None where the run's catalogue is one of ours, or its folder has yet to be read."""
    path = run_folder(run_dir) / FILE
    return read_catalogue(path) if path.exists() else None


def newer_settings(run_dir: Path | str) -> list[str]:
    """Settings (`supervised.beta`) that came after that run was begun: its config.yaml does not say them."""

    def missing(today: Mapping[str, Any], stored: Any, path: str = "") -> Iterator[str]:
        for name, value in today.items():
            if not isinstance(stored, Mapping) or name not in stored:
                yield path + name
            elif isinstance(value, Mapping):
                yield from missing(value, stored[name], f"{path}{name}.")

    return list(missing(load_config(run_dir).plain(), renamed_settings(stored_settings(run_dir), str(run_dir))))


def stored_settings(run_dir: Path | str) -> dict[str, Any]:
    """What stands in a run's config.yaml. Raises UserError where there is none or it holds none."""
    path = run_folder(run_dir) / "config.yaml"
    try:
        text = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        raise UserError(
            f"{run_dir} is not a run: it has no config.yaml (train.py prints the folder it writes)"
        ) from None
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}") from error
    stored = plain_yaml(text, path)
    if not isinstance(stored, dict):
        raise UserError(f"{path} is damaged: it holds no settings")
    if INTERPOLATION in text:
        raise UserError(f"{path} holds ${{...}}, which could read what is none of its business: write the value there")
    return stored


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    content = io.BytesIO()  # on a full disk, torch's own writer says something else
    torch.save({"format": FORMAT, **state}, content)
    with atomic(path) as temporary:
        temporary.write_bytes(content.getbuffer())


def load_checkpoint(path: Path) -> dict[str, Any]:
    """The dictionary that save_checkpoint was given. Tensors and plain values only: nothing loaded may execute."""
    if not path.exists():
        raise UserError(f"{path} does not exist: the run was stopped before its first checkpoint")
    try:
        unpacked(path)
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many kinds for a file that is cut short or no checkpoint
        raise UserError(f"{path} is truncated or no checkpoint; put a whole best.pt or last.pt in its place") from error
    if not isinstance(state, dict) or state.get("format") != FORMAT:
        raise UserError(f"{path} is not a checkpoint of this version ({FORMAT})")
    return state


def unpacked(path: Path) -> None:
    """ValueError for a file that would be larger unpacked than it is: torch packs nothing."""
    with ZipFile(path) as file:
        if sum(info.file_size for info in file.infolist()) > path.stat().st_size:
            raise ValueError("packed")


def identity_of(catalogue: Catalogue) -> dict[str, Any]:
    """What a checkpoint's identities mean: the names of the objects in their order, and the meshes' fingerprint."""
    return {"identities": list(catalogue.names), "catalogue": catalogue.fingerprint}


def load_weights(
    run: Run, state: dict[str, Any], path: Path, misfit: str = "the model of config.yaml: was config.yaml edited?"
) -> None:
    """Put a checkpoint's weights into a run's model. Raises UserError if they belong to another scene or model;
    `misfit` is what they do not fit then, and what to do about it."""
    mine, theirs = identity_of(run.scene.catalogue), state.get("catalogue")
    if (names := state["identities"]) != mine["identities"]:
        raise UserError(f"{path} was trained on {', '.join(names)}, not on {', '.join(mine['identities'])}")
    if theirs not in (None, mine["catalogue"]):  # None: from before it was kept
        raise UserError(f"{path} was trained on other meshes of the same names ({', '.join(names)}): give it those")
    try:
        run.model.load_state_dict(renamed_weights(state["model"]))
    except RuntimeError as error:
        raise UserError(f"{path} does not fit {misfit}") from error


def save_weights(path: Path, run: Run) -> None:
    """A network to hand on: safetensors, which hold numbers and nothing else, and the objects it was trained on."""
    identity = identity_of(run.scene.catalogue)
    about = {"format": FORMAT, **identity, "identities": "\n".join(identity["identities"])}
    with atomic(path) as temporary:
        save_file({name: value.contiguous() for name, value in run.model.state_dict().items()}, temporary, about)


def read_weights(path: Path) -> dict[str, Any]:
    """What save_weights wrote, as the part of a checkpoint that `load_weights` takes."""
    try:
        with safe_open(path, "pt") as file:
            about, model = file.metadata() or {}, {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise UserError(f"{path} is truncated or holds no safetensors; put a whole one in its place") from error
    if about.get("format") != FORMAT:
        raise UserError(f"{path} is not a network of this version ({FORMAT})")
    return {"identities": about["identities"].split("\n"), "catalogue": about.get("catalogue"), "model": model}


def load_run(run_dir: Path | str, device: str = "cpu") -> Run:
    """A trained run, ready for inference: the network that was released from it, otherwise the best checkpoint, or the
    last where there is no best yet. It runs on `device`, wherever it was trained."""
    run = build(replace(load_config(run_dir), device=device), kept_catalogue(run_dir))
    load_weights(run, *trained_weights(run_folder(run_dir)))
    run.model.eval()
    return run


def trained_weights(run_dir: Path) -> tuple[dict[str, Any], Path]:
    """What a run learned, as `load_weights` takes it, and the file it is from: the network that was released, otherwise
    the best checkpoint, or the last."""
    there = (path for name in (RELEASED, "best.pt") if (path := run_dir / name).exists())
    path = next(there, run_dir / "last.pt")
    return read_weights(path) if path.name == RELEASED else load_checkpoint(path), path


def begin_with(run: Run, run_dir: Path | str, other_meshes: bool = False) -> tuple[Path, list[str]]:
    """Put what another run learned into a new one; which file that is, and the identities that are new to it. Nothing
    else of it is taken over: neither the optimiser's state nor its place in the schedules. Where the two infer other
    parts of a picture's world by a network, that network begins anew. UserError where the sizes differ, and where the
    objects do, but for `other_meshes`."""
    theirs, mine = load_config(run_dir).plain()["model"], run.config.plain()["model"]
    differ = [f"model.{name}={value}" for name, value in theirs.items() if name != "name" and value != mine[name]]
    misfit = f"this model: its settings are {' '.join(differ)}" if differ else "this model"
    state, path = trained_weights(run_folder(run_dir))
    known, identities = state["identities"], identity_of(run.scene.catalogue)
    if other_meshes and state.get("catalogue") != identities["catalogue"]:
        weights = with_identities(renamed_weights(state["model"]), known, identities["identities"])
        state = {**state, **identities, "model": weights}
    load_weights(run, {**state, "model": with_own_world(run, state["model"])}, path, misfit)
    return path, [name for name in identities["identities"] if name not in known]


def with_own_world(run: Run, weights: Mapping[str, Any]) -> dict[str, Any]:
    """Weights with the run's own step 0, where theirs is of other sizes or one of the two has none."""
    mine = {name: value for name, value in run.model.state_dict().items() if name.startswith(STEP_0)}
    theirs = {name: value for name, value in weights.items() if name.startswith(STEP_0)}
    if {name: value.shape for name, value in mine.items()} == {name: value.shape for name, value in theirs.items()}:
        return dict(weights)
    return {name: value for name, value in weights.items() if name not in theirs} | mine
