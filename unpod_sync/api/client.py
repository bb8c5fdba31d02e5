"""The API's client: one page at a time, or many in flight, with one pace and one set of manners.

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
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Protocol, TypeVar, overload

from unpod_sync import __version__
from unpod_sync.api import worker_pool
from unpod_sync.api.byte_budget import ByteBudget
from unpod_sync.api.failures import Failure, FailureKind, LogRedactor, error_for
from unpod_sync.api.rate_limit import RateLimiter, RequestBudget, read_rate
from unpod_sync.api.responses import Content, parse_response
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


class Secret(Protocol):
    """What holds a token without showing it, e.g. pydantic's SecretStr."""

    def get_secret_value(self) -> str:
        """The token itself."""


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
    size: int
    attempt: int
    status: int = 0
    seconds: float = 0.0
    wait_seconds: float = 0.0
    text: str = ""


@dataclass(frozen=True, slots=True)
class Counters:
    """What a client did so far. `requests` are attempts sent, the figure that budgets count."""

    requests: int
    pages: int
    retries: int
    rate_limited: int
    received_bytes: int
    requests_left: int | None


class Client:
    """Reads pages of the API's lists."""

    def __init__(
        self,
        base_url: str,
        token: str | Secret,
        org_handle: str | None = None,
        *,
        timeout: tuple[float, float] = (10.0, 30.0),
        deadline_seconds: float = 90.0,
        max_attempts: int = 8,
        longest_wait_seconds: float = 120.0,
        workers: int = 8,
        budget: RequestBudget | None = None,
        per_minute: int | None = None,
        sleep: Callable[[float], None] | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        random: Callable[[], float] = _random.random,
        on_event: Callable[[RequestEvent], None] | None = None,
        on_time: Callable[[datetime | None], None] | None = None,
    ) -> None:
        """Nothing is sent yet. Raises ConfigurationError for an unusable address, token or handle.

        `timeout` is (connect, read) and `deadline_seconds` bounds a whole answer. A `Retry-After`
        above `longest_wait_seconds` is not waited for. `sleep`, `monotonic` and `now` (aware) serve
        pace and backoff. `on_event` is called from the thread that did the work, and so is `on_time`,
        with the server's time in every answer, also in one that refuses (None without a Date header).
        """
        self.base_url = check_base_url(base_url)
        key = _check_token(token)
        self._headers, self._scrub = _headers(key, org_handle), LogRedactor(key)
        self._policy = RetryPolicy(max_attempts=max_attempts, longest_wait_seconds=longest_wait_seconds)
        self._budget = budget or RequestBudget()
        self._limiter = RateLimiter(
            self._budget,
            monotonic,
            workers=workers,
            longest_wait_seconds=longest_wait_seconds,
            per_minute=per_minute,
        )
        self._workers = workers
        self._transport = Transport(workers=workers, timeout=timeout, deadline_seconds=deadline_seconds)
        self._holding = ByteBudget()
        self._sleep, self._now, self._random, self._on_event = sleep, now, random, on_event
        self._on_time = on_time
        self._closed = threading.Event()
        self._stops: set[threading.Event] = {self._closed}
        self._sequence = itertools.count(1)
        self._lock = threading.Lock()
        self._pages = self._retries = self._rate_limited = self._received_bytes = 0

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
        return self._limiter.per_minute

    @property
    def counters(self) -> Counters:
        """A snapshot of what was done so far."""
        with self._lock:
            return Counters(
                requests=self._limiter.requests_made,
                pages=self._pages,
                retries=self._retries,
                rate_limited=self._rate_limited,
                received_bytes=self._received_bytes,
                requests_left=self._budget.remaining(self._limiter.requests_made),
            )

    def close(self) -> None:
        """Give up what is under way and close every connection; harmless when done twice."""
        with self._lock:
            stops = list(self._stops)
        for stop in stops:
            stop.set()
        self._transport.close()

    def scrub(self, text: str) -> str:
        """`text` of a server on one line, without the token, other credentials or contact data."""
        return self._scrub(text)

    def fetch(self, resource: Resource, page: int, size: int, *, attempts: int | None = None) -> Page:
        """One page, tried up to `attempts` times (default: the client's `max_attempts`).

        Raises the ApiError that tells what went wrong: CredentialsError, AccessError,
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
        ApiError comes as a value; after a CredentialsError or BudgetError the consumer should
        stop. `jobs` is read in the consumer's thread, at most `look_ahead` (default: workers + 2)
        ahead of what was yielded, so it may depend on earlier results. Closing the generator gives
        up what is under way within about a second.
        """
        stop = threading.Event()
        with self._lock:
            if self._closed.is_set():
                raise RuntimeError("the client is closed")
            self._stops.add(stop)

        tickets: set[int] = set()

        def numbered() -> Iterator[tuple[int, Job]]:
            for job in jobs:
                tickets.add(ticket := self._holding.enter(stop))
                yield ticket, job

        def work(numbered_job: tuple[int, Job]) -> Any:
            ticket, job = numbered_job
            page = self._fetch(job, None, stop, ticket)
            return page if transform is None else transform(page)

        def give_up() -> None:
            self._transport.cut(stop)
            with self._lock:
                self._stops.discard(stop)
            for ticket in tickets:
                self._holding.leave(ticket)

        ahead = self._workers + 2 if look_ahead is None else max(1, look_ahead)
        results = worker_pool.run(
            numbered(), work, workers=self._workers, look_ahead=ahead, stop=stop, on_stop=give_up
        )
        return self._taken_over(results, tickets)

    def _taken_over(
        self, results: Generator[tuple[tuple[int, Job], Any]], tickets: set[int]
    ) -> Iterator[tuple[Job, Any]]:
        """The results without their tickets, which end when the consumer asks for the next result."""
        with contextlib.closing(results):
            for (ticket, job), result in results:
                yield job, result
                del result  # held here, a page would live on while the next is awaited
                tickets.discard(ticket)
                self._holding.leave(ticket)

    def _fetch(self, job: Job, attempts: int | None, stop: threading.Event, ticket: int | None) -> Page:
        """`ticket`: the answer's place among those held; without one it is the only one and waits for nothing."""
        resource, page, size = job
        if page < 1 or size < 1:
            # page_size=0 means "no limit" to the server, and page=0 is an error there.
            raise ValueError("page and size count from 1")
        policy = self._policy if attempts is None else replace(self._policy, max_attempts=attempts)
        for attempt in itertools.count(1):
            outcome = self._attempt(job, attempt, stop, ticket)
            if isinstance(outcome, Page):
                return outcome
            wait = retry_delay(outcome, attempt, policy, self._random, self._limiter.refusals)
            if wait is None:
                self._tell("failed", job, attempt, outcome)
                raise error_for(outcome, resource, page, attempt, self._now())
            if outcome.kind is FailureKind.RATE or outcome.retry_after_seconds is not None:
                self._limiter.block(wait)
            with self._lock:
                self._retries += 1
            self._tell("retry", job, attempt, outcome, wait)
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
            self._tell("redirect", job, attempt, Failure(FailureKind.REDIRECT, "redirected", answer.status))
            url = target
        return Failure(FailureKind.REDIRECT, f"more than {MOST_REDIRECTS} redirects")

    def _send(self, url: str, stop: threading.Event, ticket: int | None) -> Response | Failure:
        """One request; the bytes of its answer count against the budget of `ticket`."""
        if ticket is None:
            answer = self._transport.send(url, self._headers, stop, lambda number: None)
        else:
            self._holding.drop(ticket)
            answer = self._transport.send(
                url, self._headers, stop, lambda number: self._hold_bytes(ticket, number, stop)
            )
        if stop.is_set():
            raise StoppedError
        return answer

    def _hold_bytes(self, ticket: int, number: int, stop: threading.Event) -> None:
        if not self._holding.try_take(ticket, number):
            # The server is done: the first in line may need this place among those in flight.
            with self._limiter.released():
                self._holding.take(ticket, number, stop)

    def _read(self, job: Job, attempt: int, answer: Response, sent_at: float) -> Page | Failure:
        """Make a page of an answer, and let the pace learn from it."""
        resource, page, size = job
        server_time = read_http_date(answer.headers.get("Date"))
        if self._on_time is not None:
            self._on_time(server_time)
        server_now = server_time or self._now()
        content = parse_response(answer, kind=resource.kind, page=page, now=server_now, scrub=self._scrub)
        rate = read_rate(answer.headers, server_now)
        with self._lock:
            self._received_bytes += len(answer.body)
            self._pages += isinstance(content, Content)
            self._rate_limited += isinstance(content, Failure) and content.kind is FailureKind.RATE
        if isinstance(content, Failure):
            if content.kind is FailureKind.RATE:
                self._limiter.on_rate_limited(sent_at, rate, content.retry_after_seconds)
            else:
                self._limiter.on_response(sent_at, rate, is_good=False)
                if content.status in _OVERLOADED:
                    self._limiter.on_overload()
            return content
        self._limiter.on_response(sent_at, rate)
        if self._on_event is not None:
            self._on_event(RequestEvent("answer", *job, attempt, answer.status, answer.seconds))
        return Page(
            resource,
            page,
            size,
            content.rows,
            content.count,
            next(self._sequence),
            server_time,
            len(answer.body),
        )

    def _rest(self, seconds: float, stop: threading.Event) -> None:
        if self._sleep is None:
            stop.wait(seconds)
        else:
            self._sleep(seconds)
        if stop.is_set():
            raise StoppedError

    def _tell(self, kind: str, job: Job, attempt: int, trouble: Failure, wait: float = 0.0) -> None:
        if self._on_event is not None:
            self._on_event(
                RequestEvent(kind, *job, attempt, trouble.status, wait_seconds=wait, text=trouble.text)
            )


def _check_token(token: str | Secret) -> str:
    """The bare key. It must fit into a header, or libraries would quote it in their complaint."""
    key = (token if isinstance(token, str) else token.get_secret_value()).strip()
    key = re.sub(r"^token\s+", "", key, flags=re.IGNORECASE)
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
        raise ConfigurationError(
            "the organisation handle holds characters that no handle has", "Check UNPOD_ORG_HANDLE."
        )
    if handle:
        headers["Org-Handle"] = handle
    return headers
