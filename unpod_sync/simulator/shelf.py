"""What one space holds: rows in creation order, some of them computed on demand.

A *row* is a stored JSON object. A *reference* is either a row or the number of a task that
`BenchTasks` computes. Lists are kept oldest first and served newest first, as the backend does.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Sequence
from typing import Any, Final

import orjson

JsonObject = dict[str, Any]

_OBJECT_ID_LENGTH: Final = 24


class Row:
    """One JSON object at one place of a list. Holds the object or its bytes, whichever was needed last."""

    __slots__ = ("_encoded", "_payload", "_projected", "key")

    def __init__(self, key: int, payload: JsonObject) -> None:
        """The payload is taken, not copied."""
        self.key = key
        self._payload: JsonObject | None = payload
        self._encoded: bytes | None = None
        self._projected: dict[str, bytes] = {}

    def encoded(self) -> bytes:
        """The object's JSON, kept until the next change."""
        if self._encoded is None:
            self._encoded = orjson.dumps(self._payload)
            self._payload = None
        return self._encoded

    def payload(self) -> JsonObject:
        """The live object, to be read. To change it use `mutable`."""
        if self._payload is None:
            self._payload = orjson.loads(self._encoded or b"{}")
        return self._payload

    def mutable(self) -> JsonObject:
        """The live object, to be changed; forgets the encoded forms."""
        payload = self.payload()
        self._encoded = None
        self._projected.clear()
        return payload

    def copy(self) -> JsonObject:
        """A copy of the object that shares nothing with the world."""
        copied: JsonObject = orjson.loads(self._encoded or orjson.dumps(self._payload))
        return copied

    def projected(self, name: str, project: Callable[[JsonObject], JsonObject]) -> bytes:
        """The JSON of a reduced form of the object, kept until the next change."""
        found = self._projected.get(name)
        if found is None:
            found = self._projected[name] = orjson.dumps(project(self.payload()))
        return found


def row_key(row: Row) -> int:
    """The sort key of a row."""
    return row.key


def key_from_object_id(value: object) -> int | None:
    """The sort key that a document id stands for, or None when it is no such id."""
    if not isinstance(value, str) or len(value) != _OBJECT_ID_LENGTH:
        return None
    try:
        return int(value, 16)
    except ValueError:
        return None


def insert_row(rows: list[Row], row: Row) -> None:
    """Put the row at its place; equal keys keep the order of arrival."""
    insort(rows, row, key=row_key)


def remove_row(rows: list[Row], row: Row) -> None:
    """Take out exactly this row."""
    position = bisect_left(rows, row.key, key=row_key)
    while rows[position] is not row:
        position += 1
    del rows[position]


class Listing:
    """A list merged from computed tasks (`base`, ascending numbers) and stored rows, both in key order."""

    def __init__(self, base: Sequence[int], rows: Sequence[Row], key_of: Callable[[int], int]) -> None:
        """Work out where the rows lie between the computed tasks."""
        self._base = base
        self._rows = rows
        self._places = (
            [bisect_right(base, row.key, key=key_of) + n for n, row in enumerate(rows)] if base else None
        )

    def __len__(self) -> int:
        """How many there are."""
        return len(self._base) + len(self._rows)

    def newest(self, start: int, stop: int) -> list[Row | int]:
        """References from `start` to `stop`, counted from the newest."""
        total = len(self)
        stop = min(stop, total)
        if start >= stop:
            return []
        low, high = total - stop, total - start
        if self._places is None:
            return [*reversed(self._rows[low:high])]
        first = bisect_left(self._places, low)
        merged: list[Row | int] = []
        for place in range(low, high):
            if first < len(self._places) and self._places[first] == place:
                merged.append(self._rows[first])
                first += 1
            else:
                merged.append(self._base[place - first])
        merged.reverse()
        return merged
