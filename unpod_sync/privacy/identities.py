"""Which numbers and e-mail addresses a task's contact has: one rule for `forget` and for every load.

The search covers every field of `input` and the contact's fields of `output`. It leaves out what
is said in a call: a number named there can be anybody's.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from unpod_sync.transform.contact import OUTPUT_KEYS, PSEUDONYM, contact_key
from unpod_sync.transform.json_tree import leaves, scalar_text

# ("number", its key), ("email", the address), ("pseudonym", itself); ("task_id", the id) is the whole
# identity of a contact who has neither number nor address.
Identity = tuple[str, str]

SHORTEST, LONGEST = 7, 15  # digits of a telephone number
EMAIL = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]+@[\w-]+(?:\.[\w-]+)+")
NUMBER = re.compile(r"\+?\d[\d\s().\-/\u00a0\u2010-\u2015]{5,}\d")


def identities(task: Mapping[str, Any]) -> set[Identity]:
    """Every number and address of the contact of a task."""
    values = [value for _, value in leaves(task.get("input"), skip=("transcript",))]
    values += [
        value
        for path, value in leaves(task.get("output"), skip=("transcript",))
        if path and path[0] in OUTPUT_KEYS
    ]
    return {
        identity
        for text in map(scalar_text, values)
        if text is not None
        for identity in identities_in_text(text)
    }


def identities_in_text(text: str) -> set[Identity]:
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
    """The keys that a number can have: ten digits without a country code are read for each country.

    Elsewhere the configured time zone decides; a forgotten contact must stay forgotten when it changes.
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
