"""Pages in any order, twice, in any batches: the same warehouse. Missing keys erase nothing, null does."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.soak.mirror import STATUSES, output
from unpod_sync import tables
from unpod_sync.model import Page, space_tasks
from unpod_sync.privacy.ingest_filter import Forgotten, IngestFilter
from unpod_sync.privacy.redact import Rules
from unpod_sync.sync import loader as loader_module
from unpod_sync.sync.loader import BatchLoader
from unpod_sync.sync.plan import ListState
from unpod_sync.sync.progress import ListProgress
from unpod_sync.transform.records import prepare
from unpod_sync.warehouse.database import Warehouse
from unpod_sync.warehouse.duckdb_file import DuckDBFile
from unpod_sync.warehouse.merge import mark_deleted

NOW = datetime(2026, 3, 2, 9)  # noqa: DTZ001  naive UTC, as everywhere inside
LIST = space_tasks("SPACE")
SMALL = settings(
    max_examples=8, database=None, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
_loads = itertools.count(1)

Told = tuple[int, list[dict[str, Any]]]  # an answer: its place in time, and its rows


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    opened = Warehouse.open(DuckDBFile(tmp_path_factory.mktemp("order") / "u.duckdb"), now=NOW)
    yield opened
    opened.close()


def empty(warehouse: Warehouse) -> None:
    for table in tables.TABLES:
        warehouse.connection.execute(f"delete from {table.name}")


@pytest.fixture(autouse=True, scope="module")
def _in_small_steps() -> Iterator[None]:
    """Little is taken together."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loader_module, "CHUNK", 2)
        yield


def load(
    warehouse: Warehouse,
    answers: Sequence[Told],
    batch_after: Sequence[bool] = (),
) -> None:
    """One load that takes these answers in this order; a batch ends after those marked so."""
    number = next(_loads)
    loader = BatchLoader(
        warehouse,
        load_id=f"load {number}",
        first_batch_id=number * 100,
        zone=ZoneInfo("UTC"),
        now=lambda: NOW,
        ingest_filter=IngestFilter(Forgotten(), Rules(frozenset(), frozenset(), lambda kind, value: value)),
    )
    try:
        for place, (sequence, rows) in enumerate(answers):
            texts = [row if isinstance(row, bytes) else orjson.dumps(row) for row in rows]
            page = Page(LIST, 1, 100, texts, len(rows), sequence)
            records, rejects = prepare(texts, LIST, sequence=sequence)
            loader.add(ListProgress(LIST, ListState()), page, records, rejects)
            if place < len(batch_after) and batch_after[place]:
                loader.flush()
        loader.flush()
    finally:
        loader.close()


def content(warehouse: Warehouse) -> list[Any]:
    """Everything but who wrote it and when."""
    ask = warehouse.connection.execute
    sync = "load_id, batch_id, first_seen_at, changed_at, answer_order"
    return [
        ask(f"select * exclude ({sync}) from main.tasks order by task_id").fetchall(),
        ask(
            "select * exclude (batch_id) from main.transcript_messages order by task_id, position"
        ).fetchall(),
        [
            (id_, orjson.loads(payload))
            for id_, payload in ask("select id, payload_json from raw.payloads order by id").fetchall()
        ],
    ]


TASKS = st.fixed_dictionaries(
    {
        "task_id": st.sampled_from(["Ta", "Tb", "Tc"]),
        "status": st.sampled_from(STATUSES),
        "modified": st.sampled_from(["2026-03-01T08:00:00", "2026-03-01T09:00:00", None]),
        "output": st.builds(output, st.integers(0, 3), analysed=st.booleans(), label=st.integers(0, 2)),
        "created": st.just("2026-03-01T07:00:00"),
    }
)
PAGES = st.lists(st.lists(TASKS, min_size=1, max_size=3), min_size=1, max_size=5)


@SMALL
@given(pages=PAGES, data=st.data())
def test_any_order_any_batches_twice(
    warehouse: Warehouse, pages: list[list[Any]], data: st.DataObject
) -> None:
    """The same answers in another order, some of them twice, in other batches: the same content."""
    answers: list[Told] = list(enumerate(pages, 1))
    empty(warehouse)
    load(warehouse, answers)
    expected = content(warehouse)
    again = data.draw(st.lists(st.sampled_from(answers), max_size=3))
    mixed = data.draw(st.permutations(answers + again))
    ends = data.draw(st.lists(st.booleans(), min_size=len(mixed), max_size=len(mixed)))
    empty(warehouse)
    load(warehouse, mixed, ends)
    assert content(warehouse) == expected


def test_a_batch_is_compared_with_what_the_one_before_it_wrote(warehouse: Warehouse) -> None:
    """What was stored before the load, and what its first batch wrote."""

    def tasks(mark: str, *ids: str) -> list[dict[str, Any]]:
        return [{"task_id": id_, "output": {"call_summary": mark}} for id_ in ids]

    empty(warehouse)
    load(warehouse, [(1, tasks("old", "Ta", "Tb", "Tc", "Td"))])
    mark_deleted(warehouse.connection, "task", ["Tb"], now=NOW)
    answers = [
        (1, tasks("new", "Ta", "Tb")),  # one has changed, one comes back
        (2, tasks("new", "Tc", "Te")),
        (3, tasks("newest", "Te", "Tf")),
    ]
    load(warehouse, answers, [True])
    found = "select task_id, summary from main.tasks order by task_id"
    assert warehouse.connection.execute(found).fetchall() == [
        ("Ta", "new"),
        ("Tb", "new"),
        ("Tc", "new"),
        ("Td", "old"),
        ("Te", "newest"),
        ("Tf", "newest"),
    ]


@SMALL
@given(pages=PAGES)
def test_a_second_load_of_the_same_changes_nothing(warehouse: Warehouse, pages: list[list[Any]]) -> None:
    """Repeating a load writes no row."""
    empty(warehouse)
    load(warehouse, list(enumerate(pages, 1)))
    final = [payload for _, payload in content(warehouse)[2]]
    versions = "select count(*), count(distinct load_id) from main.task_versions"
    before = warehouse.connection.execute(versions).fetchall(), content(warehouse)
    load(warehouse, [(1, final)])
    assert (warehouse.connection.execute(versions).fetchall(), content(warehouse)) == before


@SMALL
@given(
    full=TASKS, names=st.sets(st.sampled_from(["status", "modified", "output", "created"])), data=st.data()
)
def test_a_missing_key_keeps_its_value(
    warehouse: Warehouse, full: dict[str, Any], names: set[str], data: st.DataObject
) -> None:
    """A later answer that lacks keys changes the others only."""
    newer = data.draw(TASKS) | {"task_id": full["task_id"]}
    partial = {key: value for key, value in newer.items() if key not in names}
    empty(warehouse)
    load(warehouse, [(1, [full])])
    load(warehouse, [(1, [partial])])
    ((_, payload),) = content(warehouse)[2]
    assert payload == full | partial


@SMALL
@given(full=TASKS, name=st.sampled_from(["status", "modified", "output"]))
def test_null_is_a_value(warehouse: Warehouse, full: dict[str, Any], name: str) -> None:
    """A later answer that says null erases."""
    empty(warehouse)
    load(warehouse, [(1, [full])])
    load(warehouse, [(1, [full | {name: None}])])
    ((_, payload),) = content(warehouse)[2]
    assert payload == full | {name: None}


def test_another_spelling_of_the_same_content_is_no_change(warehouse: Warehouse) -> None:
    """Neither is the hash of sorted keys that a file of the version before has: the new one is taken over."""
    ask = warehouse.connection.execute
    stored = (
        "select tasks.content_hash, (select list(content_hash) from raw.payloads), list(v.content_hash)"
        " from main.tasks join main.task_versions as v using (task_id) group by 1"
    )
    empty(warehouse)
    load(warehouse, [(1, [b'{"task_id":"T","modified":"2026-03-02T09:00:00","a":[1,2]}'])])
    for table in ("main.tasks", "main.task_versions", "raw.payloads"):
        ask(f"update {table} set content_hash = 'that of sorted keys'")
    before = content(warehouse)
    revision = ask("select revision from meta.revision").fetchall()
    hashes = []
    for respelled in (
        b'{"task_id": "T", "modified": "2026-03-02T09:00:00", "a": [1, 2]}',
        b'{"a":[1,2],"modified":"2026-03-02T09:00:00","task_id":"T"}',
    ):
        load(warehouse, [(2, [respelled, respelled + b" "])])
        [(digest, of_payload, of_versions)] = ask(stored).fetchall()
        assert of_payload == of_versions == [digest]
        hashes.append(digest)
    assert len({*hashes, "that of sorted keys"}) == 3
    assert content(warehouse)[1:] == before[1:]
    assert ask("select revision from meta.revision").fetchall() == revision
    load(warehouse, [(3, [b'{"a":[1,3],"modified":"2026-03-02T09:00:00","task_id":"T"}'])])
    assert ask("select count(*) from main.task_versions").fetchall() == [(2,)]
