"""A few random histories in the suite; `python -m tests.soak --histories 5000` is the long form."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random

import pytest

from tests.soak.campaign import Try, shrink, workshop
from tests.soak.history import DivergenceError, Player
from tests.soak.steps import Step, draw_history


@pytest.fixture(scope="module")
def trying() -> Iterator[Callable[[int], Try]]:
    with workshop() as made:
        yield made


@pytest.mark.parametrize("seed", range(1, 13))
def test_history(trying: Callable[[int], Try], seed: int) -> None:
    """After every clean sync the warehouse equals the server within the freshness policy."""
    steps = draw_history(Random(seed))
    wrong = trying(seed)(steps)
    assert wrong is None, f"{wrong}\n    {steps}"


def test_a_real_history(trying: Callable[[int], Try]) -> None:
    """The same over HTTP, with files, a crash and a lost and a spoilt work file."""
    steps = [
        Step("run", (0, 9)),
        Step("crash", (4,)),
        Step("finish", (3, 4, 1)),
        Step("sync"),
        Step("spoil_work", (1,)),
    ]
    steps += [
        Step("edit", (2, 0)),
        Step("delete", (5, 2)),
        Step("sync"),
        Step("lose_work"),
        Step("again"),
        Step("full"),
    ]
    assert trying(0)(steps) is None


def test_histories_are_judged(trying: Callable[[int], Try], monkeypatch: pytest.MonkeyPatch) -> None:
    """The judge sees a lost task: a sync that leaves one out diverges, and shrinks to the steps that matter."""
    monkeypatch.setattr(Player, "sync", _lossy)
    steps = [
        Step("run", (0, 3)),
        Step("wait", (2,)),
        Step("agent"),
        Step("run", (0, 2)),
        Step("sync"),
        Step("wait", (1,)),
    ]
    assert shrink(steps, trying(1)) in (
        [Step("run", (0, 1)), Step("sync")],
        [Step("run", (0, 0)), Step("sync")],
    )


def _lossy(player: Player) -> None:
    began = player.mirror.tick
    result = player.run()
    if player.mirror.versions:
        player.ground.warehouse.connection.execute("delete from main.tasks")  # type: ignore[union-attr]
        player.ground.warehouse.connection.execute("delete from raw.payloads where kind = 'task'")  # type: ignore[union-attr]
        player.ground.warehouse.connection.execute("delete from main.transcript_messages")  # type: ignore[union-attr]
    try:
        player.judged(result, began)
    except DivergenceError:
        raise
