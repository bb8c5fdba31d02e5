"""Several jobs at once in threads, their results in the order of the jobs."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, wait
from itertools import islice
from queue import SimpleQueue
from typing import Generic, TypeVar

from unpod_sync.errors import ApiError

JOIN_SECONDS = 1.0
POLL_SECONDS = 0.5
"""How often a waiting thread checks whether another thread has closed the client."""

J = TypeVar("J")
R = TypeVar("R")


class StoppedError(Exception):
    """The work was given up: the consumer left or another thread closed the client."""


def run(
    jobs: Iterable[J],
    work: Callable[[J], R],
    *,
    workers: int,
    look_ahead: int,
    stop: threading.Event,
    on_stop: Callable[[], None],
) -> Generator[tuple[J, R | ApiError]]:
    """Do `work` on `jobs` with several in flight; yield each job with its result, in the jobs' order.

    At most `look_ahead` jobs are started and not yet yielded. `jobs` is read in the consumer's
    thread. An ApiError is a result; any other exception is raised where the result would stand.
    When the consumer stops, `stop` is set and `on_stop` called, and the threads end.
    """

    source, pool = iter(jobs), _Pool(work, workers)
    started: deque[tuple[J, Future[R | ApiError]]] = deque()
    try:
        while True:
            started.extend((job, pool.submit(job)) for job in islice(source, look_ahead - len(started)))
            if not started:
                return
            job, future = started.popleft()
            while not wait([future], POLL_SECONDS).done:
                if stop.is_set():
                    raise StoppedError
            yield job, future.result()
            del job, future  # held here, a page would live on while the next is awaited
    finally:
        stop.set()
        on_stop()
        pool.shutdown([future for _, future in started])


class _Pool(Generic[J, R]):
    """Daemon threads, which the standard executor has not: one that hangs does not hold back the exit."""

    def __init__(self, work: Callable[[J], R], most: int) -> None:
        self._work, self._most = work, most
        self._todo: SimpleQueue[tuple[J, Future[R | ApiError]] | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []

    def submit(self, job: J) -> Future[R | ApiError]:
        future: Future[R | ApiError] = Future()
        self._todo.put((job, future))
        if len(self._threads) < self._most:
            thread = threading.Thread(target=self._run, name="unpod-worker", daemon=True)
            self._threads.append(thread)
            thread.start()
        return future

    def _run(self) -> None:
        while (item := self._todo.get()) is not None:
            job, future = item
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(self._work(job))
                except ApiError as error:
                    future.set_result(error)
                except BaseException as error:  # raised again in the consumer's thread
                    future.set_exception(error)
            del item, job, future

    def shutdown(self, waiting: Iterable[Future[R | ApiError]]) -> None:
        """Ends the threads; one that hangs in the system is left behind."""
        for future in waiting:
            future.cancel()
        for _ in self._threads:
            self._todo.put(None)
        gives_up_at = time.monotonic() + JOIN_SECONDS
        for thread in self._threads:
            thread.join(max(0.0, gives_up_at - time.monotonic()))
