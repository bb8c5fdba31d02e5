"""Transcripts without their texts: roles, times and lengths stay, and every character becomes a dot.

So the numbers about a conversation (messages, turns, gaps, characters) are those of the original,
also when they are computed again from the stored payload. Masking twice changes nothing.
"""

from __future__ import annotations

from typing import Any

from unpod_sync.transform.json_codec import embedded, encode_text
from unpod_sync.transform.parse import is_missing
from unpod_sync.transform.transcript import (
    LABELLED,
    LIST_KEYS,
    ROLE_KEYS,
    TIME_KEYS,
    content_of,
    labelled_lines,
    read_text_or_none,
)

FILLER = "·"
ERASED = {"erased": True}


def masked(transcript: Any) -> Any:
    """A transcript of any shape in the same shape, without what was said."""
    if isinstance(transcript, str):
        return _masked_text(transcript)
    if isinstance(transcript, list):
        return [_masked_message(message) for message in transcript]
    if isinstance(transcript, dict) and transcript:
        inner = next((key for key in LIST_KEYS if isinstance(transcript.get(key), list)), None)
        if inner is not None:
            return {inner: masked(transcript[inner])}
        return (
            _masked_message(transcript) if "role" in transcript or "content" in transcript else dict(ERASED)
        )
    return transcript


def dots(text: str) -> str:
    """As many dots as the text has characters."""
    return FILLER * len(text)


def _masked_text(text: str) -> str:
    inner = embedded(text)
    if inner is not None:
        return encode_text(masked(inner))
    if is_missing(text):
        return text
    lines = [(message["role"], dots(message["content"])) for message in labelled_lines(text)]
    return "\n".join(f"{role}: {content}" if role else content for role, content in lines)


def _masked_message(message: Any) -> Any:
    if isinstance(message, str):
        found = LABELLED.match(message)
        return f"{found[1]}: {dots(found[2])}" if found else dots(message)
    if not isinstance(message, dict):
        text = None if isinstance(message, list) else read_text_or_none(message)
        return None if text is None else dots(text)
    kept: dict[str, Any] = {}
    role = next((message[key] for key in ROLE_KEYS if isinstance(message.get(key), str)), None)
    if role is not None:
        kept["role"] = role
    _, content = content_of(message)
    if content is not None:
        kept["content"] = dots(content)
    moment = next((message[key] for key in TIME_KEYS if not is_missing(message.get(key))), None)
    if moment is not None:
        kept["timestamp"] = moment
    return kept
