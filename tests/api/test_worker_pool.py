"""Many pages in flight: order, bounds, errors as values, and a prompt end."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.api.options import client_options
from tests.wire import TOKEN, Clock, Request, answer, hang, rows_of, serving
from unpod_sync.api import Client, Job
from unpod_sync.api.rate_limit import RequestBudget
from unpod_sync.api.worker_pool import StoppedError
from unpod_sync.errors import AccessError, BudgetError
from unpod_sync.model import Page, space_tasks

TASKS = space_tasks("8KZ")


def jobs(count: int, size: int = 10) -> list[Job]:
    return [(TASKS, page, size) for page in range(1, count + 1)]


def workers() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("unpod")]


def test_results_come_in_the_order_of_the_jobs() -> None:
    """Later pages that answer first wait for their turn; several were in flight at once."""
    flying, most, lock = 0, 0, threading.Lock()

    def slow_first(request: Request) -> bytes:
        nonlocal flying, most
        with lock:
            flying += 1
            most = max(most, flying)
        time.sleep(0.03 if request.page % 3 == 1 else 0.005)
        with lock:
            flying -= 1
        return rows_of(request, 95)

    with serving(slow_first) as wire, Client(wire.url, TOKEN, **client_options(workers=4)) as client:
        found = [(job, page) for job, page in client.fetch_many(jobs(10))]
    assert [job[1] for job, _ in found] == list(range(1, 11))
    rows = [row["n"] for _, page in found if isinstance(page, Page) for row in page.values]
    assert rows == list(range(95))
    assert 2 <= most <= 4
    assert wire.connections <= 4
    assert not workers()


def test_look_ahead_is_bounded_and_jobs_are_read_by_the_consumer() -> None:
    """A slow consumer holds back the reading; the jobs' iterator stays in its thread."""
    begun: list[int] = []
    readers = set()

    def endless() -> Iterator[Job]:
        page = 0
        while True:
            page += 1
            begun.append(page)
            readers.add(threading.current_thread())
            yield (TASKS, page, 10)

    with serving(lambda request: rows_of(request, 10**6)) as wire, Client(wire.url, TOKEN) as client:
        results = client.fetch_many(endless(), look_ahead=5)
        assert begun == []
        next(results)
        time.sleep(0.1)
        assert len(begun) == len(wire.requests) == 5
        next(results)
        assert len(begun) == 6
        results.close()
    assert readers == {threading.current_thread()}


def test_transform_runs_in_the_workers() -> None:
    """Its result comes instead of the page."""

    def count(page: Page) -> tuple[int, str]:
        return len(page.rows), threading.current_thread().name

    with serving(lambda request: rows_of(request, 35)) as wire, Client(wire.url, TOKEN) as client:
        results = [result for _, result in client.fetch_many(jobs(4), count)]
    assert [number for number, _ in results if isinstance(number, int)] == [10, 10, 10, 5]
    assert all(isinstance(one, tuple) and one[1].startswith("unpod-worker") for one in results)


def test_errors_are_values_and_the_rest_goes_on() -> None:
    """One refused page among readable ones; a budget that runs out."""

    def handler(request: Request) -> bytes:
        return answer({"message": "no"}, 403) if request.page == 2 else rows_of(request, 100)

    with (
        serving(handler) as wire,
        Client(wire.url, TOKEN, **client_options(budget=RequestBudget(max_requests=4))) as client,
    ):
        kinds = [type(result) for _, result in client.fetch_many(jobs(6))]
    assert kinds.count(Page) == 3
    assert kinds[1] is AccessError
    assert kinds[4:] == [BudgetError, BudgetError]
    assert len(wire.requests) == 4


def test_a_crash_in_transform_or_jobs_reaches_the_consumer() -> None:
    """A programming mistake is not swallowed, and leaves no thread behind."""

    def crash(_: Page) -> None:
        raise ZeroDivisionError

    def broken() -> Iterator[Job]:
        yield (TASKS, 1, 10)
        raise LookupError

    with serving(lambda request: rows_of(request, 100)) as wire, Client(wire.url, TOKEN) as client:
        with pytest.raises(ZeroDivisionError):
            list(client.fetch_many(jobs(5), crash))
        with pytest.raises(LookupError):
            list(client.fetch_many(broken()))
        assert workers() == ["unpod-watchdog"]
        assert len(list(client.fetch_many(jobs(3)))) == 3


@pytest.mark.parametrize("trouble", ["hang", "backoff", "pace"])
def test_closing_the_generator_ends_at_once(trouble: str) -> None:
    """Whether workers read from a server that hangs, sleep before a retry, or wait for the pace."""
    later: Any = {
        "hang": hang,
        "backoff": answer({}, 429, {"Retry-After": "60"}),
        "pace": answer({"data": []}),
    }
    budget = RequestBudget(per_minute=1 if trouble == "pace" else None)

    def handler(request: Request) -> Any:
        return rows_of(request, 1000) if request.page == 1 else later[trouble]

    with serving(handler) as wire, Client(wire.url, TOKEN, **client_options(budget=budget)) as client:
        results = client.fetch_many(jobs(20))
        next(results)
        time.sleep(0.05)
        started = time.monotonic()
        results.close()
        assert time.monotonic() - started < 0.5
        assert workers() == ["unpod-watchdog"]


def test_closing_the_client_from_another_thread_ends_the_wait() -> None:
    """A consumer that waits for a page hears of it."""
    with serving(lambda _: hang) as wire:
        client = Client(wire.url, TOKEN)
        closer = threading.Timer(0.1, client.close)
        closer.start()
        started = time.monotonic()
        with pytest.raises(StoppedError):
            list(client.fetch_many(jobs(3)))
        assert time.monotonic() - started < 1.5
        closer.join()
        client.close()
    assert not workers()


SCRIPT = """
import signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # a suite in the background has it ignored
from unpod_sync.api import Client
from unpod_sync.model import space_tasks
tasks = space_tasks("8KZ")
with Client(sys.argv[1], "t0ken") as client:
    print("ready", flush=True)
    jobs = ((tasks, page, 10) for page in range(1, 50))
    for _ in client.fetch_many(jobs, lambda page: time.sleep(30)):
        pass
"""


@pytest.mark.parametrize("reply", [hang, answer({"data": []})], ids=["hanging server", "busy transform"])
def test_ctrl_c_ends_the_process_at_once(reply: Any) -> None:
    """SIGINT while every worker hangs: no thread holds the exit back, no warning is printed."""
    with serving(lambda _: reply) as wire:
        command = [sys.executable, "-W", "error", "-c", SCRIPT, wire.url]
        root = Path(__file__).parent.parent.parent
        process = subprocess.Popen(
            command, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        with process:
            assert process.stdout is not None
            process.stdout.readline()
            while len(wire.requests) < 2 and process.poll() is None:
                time.sleep(0.01)
            started = time.monotonic()
            process.send_signal(2)
            _, stderr = process.communicate(timeout=10)
    assert time.monotonic() - started < 5
    assert stderr.rstrip().endswith("KeyboardInterrupt")
    assert "Warning" not in stderr


def test_a_429_holds_back_every_thread() -> None:
    """While one thread waits as long as the server asked, no other asks it anything."""
    clock = Clock()
    asked_meanwhile: list[int] = []

    def sleep(seconds: float) -> None:
        if threading.current_thread() is not threading.main_thread():
            time.sleep(0.01)
            return
        if not asked_meanwhile:
            other.start()
            other.join(0.1)
            asked_meanwhile.append(len(wire.requests))
        clock.sleep(seconds)

    def handler(request: Request) -> bytes:
        return answer({}, 429, {"Retry-After": "30"}) if request.number == 1 else answer({"data": []})

    with (
        serving(handler) as wire,
        Client(wire.url, TOKEN, sleep=sleep, monotonic=clock.monotonic, now=clock.now) as client,
    ):
        other = threading.Thread(target=client.fetch, args=(TASKS, 2, 10))
        client.fetch(TASKS, 1, 10)
        clock.sleep(60)
        other.join(5)
    assert asked_meanwhile == [1]
    assert len(wire.requests) == 3


def test_a_server_that_limits_by_the_minute_seldom_answers_429() -> None:
    """A fake minute passes in no time: 600 pages, 240 a minute, Retry-After: few 429s."""
    clock = Clock()
    sent: list[float] = []
    lock = threading.Lock()

    def limited(request: Request) -> bytes:
        with lock:
            now = clock.monotonic()
            sent[:] = [at for at in sent if at > now - 60]
            if len(sent) >= 240:
                return answer({}, 429, {"Retry-After": str(int(sent[0] + 61 - now))})
            sent.append(now)
        return answer({"data": []})

    with (
        serving(limited) as wire,
        Client(
            wire.url,
            TOKEN,
            sleep=clock.sleep,
            monotonic=clock.monotonic,
            now=clock.now,
            **client_options(workers=1),
        ) as client,
    ):
        for page in range(1, 601):
            client.fetch(TASKS, page, 10)
    assert 600 <= client.requests_made == len(wire.requests) <= 606
    assert clock.monotonic() - 1000 < 300


@pytest.mark.parametrize("has_headers", [False, True])
@pytest.mark.parametrize("has_retry_after", [False, True])
def test_eight_connections_meet_few_429_of_a_limit_by_the_minute(
    has_retry_after: bool, has_headers: bool
) -> None:
    """500 pages from a real server that allows 240 a minute; its minute passes in half a second of ours."""
    speed, started, lock = 120.0, time.monotonic(), threading.Lock()
    answered: list[float] = []
    refused = 0

    def monotonic() -> float:
        return (time.monotonic() - started) * speed

    def now() -> datetime:
        return datetime(2025, 3, 1, tzinfo=UTC) + timedelta(seconds=monotonic())

    def limited(request: Request) -> bytes:
        nonlocal refused
        with lock:
            at = monotonic()
            answered[:] = [one for one in answered if one > at - 60]
            is_good = len(answered) < 240
            answered.extend([at] if is_good else [])
            refused += not is_good
            reset = int((answered[0] if answered else at) + 61 - at)
            headers = {"Retry-After": str(reset)} if has_retry_after and not is_good else {}
            if has_headers:
                headers |= {
                    "X-RateLimit-Remaining": str(240 - len(answered)),
                    "X-RateLimit-Reset": str(reset),
                }
        return answer({"data": []}, 200 if is_good else 429, headers)

    with (
        serving(limited) as wire,
        Client(
            wire.url,
            TOKEN,
            sleep=lambda seconds: time.sleep(seconds / speed),
            monotonic=monotonic,
            now=now,
        ) as client,
    ):
        results = [page for _, page in client.fetch_many(jobs(500))]
        seen = client.requests_per_minute_seen
    assert all(isinstance(page, Page) for page in results)
    assert refused <= 20
    if has_headers:
        assert (refused, seen) == (0, None)
    assert refused == 0 or seen is None or seen > 100
