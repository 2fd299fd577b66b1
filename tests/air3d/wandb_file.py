"""Reads what an offline wandb run kept: its .wandb file is a LevelDB log of protobuf records."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

BLOCK, HEADER = 32768, 7  # bytes; a record's header is checksum (4), length (2), type (1)
FULL, FIRST, MIDDLE, LAST = 1, 2, 3, 4


def records(path: Path) -> Iterator[bytes]:
    """The payloads of a log; pieces of a record that spans blocks are joined."""
    data, at, joined = path.read_bytes(), HEADER, b""  # the file begins with a mark of seven bytes
    while at + HEADER <= len(data):
        if BLOCK - at % BLOCK < HEADER:  # no header fits into the rest of a block
            at += BLOCK - at % BLOCK
            continue
        length, kind = int.from_bytes(data[at + 4 : at + 6], "little"), data[at + 6]
        piece, at = data[at + HEADER : at + HEADER + length], at + HEADER + length
        assert kind in (FULL, FIRST, MIDDLE, LAST), kind
        joined = piece if kind in (FULL, FIRST) else joined + piece
        if kind in (FULL, LAST):
            yield joined


def kept(folder: Path, kind: str) -> Iterator[Any]:
    """The records of one type (`run`, `history`, ..) of all runs kept in a folder, oldest first."""
    from wandb.proto import wandb_internal_pb2

    for path in sorted(folder.rglob("*.wandb")):
        for payload in records(path):
            record = wandb_internal_pb2.Record()
            record.ParseFromString(payload)
            if record.WhichOneof("record_type") == kind:
                yield getattr(record, kind)


def history(folder: Path) -> list[dict[str, Any]]:
    """Every logged row, without wandb's own keys, of all runs kept in a folder, oldest first."""
    rows = []
    for record in kept(folder, "history"):
        row: dict[str, Any] = {}
        for item in record.item:
            *above, key = item.nested_key or [item.key]
            place = row
            for name in above:
                place = place.setdefault(name, {})
            place[key] = json.loads(item.value_json)
        rows.append({key: value for key, value in row.items() if not key.startswith("_")})
    return rows
