"""Answers as the backend words them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import orjson

_HTML: Final = "text/html; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Answer:
    """One response, not yet sent."""

    status: int
    body: bytes
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ListAnswer(Answer):
    """A page whose body is still in pieces: sent as they are, a large page needs no copy."""

    pieces: tuple[bytes, ...] = ()

    def whole(self) -> Answer:
        """The same with its body put together."""
        return Answer(self.status, b"".join(self.pieces), self.content_type, self.headers)


def json_answer(status: int, body: object, **headers: str) -> Answer:
    """An answer with a JSON body; header names use `_` for `-`."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status, orjson.dumps(body), headers=named)


def list_answer(message: str, count: int | None, items: list[bytes]) -> ListAnswer:
    """A page of a list; the items are JSON already. Without `count` the field is left out."""
    head = b"{" if count is None else b'{"count":%d,' % count
    head += b'"status_code":200,"message":"%s","data":[' % message.encode()
    pieces = [b","] * (2 * len(items) + 1)
    pieces[0], pieces[1::2], pieces[-1] = head, items, b"]}"
    if not items:
        pieces = [head, b"]}"]
    return ListAnswer(200, b"", pieces=tuple(pieces))


def message_answer(status: int, message: str) -> Answer:
    """`{"message": …, "status_code": …}`, the form of most refusals."""
    return json_answer(status, {"message": message, "status_code": status})


def access_answer(message: str = "You don't have access to this space") -> Answer:
    """206 for someone without access or a space nobody knows."""
    return json_answer(206, {"status_code": 206, "message": message, "data": {}})


def errors_answer(detail: str, *, documented: bool = False, message: str = "Runs Fetch Failed") -> Answer:
    """206 for a failure behind the API: `data` is an object, or as documented there is none."""
    if documented:
        return json_answer(206, {"message": "Error fetching runs", "errors": detail})
    body = {"status_code": 206, "message": message, "data": {"errors": detail}, "errors": detail}
    return json_answer(206, body)


def html_answer(status: int, title: str) -> Answer:
    """A page by a gateway or by the framework."""
    text = f"<!doctype html>\n<html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>\n"
    return Answer(status, text.encode(), content_type=_HTML)


def rate_answer(retry_after: float | None) -> Answer:
    """429 as documented."""
    body = {"error": {"code": "RATE_LIMIT_EXCEEDED", "message": "Too many requests. Please try again later."}}
    return json_answer(429, body, **retry_header(retry_after))


def retry_header(retry_after: float | None) -> dict[str, str]:
    """`Retry-After`, when there is one."""
    return {} if retry_after is None else {"Retry_After": f"{retry_after:g}"}
