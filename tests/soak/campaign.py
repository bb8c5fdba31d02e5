"""Many histories in several processes; a failing one is shrunk to few steps."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from random import Random

from tests.soak.grounds import Fast, Light, Real
from tests.soak.history import Player
from tests.soak.steps import Step, draw_history
from unpod_sync.simulator import Simulator, World

REAL_EVERY = 25
Try = Callable[[Sequence[Step]], str | None]


def history(seed: int) -> list[Step]:
    """The history of this number."""
    return draw_history(Random(seed))


@contextmanager
def workshop() -> Iterator[Callable[[int], Try]]:
    """A simulator and a folder in memory, for one history after the other."""
    memory = Path("/dev/shm")
    base = Path(tempfile.mkdtemp(prefix="soak-", dir=memory if memory.is_dir() else None))
    simulator = Simulator(World(seed=1))
    with simulator:
        real, light = Fast(base / "files", simulator), Light(base, simulator)

        def trying(seed: int) -> Try:
            return lambda steps: attempt(light if seed % REAL_EVERY else real, seed, steps)

        try:
            yield trying
        finally:
            shutil.rmtree(base, ignore_errors=True)


def attempt(ground: Real | Light, seed: int, steps: Sequence[Step]) -> str | None:
    """Plays a history in an empty folder; what went wrong, or None."""
    player = Player(ground, seed)
    try:
        with ground.in_force():
            player.play(steps)
    except Exception as error:
        place = (
            ""
            if isinstance(error, AssertionError)
            else f" at step {player.number}: {traceback.format_exc()[-700:]}"
        )
        return f"{type(error).__name__}{place}: {error}"
    finally:
        attempt.syncs += player.syncs  # type: ignore[attr-defined]
    return None


attempt.syncs = 0  # type: ignore[attr-defined]


def shrink(steps: Sequence[Step], fails: Try) -> list[Step]:
    """A history that still fails, from which no step can be taken and no number lowered."""
    best = list(steps)
    size = max(1, len(best) // 2)
    while size:
        start = 0
        while start < len(best):
            shorter = best[:start] + best[start + size :]
            if fails(shorter):
                best = shorter
            else:
                start += size
        size //= 2
    for place, step in enumerate(best):
        for index in range(len(step.numbers)):
            for number in range(step.numbers[index]):
                numbers = (*best[place].numbers[:index], number, *best[place].numbers[index + 1 :])
                simpler = [*best[:place], Step(step.name, numbers), *best[place + 1 :]]
                if number < 12 and fails(simpler):
                    best = simpler
                    break
    return best


def work(
    tasks: Sequence[int],
    found: multiprocessing.Queue[tuple[int, str | None, list[Step], int]],
    shrinking: bool,
) -> None:
    """One process: plays its histories and tells of each."""
    with workshop() as trying:
        for seed in tasks:
            steps = history(seed)
            wrong = trying(seed)(steps)
            if wrong is not None and shrinking:
                steps = shrink(steps, trying(seed))
                wrong = trying(seed)(steps) or wrong + " (does not repeat)"
            found.put((seed, wrong, steps, attempt.syncs))  # type: ignore[attr-defined]


def campaign(histories: int, first: int, processes: int, keep_going: int, *, shrinking: bool = True) -> int:
    """Runs the histories from number `first`; 1 when one of them broke a promise."""
    context = multiprocessing.get_context("spawn")
    found: multiprocessing.Queue[tuple[int, str | None, list[Step], int]] = context.Queue()
    seeds = range(first, first + histories)
    workers = [
        context.Process(target=work, args=(seeds[n::processes], found, shrinking), daemon=True)
        for n in range(processes)
    ]
    for worker in workers:
        worker.start()
    began, bad, done = time.monotonic(), 0, 0
    syncs: dict[int, int] = {}
    while done < histories and bad < keep_going:
        seed, wrong, steps, made = found.get()
        done += 1
        syncs[seed % processes] = made
        if wrong is not None:
            bad += 1
            print(f"history {seed}: {wrong}\n    {steps}", flush=True)
        if done % 100 == 0:
            print(
                f"{done} histories, {done / (time.monotonic() - began):.1f} a second, {bad} diverged",
                flush=True,
            )
    for worker in workers:
        worker.terminate()
    print(
        f"{done} histories with {sum(syncs.values())} syncs from number {first} in {time.monotonic() - began:.0f} s:"
        f" {bad or 'no'} divergence{'s' if bad != 1 else ''}",
        flush=True,
    )
    return 1 if bad else 0


if os.environ.get("SOAK_SEED"):  # a single history, for a debugger
    with workshop() as one:
        number = int(os.environ["SOAK_SEED"])
        print(one(number)(history(number)))
