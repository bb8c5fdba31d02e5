"""The client over real HTTP: what is sent, what comes back, and every way it can fail."""

from __future__ import annotations

import gzip
import json
import socket
import struct
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest

from tests.api.options import client_options
from tests.wire import TOKEN, Clock, Request, Wire, answer, drip, hang, serving, whole_text
from unpod_sync.api import Client, RequestEvent
from unpod_sync.api.rate_limit import RequestBudget
from unpod_sync.errors import (
    AccessError,
    ApiError,
    BudgetError,
    ConfigurationError,
    CredentialsError,
    RateLimitedError,
    ResponseError,
    UnavailableError,
)
from unpod_sync.model import SPACES, agent_executions, space_tasks

TASKS = space_tasks("8KZ")
GOOD = answer({"count": 1, "data": [{"n": 0}]})
LONG = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n{"


def client_for(wire: Wire | str, clock: Clock | None = None, **options: Any) -> Client:
    clock = clock or Clock()
    url = wire if isinstance(wire, str) else wire.url
    options = {"sleep": clock.sleep, "monotonic": clock.monotonic, "now": clock.now} | options
    return Client(url, TOKEN, options.pop("org", "acme"), **client_options(**options))


def first_then(bad: Any, good: bytes = GOOD, times: int = 1) -> Callable[[Request], Any]:
    """A handler that answers `bad` at first and `good` after."""
    return lambda request: bad if request.number <= times else good


def refused(handler: Any, kind: type[ApiError], **options: Any) -> tuple[ApiError, int]:
    """The error a fetch ends in, and how many requests it took; the token is nowhere in it."""
    page = options.pop("page", 1)
    with serving(handler) as wire, client_for(wire, **options) as client:
        with pytest.raises(kind) as caught:
            client.fetch(options.pop("resource", TASKS), page, 100)
        assert type(caught.value) is kind
        assert TOKEN not in whole_text(caught.value)
        assert caught.value.hint
        return caught.value, len(wire.requests)


def test_request_is_what_the_api_documents() -> None:
    """Path with trailing slash, page and size always, token, organisation, compression, our name."""
    with serving(lambda _: GOOD) as wire, client_for(wire) as client:
        client.fetch(TASKS, 3, 50)
    (request,) = wire.requests
    assert request.path == "/api/v2/platform/spaces/8KZ/tasks/"
    assert request.query == {"page": "3", "page_size": "50"}
    assert request.headers["authorization"] == f"Token {TOKEN}"
    assert request.headers["org-handle"] == "acme"
    assert request.headers["accept"] == "application/json"
    assert request.headers["accept-encoding"] == "gzip, deflate"
    assert request.headers["user-agent"].startswith("unpod-sync/")


def test_odd_handles_are_quoted_and_a_path_prefix_is_kept() -> None:
    """A handle cannot add a query, and the API may live under a prefix."""
    with serving(lambda _: GOOD) as wire, client_for(wire.url + "/gate/", org=None) as client:
        client.fetch(agent_executions("a?b#c d"), 1, 5)
    assert wire.requests[0].path == "/gate/api/v2/platform/agents/a%3Fb%23c%20d/executions/"
    assert "org-handle" not in wire.requests[0].headers


def test_page_tells_rows_count_time_and_order() -> None:
    """Rows as sent, the server's count and clock, and a number that rises."""
    reply = answer({"count": 7, "data": [{"n": 2**70}]}, headers={"Date": "Sat, 01 Mar 2025 10:00:00 GMT"})
    with serving(lambda _: reply) as wire, client_for(wire) as client:
        one, two = client.fetch(TASKS, 1, 100), client.fetch(TASKS, 2, 100)
    assert (one.values, one.count, one.number, one.size) == ([{"n": 2**70}], 7, 1, 100)
    assert one.server_time == datetime(2025, 3, 1, 10, tzinfo=UTC)
    assert one.sequence < two.sequence
    assert wire.connections == 1


def test_compressed_and_chunked_answers_are_read() -> None:
    """gzip, and a body in chunks."""
    packed = gzip.compress(json.dumps({"data": [{"n": 1}]}).encode())
    chunks = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunks += b'b\r\n{"data": [{\r\n9\r\n"n": 1}]}\r\n0\r\n\r\n'
    for reply in (answer(packed, headers={"Content-Encoding": "gzip"}), chunks):
        with serving(lambda _, reply=reply: reply) as wire, client_for(wire) as client:
            for _ in range(2):
                assert client.fetch(TASKS, 1, 100).values == [{"n": 1}]
        assert wire.connections == 1


def reset(conn: socket.socket) -> None:
    conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


CURED = {
    "500": answer({"message": "boom"}, 500),
    "502 html": answer(b"<html>bad gateway</html>", 502, kind="text/html"),
    "503 retry-after": answer(b"", 503, {"Retry-After": "2"}),
    "429": answer({"error": {"code": "x", "message": "slow"}}, 429, {"Retry-After": "3"}),
    "429 without retry-after": answer({}, 429),
    "206 errors": answer({"message": "Runs Fetch Failed", "errors": "x"}, 206),
    "206 errors in data": answer({"status_code": 206, "data": {"errors": "x"}}, 206),
    "206 errors inside 200": answer({"status_code": 206, "data": {}, "errors": "x"}),
    "500 inside 200": answer({"status_code": 500, "message": "x", "data": {}}),
    "429 inside 200": answer({"status_code": 429, "message": "x"}),
    "html 200": answer(b"<!doctype html><p>Just a moment", kind="text/html"),
    "empty 200": answer(b""),
    "cut json": answer(b'{"count": 1, "data": [{"n"'),
    "data is an object": answer({"data": {}}),
    "data is null": answer({"count": 0, "data": None}),
    "no data": answer({"message": "fine"}),
    "results are for listings": answer({"results": []}),
    "a bare list": answer([]),
    "204": b"HTTP/1.1 204 None\r\n\r\n",
    "408": answer(b"", 408),
    "reset": reset,
    "closed": lambda conn: None,
    "truncated": lambda conn: conn.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"),
    "truncated chunks": lambda conn: conn.sendall(
        b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10\r\n{"data"'
    ),
    "broken gzip": answer(b"no gzip", headers={"Content-Encoding": "gzip"}),
    "truncated gzip": answer(gzip.compress(GOOD * 20)[:40], headers={"Content-Encoding": "gzip"}),
    "no http": lambda conn: conn.sendall(b"SSH-2.0-x\r\n\r\n"),
    "bad chunk": lambda conn: conn.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{"),
}


@pytest.mark.parametrize("bad", CURED.values(), ids=CURED.keys())
def test_passing_failures_are_retried(bad: Any) -> None:
    """Twice a failure, then the page: the page comes."""
    events: list[RequestEvent] = []
    with serving(first_then(bad, times=2)) as wire, client_for(wire, on_event=events.append) as client:
        assert client.fetch(TASKS, 1, 100).values == [{"n": 0}]
    assert len(wire.requests) == client.requests_made == 3
    assert [event.kind for event in events] == ["retry", "retry", "answer"]


@pytest.mark.parametrize(
    ("bad", "kind", "attempts"),
    [
        (answer({"message": "x"}, 500), UnavailableError, 5),
        (answer({"errors": ["x"]}, 206), ResponseError, 4),
        (answer(b"<html>"), ResponseError, 5),
        (answer({}, 429), RateLimitedError, 5),
        (reset, UnavailableError, 5),
    ],
)
def test_lasting_failures_end_after_max_attempts(bad: Any, kind: type[ApiError], attempts: int) -> None:
    """The error says how often it was tried; a page that cannot be built is left to be split sooner."""
    error, requests = refused(lambda _: bad, kind, max_attempts=5)
    assert requests == attempts
    assert f"tried {attempts} times" in error.message
    assert "spaces/8KZ/tasks, page 1" in error.message


@pytest.mark.parametrize(
    ("bad", "kind"),
    [
        (answer({"message": "Invalid token"}, 401), CredentialsError),
        (answer(b"<html>login</html>", 401), CredentialsError),
        (answer({"status_code": 401, "message": "no"}), CredentialsError),
        (answer({"message": "no"}, 403), AccessError),
        (answer({"message": "no"}, 404), AccessError),
        (answer({"status_code": 206, "message": "No access", "data": {}}, 206), AccessError),
        (answer({"status_code": 206, "message": "No access", "data": {}}), AccessError),
        (answer({"status_code": 400, "message": "Org-Handle missing"}, 400), ResponseError),
        (answer({"message": "x"}, 405), ResponseError),
    ],
)
def test_final_failures_cost_one_request(bad: bytes, kind: type[ApiError]) -> None:
    """Nothing is gained by asking again."""
    assert refused(lambda _: bad, kind)[1] == 1


def test_a_404_is_the_end_beyond_the_first_page() -> None:
    """Past the end some servers answer 404: an empty page without a count."""
    for reply in (answer({"message": "Invalid page."}, 404), answer({"status_code": 404, "data": {}})):
        with serving(lambda _, reply=reply: reply) as wire, client_for(wire) as client:
            page = client.fetch(TASKS, 2, 100)
        assert (page.values, page.count, len(wire.requests)) == ([], None, 1)


def test_listings_may_use_results() -> None:
    """`results` stands for `data` in listings only."""
    with serving(lambda _: answer({"results": [{"token": "A"}]})) as wire, client_for(wire) as client:
        assert client.fetch(SPACES, 1, 100).values == [{"token": "A"}]


def test_server_texts_are_shown_short_and_clean() -> None:
    """Message yes, but no token, contact, control character or validation detail."""
    said = f"Bad\x1b[31m\n token {TOKEN} of ravi@example.com +91 98765 43210 " + "y" * 500
    errors = "input_value='Ravi Kumar'"
    error, _ = refused(lambda _: answer({"message": said, "errors": errors}, 400), ResponseError)
    for secret in (TOKEN, "ravi", "98765", "Ravi", "\x1b", "\n"):
        assert secret not in error.message
    assert "Bad" in error.message
    assert len(error.message) < 320


def test_retry_after_is_waited_for_and_a_long_one_is_not() -> None:
    """Seconds or a date; beyond the cap the error says when to come back."""
    clock = Clock()
    with (
        serving(first_then(answer({}, 429, {"Retry-After": "30"}))) as wire,
        client_for(wire, clock) as client,
    ):
        client.fetch(TASKS, 1, 100)
    assert 30 <= sum(clock.slept) < 31
    clock = Clock()
    dates = {"Date": "Sat, 01 Mar 2025 10:00:00 GMT", "Retry-After": "Sat, 01 Mar 2025 10:00:20 GMT"}
    with serving(first_then(answer({}, 503, dates))) as wire, client_for(wire, clock) as client:
        client.fetch(TASKS, 1, 100)
    assert 20 <= sum(clock.slept) < 21
    error, requests = refused(lambda _: answer({}, 429, {"Retry-After": "3600"}), RateLimitedError)
    assert requests == 1
    assert "in 3600 seconds" in error.hint


@pytest.mark.parametrize("slow", [hang, drip, partial(drip, text=LONG)])
def test_an_answer_that_never_ends_fails_in_time(slow: Any) -> None:
    """No byte, a byte now and then in the head, or in the body: the deadline of the whole answer holds."""
    started = time.monotonic()
    options = {"timeout": (1.0, 5.0), "deadline_seconds": 0.3, "max_attempts": 1}
    error, _ = refused(lambda _: slow, UnavailableError, **options)
    assert time.monotonic() - started < 1.5
    assert "0.3 seconds" in error.message or "in time" in error.message


def test_read_timeout_is_a_failure_like_others() -> None:
    """A server that stalls once is asked again."""
    with (
        serving(first_then(hang)) as wire,
        client_for(wire, timeout=(1.0, 0.15)) as client,
    ):
        assert client.fetch(TASKS, 1, 100).values == [{"n": 0}]


def test_refused_connection_and_unknown_name_are_tried_seldom() -> None:
    """Both say what to check."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    events: list[RequestEvent] = []
    for url, hint in ((f"http://127.0.0.1:{port}", "UNPOD_BASE_URL"), ("https://api.invalid", "host name")):
        with client_for(url, on_event=events.append) as client:
            with pytest.raises(UnavailableError) as caught:
                client.fetch(TASKS, 1, 100)
            assert client.requests_made == 4
            assert hint in caught.value.hint
            assert TOKEN not in whole_text(caught.value)
    assert "cannot be resolved" in caught.value.message


def test_budget_stops_before_sending() -> None:
    """Retries count; what is over the budget never leaves the machine."""
    with (
        serving(lambda _: answer({}, 500)) as wire,
        client_for(wire, budget=RequestBudget(max_requests=3)) as client,
        pytest.raises(BudgetError, match="3 requests"),
    ):
        client.fetch(TASKS, 1, 100)
    assert len(wire.requests) == 3
    with (
        serving(lambda _: GOOD) as wire,
        client_for(wire, budget=RequestBudget(per_day=10, used_today=9)) as client,
    ):
        client.fetch(TASKS, 1, 100)
        assert client.requests_left == 0
        with pytest.raises(BudgetError, match="10 requests a day"):
            client.fetch(TASKS, 2, 100)
    assert len(wire.requests) == 1


@pytest.mark.parametrize("token", ["", "  ", "a b", "a\nb", "tökén", "\x00"])
def test_unusable_tokens_are_refused_unshown(token: str) -> None:
    """A token that fits no header would be quoted by libraries in their complaints."""
    with pytest.raises(ConfigurationError) as caught:
        Client("https://unpod.ai", token)
    assert token.strip() == "" or token not in caught.value.message


def test_token_may_come_with_its_scheme() -> None:
    """A key pasted with the word before it."""
    with serving(lambda _: GOOD) as wire, Client(wire.url, f"Token {TOKEN}\n") as client:
        client.fetch(TASKS, 1, 1)
        assert TOKEN not in repr(client)
    assert wire.requests[0].headers["authorization"] == f"Token {TOKEN}"


def test_closed_client_says_so_and_numbers_count_from_one() -> None:
    """Programming mistakes are told as such; page_size=0 would mean no limit to the server."""
    client = Client("http://localhost:1", TOKEN)
    for page, size in ((0, 10), (1, 0)):
        with pytest.raises(ValueError, match="from 1"):
            client.fetch(TASKS, page, size)
    client.close()
    client.close()
    with pytest.raises(RuntimeError, match="closed"):
        client.fetch(TASKS, 1, 1)
    with pytest.raises(RuntimeError, match="closed"):
        client.fetch_many([])


def test_nothing_about_rows_is_told() -> None:
    """Events carry numbers, not content."""
    events: list[RequestEvent] = []
    reply = answer({"data": [{"name": "Ravi"}]})
    with serving(lambda _: reply) as wire, client_for(wire, on_event=events.append) as client:
        client.fetch(TASKS, 1, 100)
    assert "Ravi" not in repr(events)
