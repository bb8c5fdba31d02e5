"""What can happen in a history. A step is a name and whole numbers, so that histories print and shrink well."""

from __future__ import annotations

from random import Random
from typing import Any, NamedTuple

from tests.soak.mirror import STATUSES, Mirror, output


class Step(NamedTuple):
    """One happening: `Step("delete", (3, 2))` prints as `delete(3, 2)`; the numbers wrap around."""

    name: str
    numbers: tuple[int, ...] = ()

    def __repr__(self) -> str:
        return f"{self.name}({', '.join(map(str, self.numbers))})"


# Name → (weight, the bounds of its numbers). Changes may also happen between two pages of a reading.
CHANGES: dict[str, tuple[int, tuple[int, ...]]] = {
    "run": (6, (2, 12)),  # space, tasks
    "follow_up": (6, (6, 4)),  # run, tasks
    "status": (8, (40, len(STATUSES))),  # task, status
    "finish": (8, (40, 6, 3)),  # task, messages, stub / analysed / failed
    "edit": (8, (40, 7)),  # task, which field
    "stamp": (4, (40, 8)),  # task, days by which `modified` moves
    "delete": (4, (40, 5)),  # task, how many neighbours
    "swap": (3, (40, 6)),  # delete some, add as many
    "restore": (4, (9,)),
    "run_edit": (3, (6, 4)),
    "strip": (2, (40,)),  # a top-level key is no longer sent
}
CALM: dict[str, tuple[int, tuple[int, ...]]] = {
    **CHANGES,
    "wait": (10, (60,)),  # hours
    "space": (1, ()),
    "agent": (1, ()),
}
SYNCS: dict[str, tuple[int, tuple[int, ...]]] = {
    "sync": (30, ()),
    "again": (4, ()),
    "full": (5, ()),
    "budget": (6, (12,)),
    "crash": (6, (14,)),
    "shift": (10, (10, 1000)),  # before which request, seed of the changes
    "faulty": (5, (100,)),
    "bent": (6, (5, 100)),  # which bend, seed
    "dead_space": (2, (4,)),
    "refused": (1, (3,)),
    "week": (1, ()),
}
MANNERS: dict[str, tuple[int, tuple[int, ...]]] = {
    "cap": (2, (10,)),
    "ignore_page": (2, (6,)),
    "count_off": (2, (8,)),
    "projection": (2, (3,)),
    "honest": (3, ()),
    "skew": (2, (7,)),
}
FILES: dict[str, tuple[int, tuple[int, ...]]] = {
    "lose_work": (2, ()),
    "spoil_work": (2, (3,)),
    "lose_published": (2, ()),
}
EVERYTHING = CALM | SYNCS | MANNERS | FILES


def draw(rng: Random, table: dict[str, tuple[int, tuple[int, ...]]]) -> Step:
    """One step from a table."""
    name = rng.choices(list(table), [weight for weight, _ in table.values()])[0]
    return Step(name, tuple(rng.randrange(bound) for bound in table[name][1]))


def draw_history(rng: Random, *, syncs: int = 3) -> list[Step]:
    """A history: a first run, then changes between some readings, at times a server with behaviours of its own."""
    steps = [Step("run", (0, rng.randrange(13))), Step("run", (0, rng.randrange(13)))]
    odd = rng.random() < 0.4
    for _ in range(rng.randint(1, syncs)):
        if odd and rng.random() < 0.5:
            steps.append(draw(rng, MANNERS))
        if rng.random() < 0.08:
            steps.append(draw(rng, FILES))
        steps += [draw(rng, CALM) for _ in range(rng.choice((0, 1, 2, 3, 5, 8)))]
        steps.append(draw(rng, SYNCS))
    steps.append(Step("full" if rng.random() < 0.4 else "sync"))
    return steps


def change(mirror: Mirror, step: Step) -> None:
    """Let a change happen."""
    _DEEDS[step.name](mirror, *step.numbers)


def _finish(mirror: Mirror, task: int, transcript: int, how: int) -> None:
    if how == 2:
        mirror.edit(task, {"status": "failed", "output": {"error": "no line"}})
    else:
        mirror.edit(
            task, {"status": "completed", "output": output(transcript, analysed=how == 1, label=task)}
        )


def _edit(mirror: Mirror, task: int, which: int) -> None:
    label = mirror.tick % 90
    changes: tuple[dict[str, Any], ...] = (
        {"output.recording_url": f"https://recordings.example/{label}.mp3"},
        {"output.duration": label},
        {"input.name": f"Contact {label}"},
        {"output.post_call_data": {"summary": {"status": "Call Back", "summary": f"Later {label}"}}},
        {"objective_note": f"a new key {label}"},
        {"last_failure_reason": None, "ref_id": None if label % 2 else f"ref {label}"},
        {"input.api_key": "SENTINEL-NESTED-KEY", "input.note": f"{label}"},
    )
    mirror.edit(task, changes[which])


def _stamp(mirror: Mirror, task: int, days: int) -> None:
    mirror.edit(task, {"modified": f"2026-0{1 + days % 5}-1{days}T08:00:00", "retry_attempt": mirror.tick})


def _swap(mirror: Mirror, task: int, tasks: int) -> None:
    before = len(mirror.gone)
    mirror.delete(task, tasks + 1)
    mirror.follow_up(task, len(mirror.gone) - before)


def _run_edit(mirror: Mirror, number: int, status: int) -> None:
    run = mirror.pick_run(number)
    if run is not None:
        mirror.tick += 1
        mirror.world.edit_run(run, {"status": STATUSES[status], "batch_count": mirror.tick})


def _add_space(mirror: Mirror) -> None:
    if len(mirror.spaces) < 3:
        name = f"Space {len(mirror.spaces) + 1}"
        mirror.spaces.append(mirror.world.add_space(name, agent_handle=mirror.agents[0]))


def _add_agent(mirror: Mirror) -> None:
    if len(mirror.agents) < 3:
        mirror.agents.append(mirror.world.add_agent(f"Agent {len(mirror.agents) + 1}"))


_DEEDS: dict[str, Any] = {
    "run": Mirror.add_run,
    "follow_up": Mirror.follow_up,
    "status": lambda mirror, task, status: mirror.edit(task, {"status": STATUSES[status]}),
    "finish": _finish,
    "edit": _edit,
    "stamp": _stamp,
    "delete": Mirror.delete,
    "swap": _swap,
    "restore": Mirror.restore,
    "run_edit": _run_edit,
    "strip": lambda mirror, task: mirror.edit(task, {"ref_id": ..., "objective_note": ..., "thread_id": ...}),
    "wait": lambda mirror, hours: mirror.wait(hours if hours < 48 else (hours - 47) * 36),
    "space": _add_space,
    "agent": _add_agent,
}
