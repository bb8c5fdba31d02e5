"""JSON text of any decoded value, and back.

msgspec writes every decoded object except one with lone surrogates, whose text is cleaned first.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from unpod_sync.model import decode_json

Fields = dict[str, msgspec.Raw]  # an object whose values are JSON texts

DEEPEST = 250  # levels; no object of the API is a tenth as deep

_ENCODER = msgspec.json.Encoder()
_LIST_DECODER = msgspec.json.Decoder(list[Any])
_FIELDS_DECODER = msgspec.json.Decoder(dict[str, msgspec.Raw])
_SORTED_ENCODER = msgspec.json.Encoder(order="sorted")


def encode(value: Any, *, sort_keys: bool = False) -> bytes:
    """Compact UTF-8 JSON in the keys' order, or in sorted order; NaN and infinities are null.

    In the keys' order, a value that is too deep raises RecursionError.
    """
    encoder = _SORTED_ENCODER if sort_keys else _ENCODER
    try:
        text = encoder.encode(value)
    except UnicodeEncodeError:
        text = encoder.encode(_clean(value))
    if not sort_keys and text.count(b"[") + text.count(b"{") > DEEPEST and is_too_deep(value):
        raise RecursionError("nested too deeply to be written")
    return text


def encode_text(value: Any) -> str:
    """`encode` as text."""
    return encode(value).decode()


def encode_all(values: Sequence[Any]) -> list[bytes]:
    """`encode` of each value, in one go."""
    try:
        return _ENCODER.encode_lines(values).split(b"\n")[:-1]
    except UnicodeEncodeError:
        return list(map(encode, values))


def decode_all(texts: Sequence[bytes]) -> list[Any]:
    """`decode_json` of each text, in one go."""
    try:
        return list(_LIST_DECODER.decode(b"[" + b",".join(texts) + b"]"))
    except (msgspec.MsgspecError, UnicodeError):
        return list(map(decode_json, texts))


def fields_of(text: bytes | str | msgspec.Raw) -> Fields | None:
    """The values of an object as JSON texts, by key; None when the text is no object."""
    try:
        return _FIELDS_DECODER.decode(text)
    except msgspec.ValidationError:
        return None


def embedded(text: str) -> Any:
    """The object or list that a text spells as JSON, else None."""
    if text.lstrip()[:1] not in ("{", "["):
        return None
    try:
        value = decode_json(text)
    except (ValueError, RecursionError):
        return None
    return None if text.count("[") + text.count("{") > DEEPEST and is_too_deep(value) else value


def is_too_deep(value: Any) -> bool:
    """Whether a value is nested deeper than `DEEPEST`, so that recursive functions may fail on it."""
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


def is_text_too_deep(text: bytes, levels: int = 0) -> bool:
    """Whether a JSON text, inside so many further levels, is nested deeper than `DEEPEST`."""
    if text.count(b"[") + text.count(b"{") + levels <= DEEPEST:
        return False
    try:
        value = decode_json(text)
    except RecursionError:
        return True
    for _ in range(levels):
        value = [value]
    return is_too_deep(value)


def clean_text(text: str) -> str:
    """The text with lone surrogates replaced, since neither UTF-8 nor Arrow can hold them."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _clean(value: Any) -> Any:
    """The value with every text cleaned, keys included."""
    if isinstance(value, str):
        return value if value.isascii() else clean_text(value)
    if isinstance(value, dict):
        return {_clean(key): _clean(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_clean(inner) for inner in value]
    return value
