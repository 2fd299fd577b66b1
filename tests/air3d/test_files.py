"""Files appear whole or not at all."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from air3d.files import atomic, write_json


def test_atomic_keeps_the_old_file_when_writing_fails(tmp_path):
    write_json(tmp_path / "a.json", {"x": float("nan"), "y": np.float32(1), 3: (np.arange(2), torch.tensor([True]))})
    assert json.loads((tmp_path / "a.json").read_text()) == {"x": None, "y": 1.0, "3": [[0, 1], [True]]}
    with pytest.raises(RuntimeError), atomic(tmp_path / "a.json") as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]
    assert (tmp_path / "a.json").read_text().startswith("{")
