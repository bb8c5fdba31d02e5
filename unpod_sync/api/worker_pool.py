"""Several jobs at once in threads, their results in the order of the jobs."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from typing import Generic, TypeVar

from unpod_sync.api.lanes import Lanes
from unpod_sync.errors import ApiError

JOIN_SECONDS = 1.0
POLL_SECONDS = 0.5
"""Nobody is notified when another thread closes the client: those who wait look up now and then."""

J = TypeVar("J")
R = TypeVar("R")


class StoppedError(Exception):
    """The work was given up: the consumer left or the client was closed. Only a consumer whose client
    another thread closed ever sees it."""


class _Slot(Generic[J, R]):
    """One job and, when `is_done`, its result or the exception that is not an ApiError."""

    __slots__ = ("crash", "is_done", "job", "result")

    def __init__(self, job: J) -> None:
        self.job = job
        self.is_done = False
        self.result: R | ApiError | None = None
        self.crash: BaseException | None = None


class _Crew(Generic[J, R]):
    """The threads of one call, started as they are needed; they take jobs in order."""

    def __init__(self, work: Callable[[J], R], lanes: Lanes, stop: threading.Event) -> None:
        self._work = work
        self._lanes = lanes
        self._stop = stop
        self._changed = threading.Condition()
        self._waiting: deque[_Slot[J, R]] = deque()
        self._threads: list[threading.Thread] = []
        self._active = 0

    def add(self, slot: _Slot[J, R]) -> None:
        """Queue a job, and start a thread for it when all are busy and one more may be."""
        with self._changed:
            self._waiting.append(slot)
            busy = self._active + len(self._waiting)
            if len(self._threads) < min(busy, self._lanes.limit):
                name = f"unpod-worker-{len(self._threads) + 1}"
                thread = threading.Thread(target=self._run, name=name, daemon=True)
                self._threads.append(thread)
                thread.start()
            self._changed.notify_all()

    def wait_for(self, slot: _Slot[J, R]) -> None:
        """Until the job of `slot` is done."""
        with self._changed:
            while not slot.is_done:
                if self._stop.is_set():
                    raise StoppedError
                self._changed.wait(POLL_SECONDS)

    def dismiss(self) -> None:
        """Wake every thread and see it end; one that hangs in the system is left behind as a daemon."""
        with self._changed:
            self._waiting.clear()
            self._changed.notify_all()
        until = time.monotonic() + JOIN_SECONDS
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))

    def _run(self) -> None:
        while (slot := self._take()) is not None:
            try:
                slot.result = self._work(slot.job)
            except ApiError as error:
                slot.result = error
            except BaseException as crash:
                slot.crash = crash
            with self._changed:
                self._active -= 1
                slot.is_done = True
                self._changed.notify_all()
            del slot

    def _take(self) -> _Slot[J, R] | None:
        with self._changed:
            while not self._stop.is_set():
                if self._waiting and self._active < self._lanes.limit:
                    self._active += 1
                    return self._waiting.popleft()
                self._changed.wait(POLL_SECONDS)
        return None


def run(
    jobs: Iterable[J],
    work: Callable[[J], R],
    *,
    lanes: Lanes,
    look_ahead: int,
    stop: threading.Event,
    on_stop: Callable[[], None],
) -> Generator[tuple[J, R | ApiError]]:
    """Do `work` on `jobs` with several in flight; yield each job with its result, in the jobs' order.

    At most `look_ahead` jobs are begun and not yet yielded. `jobs` is read in the consumer's
    thread. An ApiError is a result; any other exception is raised where the result would stand.
    When the consumer stops, `stop` is set and `on_stop` called, and the threads end.
    """
    hands = _Crew(work, lanes, stop)
    begun: deque[_Slot[J, R]] = deque()
    source = iter(jobs)
    try:
        while _begin(source, begun, look_ahead, hands):
            hands.wait_for(begun[0])
            slot = begun.popleft()
            if slot.crash is not None:
                raise slot.crash
            assert slot.result is not None
            job, result = slot.job, slot.result
            del slot
            yield job, result
            # Held here, a page would live on while the next is awaited.
            del job, result
    finally:
        stop.set()
        on_stop()
        hands.dismiss()


def _begin(source: Iterator[J], begun: deque[_Slot[J, R]], look_ahead: int, hands: _Crew[J, R]) -> bool:
    """Begin jobs until `look_ahead` are under way or none is left; whether any is under way."""
    while len(begun) < look_ahead:
        try:
            slot = _Slot[J, R](next(source))
        except StopIteration:
            break
        begun.append(slot)
        hands.add(slot)
    return bool(begun)
