"""What a run says about itself while it trains: local files always, wandb beside them when it can be had.

`metrics.jsonl` in the run's folder is the record: one JSON object a line, `step` first, then the same slash names that
wandb shows (`train/elbo`, `val/count_accuracy`, `perf/scenes_per_second`). Nothing that wandb does (no account, no
network, a dead server, a broken install) may stop or delay a training, so every call into it goes through `_guarded`:
the first failure costs one warning and switches wandb off for the rest of the run.
"""

from __future__ import annotations

import json
import os
import secrets
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

from air3d.files import atomic, plain

Mode = Literal["offline", "online", "disabled"]
METRICS = "metrics.jsonl"
LESS: tuple[Mode, ...] = ("disabled", "offline", "online")


class Tracker:
    """Writes a run's numbers and pictures. Use one per run folder, from one process.

    `resume_step` is the step of the checkpoint that training goes on from: lines beyond it belong to steps that will
    be taken again and are removed. Without it the record must not exist yet, or it is continued as it is.
    """

    def __init__(
        self,
        run_dir: Path | str,
        config: Mapping[str, Any],
        mode: Mode = "offline",
        *,
        project: str = "air3d",
        group: str | None = None,
        job_type: str = "train",
        resume_step: int | None = None,
        init_timeout: float = 20.0,
    ) -> None:
        self.run_dir = Path(run_dir)
        self.run_dir.mkdir(parents=True, exist_ok=True)
        self.path = self.run_dir / METRICS
        if resume_step is not None:
            forget_after(self.path, resume_step)
        self._lines = open(self.path, "a", encoding="utf-8")  # noqa: SIM115  # closed by close()
        self._run: Any = None
        if (mode := allowed(mode)) != "disabled":
            about = {"project": project, "group": group, "job_type": job_type, "config": plain(config)}
            self._open(mode, about, init_timeout)

    def log(self, step: int, values: Mapping[str, Any]) -> None:
        """Records numbers (or lists of numbers) of one training step. NaN and infinity become null."""
        row = {"step": int(step), **plain(values)}
        self._lines.write(json.dumps(row, allow_nan=False) + "\n")
        self._lines.flush()
        if self._run is not None:
            self._guarded(lambda: self._run.log(row))

    def log_images(self, step: int, images: Mapping[str, Path]) -> None:
        """Shows pictures on the dashboard. The files are the caller's, so without wandb this does nothing."""
        if self._run is not None:
            self._guarded(lambda: self._run.log({"step": int(step), **{k: _image(v) for k, v in images.items()}}))

    def log_models(self, step: int, models: Mapping[str, Path]) -> None:
        """Shows 3D models (GLB files) on the dashboard; like pictures, they lie in the run's folder already."""
        if self._run is not None:
            self._guarded(lambda: self._run.log({"step": int(step), **{k: _model(v) for k, v in models.items()}}))

    def close(self, failed: bool = False) -> None:
        """Ends the record. Safe to call twice."""
        self._lines.close()
        run, self._run = self._run, None
        if run is not None:
            self._guarded(lambda: run.finish(exit_code=int(failed)))

    def __enter__(self) -> Tracker:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.close(failed=kind is not None)

    def _open(self, mode: Mode, about: Any, init_timeout: float) -> None:
        if mode == "online":
            try:
                return self._start(True, about, init_timeout)
            except Exception as error:  # no account, no network, a dead server: what is kept offline can follow later
                _warn(f"wandb cannot go online ({_first_line(error)}); kept offline, `wandb sync` uploads it later")
                self._guarded(_forget_attempt)
        self._guarded(lambda: self._start(False, about, init_timeout))

    def _start(self, online: bool, about: Any, init_timeout: float) -> None:
        import wandb  # here, because it takes a second and is not needed by a run that does without

        wandb.setup(wandb.Settings(silent=True))
        if online and not wandb.login(prompt=False, verify=False):
            raise LookupError("no account is configured, see `wandb login`")
        known: dict[str, Any] = {"finish_timeout": 30.0} if hasattr(wandb.Settings(), "finish_timeout") else {}
        settings = wandb.Settings(console="off", silent=True, init_timeout=init_timeout, **known)
        # Offline, wandb cannot look a run up; `wandb sync` joins the parts of a resumed run by their common id.
        self._run = wandb.init(
            mode="online" if online else "offline",
            dir=str(self.run_dir),
            id=self._identity(),
            name=self.run_dir.name,
            settings=settings,
            **about,
            resume="allow" if online else None,
        )
        # Our own step: wandb's restarts at 0 when a run is resumed offline.
        self._run.define_metric("step", hidden=True)
        self._run.define_metric("*", step_metric="step")

    def _identity(self) -> str:
        """The run's wandb id, kept in its folder so that a resumed run continues the same curve."""
        path = self.run_dir / "wandb_id.txt"
        if not path.exists():
            with atomic(path) as temporary:
                temporary.write_text(secrets.token_hex(4) + "\n")
        return path.read_text().strip()

    def _guarded(self, call: Callable[[], Any]) -> None:
        try:
            call()
        except Exception as error:  # whatever wandb comes up with, the training is worth more
            self._run = None
            _warn(f"wandb is off for this run ({_first_line(error)}); metrics.jsonl goes on")


def allowed(mode: Mode) -> Mode:
    """The mode, unless the environment wants less of wandb, by the variables that wandb itself has for that."""
    if os.environ.get("WANDB_DISABLED", "").lower() in ("true", "1", "yes", "on"):
        return "disabled"
    said = os.environ.get("WANDB_MODE", "").lower()
    wanted = LESS[LESS.index(said)] if said in LESS else mode
    return wanted if LESS.index(wanted) < LESS.index(mode) else mode


def forget_after(path: Path, step: int) -> None:
    """Removes the lines of later steps from a record, and a last line that a killed run left unfinished."""
    if not path.exists():
        return
    with atomic(path) as temporary:
        rows = read_metrics(path)
        temporary.write_text("".join(json.dumps(row) + "\n" for row in rows if row["step"] <= step))


def read_metrics(path: Path | str) -> list[dict[str, Any]]:
    """The rows of a metrics.jsonl; a half-written last line is left out."""
    rows = []
    for line in Path(path).read_text(encoding="utf-8").splitlines():
        try:
            rows.append(json.loads(line))
        except json.JSONDecodeError:
            break
    return rows


def _image(path: Path) -> Any:
    import wandb

    return wandb.Image(str(path))


def _model(path: Path) -> Any:
    import wandb

    return wandb.Object3D(str(path))


def _forget_attempt() -> None:
    """Ends what a failed start left in wandb's service, which otherwise holds the run's id."""
    import wandb

    wandb.teardown(exit_code=1)


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _warn(message: str) -> None:
    print(f"warning: {message}", file=sys.stderr)
