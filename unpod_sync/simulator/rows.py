"""What a list holds: JSON objects in creation order. Lists are kept oldest first and served newest first."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Sequence
from typing import Any, Final

from msgspec.json import decode, encode

JsonObject = dict[str, Any]

_OBJECT_ID_LENGTH: Final = 24


class StoredRow:
    """One JSON object at one place of a list. Holds the object or its bytes, whichever was needed last."""

    __slots__ = ("_encoded", "_payload", "key")

    def __init__(self, key: int, payload: JsonObject | None) -> None:
        """The payload is taken, not copied."""
        self.key = key
        self._payload = payload
        self._encoded: bytes | None = None

    @property
    def task_id(self) -> str:
        """The id of a task."""
        return str(self.payload().get("task_id"))

    def encoded(self) -> bytes:
        """The object's JSON, kept until the next change."""
        if self._encoded is None:
            self._encoded = encode(self._payload)
            self._payload = None
        return self._encoded

    def payload(self) -> JsonObject:
        """The live object, to be read. To change it use `mutable`."""
        if self._payload is None:
            self._payload = decode(self._encoded or b"{}")
        return self._payload

    def mutable(self) -> JsonObject:
        """The live object, to be changed; drops the encoded form."""
        payload = self.payload()
        self._encoded = None
        return payload

    def copy(self) -> JsonObject:
        """A copy of the object that shares nothing with the world."""
        copied: JsonObject = decode(self._encoded or encode(self._payload))
        return copied


def row_key(row: StoredRow) -> int:
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


def insert_row(rows: list[StoredRow], row: StoredRow) -> None:
    """Put the row at its place; equal keys keep the order of arrival."""
    insort(rows, row, key=row_key)


def remove_row(rows: list[StoredRow], row: StoredRow) -> None:
    """Take out exactly this row."""
    position = bisect_left(rows, row.key, key=row_key)
    while rows[position] is not row:
        position += 1
    del rows[position]


def newest(rows: Sequence[StoredRow], first: int = 0, last: int | None = None) -> list[StoredRow]:
    """Rows from `first` up to `last`, counted from the newest."""
    total = len(rows)
    low = 0 if last is None else max(0, total - last)
    return list(reversed(rows[low : max(0, total - first)]))
