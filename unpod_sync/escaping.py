"""Text and JSON without the characters that steer a terminal."""

from __future__ import annotations

import re

#: Characters that steer a terminal or turn the direction of writing, each with what shows instead.
_HARMLESS = {
    **{code: chr(0x2400 + code) for code in range(32)},
    **dict.fromkeys(range(0x80, 0xA0), "�"),
    **dict.fromkeys((0x61C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)), "�"),
    **dict.fromkeys(range(0xD800, 0xE000), "�"),  # half a character, which no stream can write
    0x7F: "␡",
    0x09: " ",
    0x0A: "⏎",
    0x2028: "⏎",
    0x2029: "⏎",
}


def escape_control_chars(text: str) -> str:
    """`text` on one line, with every control character shown instead of obeyed."""
    return text.replace("\r\n", "\n").translate(_HARMLESS)


#: The same characters in UTF-8, as far as JSON does not escape them by itself.
_STEERING = re.compile(rb"\x7f|\xc2[\x80-\x9f]|\xd8\x9c|\xe2\x80[\x8e\x8f\xa8-\xae]|\xe2\x81[\xa6-\xa9]")


def escape_control_json(document: bytes) -> bytes:
    """JSON in UTF-8 in which characters that steer a terminal are escaped; its values stay the same."""
    return _STEERING.sub(lambda found: f"\\u{ord(found[0].decode()):04x}".encode(), document)
