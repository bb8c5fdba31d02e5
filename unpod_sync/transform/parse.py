"""Single values as the API writes them, read as plain Python values.

Pure functions of single values, without I/O. A value that cannot be read raises `ParseError`; its
text is the reason that `meta.rejects` shows. A placeholder for no value (null, "", "N/A", "NULL", …)
reads as None without an error. The forms are those of the
reference pages and of the open-source backend (`docs/api-behaviour.md`, sections 4, 5 and 7).
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Any

from unpod_sync.transform.json_codec import clean_text, embedded, encode_text

PLACEHOLDERS = frozenset({"", "-", "null", "none", "n/a", "undefined"})

EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - every time here is naive and means UTC
FIRST_YEAR, LAST_YEAR = 2000, 2100
FIRST_SECOND = int((datetime(FIRST_YEAR, 1, 1) - EPOCH).total_seconds())  # noqa: DTZ001
LAST_SECOND = int((datetime(LAST_YEAR + 1, 1, 1) - EPOCH).total_seconds())  # noqa: DTZ001
GREGORIAN_TO_UNIX = 0x01B21DD213814000  # 100 ns steps from 1582-10-15 to 1970-01-01

_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_TIME_BASED_ID = re.compile(
    r"[A-Za-z]?([0-9a-fA-F]{8})-?([0-9a-fA-F]{4})-?1([0-9a-fA-F]{3})-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{12}"
)
_LOOSE_TIME = re.compile(
    r"(\d{4}-\d\d-\d\d)[T ,]+(\d{1,2})(:\d\d(?::\d\d(?:[.,]\d+)?)?)\s*(?:([AP])\.?M\.?)?"
    r"\s*(Z|UTC|GMT|[+-]\d\d:?(?:\d\d)?)?(?:\s+UTC)?"
)
_MAIL_TIME = re.compile(
    r"(?:[A-Za-z]{3,9},?\s+)?\d{1,2}\s+[A-Za-z]{3,9}\s+\d{4}\s+\d{1,2}:\d\d(?::\d\d)?(?:\s+(?:GMT|UTC|[+-]\d{4}))?"
)
_SCORE_OF = re.compile(r"([+-]?\d+(?:\.\d+)?)\s*(?:/|out\s+of)\s*(\d+(?:\.\d+)?)", re.IGNORECASE)
_SCORE_PERCENT = re.compile(r"([+-]?\d+(?:\.\d+)?)\s*%")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_SEPARATORS = re.compile(r"[\s\-_]+")
_NOT_ALPHANUMERIC = re.compile(r"[\W_]+")

STATUS_ALIASES = {"droped": "dropped", "voice_mail": "voicemail"}
ROLES = {
    **dict.fromkeys(("assistant", "agent", "ai", "bot", "ai_agent", "ai_assistant", "model"), "agent"),
    **dict.fromkeys(("user", "customer", "human", "caller", "client", "contact"), "user"),
    **dict.fromkeys(("tool", "function", "tool_call", "tool_calls", "tool_result", "function_call"), "tool"),
}
OUTCOMES = {
    **dict.fromkeys(("interested", "interestedin"), "interested"),
    **dict.fromkeys(
        ("callback", "callbackrequested", "callbacklater", "callbackscheduled", "requestedcallback"),
        "call_back",
    ),
    **dict.fromkeys(
        ("senddetails", "senddetail", "sentdetails", "detailssent", "informationsent", "sendinformation"),
        "send_details",
    ),
    "notinterested": "not_interested",
    "notconnected": "not_connected",
    "abandoned": "abandoned",
    "dropped": "dropped",
    "droped": "dropped",
    "error": "error",
}


class ParseError(ValueError):
    """A value that cannot be read; its text is the reason."""


def is_missing(value: Any) -> bool:
    """Whether a value is null or one of the placeholders in use."""
    if value is None:
        return True
    if not isinstance(value, str):
        return False
    # No placeholder has ten letters; a longer text is one only when it is padded.
    if len(value) >= 10 and value[0] > " " and value[-1] > " ":
        return False
    return value.strip().lower() in PLACEHOLDERS


def read_text(value: Any) -> str | None:
    """Text as it is; numbers as their digits (12025550101.0 is 12025550101), booleans as JSON."""
    if value is None:
        return None
    if isinstance(value, str):
        return value if value.isascii() else clean_text(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ParseError("not a finite number")
        return str(int(value)) if value.is_integer() and abs(value) < 1e16 else repr(value)
    raise ParseError("an object or list where text is expected")


def read_number(value: Any) -> float | None:
    """A finite number, or text that is exactly one."""
    if isinstance(value, bool):
        raise ParseError("a boolean is not a number")
    if isinstance(value, str):
        if is_missing(value):
            return None
        if not _NUMBER.fullmatch(value.strip()):
            raise ParseError("not a number")
    elif value is None:
        return None
    elif not isinstance(value, int | float):
        raise ParseError("an object or list where a number is expected")
    try:
        number = float(value)
    except OverflowError:
        raise ParseError("number too large") from None
    if not math.isfinite(number):
        raise ParseError("not a finite number")
    return number


def read_integer(value: Any) -> int | None:
    """A whole number of 64 bits; also as text or as a float without a fraction."""
    whole: int | None = None
    if isinstance(value, int) and not isinstance(value, bool):
        whole = value
    elif isinstance(value, str) and re.fullmatch(r"\s*[+-]?\d{1,20}\s*", value, re.ASCII):
        whole = int(value)
    else:
        number = read_number(value)
        if number is None:
            return None
        if not number.is_integer():
            raise ParseError("not a whole number")
        whole = int(number)
    if not -(2**63) <= whole < 2**63:
        raise ParseError("number too large")
    return whole


def read_time(value: Any, zone: tzinfo = UTC) -> datetime | None:
    """A moment as naive UTC with microseconds.

    Read are ISO 8601 (space or T, any fraction, Z or an offset), a plain date, mail dates, 12-hour
    clocks, epoch seconds and milliseconds (also as text) and MongoDB's `{"$date": …}`. A text that
    names no zone is in `zone`: UTC for what the hosted service writes itself. Years outside 2000 to
    2100 are refused: such times come from clocks that were never set.
    """
    if isinstance(value, str):
        return _time_of_text(value, zone)
    if value is None:
        return None
    if isinstance(value, Mapping) and "$date" in value:
        inner = value["$date"]
        if isinstance(inner, Mapping):
            inner = inner.get("$numberLong", "not a date")
        if isinstance(inner, str | int | float):
            return read_time(inner)  # MongoDB's dates are UTC
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _time_of_epoch(value)
    raise ParseError("not a time")


def _time_of_epoch(value: float) -> datetime:
    if FIRST_SECOND <= value < LAST_SECOND:
        return EPOCH + timedelta(microseconds=round(value * 1_000_000))
    if FIRST_SECOND * 1000 <= value < LAST_SECOND * 1000:
        return EPOCH + timedelta(microseconds=round(value * 1000))
    raise ParseError("a number outside the epoch seconds and milliseconds of 2000 to 2100")


def _time_of_text(value: str, zone: tzinfo) -> datetime | None:
    text = value.strip()
    if is_missing(text):
        return None
    if _NUMBER.fullmatch(text) and len(text) != 8:  # eight digits are a date: 20260302
        return _time_of_epoch(float(text))
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = _time_of_loose_text(text)
    return _utc(moment if moment.tzinfo else moment.replace(tzinfo=zone))


def _time_of_loose_text(text: str) -> datetime:
    loose = _LOOSE_TIME.fullmatch(text.upper())
    try:
        if loose:
            day, hour, rest, half, offset = loose.groups()
            clock = int(hour)
            if half:
                if not 1 <= clock <= 12:
                    raise ParseError("unreadable time")
                clock = clock % 12 + (12 if half == "P" else 0)
            zone = "Z" if offset in ("UTC", "GMT") else offset or ""
            return datetime.fromisoformat(f"{day}T{clock:02d}{rest}{zone}")
        if _MAIL_TIME.fullmatch(text):
            return parsedate_to_datetime(text)
    except (ValueError, IndexError, TypeError):
        pass
    raise ParseError("unreadable time")


def _utc(moment: datetime) -> datetime:
    try:
        moment = moment.astimezone(UTC).replace(tzinfo=None)
    except OverflowError:
        raise ParseError("implausible time: outside 2000 to 2100") from None
    if not FIRST_YEAR <= moment.year <= LAST_YEAR:
        raise ParseError("implausible time: outside 2000 to 2100")
    return moment


def id_time(identifier: str) -> datetime | None:
    """The creation time inside a task or run id: a letter and a time-based UUID (version 1)."""
    found = _TIME_BASED_ID.fullmatch(identifier)
    if not found:
        return None
    low, middle, high = (int(part, 16) for part in found.groups())
    steps = (high << 48 | middle << 32 | low) - GREGORIAN_TO_UNIX
    if not FIRST_SECOND <= steps // 10_000_000 < LAST_SECOND:
        return None
    return EPOCH + timedelta(microseconds=steps // 10)


@lru_cache(maxsize=4096)
def to_snake_case(text: str) -> str:
    """Lower case with underscores: apiKey, API-Key and "api key" are api_key."""
    return _SEPARATORS.sub("_", _CAMEL.sub("_", text)).lower()


@lru_cache(maxsize=4096)
def canonical_label(label: str | None) -> str | None:
    """A label in snake case: notConnected and not-connected are not_connected."""
    if label is None or is_missing(label):
        return None
    canonical = to_snake_case(label.strip()).strip("_")
    return STATUS_ALIASES.get(canonical, canonical) or None


@lru_cache(maxsize=1024)
def canonical_call_type(label: str | None) -> str | None:
    """A call type: outboundPhoneCall and outbound_call are outbound; sdk stays."""
    canonical = canonical_label(label)
    if canonical is None:
        return None
    return canonical.removesuffix("_call").removesuffix("_phone") or canonical


@lru_cache(maxsize=1024)
def canonical_role(label: str | None) -> str | None:
    """agent, user, system or tool; any other role only in its canonical form."""
    canonical = canonical_label(label)
    return ROLES.get(canonical, canonical) if canonical else None


@lru_cache(maxsize=4096)
def canonical_outcome(label: str | None) -> str | None:
    """One of the outcomes of `sql/README.md`; any other text is `other`."""
    if label is None or is_missing(label):
        return None
    return OUTCOMES.get(_NOT_ALPHANUMERIC.sub("", label).lower(), "other")


def read_score(value: Any) -> tuple[float | None, float | None]:
    """Score and the scale it names: 8/10 is (8, 10), 80% is (80, 100); words have neither.

    Text and objects are looked into: `{"score": 5}`, also as JSON text.
    """
    if isinstance(value, str):
        inner = embedded(value)
        return read_score(inner) if isinstance(inner, dict) else _score_of_text(value)
    if isinstance(value, Mapping):
        keys = ("score", "success_score", "rating", "value")
        inner = next((value[key] for key in keys if key in value), None)
        if isinstance(inner, Mapping):
            raise ParseError("a score inside a score")
        return read_score(inner)
    return read_number(value), None


@lru_cache(maxsize=1024)
def _score_of_text(value: str) -> tuple[float | None, float | None]:
    text = value.strip()
    if _NUMBER.fullmatch(text):
        return read_number(text), None
    if of := _SCORE_OF.fullmatch(text):
        return read_number(of[1]), read_number(of[2])
    if percent := _SCORE_PERCENT.fullmatch(text):
        return read_number(percent[1]), 100.0
    return None, None


def shorten(value: Any, length: int = 200) -> str:
    """A value as text for a reject, cut to `length` characters."""
    return clean_text((value if isinstance(value, str) else encode_text(value))[:length])
