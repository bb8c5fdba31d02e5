"""The sync's own database file: opening it soundly, and what the sync asks and tells it.

Writing of rows is `merge`'s; this module opens, repairs, compacts and answers questions.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import duckdb
import pyarrow as pa

from unpod_sync import tables
from unpod_sync.config import Settings
from unpod_sync.errors import LockedError, MigrationError, WarehouseError
from unpod_sync.warehouse import publish, schema
from unpod_sync.warehouse.transactions import transaction

STORAGE_VERSION = "v1.2.0"  # the oldest DuckDB whose readers can open the file
ROW_GROUP = (
    6_144  # rows, a multiple of 2,048; equals a write batch, so that it goes to the file, not to the log
)

OUT_OF_MEMORY = "could not allocate block|failed to pin block"  # DuckDB's words when a commit lacks memory
MEMORY_LIMIT = Settings.memory_limit

Result = TypeVar("Result")
Span = tuple[datetime, datetime]  # both included

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


class Warehouse:
    """An open work file. Use `Warehouse.open`; close it before publishing."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, path: Path, notes: list[str]) -> None:
        """`notes` collects what opening had to repair, for the user to read."""
        self.connection = connection
        self.path = path
        self.notes = notes
        self.is_outdated = False
        self.lacks_views = False

    @classmethod
    def open(
        cls,
        files: publish.Files,
        *,
        now: datetime,
        memory_limit: str = MEMORY_LIMIT,
        views_folder: Path | None = None,
        views_later: bool = False,
    ) -> Warehouse:
        """Opens (or creates, or repairs from the published file) the work file of `files`.

        With `views_later` a new file `lacks_views`, which take half a second: the caller has them built
        (`schema.comment_tables`, `schema.create_views`) where it does not wait for that. The user's own are
        checked at once all the same.

        Raises `LockedError` when another program has the work file open, `MigrationError` when
        a newer version made it, `DiskFullError`, `WarehouseError`.
        """
        notes: list[str] = []
        with publish.disk_errors(files.published):
            publish.clear_leftovers(files)
            if not files.work.exists():
                _restore_from_published(files, notes)
            is_bare = views_later and views_folder is None and not files.work.exists()
            try:
                return cls._opened(files, now, memory_limit, views_folder, notes, is_bare=is_bare)
            except duckdb.Error as error:
                if not is_corruption(error):
                    raise
            repair(files, notes)
            return cls._opened(files, now, memory_limit, views_folder, notes)

    @classmethod
    def _opened(
        cls,
        files: publish.Files,
        now: datetime,
        memory_limit: str,
        views_folder: Path | None,
        notes: list[str],
        *,
        is_bare: bool = False,
    ) -> Warehouse:
        warehouse = cls(_attach_ours(files, memory_limit), files.work, notes)
        try:
            warehouse.is_outdated = schema.create_schema(warehouse.connection, now=now)
            if not is_bare:
                schema.build_views(warehouse.connection, user_folder=views_folder)
        except BaseException:
            with contextlib.suppress(duckdb.Error):  # a damaged file cannot be closed in peace, either
                warehouse.close()
            raise
        warehouse.lacks_views = is_bare and not schema.has_views(warehouse.connection)
        return warehouse

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """A further connection to the same file, for another thread."""
        cursor = self.connection.cursor()
        cursor.execute("use warehouse")
        return cursor

    def close(self) -> None:
        """Checkpoints and closes; the file is then complete in itself, without a log."""
        try:
            # A batch may be under way when we are told to stop: the log keeps what was committed.
            with contextlib.suppress(duckdb.TransactionException, duckdb.InvalidInputException):
                self.connection.execute("checkpoint warehouse")
        finally:
            self.connection.close()  # also when the disk is full: the next sync of this process needs the file

    def revision(self) -> int:
        """Rises with every change of content."""
        return int(self._value("select revision from meta.revision") or 0)

    def setting(self, name: str) -> str | None:
        """A value of meta.settings."""
        value = self._value("select value from meta.settings where name = ?", [name])
        return None if value is None else str(value)

    def set_setting(self, name: str, value: str, comment: str) -> None:
        """Replaces a value of meta.settings."""
        with transaction(self.connection):
            self.connection.execute("delete from meta.settings where name = ?", [name])
            self.connection.execute("insert into meta.settings values (?, ?, ?)", [name, value, comment])

    def bookmark(self, resource: str) -> dict[str, Any]:
        """The bookmark of one list, empty when it has none."""
        cursor = self.connection.execute("select * from meta.bookmarks where resource = ?", [resource])
        names = [column[0] for column in cursor.description or ()]
        rows = cursor.fetchall()
        return dict(zip(names, rows[0], strict=True)) if rows else {}

    def close_dead_loads(self) -> None:
        """Marks loads that never said how they ended: their process died."""
        self.connection.execute("update meta.loads set status = 'killed' where status = 'running'")

    def _value(self, sql: str, parameters: Sequence[object] = ()) -> Any:
        row = first_row(self.connection, sql, parameters)
        return row[0] if row else None


def attach(path: Path, memory_limit: str = MEMORY_LIMIT) -> duckdb.DuckDBPyConnection:
    """A connection whose current database is the file at `path` (created when missing)."""
    connection = duckdb.connect(
        ":memory:", config={"memory_limit": memory_limit, "autoinstall_known_extensions": "false"}
    )
    try:
        connection.execute(f"set temp_directory = {schema.quote(str(path) + '.tmp')}")
        connection.execute("set checkpoint_threshold = '256MB'")
        existed = path.exists()
        connection.execute(
            f"attach {schema.quote(str(path))} as warehouse"
            f" (storage_version '{STORAGE_VERSION}', row_group_size {ROW_GROUP})"
        )
        if not existed:
            path.chmod(0o600)
        connection.execute("use warehouse")
    except BaseException:
        connection.close()
        raise
    return connection


def _attach_ours(files: publish.Files, memory_limit: str) -> duckdb.DuckDBPyConnection:
    try:
        return attach(files.work, memory_limit)
    except duckdb.Error as error:
        text = str(error)
        if "lock" in text.lower() and "conflicting" in text.lower():
            raise LockedError(
                f"the sync's own file {files.work} is open in another program",
                f"Close it there, and open {files.published} instead: that one is made for reading.",
            ) from None
        if "newer" in text.lower() and "version" in text.lower():
            raise MigrationError(
                f"{files.work} was written by a newer DuckDB",
                "Upgrade: pip install --upgrade duckdb unpod-sync.",
            ) from None
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


def with_enough_memory(
    memory_limit: str, work: Callable[[str], Result], tell: Callable[[str], object]
) -> Result:
    """What `work` gives under this limit, or in a second try with half of the machine's memory.

    It opens the database itself: the deletes of a failed statement cannot be repeated in one instance.
    Raises `WarehouseError` when that is too little, too.
    """
    try:
        return work(memory_limit)
    except duckdb.Error as error:
        if not is_out_of_memory(error):
            raise
    tell(
        f"DuckDB needed more than memory_limit ({memory_limit}) and was given half of this machine's;"
        " a higher limit in the configuration spares the second try"
    )
    try:
        return work(most_memory())
    except duckdb.Error as error:
        if not is_out_of_memory(error):
            raise
    raise WarehouseError(
        "DuckDB ran out of memory, with half of this machine's",
        "Raise memory_limit (UNPOD_MEMORY_LIMIT) if the machine has more to spare;"
        " everything committed so far is kept.",
    )


def most_memory() -> str:
    """Half of the machine's memory, as a limit.

    For what touches tasks all over a long history: DuckDB holds 256 KB for each row group it deletes
    from. Its own limit is four fifths of what this process may use, containers counted in; to say 50%
    is for DuckDB 2 alone.
    """
    with duckdb.connect(":memory:") as connection:
        [(setting,)] = connection.execute("select current_setting('memory_limit')").fetchall()
    number, unit = setting.split()
    return f"{float(number) * 5 / 8:.2f}{unit}"


def _database_errors(error: BaseException | None) -> Iterator[duckdb.Error]:
    """Those of DuckDB among an error and the ones that it followed."""
    while error is not None:
        if isinstance(error, duckdb.Error):
            yield error
        error = error.__cause__ or error.__context__


def repair(files: publish.Files, notes: list[str]) -> None:
    """Sets the damaged work file aside and puts the published one in its place; `notes` say so."""
    aside = publish.unique_path(files.work, "corrupt")
    files.work.replace(aside)
    log = files.work.with_name(files.work.name + ".wal")
    if log.exists():
        log.replace(aside.with_name(aside.name + ".wal"))
    notes.append(f"the work file was damaged and has been set aside as {aside.name}")
    _restore_from_published(files, notes)


def _restore_from_published(files: publish.Files, notes: list[str]) -> None:
    """A missing work file starts from the published one, when there is one of ours."""
    if not files.published.exists():
        return
    publish.refuse_stray_wal(files)
    if publish.revision_of(files.published) is None:
        _refuse_foreign(files)
        notes.append(f"{files.published.name} cannot be read; everything is loaded again")
        return
    temporary = files.beside("restoring")
    publish.copy_file(files.published, temporary)
    temporary.replace(files.work)
    notes.append("the work file was missing and has been made again from the published file")


def _refuse_foreign(files: publish.Files) -> None:
    """A readable database without our tables belongs to somebody: never touch it."""
    try:
        with duckdb.connect(str(files.published), read_only=True):
            pass
    except duckdb.Error as error:
        if "newer" in str(error).lower():
            raise MigrationError(
                f"{files.published} was written by a newer DuckDB",
                "Upgrade: pip install --upgrade duckdb unpod-sync.",
            ) from None
        return
    raise WarehouseError(
        f"{files.published} is a DuckDB file that unpod-sync did not make",
        "Choose another file with --database; this one is left as it is.",
    )


def first_row(
    connection: duckdb.DuckDBPyConnection, sql: str, parameters: Sequence[object] = ()
) -> tuple[Any, ...] | None:
    """The only row of a result; takes it whole, since DuckDB lets nothing else happen before that."""
    rows = connection.execute(sql, parameters).fetchall()
    return rows[0] if rows else None


@contextlib.contextmanager
def registered_tables(connection: duckdb.DuckDBPyConnection, **tables: pa.Table) -> Iterator[None]:
    """Lets SQL on this connection read Arrow tables by these names, for as long as the block lasts."""
    for name, table in tables.items():
        connection.register(name, table)
    try:
        yield
    finally:
        # Impossible in a transaction that failed: its own error is the one to report.
        with contextlib.suppress(duckdb.Error):
            for name in tables:
                connection.unregister(name)


def load_rows(
    connection: duckdb.DuckDBPyConnection, kind: str, ids: Sequence[str], created: Span | None = None
) -> dict[str, dict[str, Any]]:
    """What is stored of these objects: id → content_hash, batch_id, deleted_at and more.

    `created`: when most of them were. Rows lie in the order of their lists, so that DuckDB skips most of a
    long history; everything is read only for those that are not found there.
    """
    found: dict[str, dict[str, Any]] = {}
    if created is not None:
        found = _rows_where("t.created_at between ? and ?", created, connection, kind, ids)
        ids = [id_ for id_ in ids if id_ not in found]
    return found | _rows_where("true", (), connection, kind, ids)


def _rows_where(
    condition: str,
    parameters: Sequence[object],
    connection: duckdb.DuckDBPyConnection,
    kind: str,
    ids: Sequence[str],
) -> dict[str, dict[str, Any]]:
    if not ids:
        return {}
    table = tables.BY_KIND[kind]
    key = key_sql(table)
    wanted = pa.table({"id": pa.array(ids, pa.string())})
    names = [
        "content_hash",
        "batch_id",
        "first_seen_at",
        "load_id",
        "deleted_at",
        "answer_order",
        "payload_keys",
    ]
    names += ["modified_at", "status"] if kind == "task" else []
    names += ["space_token"] if kind in ("task", "run") else []
    with registered_tables(connection, wanted=wanted):
        rows = connection.execute(
            f"select {key}, {', '.join(f't.{name}' for name in names)}"
            f" from {table.name} as t semi join wanted on {key} = wanted.id where {condition}",
            parameters,
        ).fetchall()
    return {row[0]: dict(zip(names, row[1:], strict=True)) for row in rows}


def key_sql(table: tables.Table) -> str:
    """The key of a table as one SQL text, as in raw.payloads.id."""
    return " || '/' || ".join(f"t.{column}" for column in table.key)


def as_json(value: object) -> str:
    """Compact JSON text."""
    return json.dumps(value, separators=(",", ":"))
