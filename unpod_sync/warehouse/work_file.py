"""The work file of a `DuckDBFile`: opening it, repairing it, and writing it anew.

A work file that is written anew lies beside the old one until it is complete and on disk, so that a kill loses nothing.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb

from unpod_sync.config import Settings
from unpod_sync.errors import LockedError
from unpod_sync.warehouse import maintenance, publish, schema
from unpod_sync.warehouse.database import ROW_GROUP, first_row
from unpod_sync.warehouse.files import Files, copy_file, sync_folder, unique_path

STORAGE_VERSION = "v1.2.0"  # the oldest DuckDB whose readers can open the file
FORMAT = f"storage_version '{STORAGE_VERSION}', row_group_size {ROW_GROUP}"
RECLAIMABLE_RATIO = 0.35  # share of dead space that makes a rewrite worth while
MIN_BYTES = 16 << 20  # below, dead space is not worth a rewrite

OUT_OF_MEMORY = "could not allocate block|failed to pin block"  # DuckDB's words when a commit lacks memory  # DuckDB's words when a commit lacks memory

CORRUPTION = (
    "not a valid DuckDB",
    "Corrupt",
    "corrupt",
    "checksum",
    "Serialization Error",
    "deserialize",
    "Failure while replaying WAL",
    "INTERNAL Error",
    "Could not read enough bytes",
    "file is too small",
)


def attach(path: Path, memory_limit: str = Settings.memory_limit) -> duckdb.DuckDBPyConnection:
    """A connection whose current database is the file at `path` (created when missing)."""
    connection = duckdb.connect(
        ":memory:", config={"memory_limit": memory_limit, "autoinstall_known_extensions": "false"}
    )
    try:
        connection.execute(f"set temp_directory = {schema.quote(str(path) + '.tmp')}")
        connection.execute("set checkpoint_threshold = '256MB'")
        existed = path.exists()
        connection.execute(f"attach {schema.quote(str(path))} as warehouse ({FORMAT})")
        if not existed:
            path.chmod(0o600)
        connection.execute("use warehouse")
    except BaseException:
        connection.close()
        raise
    return connection


def open_work_file(files: Files, memory_limit: str) -> duckdb.DuckDBPyConnection:
    """`attach` with errors of ours for what a user can do something about."""
    try:
        return attach(files.work, memory_limit)
    except duckdb.Error as error:
        text = str(error).lower()
        if "lock" in text and "conflicting" in text:
            raise LockedError(
                f"the sync's own file {files.work} is open in another program",
                f"Close it there, and open {files.published} instead: that one is made for reading.",
            ) from None
        if "newer" in text and "version" in text:
            raise publish.made_by_newer_duckdb(files.work) from None
        raise


def is_corruption(error: BaseException | None) -> bool:
    """Whether a damaged file is behind an error, or behind one that it followed."""
    return any(any(word in str(one) for word in CORRUPTION) for one in _database_errors(error))


def is_out_of_memory(error: BaseException | None) -> bool:
    """Whether DuckDB's memory limit is behind an error (and not a full disk it wanted to swap to).

    A commit that lacks memory is a failed transaction to DuckDB 1.5, and only its text tells why.
    """
    return any(
        (isinstance(one, duckdb.OutOfMemoryException) or re.search(OUT_OF_MEMORY, str(one)))
        and "disk" not in str(one).lower()
        for one in _database_errors(error)
    )


def _database_errors(error: BaseException | None) -> Iterator[duckdb.Error]:
    """Those of DuckDB among an error and the ones that it followed."""
    while error is not None:
        if isinstance(error, duckdb.Error):
            yield error
        error = error.__cause__ or error.__context__


def quarantine(files: Files, notes: list[str]) -> None:
    """Sets the damaged work file aside, with a note; the next opening starts from the published file."""
    aside = unique_path(files.work, "corrupt")
    files.work.replace(aside)
    if files.work_log.exists():
        files.work_log.replace(aside.with_name(aside.name + ".wal"))
    notes.append(f"the work file was damaged and has been set aside as {aside.name}")


def restore_from_published(files: Files, notes: list[str]) -> None:
    """A missing work file starts from the published one, when there is one of ours."""
    if not files.published.exists():
        return
    publish.refuse_stray_wal(files)
    publish.refuse_foreign(files)
    if publish.revision_of(files.published) is None:
        aside = publish.set_aside(files.published)
        kept = f" and has been set aside as {aside.name}" if aside else ""
        notes.append(f"{files.published.name} cannot be read{kept}; everything is loaded again")
        return
    temporary = files.sibling("restoring")
    copy_file(files.published, temporary)
    temporary.replace(files.work)
    notes.append("the work file was missing and has been made again from the published file")


def is_worth_compacting(path: Path) -> bool:
    """Whether enough of a closed file is dead space: free blocks and deleted rows."""
    if path.stat().st_size < MIN_BYTES:
        return False
    with duckdb.connect(str(path), read_only=True) as connection:
        total, free = first_row(
            connection, "select total_blocks, free_blocks from pragma_database_size()"
        ) or (0, 0)
        alive, slots = first_row(
            connection, "select count(*), coalesce(max(rowid) + 1, 0) from raw.payloads"
        ) or (0, 0)
    deleted = 1 - alive / slots if slots else 0.0
    return bool(free / total + (1 - free / total) * deleted > RECLAIMABLE_RATIO)


def rewrite(
    files: Files, *, now: datetime, zone: ZoneInfo | None, views_folder: Path | None, memory_limit: str
) -> int:
    """Writes the closed work file anew without its dead space; with a `zone`, flattens every payload again.

    By our own schema and plain inserts rather than `COPY FROM DATABASE`, so that comments, compression and
    row-group size are those of a new file. Returns the number of objects that were flattened.
    """
    target = files.sibling("compacting")
    target.unlink(missing_ok=True)
    connection = attach(target, memory_limit)
    try:
        schema.create_schema(connection, now=now)
        connection.execute(f"attach {schema.quote(str(files.work))} as old (read_only)")
        count = maintenance.copy_old(connection, zone)
        connection.execute("detach old")
        schema.build_views(connection, user_folder=views_folder, force=True)
        connection.execute("checkpoint warehouse")
    finally:
        connection.close()
    with target.open("rb+") as file:
        os.fsync(file.fileno())
    target.replace(files.work)
    sync_folder(files.work.parent)
    return count
