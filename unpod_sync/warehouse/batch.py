"""What one transaction writes: flattened objects, with what their records carry beside the content."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from itertools import accumulate
from typing import Any

import pyarrow as pa

from unpod_sync.model import Flat, Record, Refusal, Reject

Stored = Mapping[str, Mapping[str, Any]]  # rows of `load_rows`, by id


@dataclass(frozen=True, slots=True)
class FlatBatch:
    """Flattened copies of objects of one kind, ready to be written.

    `rows` has the payload columns of the kind's table plus `id`, `content_hash`, `payload_json`,
    `payload_keys` and `answer_order`; `messages` the transcript messages in the order of `rows`.
    """

    kind: str
    rows: pa.Table
    messages: pa.Table | None
    rejects: list[Reject]


@dataclass(slots=True)
class LoadBatch:
    """What one transaction writes.

    `respelled`: kind and id of objects that came with the stored content in another spelling → the stored hash
    and the new one.
    """

    copies: list[FlatBatch] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    bookmarks: list[dict[str, Any]] = field(default_factory=list)
    seen: dict[str, list[str]] = field(default_factory=dict)
    refusals: list[Refusal] = field(default_factory=list)
    stored: dict[str, Stored] = field(default_factory=dict)  # what is stored of the copies' objects, by kind
    respelled: dict[tuple[str, str], tuple[str, str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LoadContext:
    """Who writes, and when."""

    load_id: str
    batch_id: int
    now: datetime


@lru_cache(maxsize=1_024)  # objects of one kind mostly have the same keys
def _joined_keys(keys: tuple[str, ...]) -> str:
    return ",".join(sorted(keys))


def flat_batch(records: Sequence[Record], flat: Flat) -> FlatBatch:
    """The flattened rows of these records of one kind, with what the records carry beside their content."""
    rows = flat.rows
    for name, array in (
        ("id", pa.array([record.id for record in records], pa.string())),
        ("content_hash", pa.array([record.content_hash for record in records], pa.string())),
        ("payload_keys", pa.array([_joined_keys(record.keys) for record in records], pa.string())),
        ("answer_order", pa.array([record.sequence for record in records], pa.int64())),
        ("payload_json", _texts([record.payload for record in records])),
    ):
        rows = rows.append_column(name, array)
    return FlatBatch(records[0].kind, rows, flat.messages, flat.rejects)


def _texts(encoded: Sequence[bytes]) -> pa.Array:
    """UTF-8 as an Arrow array, joined at once: a growing buffer touches new memory again and again."""
    offsets = pa.array([0, *accumulate(map(len, encoded))], pa.int32())
    return pa.StringArray.from_buffers(len(encoded), offsets.buffers()[1], pa.py_buffer(b"".join(encoded)))
