"""Histories that once broke a promise, shrunk; each names what was wrong."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.soak.grounds import Light
from tests.soak.history import Player
from tests.soak.steps import Step
from unpod_sync.simulator import Simulator, World

FOUND = {
    "a full sweep after one cut short believed what the earlier one had met": (
        150,
        "run(0, 5) run(0, 6) follow_up(0, 2) sync() shift(3, 352) full()",
    ),
    "one empty answer of a list whose count is known to be wrong emptied the list": (
        1200,
        "run(0, 4) run(0, 9) full() count_off(3) again() finish(2, 3, 0) bent(4, 4)",
    ),
    "a list that moved by just a page while it was read was taken for one that ignores `page`": (
        2136,
        "run(0, 1) run(0, 0) run(0, 1) run(0, 2) follow_up(0, 3) shift(1, 678) sync()",
    ),
    "rows that came while a list was read whole pushed its oldest ones past the last page asked for": (
        10126,
        "run(0, 4) run(0, 5) projection(0) finish(29, 4, 2) delete(2, 4) wait(34) wait(7) wait(40) shift(3, 76)",
    ),
    "what was planned to be read again was forgotten when the list grew meanwhile": (
        10157,
        "run(0, 4) run(0, 5) status(39, 4) stamp(26, 7) restore(7) faulty(33) run(1, 0) delete(3, 3) status(11, 4)"
        " wait(24) status(24, 3) shift(3, 415)",
    ),
    "an unfinished task stood further down in a run that had grown": (
        1240,
        "run(0, 10) run(0, 7) spoil_work(1) sync() restore(1) delete(30, 0) strip(12) wait(19) wait(9)"
        " finish(19, 4, 2) status(3, 0) strip(39) sync() cap(5) wait(34) wait(59) edit(4, 2) swap(21, 3)"
        " finish(21, 0, 2) follow_up(5, 3) stamp(36, 0) edit(36, 0) budget(1) sync()",
    ),
    "unread rows between read ones made the hot window end too high": (
        1001839,
        "run(0, 1) run(0, 4) bent(0, 0) run(0, 3) status(5, 1) run(0, 7) budget(2) sync()",
    ),
    "a copy with fewer fields won over the full one that came just before it": (
        1001989,
        "run(0, 2) run(0, 8) projection(1) follow_up(0, 3) sync() delete(9, 3) wait(51) follow_up(0, 3)"
        " follow_up(0, 2) sync()",
    ),
    "as many rows as had vanished hid new ones from the count": (
        1002105,
        "run(0, 0) run(0, 12) run(0, 4) sync() run(0, 10) follow_up(0, 1) swap(11, 1) wait(57) sync()",
    ),
    "rows that had vanished made the hot window end too high by as many": (
        12,
        "run(0, 12) run(0, 12) sync() wait(57) sync() run(0, 3) sync() delete(15, 3) follow_up(0, 1) edit(3, 1) sync()",
    ),
    "rows that new ones had pushed on by whole pages were taken for the end of a list": (
        2000578,
        "run(0, 5) run(0, 9) count_off(0) restore(2) wait(59) edit(0, 2) shift(1, 747)",
    ),
    "an unfinished task was looked for in the middle of its minute only": (
        2000530,
        "run(0, 5) run(0, 5) full() projection(1) follow_up(0, 1) run(0, 10) count_off(4) follow_up(0, 3) wait(58)"
        " shift(0, 3) sync()",
    ),
    "a list of one row a page whose count had become too low lost its oldest rows": (
        2000754,
        "run(0, 8) cap(0) wait(0) sync() count_off(0) sync()",
    ),
    "rows past a count that had become too low were taken for vanished": (
        2001206,
        "count_off(7) shift(0, 0) count_off(0) sync()",
    ),
    "a count that had become too low made the hot window end too high": (
        2001206,
        "run(0, 1) count_off(6) swap(0, 0) agent() space() shift(0, 640) count_off(0) sync()",
    ),
    "a list that grew once more before its vanished rows were confirmed lost its oldest ones": (
        4000694,
        "run(0, 2) run(0, 6) shift(0, 2) shift(0, 521)",
    ),
    "a list that grew while its full last page was read was never believed again, and then lost a row": (
        6004041,
        "run(0, 1) run(0, 3) status(25, 2) edit(0, 2) shift(4, 767) finish(28, 5, 1) wait(32) strip(32) edit(30, 0)"
        " stamp(37, 3) bent(0, 69)",
    ),
    "a list not believed, whose count was right again, lost a row that its short first page lacked": (
        6004041,
        "run(0, 6) run(0, 6) run(0, 4) count_off(0) sync() honest() run(0, 4) bent(0, 69)",
    ),
    "a count lower than the rows that came with it made the true one of another page look too high": (
        7000519,
        "run(0, 4) run(0, 2) count_off(0) swap(37, 1) follow_up(0, 0) finish(33, 5, 2) wait(0) stamp(20, 2) bent(4, 67)",
    ),
    "a first page without one of its rows, under a count known to be one too high, hid it": (
        6004041,
        "run(0, 6) sync() count_off(3) sync() honest() run(0, 4) bent(0, 69)",
    ),
    "a first page without one of its rows, after a wrong count had told a wrong page size": (
        6004041,
        "run(0, 2) sync() count_off(3) sync() honest() run(0, 3) bent(0, 69)",
    ),
    "rows left unread by a budget moved on when others vanished; what was read of late closed the gap": (
        7004002,
        "run(0, 12) run(0, 12) run(0, 12) sync() wait(59) wait(59) sync() run(0, 8) budget(2) swap(20, 3) sync()",
    ),
    "the place below which rows were not known yet moved on in the same way": (
        7004014,
        "run(0, 12) run(0, 12) run(0, 12) sync() wait(59) wait(59) sync() swap(20, 5) follow_up(0, 1) budget(3)"
        " swap(20, 3) sync()",
    ),
    "unfinished tasks were looked for where they had stood before others vanished": (
        7004014,
        "run(0, 12) run(0, 12) wait(59) wait(59) run(0, 12) wait(50) projection(2) sync() sync() sync() sync()"
        " delete(30, 4) delete(25, 4) edit(11, 1) edit(10, 1) sync()",
    ),
    "a short last page hid that a row of it was not read": (
        7004014,
        "run(0, 2) sync() run(0, 6) edit(6, 1) bent(0, 6)",
    ),
    "a short page among those that were asked for besides hid a new row": (
        7004014,
        "run(0, 12) run(0, 12) run(0, 12) sync() wait(59) wait(59) sync() swap(20, 5) follow_up(0, 1) bent(0, 6)",
    ),
    "rows that a page repeated counted as rows of the list": (
        7004014,
        "cap(1) run(0, 8) run(0, 12) sync() wait(59) wait(59) sync() swap(12, 3) bent(3, 23)",
    ),
    "a count known to be one too high, and right again, hid a row that came back": (
        7004014,
        "run(0, 12) run(0, 12) run(0, 12) sync() delete(20, 1) full() wait(59) wait(59) count_off(3) sync()"
        " honest() sync() restore(0) sync()",
    ),
    "a count below the rows beside it was forgotten, and believed when pages held as few rows as it says": (
        10001200,
        "run(0, 0) run(0, 5) count_off(2) again() cap(0) finish(26, 3, 0) edit(25, 6) again() follow_up(1, 2)"
        " finish(31, 5, 2) sync() full()",
    ),
    "a short first page was taken for a new limit, in a list whose count is not believed": (
        7004014,
        "run(0, 12) run(0, 12) count_off(0) sync() sync() run(0, 3) bent(0, 2)",
    ),
    "a short page of runs hid one, in a list whose count is not believed": (
        7004014,
        "run(0, 12) run(0, 12) count_off(2) sync() sync() run(0, 3) bent(0, 7)",
    ),
    "the only page lacked a row, beside a count that was too low as well": (
        20001736,
        "run(0, 10) run(0, 0) count_off(0) bent(4, 33) honest() shift(2, 378) sync()",
    ),
    "a page of one row, shown by a short first page as well, ended the list, and what stood below was marked": (
        30001942,
        "run(0, 3) run(0, 2) count_off(0) finish(10, 2, 1) wait(53) wait(43) restore(0) status(23, 1) bent(3, 94)"
        " follow_up(2, 2) edit(30, 2) delete(11, 0) stamp(3, 6) run(0, 10) strip(6) follow_up(4, 2) follow_up(3, 0)"
        " bent(4, 47) count_off(7) edit(39, 3) delete(17, 1) status(37, 6) bent(4, 62) full()",
    ),
    "one empty answer with a count of none emptied the list": (
        7004014,
        "run(0, 12) run(0, 7) sync() count_off(0) bent(0, 7) full()",
    ),
    "a list whose first page failed forgot how far its sweep had come": (
        40002844,
        "run(0, 6) run(0, 7) restore(5) status(29, 6) restore(7) follow_up(3, 2) follow_up(0, 0) wait(53) status(16, 3)"
        " finish(17, 3, 2) sync() wait(5) status(26, 1) finish(16, 5, 1) budget(3) status(25, 6) finish(10, 3, 2)"
        " run(0, 0) strip(23) run(0, 8) dead_space(3) sync()",
    ),
    "one empty answer to the question for spaces, with a count that agreed, passed for an empty account": (
        70000594,
        "run(0, 9) run(0, 12) count_off(0) bent(0, 71)",
    ),
}


def steps_of(text: str) -> list[Step]:
    """The steps as a history prints them."""
    found = []
    for word in text.replace(", ", ",").split():
        name, _, numbers = word.rstrip(")").partition("(")
        found.append(Step(name, tuple(map(int, filter(None, numbers.split(","))))))
    return found


@pytest.fixture(scope="module")
def light(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Light]:
    ground = Light(tmp_path_factory.mktemp("soak"), Simulator(World(seed=1)))
    with ground.in_force():
        yield ground


@pytest.mark.parametrize("name", FOUND)
def test_history(light: Light, name: str, tmp_path: Path) -> None:
    """Every sync of the history keeps the promises."""
    seed, text = FOUND[name]
    Player(light, seed).play(steps_of(text))


def test_a_sweep_in_budgets_ends(light: Light) -> None:
    """A list that one sync could sweep, were it not for its budget, is swept in several."""
    days = "budget(8) wait(24) " * 5
    grown = "run(0, 12) run(0, 12) run(0, 12) sync() wait(59) wait(59) delete(30, 1) "
    Player(light, 7004003).play(steps_of(grown + days))
    assert rows(light, "select count(*) from main.tasks where deleted_at is not null") == [(1,)]


def test_a_count_that_is_right_again_is_believed_again(light: Light) -> None:
    """Or the list would be read whole by every sync for ever."""
    history = "run(0, 4) run(0, 6) count_off(1) sync()"
    believed = "select state_json::json ->> 'counted' from meta.bookmarks where kind = 'task'"
    Player(light, 7004014).play(steps_of(history))
    assert rows(light, believed) == [("false",)]
    Player(light, 7004014).play(steps_of(history + " honest() sync()"))
    assert rows(light, believed) == [("true",)]


def rows(light: Light, sql: str) -> list[tuple[object, ...]]:
    """What the warehouse of a light ground answers."""
    return light.warehouse.connection.execute(sql).fetchall()
