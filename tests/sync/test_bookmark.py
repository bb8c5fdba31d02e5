"""A bookmark is one row of meta.bookmarks, and survives being stored."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from tests.conftest import NOW
from unpod_sync.sync.bookmark import Bookmark
from unpod_sync.sync.coverage import Coverage
from unpod_sync.warehouse.database import Warehouse
from unpod_sync.warehouse.duckdb_file import DuckDBFile
from unpod_sync.warehouse.merge import write_bookmarks

WHEN = datetime(2026, 3, 10, 12, 30)  # noqa: DTZ001  naive UTC
FULL = Bookmark(
    resource="spaces/S/tasks",
    space_token="S",
    kind="task",
    count=1_000,
    stored_count=990,
    unread_ranges=Coverage(((3, 7), (20, 21))),
    sweep_started_at=WHEN,
    sweep_remaining=500,
    swept_at=WHEN,
    warm_at=WHEN,
    accepted_count_difference=2,
    synced_at=WHEN,
    last_error="refused",
    count_trusted=False,
    unjoined=("one", "two"),
    held_deletions=4,
    unreadable=(5, 6),
    lost=1,
    size=50,
    last_attempt_at=WHEN,
)


def test_a_stored_bookmark_is_the_same_one(tmp_path: Path) -> None:
    """Every field, through the table itself; the row has exactly the table's columns."""
    warehouse = Warehouse.open(DuckDBFile(tmp_path / "unpod.duckdb"), now=NOW.replace(tzinfo=None))
    write_bookmarks(warehouse.connection, [FULL.to_row()])
    row = warehouse.bookmark(FULL.resource)
    warehouse.close()
    assert Bookmark.from_row(row) == FULL
    assert row.keys() == FULL.to_row().keys()


def test_a_list_never_read_has_an_empty_bookmark() -> None:
    assert Bookmark.from_row({}) == Bookmark()


def test_a_row_of_an_earlier_version_may_lack_the_further_findings() -> None:
    row = FULL.to_row() | {"state_json": None, "gaps_json": None, "explained_gap": None, "known_count": None}
    bookmark = Bookmark.from_row(row)
    assert (bookmark.count, bookmark.count_trusted, bookmark.size) == (1_000, True, 0)
    assert not bookmark.unread_ranges
