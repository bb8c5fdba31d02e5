"""The bytes of answers held at once, over all connections."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from tests.wire import TOKEN, Request, answer, serving
from unpod_sync.api import Client
from unpod_sync.api.bisect import bisect_page
from unpod_sync.api.byte_budget import MOST_BYTES, ByteBudget
from unpod_sync.api.worker_pool import StoppedError
from unpod_sync.errors import ResponseError
from unpod_sync.model import space_tasks

NEVER = threading.Event()


def started(work: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=work)
    thread.start()
    return thread


def test_the_first_in_line_may_always_go_on_and_others_wait_for_it() -> None:
    holding = ByteBudget(10)
    first, second = holding.enter("owner"), holding.enter("owner")
    holding.take(second, 8, NEVER)
    holding.take(first, 100, NEVER)  # more than there is room for
    waiting = started(lambda: holding.take(second, 1, NEVER))
    waiting.join(0.05)
    assert waiting.is_alive() and holding.held_bytes == 108
    holding.leave(first)
    waiting.join(5)
    assert holding.held_bytes == 9
    holding.drop(second)
    assert holding.held_bytes == 0


def test_another_owner_has_a_first_in_line_of_its_own() -> None:
    """Or two readings of one client could wait for each other."""
    holding = ByteBudget(10)
    holding.take(holding.enter("one"), 100, NEVER)
    holding.take(holding.enter("other"), 100, NEVER)


def test_who_waits_ends_when_the_work_is_given_up() -> None:
    holding, stop, ended = ByteBudget(1), threading.Event(), []
    holding.take(holding.enter("owner"), 5, stop)
    late = holding.enter("owner")

    def wait() -> None:
        with pytest.raises(StoppedError):
            holding.take(late, 5, stop)
        ended.append(True)

    waiting = started(wait)
    stop.set()
    waiting.join(5)
    assert ended == [True]


def test_large_answers_are_taken_over_one_after_the_other() -> None:
    """Six answers of 12 MB at once: never more is held than the budget and one answer."""
    body = answer({"data": ["x" * 1_000_000] * 12, "count": 12})
    most = 0
    with serving(lambda _: body) as wire, Client(wire.url, TOKEN) as client:
        jobs = [(space_tasks(str(number)), 1, 100) for number in range(6)]
        for _, page in client.fetch_many(jobs, lambda page: len(page.rows), look_ahead=6):
            assert page == 12
            most = max(most, client._byte_budget.held_bytes)
        assert client._byte_budget.held_bytes == 0
    assert most <= MOST_BYTES + len(body)


def test_a_page_that_is_too_large_comes_in_smaller_pieces() -> None:
    """Asked for once: the same size would be as large again."""
    with serving(lambda request: rows(request, 8)) as wire, Client(wire.url, TOKEN) as client:
        client._transport._max_bytes = 3_000
        with pytest.raises(ResponseError, match="larger than") as caught:
            client.fetch(space_tasks("S"), 1, 8)
        assert len(wire.requests) == 1
        found = bisect_page(client, space_tasks("S"), 1, 8, caught.value)
    assert [row["n"] for row in found.page.values] == list(range(8))
    assert found.bad_positions == ()


def rows(request: Request, total: int) -> bytes:
    """A page of rows of a thousand bytes each."""
    start = (request.page - 1) * request.size
    found = [{"n": n, "text": "x" * 1_000} for n in range(start, min(start + request.size, total))]
    return answer({"count": total, "data": found})
