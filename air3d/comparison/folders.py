"""The folders of pictures that a comparison names, looked at before hours of training."""

from __future__ import annotations

from pathlib import Path

from air3d.comparison.plan import MAKES, CompareConfig, request
from scenes.errors import UserError
from scenes.manifest import sha256
from scenes.parsing import read_json
from scenes.unlabelled import found


def check_folders(config: CompareConfig) -> None:
    """UserError where a test's data set is none, where the folder to learn from cannot be read, and where it holds
    pictures of a test: what is measured is never trained on."""
    for test in config.tests.values():
        request(test)
    if config.data is None:
        return
    root, names, _ = found(Path(config.data))
    learned = {sha256(root / name): name for name in names}
    for test in config.tests.values():
        if test.data is None:
            continue
        asked = read_json(Path(test.data) / "manifest.json").get("files", {}).values()
        if both := [learned[content] for content in asked if content in learned]:
            raise UserError(
                f"data={config.data} holds {len(both)} pictures of the test {test.data}, such as {both[0]}: give "
                f"others ({MAKES} makes some)"
            )
