"""Responses as the backend words them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from msgspec.json import encode

_HTML: Final = "text/html; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Response:
    """One response, not yet sent."""

    status: int
    body: bytes
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


def json_response(status: int, body: object) -> Response:
    """A response with a JSON body."""
    return Response(status, encode(body))


def list_response(message: str, count: int | None, items: list[bytes]) -> Response:
    """A page of a list; the items are JSON already. Without `count` the field is left out."""
    counted = b"" if count is None else b'"count":%d,' % count
    head = b'{%s"status_code":200,"message":"%s","data":[' % (counted, message.encode())
    return Response(200, b"%s%s]}" % (head, b",".join(items)))


def message_response(status: int, message: str) -> Response:
    """`{"message": …, "status_code": …}`, the form of most refusals."""
    return json_response(status, {"message": message, "status_code": status})


def access_response(message: str = "You don't have access to this space") -> Response:
    """206 for someone without access or for an unknown space."""
    return json_response(206, {"status_code": 206, "message": message, "data": {}})


def errors_response(detail: str, *, documented: bool = False, message: str = "Runs Fetch Failed") -> Response:
    """206 for a failure behind the API: `data` is an object, or as documented there is none."""
    if documented:
        return json_response(206, {"message": "Error fetching runs", "errors": detail})
    body = {"status_code": 206, "message": message, "data": {"errors": detail}, "errors": detail}
    return json_response(206, body)


def html_response(status: int, title: str) -> Response:
    """A page by a gateway or by the framework."""
    text = f"<!doctype html>\n<html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>\n"
    return Response(status, text.encode(), content_type=_HTML)


def rate_response(retry_after: float | None) -> Response:
    """429 as documented."""
    body = {"error": {"code": "RATE_LIMIT_EXCEEDED", "message": "Too many requests. Please try again later."}}
    return replace(json_response(429, body), headers=retry_header(retry_after))


def retry_header(retry_after: float | None) -> dict[str, str]:
    """`Retry-After`, when there is one."""
    return {} if retry_after is None else {"Retry-After": f"{retry_after:g}"}
