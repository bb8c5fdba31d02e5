"""The responses that faults give in place of the honest one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from unpod_sync.simulator.faults import Fault
from unpod_sync.simulator.responses import (
    Response,
    access_response,
    errors_response,
    html_response,
    json_response,
    list_response,
    message_response,
    rate_response,
    retry_header,
)
from unpod_sync.simulator.routes import Page

_VALIDATION: Final = "1 validation error for TaskResponse execution_type none is not an allowed value"
_TIMEOUT: Final = "connection to the task store timed out"
_CRASHED: Final = {"message": "Internal Server Error", "error": "unexpected failure"}
_NO_LIST: Final = {"count": 1, "status_code": 200, "message": "Fetched", "data": {"detail": "not a list"}}

_REFUSALS: Final[Mapping[str, Callable[[Fault], Response]]] = {
    "429": lambda fault: rate_response(fault.retry_after),
    "500": lambda fault: json_response(500, _CRASHED),
    "502": lambda fault: _gateway(502, "502 Bad Gateway", fault),
    "503": lambda fault: _gateway(503, "503 Service Temporarily Unavailable", fault),
    "401": lambda fault: message_response(401, "Invalid token."),
    "403": lambda fault: message_response(403, "You do not have permission to perform this action."),
    "404": lambda fault: message_response(404, "Not found."),
    "206_access": lambda fault: access_response(),
    "206_errors": lambda fault: errors_response(_TIMEOUT, documented=fault.form == "documented"),
    "poison": lambda fault: errors_response(_VALIDATION, documented=fault.form == "documented"),
    "dead_space": lambda fault: _dead_space(fault),
    "html_200": lambda fault: html_response(200, "We will be back soon"),
    "data_not_list": lambda fault: json_response(200, _NO_LIST),
    "empty_200": lambda fault: Response(200, b""),
}


def faulty_response(fault: Fault, honest: Response, page: Page | Response, target: str) -> Response:
    """What the fault makes of the honest response. Faults of the connection itself leave it as it is."""
    if fault.kind in _REFUSALS:
        return _REFUSALS[fault.kind](fault)
    if fault.kind == "bad_json":
        return replace(honest, body=honest.body[:-1] + b",]")
    if fault.kind == "redirect_host":
        location = {"Location": fault.location.rstrip("/") + target}
        return Response(302, b"", content_type="text/html", headers=location)
    return _changed_page(fault, page) if isinstance(page, Page) else honest


def _gateway(status: int, title: str, fault: Fault) -> Response:
    return replace(html_response(status, title), headers=retry_header(fault.retry_after))


def _dead_space(fault: Fault) -> Response:
    if fault.status == 206:
        return errors_response("the space's collection cannot be read", documented=fault.form == "documented")
    if fault.status == 500:
        return html_response(500, "Server Error (500)")
    return message_response(fault.status, "This space cannot be read.")


def _changed_page(fault: Fault, page: Page) -> Response:
    count: int | None = page.count
    items = page.items
    if fault.kind == "missing_count":
        count = None
    elif fault.kind == "wrong_count":
        count = max(0, page.count + fault.amount)
    elif fault.kind == "short_page":
        kept = max(0, len(items) // 2 - fault.amount // 2)
        items = items[:kept] + items[kept + fault.amount :]
    elif fault.kind == "duplicate_rows":
        items = items + items[: fault.amount]
    return list_response(page.message, count, items)
