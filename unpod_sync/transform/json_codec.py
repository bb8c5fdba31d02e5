"""JSON text of any decoded value, and back.

orjson writes what nearly every object holds; the few values it refuses (integers above 64 bits,
lone surrogates, deep nesting) are cleaned and written by the standard library, in the same form.
"""

from __future__ import annotations

import json
import math
from itertools import repeat
from typing import Any

import msgspec
import orjson

DEEPEST = 250  # levels; orjson writes four more, and no object of the API is a tenth as deep
MARK = "-- between two values --"


def encode(value: Any, *, sort_keys: bool = False) -> bytes:
    """Compact UTF-8 JSON in the keys' order, or in sorted order; NaN and infinities are null.

    Raises RecursionError for what `is_too_deep` says of.
    """
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS if sort_keys else None)
    except TypeError:
        if is_too_deep(value):
            raise RecursionError("nested too deeply to be written") from None
        clean = _clean(value)
        text = json.dumps(clean, ensure_ascii=False, sort_keys=sort_keys, separators=(",", ":"), default=str)
        return text.encode()


def encode_text(value: Any) -> str:
    """`encode` as text."""
    return encode(value).decode()


def encode_all(values: list[Any]) -> list[str]:
    """`encode_text` of each value, in one go: writing many small objects one by one costs more.

    They are written as one list and taken apart again: lists of text where `","` stands, which no
    JSON string can hold, since a quote inside one is escaped; other values at a mark put between
    them, which only a value could hold that has the mark as a string of its own. The count tells,
    and then each is written by itself.
    """
    if not values:
        return []
    if {str}.issuperset(map(type, values)):
        texts = [f'"{text}"' for text in encode_text(values)[2:-2].split('","')]
    else:
        marked = [value for pair in zip(values, repeat(MARK)) for value in pair]
        texts = encode_text(marked)[1 : -len(MARK) - 4].split(f',"{MARK}",')
    return texts if len(texts) == len(values) else [encode_text(value) for value in values]


def decode(text: str | bytes) -> Any:
    """The value of a JSON text. Raises ValueError.

    msgspec keeps integers of any size, as the client's decoder does; orjson makes floats of them.
    """
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError):
        return json.loads(text)


def embedded(text: str) -> Any:
    """The object or list that a text spells as JSON, else None."""
    if text.lstrip()[:1] not in ("{", "["):
        return None
    try:
        value = decode(text)
    except (ValueError, RecursionError):
        return None
    return None if text.count("[") + text.count("{") > DEEPEST and is_too_deep(value) else value


def is_too_deep(value: Any) -> bool:
    """Whether a value is nested deeper than can be worked with, and could be written again."""
    level = [value]
    for _ in range(DEEPEST):
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
        if not level:
            return False
    return True


def clean_text(text: str) -> str:
    """The text with lone surrogates replaced, since neither UTF-8 nor Arrow can hold them."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _clean(value: Any) -> Any:
    """The value with whole text, text keys and without NaN: what both writers write alike."""
    if isinstance(value, str):
        return value if value.isascii() else clean_text(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {clean_text(str(key)): _clean(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(inner) for inner in value]
    return value
