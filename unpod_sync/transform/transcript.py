"""Transcripts in all their shapes → one table of messages."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, chain
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from unpod_sync.tables import MESSAGES
from unpod_sync.transform.columns import RecordColumns, each_spelling, times
from unpod_sync.transform.json_codec import embedded, encode_text
from unpod_sync.transform.parse import ParseError, fold_role, is_missing, read_text

FIELD = "transcript"
Shape = tuple[str, ...]
Columns = Mapping[str, Sequence[Any]]
NO_SHAPE: Shape = ()
SPOKEN = {"role", "content"}
ROLE_KEYS = ("role", "speaker", "sender", "from")
CONTENT_KEYS = ("content", "text", "message", "transcript")
TIME_KEYS = ("timestamp", "time", "sent_at", "created_at", "createdAt", "date")
OTHER_TIME_KEYS = frozenset(TIME_KEYS[1:])
LIST_KEYS = ("messages", "transcript", "items", "conversation")

LABELLED = re.compile(
    r"\s*(AI|User|Agent|Customer|Assistant|Bot|Human|System|Caller|Client|Tool|Function)\s*:[ \t]?(.*)",
    re.IGNORECASE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Messages:
    """The messages of a batch: those of record i are the rows `offsets[i]` to `offsets[i + 1]`.

    `known` says of each record whether it has a transcript to read.
    """

    table: pa.Table
    offsets: pa.Array
    known: list[bool]


@dataclass(frozen=True, slots=True)
class _Fields:
    """What messages say: role labels, contents, times as sent, and further fields as JSON text."""

    labels: pa.Array
    contents: pa.Array
    moments: Sequence[Any]
    extras: pa.Array


def read_messages(batch: RecordColumns) -> Messages:
    """All messages of a batch of tasks, in the records' and the transcripts' order."""
    transcripts = [
        value if type(value) is list else _entries(batch, index, value)
        for index, value in enumerate(batch.raw("output.transcript"))
    ]
    counts = [0 if entries is None else len(entries) for entries in transcripts]
    offsets = pa.array([0, *accumulate(counts)], pa.int32())
    entries = list(chain.from_iterable(filter(None, transcripts)))
    fields = _fields(entries)
    owner = pc.list_parent_indices(pa.ListArray.from_arrays(offsets, fields.labels)).cast(pa.int64())
    first = offsets.cast(pa.int64()).take(owner)
    columns = {
        "task_id": pa.array([record.id for record in batch.records], pa.string()).take(owner),
        "position": pc.subtract(pa.array(range(len(entries)), pa.int64()), first),
        "role": each_spelling(fields.labels, fold_role),
        "role_label": fields.labels,
        "content": fields.contents,
        "sent_at": _moments(batch, fields.moments, owner),
        "extra_json": fields.extras,
    }
    schema = MESSAGES.arrow_schema("payload")
    table = pa.Table.from_arrays([columns[name] for name in schema.names], schema=schema)
    return Messages(table, offsets, [entries is not None for entries in transcripts])


def _fields(entries: list[Any]) -> _Fields:
    """The fields of these messages.

    Messages of one shape, the same keys in the same order with text where text is usual, are read
    by whole columns: a batch mostly has one, else few. Those of no usual shape are read one by one.
    """
    parts = _parts(entries)
    if len(parts) == 1:
        return parts[0][1]
    order = list(chain.from_iterable(places for places, _ in parts))
    back = sorted(range(len(order)), key=order.__getitem__)
    labels, contents, extras = (
        pa.concat_arrays(arrays).take(pa.array(back, pa.int64()))
        for arrays in zip(*((part.labels, part.contents, part.extras) for _, part in parts), strict=True)
    )
    moments = list(chain.from_iterable(part.moments for _, part in parts))
    return _Fields(labels, contents, [moments[i] for i in back], extras)


def _parts(entries: list[Any]) -> list[tuple[Sequence[int], _Fields]]:
    """The messages of each shape, with where they stand; those of no usual one together."""
    if {dict}.issuperset(map(type, entries)) and len(shapes := set(map(tuple, entries))) == 1:
        columns = _columns(shapes.pop(), entries)
        if _are_usual(columns):
            return [(range(len(entries)), _read_columns(columns, len(entries)))]
    found: dict[Shape, list[int]] = defaultdict(list)
    for place, entry in enumerate(entries):
        found[tuple(entry) if type(entry) is dict else NO_SHAPE].append(place)
    parts: list[tuple[Sequence[int], _Fields]] = []
    odd = found.pop(NO_SHAPE, [])
    for shape, group in found.items():
        columns = _columns(shape, [entries[i] for i in group])
        if not _are_usual(columns):
            usual = [i for i in group if _are_usual(_columns(shape, [entries[i]]))]
            odd += sorted(set(group).difference(usual))
            if not usual:
                continue
            group, columns = usual, _columns(shape, [entries[i] for i in usual])
        parts.append((group, _read_columns(columns, len(group))))
    if odd or not parts:
        parts.append((odd, _read_odd([entries[i] for i in odd])))
    return parts


def _columns(shape: Shape, entries: list[dict[str, Any]]) -> Columns:
    """The values of messages that all have the keys `shape`, in its order, key by key."""
    return dict(zip(shape, zip(*map(dict.values, entries), strict=True), strict=True))


def _are_usual(columns: Columns) -> bool:
    """Whether messages have text under the usual keys, and times under no other."""
    if not columns.keys() >= SPOKEN or not all({str}.issuperset(map(type, columns[key])) for key in SPOKEN):
        return False
    return OTHER_TIME_KEYS.isdisjoint(columns) or not any(map(is_missing, columns.get("timestamp", (None,))))


def _read_odd(entries: list[Any]) -> _Fields:
    """The fields of messages of no usual shape."""
    read = [_read_entry(entry) for entry in entries]
    labels, contents, moments, extras = zip(*read, strict=True) if read else ((),) * 4
    return _Fields(_text_array(labels), _text_array(contents), moments, pa.array(extras, pa.string()))


def _read_columns(columns: Columns, length: int) -> _Fields:
    labels, contents, moments = (
        columns["role"],
        columns["content"],
        columns.get("timestamp", (None,) * length),
    )
    rest = {key: values for key, values in columns.items() if key not in (*SPOKEN, "timestamp")}
    return _Fields(_text_array(labels), _text_array(contents), moments, _objects(rest, length))


def _objects(columns: Columns, length: int) -> pa.Array:
    """The JSON text of each row of these columns as an object; NULL when there is no column."""
    if not columns:
        return pa.nulls(length, pa.string())
    pieces: list[pa.Array | str] = []
    for key, values in columns.items():
        pieces += ("," if pieces else "{", encode_text(key), ":", *_written(values))
    if not any(isinstance(piece, pa.Array) for piece in pieces):
        return pa.repeat(pa.scalar("".join((*pieces, "}"))), length)
    return pc.binary_join_element_wise(*pieces, "}", "")


def _written(values: Sequence[Any]) -> tuple[pa.Array | str, ...]:
    """Each value as JSON text, or the one text of all; in pieces to be joined."""
    kinds = set(map(type, values))
    if kinds == {type(None)}:
        return ("null",)
    if kinds == {str}:
        # Between two written texts stands `","`, and nowhere else: a quote inside a text is escaped.
        texts = pa.array([encode_text(values)[2:-2]], pa.large_string())
        bodies = pc.split_pattern(texts, '","').flatten().cast(pa.string())
        if len(bodies) == len(values):
            return '"', bodies, '"'
    return (pa.array(list(map(encode_text, values)), pa.string()),)


def _read_entry(entry: Any) -> tuple[str | None, str | None, Any, str | None]:
    """Role label, content, time and further fields of a message of any shape."""
    if isinstance(entry, str):
        found = LABELLED.match(entry)
        return (found[1], found[2], None, None) if found else (None, entry, None, None)
    if not isinstance(entry, Mapping):
        text = None if entry is None or isinstance(entry, list) else read_text_or_none(entry)
        return None, text, None, None if entry is None or text is not None else encode_text({"value": entry})
    rest = dict(entry)
    role_key = next((key for key in ROLE_KEYS if isinstance(entry.get(key), str)), None)
    label = rest.pop(role_key) if role_key else None
    content_key, content = content_of(entry)
    if content_key is not None:
        rest.pop(content_key)
    time_key = next((key for key in TIME_KEYS if not is_missing(entry.get(key))), None)
    moment = rest.pop(time_key) if time_key else None
    for key in ("role", "content", "timestamp"):
        if rest.get(key, "") is None or (key == "timestamp" and is_missing(rest.get(key))):
            rest.pop(key, None)
    return label, content, moment, encode_text(rest) if rest else None


def content_of(entry: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """The key that holds what was said, and its text; (None, None) when nothing was."""
    for key in CONTENT_KEYS:
        value = entry.get(key)
        text = said(value)
        if text is not None and (text or key == "content"):
            # Parts that are more than text stay among the further fields as they are.
            whole = not isinstance(value, list | Mapping) or (key == "content" and _is_plain(value))
            return (key if whole else None), text
    return None, None


def said(value: Any) -> str | None:
    """The text of a content: text, a number, an object with text, or a list of such parts."""
    if isinstance(value, Mapping):
        return next(
            (
                value[key]
                for key in ("text", "content", "value", "message")
                if isinstance(value.get(key), str)
            ),
            None,
        )
    if isinstance(value, list):
        parts = [part for part in map(said, value) if part is not None] if _depth_is_one(value) else []
        return "\n".join(parts) if parts else None
    return read_text_or_none(value)


def _depth_is_one(parts: list[Any]) -> bool:
    return not any(isinstance(part, list) for part in parts)


def _is_plain(value: Any) -> bool:
    """Whether a content holds nothing but its text and its type."""
    if isinstance(value, list):
        return all(isinstance(part, str) or (isinstance(part, Mapping) and _is_plain(part)) for part in value)
    return (
        len(value) <= 2
        and value.get("type", "text") in ("text", "input_text", "output_text")
        and not any(isinstance(inner, list | Mapping) for inner in value.values())
    )


def read_text_or_none(value: Any) -> str | None:
    """A value as text, None when it is no text."""
    try:
        return read_text(value)
    except ParseError:
        return None


def _entries(batch: RecordColumns, index: int, value: Any) -> list[Any] | None:
    """The messages of a transcript that is no list; None when there is none to read."""
    if isinstance(value, str):
        inner = embedded(value)
        if inner is None:
            return None if value and is_missing(value) else labelled_lines(value)
        value = inner
    if isinstance(value, list):
        return value
    if isinstance(value, Mapping):
        if not value:
            return []
        inner = next((value[key] for key in LIST_KEYS if isinstance(value.get(key), list)), None)
        if inner is not None:
            return list(inner)
        if "role" in value or "content" in value:
            return [value]
    if value is not None:
        batch.reject(index, FIELD, value, "neither a list of messages nor text")
    return None


def labelled_lines(text: str) -> list[dict[str, Any]]:
    """The messages of a text transcript: a line with a speaker's label begins one."""
    messages: list[dict[str, Any]] = []
    for line in text.splitlines():
        found = LABELLED.fullmatch(line)
        if found:
            messages.append({"role": found[1], "content": found[2]})
        elif messages:
            messages[-1]["content"] += "\n" + line
        elif line.strip():
            messages.append({"role": None, "content": line})
    for message in messages:
        message["content"] = message["content"].strip()
    return messages


def _text_array(values: Sequence[Any]) -> pa.Array:
    try:
        return pa.array(values, pa.string())
    except (pa.ArrowException, UnicodeError, TypeError):
        return pa.array([read_text_or_none(value) for value in values], pa.string())


def _moments(batch: RecordColumns, moments: Sequence[Any], owner: pa.Array) -> pa.Array:
    """The time of each message; of a task's unreadable ones the first is noted, with their number."""
    refused: dict[int, list[Any]] = {}

    def refuse(index: int, value: Any, reason: str) -> None:
        refused.setdefault(owner[index].as_py(), []).append((value, reason))

    if {type(None)}.issuperset(map(type, moments)):
        return pa.nulls(len(moments), pa.timestamp("us"))
    read = times(moments, refuse)
    for index, refusals in refused.items():
        value, reason = refusals[0]
        more = f" (and {len(refusals) - 1} more)" if len(refusals) > 1 else ""
        batch.reject(index, f"{FIELD}.sent_at", value, reason + more)
    return read
