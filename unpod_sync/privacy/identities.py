"""Which numbers and e-mail addresses a task's contact has: one rule for `forget` and for every load.

Looked at is who was called, wherever it stands: every field of `input`, and the contact's fields
of `output`. What is said in a call is not looked at: a number named there may be anybody's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from unpod_sync.transform.contact import OUTPUT_KEYS, PSEUDONYM, contact_key
from unpod_sync.transform.json_codec import embedded

# ("number", its key), ("email", the address), ("pseudonym", itself); ("task_id", the id) is the whole
# identity of a contact who has neither number nor address.
Identity = tuple[str, str]

SHORTEST, LONGEST = 7, 15  # digits of a telephone number
DEEPEST = 6  # levels of `input` that are looked at
EMAIL = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]+@[\w-]+(?:\.[\w-]+)+")
NUMBER = re.compile(r"\+?\d[\d\s().\-/\u00a0\u2010-\u2015]{5,}\d")


def identities(value: Mapping[str, Any]) -> set[Identity]:
    """Every number and address of the contact of a task."""
    found: set[Identity] = set()
    for text in _texts(_object(value.get("input")), 0):
        found |= in_text(text)
    output = _object(value.get("output"))
    for name in OUTPUT_KEYS:
        for text in _texts(output.get(name), 0):
            found |= in_text(text)
    return found


def in_text(text: str) -> set[Identity]:
    """The numbers and addresses in a text, and the pseudonyms of such."""
    found: set[Identity] = set()
    if "@" in text:
        found.update(("email", address.lower()) for address in EMAIL.findall(text))
    if "-" in text and PSEUDONYM.fullmatch(text):
        return {("pseudonym", text)}
    for number in NUMBER.findall(text):
        found.update(("number", key) for key in number_keys(number))
    return found


def number_keys(number: str) -> set[str]:
    """What a number may be: without its country code, the same ten digits are read for each country.

    The configured time zone decides elsewhere; who is forgotten must stay so when it changes.
    """
    keys = {contact_key(number, country) for country in ("", "1", "91")}
    return {key for key in keys if key is not None and SHORTEST <= len(key) <= LONGEST}


def read_contact(text: str, country: str) -> Identity | None:
    """The one contact that a user means by a text; None when it is neither number nor address."""
    text = text.strip()
    if PSEUDONYM.fullmatch(text):
        return "pseudonym", text
    if EMAIL.fullmatch(text):
        return "email", text.lower()
    key = contact_key(text, country) if not any(map(str.isalpha, text.removeprefix("tel:"))) else None
    return ("number", key) if key is not None and SHORTEST <= len(key) <= LONGEST else None


def _object(value: Any) -> dict[str, Any]:
    if isinstance(value, str):
        value = embedded(value)
    return value if isinstance(value, dict) else {}


def _texts(value: Any, depth: int) -> Iterator[str]:
    """Every text and whole number inside a value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        if depth < DEEPEST:
            for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
                if key != "transcript":
                    yield from _texts(inner, depth + 1)
    elif isinstance(value, int) and not isinstance(value, bool):
        yield str(value)
    elif isinstance(value, float) and value.is_integer():
        yield str(int(value))
