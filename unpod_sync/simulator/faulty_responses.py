"""The responses that faults give in place of the honest one."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from unpod_sync.simulator.faults import Fault
from unpod_sync.simulator.responses import (
    ListResponse,
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

_TITLES: Final = {
    "500": "Server Error (500)",
    "502": "502 Bad Gateway",
    "503": "503 Service Temporarily Unavailable",
}
_VALIDATION: Final = "1 validation error for TaskResponse execution_type none is not an allowed value"
_PAGE_KINDS: Final = frozenset({"missing_count", "wrong_count", "short_page", "duplicate_rows"})


def faulty_response(fault: Fault, honest: Response, page: Page | Response, target: str) -> Response:
    """What the fault makes of the honest response. Faults of the connection itself leave it as it is."""
    if isinstance(honest, ListResponse):
        honest = honest.whole()
    if fault.kind in _PAGE_KINDS:
        return _bent_page(fault, page) if isinstance(page, Page) else honest
    if fault.kind in {"poison", "206_errors"}:
        detail = _VALIDATION if fault.kind == "poison" else "connection to the task store timed out"
        return errors_response(detail, documented=fault.form == "documented")
    if fault.kind == "dead_space":
        return _dead_space(fault)
    if fault.kind == "bad_json":
        return replace(honest, body=honest.body[:-1] + b",]")
    if fault.kind == "redirect_host":
        return Response(
            302, b"", content_type="text/html", headers={"Location": fault.location.rstrip("/") + target}
        )
    return _refusal(fault, honest)


def _refusal(fault: Fault, honest: Response) -> Response:
    match fault.kind:
        case "429":
            return rate_response(fault.retry_after)
        case "500":
            return json_response(500, {"message": "Internal Server Error", "error": "unexpected failure"})
        case "502" | "503":
            page = html_response(int(fault.kind), _TITLES[fault.kind])
            named = {name.replace("_", "-"): value for name, value in retry_header(fault.retry_after).items()}
            return replace(page, headers=named)
        case "401":
            return message_response(401, "Invalid token.")
        case "403":
            return message_response(403, "You do not have permission to perform this action.")
        case "404":
            return message_response(404, "Not found.")
        case "206_access":
            return access_response()
        case "html_200":
            return html_response(200, "We will be back soon")
        case "data_not_list":
            body = {"count": 1, "status_code": 200, "message": "Fetched", "data": {"detail": "not a list"}}
            return json_response(200, body)
        case "empty_200":
            return Response(200, b"")
        case _:
            return honest


def _dead_space(fault: Fault) -> Response:
    if fault.status == 206:
        return errors_response("the space's collection cannot be read", documented=fault.form == "documented")
    if fault.status == 500:
        return html_response(500, _TITLES["500"])
    return message_response(fault.status, "This space cannot be read.")


def _bent_page(fault: Fault, page: Page) -> Response:
    count: int | None = page.count
    items = page.items
    if fault.kind == "missing_count":
        count = None
    elif fault.kind == "wrong_count":
        count = max(0, page.count + fault.amount)
    elif fault.kind == "short_page":
        kept = max(0, len(items) // 2 - fault.amount // 2)
        items = items[:kept] + items[kept + fault.amount :]
    else:
        items = items + items[: fault.amount]
    return list_response(page.message, count, items)
