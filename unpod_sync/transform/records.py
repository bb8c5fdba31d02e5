"""Decoded rows of the API → records: less their secrets, with key, payload and content hash."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

from unpod_sync.model import UNKEYED, Page, Record, Reject, Resource, is_plausible_id
from unpod_sync.transform.json_codec import clean_text, decode, encode, is_too_deep
from unpod_sync.transform.parse import is_missing, shorten
from unpod_sync.transform.secrets import Redaction, drop_known_secrets

# The fields that can hold an object's key, in order of preference.
KEYS = {
    "task": ("task_id", "_id", "id"),
    "run": ("run_id", "_id", "id"),
    "space": ("token", "space_token"),
    "agent": ("handle", "agent_handle"),
    "execution": ("run_id", "_id", "id"),
    "organization": ("domain_handle", "domain", "id"),
}

NO_OBJECT = "row_that_is_no_object"  # the field under which raw.payloads keeps such a row
NAMING = ("space", "agent")  # what is stored of these is asked for: without a name it cannot be
TOO_DEEP = "nested too deeply to be kept"
FEW_ROWS = 10

# The fields of an object that become a segment of a path.
PATH_FIELDS = {"task": ("run_id", "assignee"), "run": ("run_id",), "space": ("token",), "agent": ("handle",)}

# hashlib lets go of the interpreter for more bytes than these; with a thread that computes beside
# this one, getting it back takes thousands of times as long as the hash.
HELD = 2_047


def prepare(
    rows: list[Any], resource: Resource, *, sequence: int = 0, secrets: Redaction | tuple[str, ...] = ()
) -> tuple[list[Record], list[Reject]]:
    """Records of the rows of a page, in their order, and what could not be one.

    A row that is no object is kept as the only field of one; fields that are nested too deeply to be
    searched for secrets and written are left out.
    `secrets` are values to be replaced in every text, the API token above all; a `Redaction`
    that serves many pages spares building it anew.
    """
    redaction = secrets if isinstance(secrets, Redaction) else Redaction(secrets)
    rejects: list[Reject] = []
    values: list[dict[str, Any]] = []
    payloads: list[bytes] = []
    hashes: list[str] = []
    too_deep: list[int] = []
    for row in rows:
        if not isinstance(row, dict):
            if resource.kind in NAMING or is_too_deep([row]):
                rejects.append(_refused_row(row, resource.kind, redaction))
                continue
            row = {NO_OBJECT: row}
        value = drop_known_secrets(row)
        try:
            payloads.append(encode(value))
        except RecursionError:
            value = {name: inner for name, inner in value.items() if not is_too_deep([inner])}
            payloads.append(encode(value))
            too_deep.append(len(values))
        values.append(value)
        hashes.append(content_hash(value))  # at once, while the object is in the processor's cache
    keep_token = resource.kind == "space"
    for index, suspect in enumerate(redaction.suspects(payloads)):
        if suspect or isinstance(values[index].get("user_info"), str):
            values[index] = redaction.clean(values[index], keep_token=keep_token)
            payloads[index] = encode(values[index])
            hashes[index] = content_hash(values[index])
    records = [
        _record(value, payload, digest, resource, sequence, rejects)
        for value, payload, digest in zip(values, payloads, hashes, strict=True)
    ]
    rejects += [Reject(resource.kind, records[index].id, "", "", TOO_DEEP) for index in too_deep]
    return records, rejects


def _refused_row(row: Any, kind: str, redaction: Redaction) -> Reject:
    if is_too_deep([row]):
        return Reject(kind, "", "", "", TOO_DEEP)
    return Reject(kind, "", "", shorten(redaction.clean(row), 500), "row is not an object")


def is_lost(reject: Reject) -> bool:
    """Whether something of a row is stored nowhere."""
    return reject.reason == TOO_DEEP or (reject.id == "" and reject.field == "")


def is_mostly_rejected(page: Page, rejects: list[Reject]) -> bool:
    """Whether most rows of a page have no usable key or are no object: then the page is wrong, not a row.

    The end of a list may be one odd row: later pages are judged from `FEW_ROWS` rows on.
    """
    key = KEYS[page.resource.kind][0]
    rejected = sum(reject.field in ("", key) for reject in rejects)
    return 2 * rejected > len(page.rows) and (page.number == 1 or len(page.rows) >= FEW_ROWS)


def merge_missing(stored_payload: str | bytes, record: Record) -> Record:
    """The record with the top-level keys it lacks taken over from what is stored.

    Endpoints list different fields of one object: a missing key must not erase what another
    endpoint gave, while null does. The same record comes back when nothing is missing.
    """
    stored = decode(stored_payload)
    missing = {key: value for key, value in stored.items() if key not in record.value}
    if not missing:
        return record
    value = {**record.value, **missing}
    return replace(record, value=value, payload=encode(value), content_hash=content_hash(value))


def content_hash(value: Any) -> str:
    """32 hexadecimal digits over the object with sorted keys."""
    text = encode(value, sort_keys=True)
    digest = hashlib.sha256(text[:HELD])
    for start in range(HELD, len(text), HELD):
        digest.update(text[start : start + HELD])
    return digest.hexdigest()[:32]


def _record(
    value: dict[str, Any],
    payload: bytes,
    digest: str,
    resource: Resource,
    sequence: int,
    rejects: list[Reject],
) -> Record:
    kind = resource.kind
    key = _text_key(value.get(KEYS[kind][0]))
    if key is None:
        key, reason = _other_key(value, kind, digest)
        rejects.append(
            Reject(
                kind, key, "", shorten(value[NO_OBJECT], 500), "row is not an object: raw.payloads keeps it"
            )
            if value.keys() == {NO_OBJECT}
            else Reject(kind, key, KEYS[kind][0], shorten(value.get(KEYS[kind][0], "")), reason)
        )
    for name in PATH_FIELDS.get(kind, ()):
        text = _text_key(value.get(name))
        if text is not None and not is_plausible_id(text):
            rejects.append(Reject(kind, key, name, shorten(text), "no plausible id: it is not asked for"))
    if kind == "execution":
        key = f"{resource.agent_handle}/{key}"
    space = key if kind == "space" else resource.space_token
    agent = key if kind == "agent" else resource.agent_handle
    return Record(kind, key, space, agent, value, payload, digest, sequence)


def _other_key(value: dict[str, Any], kind: str, digest: str) -> tuple[str, str]:
    for name in KEYS[kind][1:]:
        key = _text_key(value.get(name))
        if key is not None:
            return key, f"missing: keyed by {name}"
    return f"{UNKEYED}{digest}", "missing: keyed by content"


def _text_key(value: Any) -> str | None:
    if isinstance(value, str):
        return None if is_missing(value) else clean_text(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return None
