"""What a user means by a name: the keys that have it, or the names that look like a mistyped one."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

#: A key (a space's token, an agent's handle) and the names it goes by.
Named = Sequence[str | None]
SHOWN = 12  # names in one hint


def near(word: str, known: Iterable[str]) -> list[str]:
    """Up to five of `known` that look like `word`, case aside; first those that are spelled like it."""
    folded = {name.casefold(): name for name in known}
    wanted = word.casefold()
    alike = difflib.get_close_matches(wanted, folded, 5, 0.6)
    inside = [name for name in folded if len(wanted) > 2 and wanted in name]
    return [folded[name] for name in dict.fromkeys([*alike, *inside])][:5]


def did_you_mean(word: str, known: Iterable[str], most: int = 5) -> str:
    """`Did you mean a or b?`, empty when nothing looks like `word`."""
    likely = near(word, known)[:most]
    return f"Did you mean {' or '.join(likely)}?" if likely else ""


def find_keys(word: str, known: Iterable[Named]) -> list[str]:
    """The keys that `word` means: a key as it is spelled, else every one with this key or name in any case."""
    known, folded = list(known), word.casefold()
    if any(word == key for key, *_ in known):
        return [word]
    return [str(names[0]) for names in known if any(folded == name.casefold() for name in names if name)]


def name_hint(word: str, known: Iterable[Named]) -> str:
    """A hint for a word that no key or name matches: the name nearest to it, then what there is."""
    known = list(known)
    meant = did_you_mean(word, [name for names in known for name in names if name], most=1)
    labels = [next((f"{name} ({key})" for name in names if name), str(key)) for key, *names in known]
    more = f" and {len(labels) - SHOWN} more" if len(labels) > SHOWN else ""
    return f"{meant} There are: {', '.join(labels[:SHOWN]) or 'none yet'}{more}.".strip()
