"""Text for people: control characters escaped, cut to width, in columns."""

from __future__ import annotations

import shutil
import sys
import unicodedata
from collections.abc import Sequence

from unpod_sync.escaping import escape_control_chars
from unpod_sync.formatting import UNKNOWN


def screen_width() -> int | None:
    """Columns of the terminal; None where stdout is not one."""
    return shutil.get_terminal_size()[0] if sys.stdout.isatty() else None


def width_of(text: str) -> int:
    """Cells that `text` takes on a terminal."""
    if text.isascii():
        return len(text)
    return sum(_cells(character) for character in text)


def _cells(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def cut(text: str, width: int) -> str:
    """`text` in at most `width` cells, with … where something was left out."""
    if width_of(text) <= width:
        return text
    kept, used = [], 1
    for character in text:
        used += _cells(character)
        if used > width:
            break
        kept.append(character)
    return "".join(kept) + "…"


def pad(text: str, width: int, *, right: bool = False) -> str:
    """`text` filled up to `width` cells; `right` puts it at the right edge."""
    space = " " * max(0, width - width_of(text))
    return space + text if right else text + space


def columns(names: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows under their names in aligned columns, nothing cut; a name that begins with `>` is of numbers."""
    if not rows:
        return []
    right = [name.startswith(">") for name in names]
    lines = [[name.lstrip(">") for name in names], *rows]
    widths = [max(map(width_of, column)) for column in zip(*lines, strict=True)]
    return [_line(line, widths, right) for line in lines]


def table(
    names: Sequence[str], rows: Sequence[Sequence[str | None]], *, right: Sequence[bool], width: int | None
) -> str:
    """Rows in aligned columns under a rule; as records, one value a line, when `width` is too small for columns.

    `right` marks the columns that are aligned right; None is shown as –. Without a `width` nothing is cut.
    (rich draws the same table 20 times slower, and people ask for every row of a result.)
    """
    heads = [escape_control_chars(name) for name in names]
    cells = [[UNKNOWN if value is None else escape_control_chars(value) for value in row] for row in rows]
    widths = [max(map(width_of, column)) for column in zip(heads, *cells, strict=True)]
    if width is not None:
        fitted = _fit(widths, heads, width)
        if fitted is None:
            return _records(heads, cells, width)
        widths = fitted
    rule = ["─" * size for size in widths]
    return "\n".join(_line(row, widths, right) for row in (heads, rule, *cells))


def _line(cells: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> str:
    parts = zip(cells, widths, right, strict=True)
    return "  ".join(pad(cut(cell, size), size, right=at) for cell, size, at in parts).rstrip()


def _fit(widths: list[int], heads: Sequence[str], width: int) -> list[int] | None:
    """Widths that fit, taken from the widest columns; None when columns would become unreadable."""
    least = [min(size, max(8, min(width_of(head), 12))) for size, head in zip(widths, heads, strict=True)]
    room = width - 2 * (len(widths) - 1)
    for most in range(room, 0, -1):
        fitted = [max(low, min(size, most)) for size, low in zip(widths, least, strict=True)]
        if sum(fitted) <= room:
            return fitted
    return None


def _records(heads: Sequence[str], cells: Sequence[Sequence[str]], width: int) -> str:
    label = min(max((width_of(head) for head in heads), default=0), max(10, width // 2))
    room = max(10, width - label - 2)
    blocks = []
    for number, row in enumerate(cells, 1):
        lines = [f"── {number} {'─' * max(0, width - 4 - len(str(number)))}"]
        lines += [
            f"{pad(cut(head, label), label)}  {cut(cell, room)}"
            for head, cell in zip(heads, row, strict=True)
        ]
        blocks.append("\n".join(lines))
    return "\n".join(blocks)
