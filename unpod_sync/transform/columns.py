"""A batch of records seen column by column: the objects inside them, and values as Arrow arrays.

A whole batch is read one field at a time. Each conversion first tries what nearly every value
allows (Arrow's own conversion of the list) and goes value by value only when Arrow refuses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa

from unpod_sync.model import Record, Reject
from unpod_sync.tables import Column
from unpod_sync.transform.compute import pc
from unpod_sync.transform.json_codec import decode_all, embedded
from unpod_sync.transform.parse import (
    FIRST_YEAR,
    LAST_YEAR,
    PLACEHOLDERS,
    ParseError,
    canonical_label,
    is_missing,
    read_integer,
    read_number,
    read_text,
    read_time,
    shorten,
)

BLOCK = 32  # records decoded together: their objects fit the processor's cache, also beside another program's

NOTHING: dict[str, Any] = {}
SPELLED_NOTHING = pa.array(
    sorted({form for word in PLACEHOLDERS for form in (word, word.upper(), word.capitalize())})
)
# What Arrow casts itself; years outside the plausible ones are left to `read_time` to refuse.
PLAIN_TIME = r"^20\d\d-(0[1-9]|1[0-2])-([0-2]\d|3[01])[T ]([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,6})?$"
EARLIEST = pa.scalar(datetime(FIRST_YEAR, 1, 1), pa.timestamp("us"))  # noqa: DTZ001
LATEST = pa.scalar(datetime(LAST_YEAR + 1, 1, 1), pa.timestamp("us"))  # noqa: DTZ001

Values = list[Any]
Columns = dict[str, pa.Array]

_PATHS: dict[str, dict[str, None]] = {}  # what was read of each kind's records so far; a set that keeps order


class RecordColumns:
    """Records of one kind, the objects inside them by path, and the refusals found on the way."""

    def __init__(self, kind: str, records: Sequence[Record], zone: ZoneInfo) -> None:
        """Nothing is read before `read_blocks`."""
        self.kind = kind
        self.records = records
        self.zone = zone
        self.rejects: list[Reject] = []
        self.arrays: dict[str, pa.Array] = {}
        self._raw: dict[str, Values] = {}
        self._objects: dict[str, list[dict[str, Any]]] = {"": []}

    def read_blocks(self, path: str) -> Iterator[tuple[int, list[dict[str, Any]]]]:
        """Decodes the records in blocks; yields the index of a block's first record, and the objects at `path`.

        Decoding and reading cost a third of what they do when the objects of a whole batch are visited path by
        path, since those do not fit the processor's cache. So every path that an earlier batch was asked for
        is read at once.
        """
        known_paths = list(_PATHS.setdefault(self.kind, {}))
        self._raw = {known: [] for known in known_paths}
        for start in range(0, len(self.records), BLOCK):
            decoded = decode_all([record.payload for record in self.records[start : start + BLOCK]])
            block: dict[str, list[dict[str, Any]]] = {"": list(map(dict_of, decoded))}
            self._objects[""] += block[""]
            for known in known_paths:
                parent, _, key = known.rpartition(".")
                self._raw[known] += [holder.get(key) for holder in _objects_at(parent, block)]
            yield start, _objects_at(path, block)

    def objects(self, path: str) -> list[dict[str, Any]]:
        """The object at a dotted path of each record; an empty one where there is none.

        JSON text is read as the object it spells (`output` and the analysis come so, too).
        """
        found = self._objects.get(path)
        if found is None:
            found = [v if type(v) is dict else _object(v) for v in self.raw(path)]
            self._objects[path] = found
        return found

    def raw(self, path: str) -> Values:
        """The value at a dotted path of each record, None where it is missing."""
        found = self._raw.get(path)
        if found is None:
            parent, _, key = path.rpartition(".")
            found = self._raw[path] = [holder.get(key) for holder in self.objects(parent)]
            _PATHS[self.kind][path] = None
        return found

    def values(self, first: str, *others: str) -> Values:
        """The first value of these paths that is neither null nor empty text, for each record."""
        values = self.raw(first)
        for path in others:
            if None not in values and "" not in values:
                break
            values = [
                v if _is_given(v) or not _is_given(other) else other
                for v, other in zip(values, self.raw(path), strict=True)
            ]
        return values

    def reject(self, index: int, field: str, value: Any, reason: str) -> None:
        """Note that a value of the record at `index` was refused."""
        self.rejects.append(Reject(self.kind, self.records[index].id, field, shorten(value), reason))

    def read(self, field: str, values: Values, reader: Callable[[Any], Any]) -> Values:
        """Each value read by itself; a refused one is None and noted."""
        read: Values = []
        for index, value in enumerate(values):
            try:
                read.append(reader(value))
            except ParseError as refusal:
                self.reject(index, field, value, str(refusal))
                read.append(None)
        return read

    def column(self, column: Column) -> pa.Array:
        """The column that `Column.read` describes."""
        values = self.values(*column.paths)
        converted: pa.Array = getattr(self, CONVERSIONS[column.type])(column.name, values)
        return each_spelling(converted, canonical_label) if column.is_label else converted

    def labels(
        self, field: str, paths: tuple[str, ...], read_label: Callable[[str | None], str | None]
    ) -> list[str | None]:
        """The first text that says something, of several paths, for each record.

        `read_label` knows: it gives None for a placeholder, and remembers the labels it has seen.
        """
        found: list[str | None] = []
        for index, values in enumerate(zip(*(self.raw(path) for path in paths), strict=True)):
            text: str | None = None
            if type(values[0]) is str and read_label(values[0]) is not None:
                found.append(read_text(values[0]))
                continue
            for value in values:
                if value is None or value == "":
                    continue
                try:
                    text = given_text(value)
                except ParseError as refusal:
                    self.reject(index, field, value, str(refusal))
                if text is not None:
                    break
            found.append(text)
        return found

    def texts(self, field: str, values: Values) -> pa.Array:
        """Text, as it is."""
        try:
            return pa.array(values, pa.string())
        except (pa.ArrowException, UnicodeError, TypeError):
            return pa.array(self.read(field, values, read_text), pa.string())

    def numbers(self, field: str, values: Values) -> pa.Array:
        """Finite numbers."""
        if {int, float, type(None)}.issuperset(map(type, values)):
            try:
                read = pa.array(values, pa.float64())
                if pc.all(pc.is_finite(read), min_count=0).as_py():
                    return read
            except (pa.ArrowException, OverflowError):
                pass  # an integer that no double holds exactly
        return pa.array(self.read(field, values, read_number), pa.float64())

    def integers(self, field: str, values: Values) -> pa.Array:
        """Whole numbers."""
        if not {int, type(None)}.issuperset(map(type, values)):
            values = self.read(field, values, read_integer)
        try:
            return pa.array(values, pa.int64())
        except (pa.ArrowException, OverflowError):
            return pa.array(self.read(field, values, read_integer), pa.int64())

    def times(self, field: str, values: Values) -> pa.Array:
        """Moments, as naive UTC."""
        return times(values, lambda index, value, reason: self.reject(index, field, value, reason))


CONVERSIONS = {"VARCHAR": "texts", "DOUBLE": "numbers", "BIGINT": "integers", "TIMESTAMP": "times"}


def each_spelling(labels: pa.Array, read_label: Callable[[str | None], str | None]) -> pa.Array:
    """The canonical labels of an array of few distinct ones: each spelling is read once."""
    encoded = labels.dictionary_encode()
    canonical = pa.array(list(map(read_label, encoded.dictionary.to_pylist())), pa.string())
    return canonical.take(encoded.indices)


def times(values: Sequence[Any], refuse: Callable[[int, Any, str], None]) -> pa.Array:
    """Moments as naive UTC: by Arrow where all are written plainly, else each other one by itself.

    `refuse` is told index, value and reason of what cannot be read.
    """
    try:
        texts = pa.array(values, pa.string())
    except (pa.ArrowException, UnicodeError, TypeError):
        return _times_one_by_one(values, refuse)
    given = pc.utf8_rtrim(texts, "Z")
    try:
        cast = _plausible(given.cast(pa.timestamp("us")))
    except pa.ArrowInvalid:
        cast = None
    return cast if cast is not None else _times_by_parts(values, given, refuse)


def _times_by_parts(
    values: Sequence[Any], given: pa.Array, refuse: Callable[[int, Any, str], None]
) -> pa.Array:
    plain = pc.fill_null(pc.match_substring_regex(given, PLAIN_TIME), False)
    nothing = pa.nulls(len(given), pa.string())
    try:
        cast = pc.if_else(plain, given, nothing).cast(pa.timestamp("us"))
    except pa.ArrowInvalid:  # 30 February has the form of a time, too
        return _times_one_by_one(values, refuse)
    odd = pc.and_(pc.invert(plain), pc.invert(pc.is_in(given, SPELLED_NOTHING)))
    indices = pc.indices_nonzero(pc.and_(odd, pc.is_valid(given))).to_pylist()
    if not indices:
        return cast
    read = [_time_or_refusal(index, values[index], refuse) for index in indices]
    mask = pc.is_in(pa.array(range(len(values)), pa.int64()), pa.array(indices, pa.int64()))
    return pc.replace_with_mask(cast, mask, pa.array(read, pa.timestamp("us")))


def _times_one_by_one(values: Sequence[Any], refuse: Callable[[int, Any, str], None]) -> pa.Array:
    return pa.array([_time_or_refusal(i, v, refuse) for i, v in enumerate(values)], pa.timestamp("us"))


def _time_or_refusal(index: int, value: Any, refuse: Callable[[int, Any, str], None]) -> datetime | None:
    try:
        return read_time(value)
    except ParseError as refusal:
        refuse(index, value, str(refusal))
        return None


def _plausible(moments: pa.Array) -> pa.Array | None:
    """The moments when all lie within the years that `read_time` accepts, else None."""
    bounds = pc.min_max(moments)
    if not bounds["min"].is_valid or (
        pc.greater_equal(bounds["min"], EARLIEST).as_py() and pc.less(bounds["max"], LATEST).as_py()
    ):
        return moments
    return None


def _objects_at(path: str, block: dict[str, list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """The objects at a path, in a block of which those at the empty path are known."""
    found = block.get(path)
    if found is None:
        parent, _, key = path.rpartition(".")
        values = [holder.get(key) for holder in _objects_at(parent, block)]
        found = block[path] = [v if type(v) is dict else _object(v) for v in values]
    return found


def _object(value: Any) -> dict[str, Any]:
    if type(value) is str:
        inner = embedded(value)
        if type(inner) is dict:
            return inner
    return NOTHING


def dict_of(value: Any) -> dict[str, Any]:
    """The value itself when it is an object, else an empty one."""
    return value if isinstance(value, dict) else NOTHING


def nested(value: Any, names: tuple[str, ...]) -> Any:
    """The named text inside an object; anything else as it is."""
    if not isinstance(value, dict):
        return value
    return next((value[name] for name in names if isinstance(value.get(name), str)), value or None)


def spelled(value: Any) -> Any:
    """The object or list that a text spells as JSON; anything else as it is."""
    if type(value) is not str:
        return value
    inner = embedded(value)
    return value if inner is None else inner


def given_text(value: Any) -> str | None:
    """Text that says something: neither null nor a placeholder; numbers as text."""
    return None if is_missing(value) else read_text(value)


def _is_given(value: Any) -> bool:
    return value is not None and value != ""
