"""The values inside a decoded JSON value, each with its path; JSON text inside a text is opened.

A path is the keys of the objects on the way to a value. Items of a list have the path of the list.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator
from typing import Any

from unpod_sync.transform.json_codec import embedded, encode_text

Path = tuple[str, ...]

#: What a change of `rewrite` returns for a value that is to be removed.
DROP: Any = object()


def leaves(value: Any, path: Path = (), *, skip: Container[str] = ()) -> Iterator[tuple[Path, Any]]:
    """Every value that is no object and no list, except those below a key in `skip`."""
    if isinstance(value, str) and (opened := embedded(value)) is not None:
        value = opened
    if isinstance(value, dict):
        for key, inner in value.items():
            if key not in skip:
                yield from leaves(inner, (*path, key), skip=skip)
    elif isinstance(value, list):
        for inner in value:
            yield from leaves(inner, path, skip=skip)
    else:
        yield path, value


def rewrite(value: Any, change: Callable[[Path, Any], Any], path: Path = ()) -> Any:
    """A copy in which `change(path, value)` replaces each value, from the outside to the inside.

    An object or list that `change` returns as it is, is searched further. Text that holds JSON is
    written again only when something inside it changed.
    """
    if isinstance(value, str) and (opened := embedded(value)) is not None:
        inside = rewrite(opened, change, path)
        if inside is DROP:
            return DROP
        return value if inside == opened else encode_text(inside)
    changed = change(path, value)
    if changed is not value:
        return changed
    if isinstance(value, dict):
        entries = ((key, rewrite(inner, change, (*path, key))) for key, inner in value.items())
        return {key: inner for key, inner in entries if inner is not DROP}
    if isinstance(value, list):
        return [inner for item in value if (inner := rewrite(item, change, path)) is not DROP]
    return value


def scalar_text(value: Any) -> str | None:
    """A text as it is, a whole number as its digits; None for every other value."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return None
    if isinstance(value, int) or (isinstance(value, float) and value.is_integer()):
        return str(int(value))
    return None
