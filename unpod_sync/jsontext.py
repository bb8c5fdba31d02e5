"""JSON text of any decoded value, and back.

orjson writes what nearly every object holds; the few values it refuses (integers above 64 bits,
lone surrogates, deep nesting) are cleaned and written by the standard library, in the same form.
"""

from __future__ import annotations

import json
import math
from itertools import repeat
from typing import Any

import orjson

MARK = "\u241e between two values \u241e"


def encode(value: Any, *, sort_keys: bool = False) -> bytes:
    """Compact UTF-8 JSON in the keys' order, or in sorted order; NaN and infinities are null.

    Raises RecursionError for nesting of about a thousand levels, which no JSON decoder gives.
    """
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS if sort_keys else None)
    except TypeError:
        clean = _clean(value)
        text = json.dumps(clean, ensure_ascii=False, sort_keys=sort_keys, separators=(",", ":"), default=str)
        return text.encode()


def encode_text(value: Any) -> str:
    """`encode` as text."""
    return encode(value).decode()


def encode_all(values: list[Any]) -> list[str]:
    """`encode_text` of each value, in one go: writing many small objects one by one costs more.

    They are written as one list with a mark between them. The mark's quotes cannot stand inside
    a JSON string, so only a value that holds the mark as a string of its own could split wrongly;
    the count tells, and then each is written by itself.
    """
    marked = [value for pair in zip(values, repeat(MARK)) for value in pair]  # noqa: B905 - endless
    texts = encode_text(marked)[1:-1].split(f',"{MARK}",') if values else []
    if not texts:
        return []
    texts[-1] = texts[-1].removesuffix(f',"{MARK}"')
    return texts if len(texts) == len(values) else [encode_text(value) for value in values]


def decode(text: str | bytes) -> Any:
    """The value of a JSON text, of whichever of the two writers. Raises ValueError."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return json.loads(text)


def embedded(text: str) -> Any:
    """The object or list that a text spells as JSON, else None."""
    if text.lstrip()[:1] not in ("{", "["):
        return None
    try:
        return decode(text)
    except (ValueError, RecursionError):
        return None


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
