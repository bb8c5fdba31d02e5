"""Several jobs at once in threads, their results in the order of the jobs."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from itertools import islice
from typing import TypeVar

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

    def attempt(job: J) -> R | ApiError:
        try:
            return work(job)
        except ApiError as error:
            return error

    source = iter(jobs)
    pool = ThreadPoolExecutor(workers, thread_name_prefix="unpod-worker")
    started: deque[tuple[J, Future[R | ApiError]]] = deque()
    try:
        while True:
            started.extend(
                (job, pool.submit(attempt, job)) for job in islice(source, look_ahead - len(started))
            )
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
        pool.shutdown(wait=False, cancel_futures=True)
        hanging = wait([future for _, future in started if not future.cancelled()], JOIN_SECONDS).not_done
        if not hanging:  # a thread that hangs in the system is left behind
            pool.shutdown(wait=True)
