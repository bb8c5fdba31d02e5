"""The `redact` settings at work: fields of a task dropped or hashed, also where texts repeat them.

Pure: the same object and rules give the same result, and redacting twice changes nothing, so that
a task that did not change keeps its content hash.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from unpod_sync.privacy.identities import EMAIL, NUMBER, number_keys
from unpod_sync.privacy.masking import masked
from unpod_sync.transform.contact import NAME_FIELDS, NUMBER_WORDS, PSEUDONYM, contact_key, looks_like_number
from unpod_sync.transform.json_codec import embedded, encode_text
from unpod_sync.transform.parse import is_missing, to_snake_case

UNTOUCHED = frozenset({"user_info", "task_id", "_id", "id", "run_id", "thread_id"})
TRANSCRIPT_FIELDS = frozenset({"transcript", "transcripts", "messages", "conversation"})
OTHERS_NUMBERS = frozenset({"assistant_number", "agent_number"})  # the caller's own
NAMED = frozenset({"input", "customer", "summary"})  # objects in which a name is the contact's
SHORTEST_NAME = 3  # letters of a part of a name that is looked for in texts


@dataclass(frozen=True, slots=True)
class Rules:
    """What to drop and what to hash; `pseudonym` hashes a normalised value of a kind."""

    drop: frozenset[str]
    hash: frozenset[str]
    pseudonym: Callable[[str, str], str]
    country: str = ""

    @property
    def is_active(self) -> bool:
        """Whether there is anything to do."""
        return bool(self.drop or self.hash)

    def touches(self, field: str) -> bool:
        """Whether this field is dropped or hashed."""
        return field in self.drop or field in self.hash

    def instead(self, field: str, normal: str) -> str:
        """What stands for a value inside a text."""
        return f"[{field}]" if field in self.drop else self.pseudonym(field, normal)


def redact(task: Mapping[str, Any], rules: Rules, *, without_transcript: bool = False) -> dict[str, Any]:
    """The task by the rules; `without_transcript` masks what was said, whatever they are."""
    walk = _Walk(task, rules, mask=without_transcript or rules.touches("transcript"))
    fields = {key: inner if key in UNTOUCHED else walk.field(key, inner, ()) for key, inner in task.items()}
    return {key: inner for key, inner in fields.items() if inner is not GONE}


class _Gone:
    """Stands for a value that is dropped."""


GONE = _Gone()


class _Walk:
    """One task on its way: the contact's numbers and names are known before texts are looked at."""

    def __init__(self, task: Mapping[str, Any], rules: Rules, *, mask: bool) -> None:
        self.rules, self.mask = rules, mask
        self.numbers: frozenset[str] = frozenset()
        self.names: re.Pattern[str] | None = None
        if rules.touches("number"):
            self.numbers = frozenset(_numbers(task))
        if rules.touches("name"):
            self.names = _pattern(tuple(sorted(_names(task))))

    def field(self, key: str, value: Any, path: tuple[str, ...]) -> Any:
        """The value of a field, GONE when it is dropped."""
        if self.mask and key in TRANSCRIPT_FIELDS and (not path or path[-1] in ("input", "output")):
            return masked(value)
        if not self.rules.is_active:
            return self._inside(key, value, path) if isinstance(value, dict | list) or not path else value
        if "recording" in key.lower() and self.rules.touches("recording"):
            return GONE
        if isinstance(value, str | int | float) and not isinstance(value, bool):
            return self._scalar(key, value, path)
        return self._inside(key, value, path)

    def _inside(self, key: str, value: Any, path: tuple[str, ...]) -> Any:
        path = (*path, key)
        if isinstance(value, dict):
            walked = {name: self.field(name, inner, path) for name, inner in value.items()}
            return {name: inner for name, inner in walked.items() if inner is not GONE}
        if isinstance(value, list):
            return [
                inner for inner in (self.field(key, item, path[:-1]) for item in value) if inner is not GONE
            ]
        if isinstance(value, str) and (spelled := embedded(value)) is not None:
            walked = self._inside(key, spelled, path[:-1])
            return value if walked == spelled else encode_text(walked)
        return value

    def _scalar(self, key: str, value: Any, path: tuple[str, ...]) -> Any:
        if isinstance(value, str):
            if embedded(value) is not None:
                return self._inside(key, value, path)
            if "-" in value and (found := PSEUDONYM.fullmatch(value)) is not None:
                return GONE if found[1] in self.rules.drop else value
        text = str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
        if self._is_number(key, text):
            return GONE if "number" in self.rules.drop else self._number(text)
        if not isinstance(value, str) or is_missing(value):
            return value
        if self.rules.touches("email") and EMAIL.fullmatch(text.strip()):
            return GONE if "email" in self.rules.drop else self.rules.pseudonym("email", text.strip().lower())
        if self.rules.touches("name") and _is_name(key, path):
            return GONE if "name" in self.rules.drop else self.rules.pseudonym("name", _plain(text))
        return self._text(text)

    def _is_number(self, key: str, text: str) -> bool:
        """Whether a value is a number of the contact's, under whatever key."""
        if not self.rules.touches("number") or not looks_like_number(text) or key in OTHERS_NUMBERS:
            return False
        return not self.numbers.isdisjoint(number_keys(text))

    def _number(self, text: str) -> str:
        return self.rules.instead("number", contact_key(text, self.rules.country) or text)

    def _text(self, text: str) -> str:
        """A text without the contact's addresses, numbers and names."""
        if self.rules.touches("email") and "@" in text:
            text = EMAIL.sub(lambda found: self.rules.instead("email", found[0].lower()), text)
        if self.numbers:
            text = NUMBER.sub(self._known_number, text)
        if self.names is not None:
            text = self.names.sub("[name]", text)
        return text

    def _known_number(self, found: re.Match[str]) -> str:
        if self.numbers.isdisjoint(number_keys(found[0])):
            return found[0]
        return self._number(found[0])


def _numbers(task: Mapping[str, Any]) -> set[str]:
    """The contact's numbers: what reads as one under a key that names one."""
    found: set[str] = set()

    def look(key: str, value: Any) -> None:
        if isinstance(value, str) and (spelled := embedded(value)) is not None:
            value = spelled
        if isinstance(value, dict):
            for name, inner in value.items():
                if name not in TRANSCRIPT_FIELDS:
                    look(name, inner)
        elif isinstance(value, list):
            for inner in value:
                look(key, inner)
        elif _names_number(key) and not isinstance(value, bool | None):
            text = str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
            if looks_like_number(text):
                found.update(number_keys(text))

    look("input", task.get("input"))
    look("output", task.get("output"))
    return found


@lru_cache(maxsize=4096)
def _names_number(key: str) -> bool:
    return key not in OTHERS_NUMBERS and not NUMBER_WORDS.isdisjoint(to_snake_case(key).split("_"))


def _is_name(key: str, path: tuple[str, ...]) -> bool:
    return key == "customer" or (_names_somebody(key) and not NAMED.isdisjoint(path))


@lru_cache(maxsize=4096)
def _names_somebody(key: str) -> bool:
    return key.lower() in NAME_FIELDS or to_snake_case(key) in NAME_FIELDS


def _names(task: Mapping[str, Any]) -> set[str]:
    """The contact's names as the task tells them, less what is no name any more."""
    found: set[str] = set()

    def look(value: Any, path: tuple[str, ...]) -> None:
        if isinstance(value, str) and (spelled := embedded(value)) is not None:
            value = spelled
        if isinstance(value, dict):
            for key, inner in value.items():
                if key in TRANSCRIPT_FIELDS:
                    continue
                if isinstance(inner, str) and _is_name(key, path):
                    if not (is_missing(inner) or looks_like_number(inner) or PSEUDONYM.fullmatch(inner)):
                        found.add(_plain(inner))
                else:
                    look(inner, (*path, key))

    for root in ("input", "output"):
        look(task.get(root), (root,))
    return found


@lru_cache(maxsize=4096)
def _pattern(names: tuple[str, ...]) -> re.Pattern[str] | None:
    """Finds the names, whole or in parts, as words of a text."""
    words = {word for name in names for word in (name, *name.split())}
    chosen = sorted(
        (w for w in words if len(w) >= SHORTEST_NAME and not w.isdecimal()), key=len, reverse=True
    )
    if not chosen:
        return None
    return re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, chosen))})(?!\w)", re.IGNORECASE)


def _plain(name: str) -> str:
    """A name in lower case with single spaces."""
    return " ".join(name.lower().split())
