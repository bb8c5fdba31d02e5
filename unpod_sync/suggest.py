"""Names that look like a mistyped one."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


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
