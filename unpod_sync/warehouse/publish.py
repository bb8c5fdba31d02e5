"""How the work file becomes the published file, and what may lie in its place.

The published file is only ever replaced whole (`os.replace`), never opened for writing.
"""

from __future__ import annotations

import contextlib
from datetime import datetime, timedelta
from pathlib import Path

import duckdb

from unpod_sync.errors import MigrationError, WarehouseError
from unpod_sync.warehouse.files import Files, copy_file, disk_errors, sync_folder, unique_path
from unpod_sync.warehouse.schema import quote

#: A file this old is published again although nothing is new: its freshness (`sync_freshness`, `report`) is that of
#: its own last load. 4 copies a day cost little, and the age stays far below the 24 hours of the alert `stale_data`.
REPUBLISH_AFTER = timedelta(hours=6)
MAGIC, MAGIC_OFFSET = b"DUCK", 8  # at the start of every DuckDB file, after a checksum


def publish(files: Files, *, mode: int = 0o600, is_ours: bool = False) -> None:
    """Makes the (closed, checkpointed) work file's content the published file.

    A reader that holds the old file keeps it whole. What lies in the published place and is not ours, or cannot
    be read, is moved aside, never overwritten; `is_ours`: the caller has just read a revision of ours there.
    """
    refuse_stray_wal(files)
    temporary = files.sibling("publishing")
    with disk_errors(files.published):
        try:
            copy_file(files.work, temporary)
            temporary.chmod(mode)
            if not is_ours:
                _set_aside_foreign(files)
            temporary.replace(files.published)
        except OSError:
            temporary.unlink(missing_ok=True)
            raise
        sync_folder(files.published.parent)


def revision_of(path: Path) -> int | None:
    """The revision inside a database file of ours, None when it is none or cannot be read."""
    return contents_of(path)[0]


def contents_of(path: Path) -> tuple[int | None, datetime | None]:
    """The revision inside a database file of ours, and when the last load in it started (naive UTC)."""
    if not path.is_file():
        return None, None
    try:
        with duckdb.connect(str(path), read_only=True) as connection:
            row = connection.execute(
                "select revision, (select max(started_at) from meta.loads) from meta.revision"
            ).fetchone()
    except (duckdb.Error, OSError):
        return None, None
    return row or (None, None)


def is_outdated(loaded_at: datetime | None, now: datetime) -> bool:
    """Whether a file with this last load is old; also one of the future, written while a clock was wrong."""
    return loaded_at is None or abs(now - loaded_at) >= REPUBLISH_AFTER


def refuse_stray_wal(files: Files) -> None:
    """Raises when a `.wal` lies beside the published file: it would be replayed into the next one."""
    if files.stray_wal.exists():
        raise WarehouseError(
            f"{files.stray_wal} lies beside the published file: a program has opened it for writing",
            "Close that program (open the file read-only in it), then delete the .wal file; "
            "what it wrote is not part of the warehouse. The next sync publishes everything.",
        )


def refuse_foreign(files: Files) -> None:
    """Raises unless what lies in the published place is ours (damaged or not), or an empty file.

    A damaged file is taken for ours when the state file of earlier syncs lies beside it, or when its header is that of DuckDB.
    """
    path = files.published
    _refuse_folder(path)
    if not path.stat().st_size or revision_of(path) is not None:
        return
    if not files.state.exists() and not is_duckdb(path):
        raise WarehouseError(
            f"{path} is not a DuckDB file", "Choose another file with --database; this one is left as it is."
        )
    try:
        duckdb.connect(str(path), read_only=True).close()
    except duckdb.Error as error:
        text = str(error).lower()
        if "newer" in text:
            raise made_by_newer_duckdb(path) from None
        if "conflicting lock" in text:
            raise _cannot_open(path, error) from None
        return
    raise WarehouseError(
        f"{path} is a DuckDB file that unpod-sync did not make",
        "Choose another file with --database; this one is left as it is.",
    )


def made_by_newer_duckdb(path: Path) -> MigrationError:
    """The error for a storage version that this DuckDB cannot read."""
    return MigrationError(
        f"{path} was written by a newer DuckDB", "Upgrade: pip install --upgrade duckdb unpod-sync."
    )


def is_duckdb(path: Path) -> bool:
    """Whether a file begins as DuckDB's files do."""
    with path.open("rb") as file:
        file.seek(MAGIC_OFFSET)
        return file.read(len(MAGIC)) == MAGIC


def set_aside(path: Path) -> Path | None:
    """Moves what is not ours, or is damaged, out of the published place; None for an empty file."""
    if not path.stat().st_size:
        return None
    try:
        duckdb.connect(str(path), read_only=True).close()
        aside = unique_path(path, "foreign")
    except duckdb.Error:
        aside = unique_path(path, "corrupt")
    path.replace(aside)
    return aside


def _set_aside_foreign(files: Files) -> None:
    path = files.published
    _refuse_folder(path)
    if path.is_file() and revision_of(path) is None:
        set_aside(path)


def _refuse_folder(path: Path) -> None:
    if path.is_dir():
        raise WarehouseError(f"{path} is a folder", "Name a file with --database.")


def open_reader(path: Path, sandbox: dict[str, str] | None) -> duckdb.DuckDBPyConnection:
    """A read-only connection: to the file alone under the settings of a sandbox, else attached as `warehouse`."""
    try:
        if sandbox is not None:
            connection = duckdb.connect(str(path), read_only=True, config=dict(sandbox))
            connection.execute("set timezone = 'UTC'; set lock_configuration = true")
            return connection
        with contextlib.ExitStack() as on_error:
            connection = duckdb.connect(":memory:", config={"autoinstall_known_extensions": "false"})
            on_error.callback(connection.close)
            connection.execute(f"set temp_directory = {quote(f'{path}.tmp')}")  # not the working directory
            connection.execute(f"attach {quote(str(path))} as warehouse (read_only); use warehouse")
            connection.execute("set timezone = 'UTC'")
            on_error.pop_all()
    except duckdb.Error as error:
        raise _cannot_open(path, error) from None
    return connection


def _cannot_open(path: Path, error: duckdb.Error) -> WarehouseError:
    text = str(error)
    with contextlib.suppress(OSError):
        if path.stat().st_size and not is_duckdb(path):
            return WarehouseError(
                f"{path} cannot be read: it is not a DuckDB file", "Name the published file with --database."
            )
    if "lock" in text.lower():
        return WarehouseError(
            f"{path} is held by a program that opened it for writing",
            "Close it there, and open it read-only in future: nobody should write to the published file.",
        )
    if "version" in text.lower():
        return WarehouseError(
            f"{path} was written by another version of DuckDB than this one ({duckdb.__version__})",
            "Upgrade with: pip install --upgrade unpod-sync duckdb",
        )
    return WarehouseError(
        f"{path} cannot be read: {text.splitlines()[0]}",
        "Is it the published file, and may this account read it? `unpod-sync sync` publishes it again.",
    )
