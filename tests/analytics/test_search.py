"""`search`: words and phrases, filters, passages, newest first."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import date, datetime
from pathlib import Path

import duckdb
import pytest

from tests.conftest import Ran
from unpod_sync.analytics.search import Request, search
from unpod_sync.analytics.search_query import highlight_spans, parse
from unpod_sync.warehouse.schema import create_schema

NOW = datetime(2026, 3, 1)  # noqa: DTZ001  the warehouse stores UTC without a zone
SAID = (
    "Hello, is this Renée?",
    "Yes. I want a REFUND, please call me back.",
    "The prerefund is art, I start now",
    "मैं कल फोन करूंगा",
    "Le café est fermé; don’t call",
    "退款请求 now",
)


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    """Two calls that say the same, the second a day later and by another agent."""
    with duckdb.connect(":memory:") as memory:
        create_schema(memory, now=NOW)
        for number in (1, 2):
            memory.execute(
                "insert into main.tasks (task_id, batch_id, agent_handle, outcome, message_count, created_at,"
                " created_local_date)"
                " values (?, ?, ?, 'call_back', ?, ?, ?)",
                [
                    f"T{number}",
                    number,
                    f"a{number}",
                    len(SAID),
                    NOW.replace(day=number),
                    date(2026, 3, number),
                ],
            )
            memory.executemany(
                "insert into main.transcript_messages (task_id, batch_id, position, role, content)"
                " values (?, ?, ?, ?, ?)",
                [
                    (f"T{number}", number, place, ("agent", "user")[place % 2], text)
                    for place, text in enumerate(SAID)
                ],
            )
        yield memory


@pytest.mark.parametrize(
    ("words", "place"),
    [
        (["refund"], 1),
        (["BACK", "refund"], 1),
        (["call me back"], 1),
        (['"me back" want'], 1),
        (["renee"], 0),
        (["Renée"], 0),
        (["cafe", "ferme"], 4),
        (["don't call"], 4),
        (["करूं"], 3),
        (["请求"], 5),
        (["art"], 2),
        (["star"], 2),
    ],
)
def test_what_is_found(connection: duckdb.DuckDBPyConnection, words: list[str], place: int) -> None:
    """Case, order and accents do not matter; a match is marked where it stands."""
    terms = parse(words)
    found, more = search(connection, Request(terms), context=0)
    assert [call.task_id for call in found] == ["T2", "T1"] and not more
    assert [line.position for passage in found[0].passages for line in passage] == [place]
    assert found[0].passages[0][0].marks


@pytest.mark.parametrize(
    "words", [["efund"], ["me call"], ['"refun"'], ["hello", "refund"], ["करे"], ["50%"], ["r.fund"]]
)
def test_what_is_not_found(connection: duckdb.DuckDBPyConnection, words: list[str]) -> None:
    """Inside a word, in another order, cut short, in two messages, with another vowel, as a pattern."""
    assert search(connection, Request(parse(words)))[0] == []


def test_marks_are_whole_characters() -> None:
    """What is marked is what was typed, its accents included, however they are written."""
    text = "Un cafe\u0301, UN CAFÉ"
    assert [text[start:end] for start, end in highlight_spans(text, parse(["café"]))] == [
        "cafe\u0301",
        "CAFÉ",
    ]


def test_filters_limits_and_context(connection: duckdb.DuckDBPyConnection) -> None:
    """Each filter takes away, the limit says whether there is more, passages that touch are one."""
    terms = parse(["call"])
    assert search(connection, Request(terms, role="user"))[0][0].match_count == 1
    assert [call.task_id for call in search(connection, Request(terms, agent="a1"))[0]] == ["T1"]
    day = date(2026, 3, 2)
    assert [call.task_id for call in search(connection, Request(terms, since=day))[0]] == ["T2"]
    assert [call.task_id for call in search(connection, Request(terms, until=day.replace(day=1)))[0]] == [
        "T1"
    ]
    found, more = search(connection, Request(terms), limit=1)
    assert [call.task_id for call in found] == ["T2"] and more
    assert [[line.position for line in passage] for passage in found[0].passages] == [[0, 1, 2, 3, 4, 5]]
    assert len(search(connection, Request(terms), context=0)[0][0].passages) == 2


def test_the_command(run_cli: Callable[..., Ran], warehouse_file: Path) -> None:
    """Passages for people, JSON for programs, the rest on stderr."""
    arguments = ("search", "--database", warehouse_file, "speaking", "--limit", "2")
    ran = run_cli(*arguments)
    assert ran.status == 0 and "  >   user  " in ran.out and "\x1b" not in ran.out
    assert ran.err == "(2 calls; there are more, see --limit 10)\n"
    calls = json.loads(run_cli(*arguments, "--json").out)
    assert len(calls) == 2 and calls[0]["called_at"] > calls[1]["called_at"]
    for call in calls:
        assert f" · {call['agent_name']} ({call['agent_handle']}) · " in ran.out
        assert f"  {call['task_id']}  {call['space_name']} ({call['space_token']})" in ran.out
    assert run_cli("search", "--database", warehouse_file, "xyzzy").err == "(no call matches)\n"


@pytest.mark.parametrize("wrong", [["--agent", "nobody"], ["--outcome", "joy"], ["--space", "none"]])
def test_a_filter_that_fits_nothing_says_what_there_is(
    run_cli: Callable[..., Ran], warehouse_file: Path, wrong: list[str]
) -> None:
    """A mistyped filter is an error, not an empty answer."""
    ran = run_cli("search", "--database", warehouse_file, "hello", *wrong)
    assert ran.status == 2 and "There are: " in ran.err
