"""Bad rows are found and told, the rest of the page comes in, and a dead list costs little."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.api.options import client_options
from tests.wire import TOKEN, Clock, Request, Wire, answer, rows_of, serving
from unpod_sync.api import Client
from unpod_sync.api.bisect import PartialPage, bisect_page
from unpod_sync.api.rate_limit import RequestBudget
from unpod_sync.errors import (
    AccessError,
    ApiError,
    BudgetError,
    ResponseError,
    UnavailableError,
)
from unpod_sync.model import space_tasks

TASKS = space_tasks("8KZ")
POISONED = answer({"status_code": 206, "message": "Tasks Fetch Failed", "data": {"errors": "x"}}, 206)


def poisoned(bad: set[int], total: int, reply: bytes = POISONED) -> Any:
    """A list of `total` rows; a page with one of the `bad` positions fails whole."""

    def handler(request: Request) -> bytes:
        start = (request.page - 1) * request.size
        return reply if bad & set(range(start, start + request.size)) else rows_of(request, total)

    return handler


def client_for(wire: Wire, **options: Any) -> Client:
    clock = Clock()
    return Client(
        wire.url,
        TOKEN,
        sleep=clock.sleep,
        monotonic=clock.monotonic,
        now=clock.now,
        **client_options(**options),
    )


def saved(client: Client, page: int, size: int) -> PartialPage:
    with pytest.raises(ApiError) as caught:
        client.fetch(TASKS, page, size)
    return bisect_page(client, TASKS, page, size, caught.value)


@pytest.mark.parametrize("reply", [POISONED, answer(b"boom", 500)])
def test_one_bad_row_of_a_hundred(reply: bytes) -> None:
    """The other 99 come, in order, in about two dozen requests."""
    with serving(poisoned({237}, 1000, reply)) as wire, client_for(wire) as client:
        found = saved(client, 3, 100)
        requests = len(wire.requests) - (4 if reply is POISONED else 8)
    assert [row["n"] for row in found.page.values] == [n for n in range(200, 300) if n != 237]
    assert found.bad_positions == (237,)
    assert (found.page.number, found.page.size, found.page.count) == (3, 100, 1000)
    assert found.page.sequence > 0
    assert requests <= 24


@settings(max_examples=25, deadline=None)
@given(
    size=st.sampled_from([1, 2, 6, 7, 20, 30]),
    page=st.integers(1, 3),
    bad=st.sets(st.integers(0, 95), max_size=6),
    total=st.integers(0, 90),
)
def test_any_bad_rows(size: int, page: int, bad: set[int], total: int) -> None:
    """Every good row comes and every bad one is named, or the list is called dead."""
    bad = {n for n in bad if n < total}
    positions = range((page - 1) * size, page * size)
    with serving(poisoned(bad, total)) as wire, client_for(wire, max_attempts=1) as client:
        try:
            found = bisect_page(client, TASKS, page, size, ResponseError("x"))
        except ResponseError:
            assert len(bad & set(positions)) >= 3 or size in (1, 2, 7)
            return
    assert [row["n"] for row in found.page.values] == [n for n in positions if n not in bad and n < total]
    assert found.bad_positions == tuple(n for n in positions if n in bad)


@pytest.mark.parametrize("reply", [POISONED, answer(b"", 503)])
def test_a_dead_list_costs_few_requests(reply: bytes) -> None:
    """When nothing of the page can be read the first error stands."""
    with serving(lambda _: reply) as wire, client_for(wire) as client:
        first = UnavailableError("first")
        with pytest.raises(UnavailableError) as caught:
            bisect_page(client, TASKS, 1, 100, first)
        assert caught.value is first
        assert len(wire.requests) == 10


def test_two_halves_with_a_bad_row_each_are_not_dead() -> None:
    """Single rows tell that the list is alive."""
    with serving(poisoned({0, 99}, 100)) as wire, client_for(wire) as client:
        found = saved(client, 1, 100)
    assert found.bad_positions == (0, 99)
    assert len(found.page.rows) == 98


def test_a_page_of_one_row() -> None:
    """Tried once more; its neighbours tell whether the list is alive."""
    with serving(poisoned({3}, 10)) as wire, client_for(wire) as client:
        assert saved(client, 4, 1).bad_positions == (3,)
    with serving(poisoned(set(), 10)) as wire, client_for(wire) as client:
        found = bisect_page(client, TASKS, 4, 1, ResponseError("by chance"))
        assert [row["n"] for row in found.page.values] == [3]
        assert found.bad_positions == ()


def test_a_row_is_not_called_bad_lightly() -> None:
    """Single rows that fail three times and then come are good rows."""
    asked: dict[int, int] = {}

    def handler(request: Request) -> bytes:
        if request.size > 1:
            return poisoned({5}, 10)(request)
        asked[request.page] = asked.get(request.page, 0) + 1
        return rows_of(request, 10) if asked[request.page] > 3 and request.page != 6 else POISONED

    with serving(handler) as wire, client_for(wire) as client:
        assert saved(client, 1, 10).bad_positions == (5,)


def test_a_server_that_ignores_page_size_cannot_be_split() -> None:
    """More rows than asked for cannot be placed."""
    with (
        serving(lambda _: answer({"data": [{"n": 1}] * 100})) as wire,
        client_for(wire) as client,
        pytest.raises(ResponseError, match="first"),
    ):
        bisect_page(client, TASKS, 1, 100, ResponseError("first"))


def test_what_smaller_pages_cannot_cure_is_raised() -> None:
    """No access, a budget that ends on the way."""
    with (
        serving(poisoned({5}, 100)) as wire,
        client_for(wire, budget=RequestBudget(max_requests=3)) as client,
    ):
        with pytest.raises(AccessError):
            bisect_page(client, TASKS, 1, 100, AccessError("no"))
        assert wire.requests == []
        with pytest.raises(BudgetError):
            bisect_page(client, TASKS, 1, 100, ResponseError("x"))
