"""What an answer of the API is: the rows of a page, or which kind of failure.

No I/O. The rules are those of `docs/api-behaviour.md`, section 6: only a 200 whose `data` is a list is a
success, and a `status_code` inside the body counts like that status when `data` is not a list.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import msgspec

from unpod_sync.api.failures import Failure, FailureKind
from unpod_sync.api.retry import read_retry_after
from unpod_sync.api.transport import Response
from unpod_sync.model import LISTINGS

_MOST_COUNT = 10**10
"""A larger count is no claim: no list has as many rows, and sums of such counts do not fit a BIGINT."""


class _Body(msgspec.Struct):
    """What every page has; the rows stay JSON text."""

    data: list[msgspec.Raw]
    count: Any = None


_BODY_DECODER = msgspec.json.Decoder(_Body)

_SURROGATE_ESCAPE = re.compile(r"\\u[dD][89a-fA-F]")
_SURROGATE_ESCAPE_BYTES = re.compile(rb"\\u[dD][89a-fA-F]")
_SURROGATE = re.compile("[\ud800-\udfff]")


_STATUSES = {
    206: (FailureKind.ACCESS, "no access, or it does not exist"),
    401: (FailureKind.CREDENTIALS, "the API refused the token"),
    403: (FailureKind.ACCESS, "access denied"),
    404: (FailureKind.ACCESS, "not found"),
    408: (FailureKind.TIMEOUT, "the server gave up waiting"),
    425: (FailureKind.TIMEOUT, "the server gave up waiting"),
    429: (FailureKind.RATE, "too many requests"),
}
_STATUS_CLASSES = {
    3: (FailureKind.REDIRECT, "an unexpected redirect"),
    4: (FailureKind.REQUEST, "the request was refused"),
    5: (FailureKind.SERVER, "the server failed"),
}
_UNEXPECTED = (FailureKind.BROKEN, "an unexpected answer")


class _Nothing:
    """Stands for a body that is not JSON, since null is JSON."""


NOTHING: Final = _Nothing()


@dataclass(frozen=True, slots=True)
class Content:
    """A successful answer: the rows as JSON texts in the server's order, and its claim of how many there are."""

    rows: list[bytes]
    count: int | None


def decode(body: bytes) -> Any:
    """The JSON value of `body`, or `NOTHING`.

    Integers of any size stay exact. Where the strict decoder refuses, the lenient one reads NaN and
    Infinity (as floats), control characters inside strings, a byte order mark, invalid UTF-8 and
    lone surrogates (both as U+FFFD).
    """
    try:
        return msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        pass
    text = body.decode("utf-8", "replace").removeprefix("\ufeff")
    try:
        value = json.loads(text, strict=False)
        return _without_surrogates(value) if _SURROGATE_ESCAPE.search(text) else value
    except (ValueError, RecursionError):
        return NOTHING


def _sliced(body: bytes) -> Content | None:
    """The rows of a page of sound JSON, as they stand in it: a seventh of the cost of decoding them."""
    try:
        page = _BODY_DECODER.decode(body)
        body.decode()  # rows are checked for everything but this, and lone surrogates
        if _SURROGATE_ESCAPE_BYTES.search(body):
            msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return Content([bytes(row) for row in page.data], _count({"count": page.count}))


def _without_surrogates(value: Any) -> Any:
    if isinstance(value, str):
        return _SURROGATE.sub("\ufffd", value)
    if isinstance(value, list):
        return [_without_surrogates(one) for one in value]
    if isinstance(value, dict):
        return {_without_surrogates(key): _without_surrogates(one) for key, one in value.items()}
    return value


def parse_response(
    answer: Response, *, kind: str, page: int, now: datetime, scrub: Callable[[str], str]
) -> Content | Failure:
    """The rows of an answer to page number `page` of a list of `kind`, or the failure it is.

    A 404 beyond the first page means past the end: no rows and no count.
    """
    status = answer.status
    if status == 200 and (content := _sliced(answer.body)) is not None:
        return content
    body = decode(answer.body)
    if status == 200:
        rows = _rows(body, kind)
        if rows is not None:
            return Content([msgspec.json.encode(row) for row in rows], _count(body))
        status = _inner_status(body) or status
    if status == 404 and page > 1:
        return Content([], None)
    wait = read_retry_after(answer.headers.get("Retry-After"), now)
    message = _message(body, scrub)
    if status == 200:
        return Failure(FailureKind.BROKEN, _what_came(body, answer) + message, status, wait)
    return _refusal(status, body, message, wait)


def _refusal(status: int, body: Any, message: str, wait: float | None) -> Failure:
    """The failure that a status other than 200 is."""
    kind, text = _STATUSES.get(status) or _STATUS_CLASSES.get(min(status // 100, 5), _UNEXPECTED)
    if status == 206 and _has_errors(body):
        kind, text = FailureKind.PARTIAL, "the server could not build the page"
    if status == 404 and isinstance(body, _Nothing):
        kind, text = FailureKind.NO_ROUTE, "the server has no such path"
    if kind is FailureKind.CREDENTIALS:
        message = ""
    return Failure(kind, f"{text} ({status}){message}", status, wait)


def _rows(body: Any, kind: str) -> list[Any] | None:
    if not isinstance(body, dict):
        return None
    rows = body.get("data")
    if not isinstance(rows, list) and kind in LISTINGS:  # their shape has changed once
        rows = body.get("results")
    return rows if isinstance(rows, list) else None


def _count(body: dict[str, Any]) -> int | None:
    count = body.get("count")
    if not isinstance(count, int) or isinstance(count, bool):
        return None
    return count if 0 <= count <= _MOST_COUNT else None


def _inner_status(body: Any) -> int | None:
    """A `status_code` of 206, 4xx or 5xx inside the body of a 200."""
    status = body.get("status_code") if isinstance(body, dict) else None
    if isinstance(status, str) and len(status) == 3 and status.isascii() and status.isdecimal():
        status = int(status)
    if not isinstance(status, int) or isinstance(status, bool):
        return None
    return status if status == 206 or 400 <= status <= 599 else None


def _has_errors(body: Any) -> bool:
    """Both forms: `errors` beside `message`, and inside a `data` that is an object."""
    if not isinstance(body, dict):
        return False
    data = body.get("data")
    return body.get("errors") is not None or (isinstance(data, dict) and data.get("errors") is not None)


def _message(body: Any, scrub: Callable[[str], str]) -> str:
    """The server's `message` for the user, or nothing.

    `errors` is never shown: validation errors quote the values they complain about, and those are
    contact data.
    """
    if not isinstance(body, dict):
        return ""
    error = body.get("error")
    inner = error.get("message") if isinstance(error, dict) else None
    for text in (body.get("message"), inner, body.get("detail")):
        if isinstance(text, str) and (shown := scrub(text)):
            return f": “{shown}”"
    return ""


def _what_came(body: Any, answer: Response) -> str:
    if not answer.body:
        return "the answer is empty (200)"
    if isinstance(body, _Nothing):
        is_page = answer.body[:256].lstrip().lower().startswith((b"<!doctype", b"<html"))
        return "a web page came instead of JSON (200)" if is_page else "the answer is not valid JSON (200)"
    return "the answer has no list in `data` (200)"
