"""Rows of the API → records: less their secrets, with key, payload and content hash.

Rows are JSON texts and stay so: only their top level is looked at, and what has secrets is written anew.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import msgspec

from unpod_sync.model import UNKEYED, Page, Record, Reject, Resource, decode_json, is_plausible_id
from unpod_sync.transform.json_codec import Fields, clean_text, encode, fields_of, is_text_too_deep
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
    rows: Sequence[bytes], resource: Resource, *, sequence: int = 0, secrets: Redaction | tuple[str, ...] = ()
) -> tuple[list[Record], list[Reject]]:
    """Records of the rows of a page (JSON texts), in their order, and what could not be one.

    A payload is the row as it came; only what has secrets is written anew. A row that is no object is kept
    as the only field of one; fields that are nested too deeply to be searched for secrets are left out.
    `secrets` are values to be replaced in every text, the API token above all; a `Redaction`
    that serves many pages spares building it anew.
    """
    redaction = secrets if isinstance(secrets, Redaction) else Redaction(secrets)
    rejects: list[Reject] = []
    objects: list[Fields] = []
    payloads: list[bytes] = []
    too_deep: list[int] = []
    for row in rows:
        sent = fields_of(row)
        is_deep = is_text_too_deep(row)
        if sent is None and (resource.kind in NAMING or is_deep):
            rejects.append(_refused_row(row, resource.kind, redaction))
            continue
        fields = {NO_OBJECT: msgspec.Raw(row)} if sent is None else sent
        if is_deep:
            too_deep.append(len(objects))
            fields = {
                name: inner for name, inner in fields.items() if not is_text_too_deep(bytes(inner), levels=1)
            }
        fields = drop_known_secrets(fields)
        objects.append(fields)
        payloads.append(row if fields is sent else msgspec.json.encode(fields))
    for index in redaction.suspects(payloads, objects):
        value = redaction.clean(decode_json(payloads[index]), keep_token=resource.kind == "space")
        payloads[index] = encode(value)
        objects[index] = fields_of(payloads[index]) or {}
    records = [
        _record(fields, payload, resource, sequence, rejects)
        for fields, payload in zip(objects, payloads, strict=True)
    ]
    rejects += [Reject(resource.kind, records[index].id, "", "", TOO_DEEP) for index in too_deep]
    return records, rejects


def _refused_row(row: bytes, kind: str, redaction: Redaction) -> Reject:
    if is_text_too_deep(row):
        return Reject(kind, "", "", "", TOO_DEEP)
    return Reject(kind, "", "", shorten(redaction.clean(decode_json(row)), 500), "row is not an object")


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


def stored_record(kind: str, id_: str, space_token: str | None, payload: str, content_hash: str) -> Record:
    """The record of an object as it is stored."""
    agent = id_.partition("/")[0] if kind == "execution" else None
    keys = tuple(fields_of(payload) or ())
    return Record(kind, id_, space_token, agent, payload.encode(), content_hash, keys)


def with_value(record: Record, value: Mapping[str, Any]) -> Record:
    """The record with another object as its content."""
    payload = encode(value)
    return replace(record, payload=payload, content_hash=hash_of(payload), keys=tuple(value))


def merge_missing(stored_payload: str | bytes, record: Record) -> Record:
    """The record with the top-level keys it lacks taken over from what is stored.

    Endpoints list different fields of one object: a missing key must not erase what another
    endpoint gave, while null does. The same record comes back when nothing is missing.
    """
    stored = fields_of(stored_payload) or {}
    missing = {key: value for key, value in stored.items() if key not in record.keys}
    if not missing:
        return record
    fields = (fields_of(record.payload) or {}) | missing
    payload = msgspec.json.encode(fields)
    return replace(record, payload=payload, content_hash=hash_of(payload), keys=tuple(fields))


def has_same_content(first: str | bytes, second: str | bytes) -> bool:
    """Whether two payloads differ in nothing but the order of keys, white space and ways to write a value."""
    return encode(decode_json(first), sort_keys=True) == encode(decode_json(second), sort_keys=True)


def hash_of(payload: bytes) -> str:
    """32 hexadecimal digits over a payload as it is kept."""
    digest = hashlib.sha256(payload[:HELD])
    for start in range(HELD, len(payload), HELD):
        digest.update(payload[start : start + HELD])
    return digest.hexdigest()[:32]


def _record(
    fields: Fields,
    payload: bytes,
    resource: Resource,
    sequence: int,
    rejects: list[Reject],
) -> Record:
    kind = resource.kind
    digest = hash_of(payload)
    key_field = KEYS[kind][0]
    key = _text_key(fields.get(key_field))
    if key is None:
        key, reason = _other_key(fields, kind, digest)
        if NO_OBJECT in fields and len(fields) == 1:
            text = shorten(decode_json(bytes(fields[NO_OBJECT])), 500)
            rejects.append(Reject(kind, key, "", text, "row is not an object: raw.payloads keeps it"))
        else:
            sent = decode_json(bytes(fields[key_field])) if key_field in fields else ""
            rejects.append(Reject(kind, key, key_field, shorten(sent), reason))
    for name in PATH_FIELDS.get(kind, ()):
        part = _text_key(fields.get(name))
        if part is not None and not is_plausible_id(part):
            rejects.append(Reject(kind, key, name, shorten(part), "no plausible id: it is not asked for"))
    if kind == "execution":
        key = f"{resource.agent_handle}/{key}"
    space = key if kind == "space" else resource.space_token
    agent = key if kind == "agent" else resource.agent_handle
    return Record(kind, key, space, agent, payload, digest, tuple(fields), sequence)


def _other_key(fields: Fields, kind: str, digest: str) -> tuple[str, str]:
    for name in KEYS[kind][1:]:
        key = _text_key(fields.get(name))
        if key is not None:
            return key, f"missing: keyed by {name}"
    return f"{UNKEYED}{digest}", "missing: keyed by content"


def _text_key(text: msgspec.Raw | None) -> str | None:
    value = None if text is None else decode_json(bytes(text))
    if isinstance(value, str):
        return None if is_missing(value) else clean_text(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return None
