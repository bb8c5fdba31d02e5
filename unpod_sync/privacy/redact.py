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
from unpod_sync.transform.json_tree import DROP, Path, leaves, rewrite, scalar_text
from unpod_sync.transform.parse import is_missing, to_snake_case

UNTOUCHED = frozenset({"user_info", "task_id", "_id", "id", "run_id", "thread_id"})
TRANSCRIPT_FIELDS = frozenset({"transcript", "transcripts", "messages", "conversation"})
AGENT_NUMBERS = frozenset({"assistant_number", "agent_number"})
CONTACT_OBJECTS = frozenset({"input", "customer", "summary"})  # a name inside one is the contact's
SHORTEST_NAME = 3  # letters of a part of a name that texts are searched for


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

    def replacement(self, field: str, normal: str) -> str:
        """What replaces a value inside a text."""
        return f"[{field}]" if field in self.drop else self.pseudonym(field, normal)

    def value(self, field: str, normal: str) -> Any:
        """What a field gets in place of a value: its hash, or DROP."""
        return DROP if field in self.drop else self.pseudonym(field, normal)


def redact(task: Mapping[str, Any], rules: Rules, *, without_transcript: bool = False) -> dict[str, Any]:
    """The task by the rules; `without_transcript` masks what was said, whatever they are."""
    change = _Redaction(task, rules, mask=without_transcript or rules.touches("transcript"))
    fields = {
        key: value if key in UNTOUCHED else rewrite(value, change, (key,)) for key, value in task.items()
    }
    return {key: value for key, value in fields.items() if value is not DROP}


class _Redaction:
    """The change of one task's values. The contact's numbers and names are collected before."""

    def __init__(self, task: Mapping[str, Any], rules: Rules, *, mask: bool) -> None:
        self.rules, self.mask = rules, mask
        texts = _contact_texts(task) if rules.touches("number") or rules.touches("name") else []
        self.numbers = _numbers(texts) if rules.touches("number") else frozenset()
        self.names = _pattern(tuple(sorted(_names(texts)))) if rules.touches("name") else None

    def __call__(self, path: Path, value: Any) -> Any:
        key = path[-1]
        if self.mask and key in TRANSCRIPT_FIELDS and (len(path) == 1 or path[-2] in ("input", "output")):
            return masked(value)
        if not self.rules.is_active:
            return value
        if "recording" in key.lower() and self.rules.touches("recording"):
            return DROP
        text = scalar_text(value)
        if text is None:
            return value
        if "-" in text and (found := PSEUDONYM.fullmatch(text)) is not None:
            return DROP if found[1] in self.rules.drop else value
        if self.numbers and key not in AGENT_NUMBERS and looks_like_number(text) and self._is_known(text):
            return self.rules.value("number", self._key(text))
        if not isinstance(value, str) or is_missing(value):
            return value
        if self.rules.touches("email") and EMAIL.fullmatch(text.strip()):
            return self.rules.value("email", text.strip().lower())
        if self.rules.touches("name") and _is_name(path):
            return self.rules.value("name", _plain(text))
        return self._text(text)

    def _text(self, text: str) -> str:
        """A text without the contact's addresses, numbers and names."""
        if self.rules.touches("email") and "@" in text:
            text = EMAIL.sub(lambda found: self.rules.replacement("email", found[0].lower()), text)
        if self.numbers:
            text = NUMBER.sub(
                lambda found: (
                    self.rules.replacement("number", self._key(found[0]))
                    if self._is_known(found[0])
                    else found[0]
                ),
                text,
            )
        return text if self.names is None else self.names.sub("[name]", text)

    def _is_known(self, number: str) -> bool:
        """Whether a number is one of the contact's."""
        return not self.numbers.isdisjoint(number_keys(number))

    def _key(self, number: str) -> str:
        return contact_key(number, self.rules.country) or number


def _contact_texts(task: Mapping[str, Any]) -> list[tuple[Path, str]]:
    """The texts and whole numbers of `input` and `output`, without transcripts."""
    return [
        (path, text)
        for root in ("input", "output")
        for path, value in leaves(task.get(root), (root,), skip=TRANSCRIPT_FIELDS)
        if (text := scalar_text(value)) is not None
    ]


def _numbers(texts: list[tuple[Path, str]]) -> frozenset[str]:
    """The contact's numbers: what reads as one under a key that names one."""
    return frozenset(
        key
        for path, text in texts
        if _names_number(path[-1]) and looks_like_number(text)
        for key in number_keys(text)
    )


def _names(texts: list[tuple[Path, str]]) -> set[str]:
    """The contact's names, without those that are dropped or hashed already."""
    return {
        _plain(text)
        for path, text in texts
        if _is_name(path) and not (is_missing(text) or looks_like_number(text) or PSEUDONYM.fullmatch(text))
    }


@lru_cache(maxsize=4096)
def _names_number(key: str) -> bool:
    return key not in AGENT_NUMBERS and not NUMBER_WORDS.isdisjoint(to_snake_case(key).split("_"))


def _is_name(path: Path) -> bool:
    return path[-1] == "customer" or (_names_somebody(path[-1]) and not CONTACT_OBJECTS.isdisjoint(path[:-1]))


@lru_cache(maxsize=4096)
def _names_somebody(key: str) -> bool:
    return key.lower() in NAME_FIELDS or to_snake_case(key) in NAME_FIELDS


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
