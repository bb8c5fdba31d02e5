"""Spaces and agents of the published file by key (token, handle) or name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from unpod_sync.errors import UsageError
from unpod_sync.suggest import find_keys, name_hint

KEYS = {"space": "space_token", "agent": "agent_handle"}


def names_of(rows: Callable[[str], list[dict[str, Any]]], kind: str) -> dict[str, str | None]:
    """Key → name of the spaces or agents in the file, also of those that only tasks mention.

    `rows` runs SQL on the file.
    """
    key = KEYS[kind]
    used = rows(f"select distinct {key} as key from main.tasks where {key} is not null order by key")
    listed = rows(f"select {key} as key, {kind}_name as name from main.{kind}s order by key")
    return {row["key"]: row.get("name") for row in (*used, *listed)}


def find(kind: str, names: Mapping[str, str | None], words: Iterable[str]) -> tuple[str, ...]:
    """The keys that the user means: each word is a key, or a name in any case. Keys that share a name all count."""
    known = list(names.items())
    found: list[str] = []
    for word in words:
        keys = find_keys(word, known)
        if not keys:
            raise UsageError(f"there is no {kind} {word!r}", name_hint(word, known))
        found += keys
    return tuple(dict.fromkeys(found))
