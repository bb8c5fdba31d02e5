"""Texts of a call without its contact: what the redact rules find, and every number and address besides.

What cannot be recognised stays, such as a name that no contact field has, or a number in words.
"""

from __future__ import annotations

import re
from typing import Any

from unpod_sync.model import decode_json
from unpod_sync.privacy.identities import EMAIL, NUMBER
from unpod_sync.privacy.redact import Rules, redact
from unpod_sync.transform.json_codec import embedded, encode_text

RULES = Rules(
    drop=frozenset({"number", "email", "name", "recording"}),
    hash=frozenset(),
    pseudonym=lambda field, _: f"[{field}]",
)
# A date is found first, so that it is not taken for a number; digits within a word are part of an id.
_DATE_OR_NUMBER = re.compile(
    r"(?P<date>\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d)?(?:\.\d+)?)?)(?!\d)"
    rf"|(?<![^\W_]){NUMBER.pattern}(?![^\W_])"
)


def mask_text(text: str | None, name: str | None, number: str | None) -> str | None:
    """A text, or a JSON object or list as text, from a call whose contact has this name and number."""
    if text is None:
        return None
    value = embedded(text)
    contact = {"name": name, "contact_number": number, "value": text if value is None else value}
    masked = redact({"input": contact}, RULES)["input"].get("value", "[masked]")
    return _without_numbers(masked) if isinstance(masked, str) else encode_text(_walked(masked))


def mask_payload(text: str | None, kind: str | None) -> str | None:
    """The payload of an object of this kind."""
    if text is None:
        return None
    value = decode_json(text)
    if kind == "task" and isinstance(value, dict):
        value = {key: inner for key, inner in redact(value, RULES).items() if key != "user_info"}
    return encode_text(_walked(value))


def _walked(value: Any) -> Any:
    if isinstance(value, str):
        return _without_numbers(value)
    if isinstance(value, dict):
        return {_without_numbers(key): _walked(inner) for key, inner in value.items()}
    return [_walked(inner) for inner in value] if isinstance(value, list) else value


def _without_numbers(text: str) -> str:
    if "@" in text:
        text = EMAIL.sub("[email]", text)
    return _DATE_OR_NUMBER.sub(lambda found: found["date"] or "[number]", text)
