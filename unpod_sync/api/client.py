"""The API's client: one page at a time, or many in flight, with one limiter for all.

Facts about the API are those of `docs/api-behaviour.md`, sections 2 and 6. A `Client` may be used by several
threads; it must be closed, best as a context manager.
"""

from __future__ import annotations

import contextlib
import itertools
import random as _random
import re
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, TypeVar, overload

from unpod_sync import __version__
from unpod_sync.api import worker_pool
from unpod_sync.api.byte_budget import ByteBudget
from unpod_sync.api.failures import Failure, FailureKind, LogRedactor, error_for
from unpod_sync.api.rate_limit import RateLimiter, RequestBudget, read_rate
from unpod_sync.api.responses import parse_response
from unpod_sync.api.retry import RetryPolicy, read_http_date, retry_delay
from unpod_sync.api.transport import Response, Transport
from unpod_sync.api.urls import check_base_url, page_url, redirect_target
from unpod_sync.api.worker_pool import StoppedError
from unpod_sync.errors import ApiError, ConfigurationError
from unpod_sync.model import Page, Resource

T = TypeVar("T")
Job = tuple[Resource, int, int]
"""A resource, a page number from 1, and a page size."""

MOST_REDIRECTS = 3
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_OVERLOADED = frozenset({408, 503, 504})


@dataclass(frozen=True, slots=True)
class RequestEvent:
    """Something worth a log line; no field ever holds a secret or a row.

    `kind` is `answer` (a page came), `retry` (an attempt failed and is made again after
    `wait_seconds`), `redirect`, or `failed` (given up). `status` is 0 where no answer came.
    `seconds` is how long the attempt took.
    """

    kind: str
    resource: Resource
    page: int
    attempt: int
    status: int = 0
    seconds: float = 0.0
    wait_seconds: float = 0.0
    text: str = ""


@dataclass(frozen=True, slots=True)
class ClientConfig:
    """How a client behaves.

    `timeout` is (connect, read) and `deadline_seconds` bounds a whole answer. `requests_per_minute_seen`
    is what the server allowed an earlier client in a minute.
    """

    timeout: tuple[float, float] = (10.0, 30.0)
    deadline_seconds: float = 90.0
    workers: int = 8
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    budget: RequestBudget = field(default_factory=RequestBudget)
    requests_per_minute_seen: int | None = None


class Client:
    """Reads pages of the API's lists."""

    def __init__(
        self,
        base_url: str,
        token: str,
        org_handle: str | None = None,
        config: ClientConfig = ClientConfig(),
        *,
        sleep: Callable[[float], None] | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        random: Callable[[], float] = _random.random,
        on_event: Callable[[RequestEvent], None] | None = None,
        on_time: Callable[[datetime | None], None] | None = None,
    ) -> None:
        """Nothing is sent yet. Raises ConfigurationError for an unusable address, token or handle.

        `sleep`, `monotonic` and `now` (aware) serve pace and backoff. `on_event` is called in the worker's thread,
        and so is `on_time`, with the server's time in every answer (None without a Date header).
        """
        self.base_url = check_base_url(base_url)
        key = _check_token(token)
        self._headers, self._redact = _headers(key, org_handle), LogRedactor(key)
        self._config = config
        self._limiter = RateLimiter(
            config.budget,
            monotonic,
            workers=config.workers,
            longest_wait_seconds=config.retry.longest_wait_seconds,
            per_minute=config.requests_per_minute_seen,
        )
        self._transport = Transport(
            workers=config.workers, timeout=config.timeout, deadline_seconds=config.deadline_seconds
        )
        self._byte_budget = ByteBudget()
        self._sleep, self._now, self._random = sleep, now, random
        self._on_event, self._on_time = on_event, on_time
        self._closed = threading.Event()
        self._stops: set[threading.Event] = {self._closed}
        self._sequence = itertools.count(1)
        self._lock = threading.Lock()

    def __enter__(self) -> Client:
        """The client itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    def __repr__(self) -> str:
        """Address and nothing secret."""
        return f"Client({self.base_url!r})"

    @property
    def requests_made(self) -> int:
        """How many requests were sent, retries included."""
        return self._limiter.requests_made

    @property
    def requests_per_minute_seen(self) -> int | None:
        """What the server allowed in a minute, None when it refused nothing; the next client may start with it."""
        return self._limiter.pace.per_minute

    @property
    def allowed_per_minute(self) -> float | None:
        """The requests a minute that the server and the user allow, None when no limit is known."""
        return self._limiter.allowed_per_minute

    @property
    def requests_left(self) -> int | None:
        """How many more requests the budget allows, None without a limit."""
        return self._config.budget.remaining(self._limiter.requests_made)

    def close(self) -> None:
        """Give up what is under way and close every connection; harmless when done twice."""
        with self._lock:
            stops = list(self._stops)
        for stop in stops:
            stop.set()
        self._transport.close()

    def fetch(self, resource: Resource, page: int, size: int, *, attempts: int | None = None) -> Page:
        """One page, tried up to `attempts` times (default: the client's `max_attempts`).

        Raises the ApiError for what went wrong: CredentialsError, AccessError,
        RateLimitedError, UnavailableError, ResponseError, BudgetError. A page past the end is
        an empty one.
        """
        try:
            return self._fetch((resource, page, size), attempts, self._closed, None)
        except StoppedError:
            raise RuntimeError("the client is closed") from None

    @overload
    def fetch_many(
        self, jobs: Iterable[Job], *, look_ahead: int | None = None
    ) -> Iterator[tuple[Job, Page | ApiError]]: ...

    @overload
    def fetch_many(
        self, jobs: Iterable[Job], transform: Callable[[Page], T], *, look_ahead: int | None = None
    ) -> Iterator[tuple[Job, T | ApiError]]: ...

    def fetch_many(
        self,
        jobs: Iterable[Job],
        transform: Callable[[Page], Any] | None = None,
        *,
        look_ahead: int | None = None,
    ) -> Iterator[tuple[Job, Any]]:
        """Fetch `jobs` with several in flight and yield each with its page, in the jobs' order.

        `transform` runs in the worker's thread and its result comes instead of the page. An
        ApiError comes as a value. `jobs` is read in the consumer's thread, at most `look_ahead`
        (default: workers + 2) ahead of what was yielded, so it may depend on earlier results.
        Closing the generator gives up what is in flight within about a second.
        """
        stop = threading.Event()
        with self._lock:
            if self._closed.is_set():
                raise RuntimeError("the client is closed")
            self._stops.add(stop)
        tickets: set[int] = set()

        def numbered() -> Iterator[tuple[int, Job]]:
            for job in jobs:
                tickets.add(ticket := self._byte_budget.enter(stop))
                yield ticket, job

        def work(numbered_job: tuple[int, Job]) -> Any:
            ticket, job = numbered_job
            page = self._fetch(job, None, stop, ticket)
            return page if transform is None else transform(page)

        def give_up() -> None:
            self._give_up(stop, tickets)

        ahead = self._config.workers + 2 if look_ahead is None else max(1, look_ahead)
        results = worker_pool.run(
            numbered(), work, workers=self._config.workers, look_ahead=ahead, stop=stop, on_stop=give_up
        )
        return self._taken_over(results, tickets)

    def _give_up(self, stop: threading.Event, tickets: set[int]) -> None:
        self._transport.abort(stop)
        with self._lock:
            self._stops.discard(stop)
        for ticket in tickets:
            self._byte_budget.leave(ticket)

    def _taken_over(
        self, results: Generator[tuple[tuple[int, Job], Any]], tickets: set[int]
    ) -> Iterator[tuple[Job, Any]]:
        """The results without their tickets, which are left when the consumer asks for the next result."""
        with contextlib.closing(results):
            for (ticket, job), result in results:
                yield job, result
                del result  # held here, a page would live on while the next is awaited
                tickets.discard(ticket)
                self._byte_budget.leave(ticket)

    def _fetch(self, job: Job, attempts: int | None, stop: threading.Event, ticket: int | None) -> Page:
        """`ticket`: the answer's place among those held; without one it is the only one and waits for nothing."""
        resource, page, size = job
        if page < 1 or size < 1:
            # page_size=0 means "no limit" to the server, and page=0 is an error there.
            raise ValueError("page and size count from 1")
        policy = (
            self._config.retry if attempts is None else replace(self._config.retry, max_attempts=attempts)
        )
        for attempt in itertools.count(1):
            outcome = self._attempt(job, attempt, stop, ticket)
            if isinstance(outcome, Page):
                return outcome
            wait = retry_delay(outcome, attempt, policy, self._random, self._limiter.pace.refusals)
            if wait is None:
                self._emit("failed", job, attempt, outcome)
                raise error_for(outcome, resource, page, attempt, self._now())
            if outcome.kind is FailureKind.RATE or outcome.retry_after_seconds is not None:
                self._limiter.block(wait)
            self._emit("retry", job, attempt, outcome, wait)
            self._rest(wait, stop)
        raise AssertionError

    def _attempt(self, job: Job, attempt: int, stop: threading.Event, ticket: int | None) -> Page | Failure:
        """One attempt, with the redirects it may follow."""
        url = page_url(self.base_url, *job)
        for _ in range(MOST_REDIRECTS + 1):
            sent_at = self._limiter.acquire(lambda wait: self._rest(wait, stop), stop, ticket or 0)
            try:
                answer = self._send(url, stop, ticket)
                if isinstance(answer, Failure):
                    if answer.kind is FailureKind.TIMEOUT:
                        self._limiter.on_overload()
                    return answer
                if answer.status not in _REDIRECTS:
                    return self._read(job, attempt, answer, sent_at)
                self._limiter.on_response(sent_at, None)
            finally:
                self._limiter.release()
            target = redirect_target(url, answer.headers.get("Location"))
            if isinstance(target, Failure):
                return target
            self._emit("redirect", job, attempt, Failure(FailureKind.REDIRECT, "redirected", answer.status))
            url = target
        return Failure(FailureKind.REDIRECT, f"more than {MOST_REDIRECTS} redirects")

    def _send(self, url: str, stop: threading.Event, ticket: int | None) -> Response | Failure:
        """One request; the bytes of its answer count against the budget of `ticket`."""
        if ticket is None:
            answer = self._transport.send(url, self._headers, stop, lambda number: None)
        else:
            self._byte_budget.drop(ticket)
            answer = self._transport.send(
                url, self._headers, stop, lambda number: self._hold_bytes(ticket, number, stop)
            )
        if stop.is_set():
            raise StoppedError
        return answer

    def _hold_bytes(self, ticket: int, number: int, stop: threading.Event) -> None:
        if not self._byte_budget.try_take(ticket, number):
            # The server is done: the first in line may need this place among those in flight.
            self._limiter.release()
            try:
                self._byte_budget.take(ticket, number, stop)
            finally:
                self._limiter.release(-1)

    def _read(self, job: Job, attempt: int, answer: Response, sent_at: float) -> Page | Failure:
        """Make a page of an answer, and let the pace learn from it."""
        resource, page, size = job
        server_time = read_http_date(answer.headers.get("Date"))
        if self._on_time is not None:
            self._on_time(server_time)
        server_now = server_time or self._now()
        content = parse_response(answer, kind=resource.kind, page=page, now=server_now, scrub=self._redact)
        rate = read_rate(answer.headers, server_now)
        if isinstance(content, Failure):
            self._limiter.on_response(sent_at, rate, content.kind)
            if content.status in _OVERLOADED:
                self._limiter.on_overload()
            return content
        self._limiter.on_response(sent_at, rate)
        if self._on_event is not None:
            self._on_event(RequestEvent("answer", resource, page, attempt, answer.status, answer.seconds))
        sequence = next(self._sequence)
        return Page(
            resource, page, size, content.rows, content.count, sequence, server_time, len(answer.body)
        )

    def _rest(self, seconds: float, stop: threading.Event) -> None:
        if self._sleep is None:
            stop.wait(seconds)
        else:
            self._sleep(seconds)
        if stop.is_set():
            raise StoppedError

    def _emit(self, kind: str, job: Job, attempt: int, failure: Failure, wait: float = 0.0) -> None:
        if self._on_event is not None:
            event = RequestEvent(
                kind, *job[:2], attempt, failure.status, wait_seconds=wait, text=failure.text
            )
            self._on_event(event)


def _check_token(token: str) -> str:
    """The bare key. It must fit into a header, or libraries would quote it in their complaint."""
    key = re.sub(r"^token\s+", "", token.strip(), flags=re.IGNORECASE)
    hint = "Set UNPOD_API_TOKEN to the key from the Unpod settings."
    if not key:
        raise ConfigurationError("there is no API token", hint)
    if not re.fullmatch(r"[\x21-\x7e]+", key):
        raise ConfigurationError("the API token holds spaces or characters that no key has", hint)
    return key


def _headers(key: str, org_handle: str | None) -> dict[str, str]:
    """The headers of every request; `Org-Handle` always goes along when it is known."""
    headers = {
        "Authorization": f"Token {key}",
        "Accept": "application/json",
        "Accept-Encoding": "gzip, deflate",
        "User-Agent": f"unpod-sync/{__version__}",
    }
    handle = (org_handle or "").strip()
    if not re.fullmatch(r"[\x20-\x7e]*", handle):
        text = "the organisation handle holds characters that no handle has"
        raise ConfigurationError(text, "Check UNPOD_ORG_HANDLE.")
    if handle:
        headers["Org-Handle"] = handle
    return headers
