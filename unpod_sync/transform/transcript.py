"""Transcripts in all their shapes → one table of messages."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, chain
from operator import itemgetter
from typing import Any

import pyarrow as pa

from unpod_sync.tables import MESSAGES
from unpod_sync.transform.columns import RecordColumns, times
from unpod_sync.transform.compute import pc
from unpod_sync.transform.json_codec import embedded, encode_all
from unpod_sync.transform.parse import ParseError, canonical_role, is_missing, read_text

FIELD = "transcript"
ROLE_KEYS = ("role", "speaker", "sender", "from")
CONTENT_KEYS = ("content", "text", "message", "transcript")
TIME_KEYS = ("timestamp", "time", "sent_at", "created_at", "createdAt", "date")
OTHER_TIME_KEYS = frozenset(TIME_KEYS[1:])
LIST_KEYS = ("messages", "transcript", "items", "conversation")

ROLE, CONTENT = itemgetter("role"), itemgetter("content")

LABELLED = re.compile(
    r"\s*(AI|User|Agent|Customer|Assistant|Bot|Human|System|Caller|Client|Tool|Function)\s*:[ \t]?(.*)",
    re.IGNORECASE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Messages:
    """The messages of a batch: those of record i are the rows `offsets[i]` to `offsets[i + 1]`.

    `known` says of each record whether it has a transcript to read, `given` whether one with content was sent.
    """

    table: pa.Table
    offsets: pa.Array
    known: list[bool]
    given: list[bool]


class TranscriptReader:
    """Takes the transcripts of a batch of tasks block by block, and makes one table of their messages."""

    def __init__(self, batch: RecordColumns) -> None:
        """`batch` collects what cannot be read."""
        self._batch = batch
        self._counts: list[int] = []
        self._known: list[bool] = []
        self._given: list[bool] = []
        self._labels: list[str | None] = []
        self._contents: list[str | None] = []
        self._moments: list[Any] = []
        self._rests: list[Any] = []
        self._extras: list[bytes] = []

    def take(self, start: int, sent: list[Any]) -> None:
        """Reads the transcripts of the records from index `start` on, in any of their shapes. It empties them."""
        self._given += [isinstance(value, list | str) and bool(value) for value in sent]
        for index, value in enumerate(sent, start=start):
            entries = value if type(value) is list else _entries(self._batch, index, value)
            self._known.append(entries is not None)
            self._counts.append(len(entries or ()))
            if entries and not self._take_usual(entries):
                for entry in entries:
                    self._take(*_read_entry(entry))
        self._extras += encode_all(self._rests)  # while they are in the processor's cache
        self._rests.clear()

    def _take_usual(self, entries: list[Any]) -> bool:
        """Whether all messages are objects with a text role and content, and no time but `timestamp`: then takes them."""
        try:
            labels = list(map(ROLE, entries))
            contents = list(map(CONTENT, entries))
        except (KeyError, TypeError, IndexError):
            return False
        if not {str}.issuperset(map(type, chain(labels, contents))):
            return False
        if not OTHER_TIME_KEYS.isdisjoint(chain.from_iterable(entries)):
            return False
        self._labels += labels
        self._contents += contents
        self._moments += [entry.pop("timestamp", None) for entry in entries]
        for entry in entries:
            del entry["role"], entry["content"]
        self._rests += entries
        return True

    def _take(self, label: str | None, content: str | None, moment: Any, rest: dict[str, Any]) -> None:
        self._labels.append(label)
        self._contents.append(content)
        self._moments.append(moment)
        self._rests.append(rest)

    def messages(self) -> Messages:
        """All messages taken, in the records' and the transcripts' order; texts that recur as dictionaries."""
        records = self._batch.records
        contents = _text_array(self._contents)
        labels = _text_array(self._labels).dictionary_encode()
        offsets = pa.array([0, *accumulate(self._counts)], pa.int32())
        owner = pc.list_parent_indices(pa.ListArray.from_arrays(offsets, contents)).cast(pa.int64())
        first = offsets.cast(pa.int64()).take(owner)
        extras = [None if text == b"{}" else text for text in self._extras]
        columns = {
            "task_id": pa.DictionaryArray.from_arrays(
                owner.cast(pa.int32()), pa.array([record.id for record in records], pa.string())
            ),
            "position": pc.subtract(pa.array(range(len(labels)), pa.int64()), first),
            "role": pa.DictionaryArray.from_arrays(labels.indices, _folded(labels.dictionary)),
            "role_label": labels,
            "content": contents,
            "sent_at": _moments(self._batch, self._moments, owner),
            "extra_json": pa.array(extras, pa.string()),
        }
        names = MESSAGES.arrow_schema("payload").names
        table = pa.Table.from_arrays([columns[name] for name in names], names=names)
        return Messages(table, offsets, self._known, self._given)


def _read_entry(entry: Any) -> tuple[str | None, str | None, Any, dict[str, Any]]:
    """Role label, content, time and further fields of a message of any shape."""
    if isinstance(entry, str):
        found = LABELLED.match(entry)
        return (found[1], found[2], None, {}) if found else (None, entry, None, {})
    if not isinstance(entry, Mapping):
        text = None if entry is None or isinstance(entry, list) else read_text_or_none(entry)
        return None, text, None, {} if entry is None or text is not None else {"value": entry}
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
    return label, content, moment, rest


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
    """The messages of a transcript that is not a list; None when there is none to read."""
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


def _folded(labels: pa.Array) -> pa.Array:
    return pa.array(list(map(canonical_role, labels.to_pylist())), pa.string())


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
