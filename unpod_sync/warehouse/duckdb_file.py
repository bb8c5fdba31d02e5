"""The storage that is a DuckDB file: syncs write a hidden work file, people read the published copy of it.

DuckDB and filelock are imported where they are needed: `status` reads the state file without them.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar
from zoneinfo import ZoneInfo

from unpod_sync.config import Settings
from unpod_sync.errors import LockedError, WarehouseError
from unpod_sync.warehouse import files as own_files
from unpod_sync.warehouse.files import Files
from unpod_sync.warehouse.storage import Capabilities, Check

if TYPE_CHECKING:
    import duckdb

LOCK_PATIENCE = 0.3  # seconds: `status` holds the lock for an instant to see whether it is free
#: What a sandboxed reader is denied.
SANDBOX = {
    "enable_external_access": "false",
    "autoload_known_extensions": "false",
    "autoinstall_known_extensions": "false",
    "python_enable_replacements": "false",
}


@dataclass(frozen=True)
class DuckDBFile:
    """A `Storage` (its contract is there); `database` is the published file, the only one people open."""

    database: Path
    memory_limit: str = Settings.memory_limit
    mode: int = 0o600
    views_folder: Path | None = None
    capabilities: ClassVar[Capabilities] = Capabilities()

    @property
    def name(self) -> str:
        """The published file."""
        return str(self.database)

    @property
    def files(self) -> Files:
        """The names of all files."""
        return Files(self.database)

    @property
    def private_file(self) -> Path:
        """The key file, which belongs into every backup."""
        return self.files.sibling("private.json")

    # -- writing ------------------------------------------------------------------------------

    @contextlib.contextmanager
    def lock(self, *, now: datetime) -> Iterator[None]:
        """A lock of the operating system, so that a dead holder's lock is free at once; what it left is removed."""
        from filelock import FileLock, Timeout

        with own_files.disk_errors(self.database):
            own_files.make_folder(self.database.parent)
        own_files.refuse_links(self.files)
        lock = FileLock(self.files.lock, mode=0o600)
        with own_files.disk_errors(self.database):
            try:
                lock.acquire(timeout=LOCK_PATIENCE)
            except Timeout:  # which is an OSError, but not one of the disk
                if not self.files.lock.exists():  # filelock tries again where a folder takes no files
                    raise WarehouseError(
                        f"cannot write in {self.database.parent}: {self.files.lock.name} cannot be created",
                        "Name a file in a folder that this account can write in.",
                    ) from None
                raise LockedError(
                    f"another sync is at work on {self.database}{self._holder_text()}",
                    "Wait for it to end; a cron line needs no care for this, exit status 75 means skipped.",
                ) from None
        try:
            with own_files.disk_errors(self.database):
                own_files.clear_leftovers(self.files)
                self._write_holder(now)
            yield
        finally:
            lock.release()

    @contextlib.contextmanager
    def errors(self) -> Iterator[None]:
        """A damaged work file is set aside here, so that the next sync starts from the published file."""
        import duckdb

        from unpod_sync.warehouse import work_file

        try:
            with own_files.disk_errors(self.database):
                yield
        except duckdb.Error as error:
            notes: list[str] = []
            if work_file.is_out_of_memory(error):
                raise WarehouseError(
                    f"DuckDB needed more than memory_limit ({self.memory_limit})",
                    "Raise memory_limit (UNPOD_MEMORY_LIMIT), to 2GB for a long history;"
                    " everything committed so far is kept.",
                ) from None
            if self.restore(error, notes):
                raise WarehouseError(
                    notes[0],
                    "Run the sync again: it goes on from the published file. If that one is damaged, too,"
                    f" put a copy of {self.database} from a backup in its place.",
                ) from None
            raise

    def connect(self, notes: list[str], *, now: datetime) -> duckdb.DuckDBPyConnection:
        """Opens the work file; a missing one starts from the published file, or from a template."""
        from unpod_sync.warehouse import template, work_file

        own_files.clear_leftovers(self.files)
        if not self.files.work.exists():
            work_file.restore_from_published(self.files, notes)
        is_new = not self.files.work.exists()
        if is_new:
            template.create(self.files.work, self.memory_limit, now=now)
        connection = work_file.open_work_file(self.files, self.memory_limit)
        if is_new:
            connection.execute("update meta.migrations set applied_at = ?", [now])
        return connection

    def disconnect(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Checkpoints and closes; the file is then complete in itself, without a log."""
        import duckdb

        try:
            # A batch may be under way when the process is told to stop: the log keeps what was committed.
            with contextlib.suppress(duckdb.TransactionException, duckdb.InvalidInputException):
                connection.execute("checkpoint warehouse")
        finally:
            connection.close()  # also when the disk is full: the next sync of this process needs the file

    def restore(self, error: BaseException, notes: list[str]) -> bool:
        """Sets a damaged work file aside; `connect` then starts from the published file."""
        from unpod_sync.warehouse import work_file

        if not work_file.is_corruption(error):
            return False
        with own_files.disk_errors(self.database):
            work_file.quarantine(self.files, notes)
        return True

    def publish(self, revision: int | None = None, *, now: datetime, erase: bool = False) -> bool:
        """Copies the work file and renames the copy over the published file."""
        from unpod_sync.warehouse import publish, work_file

        publish.refuse_stray_wal(self.files)
        published, loaded_at = publish.contents_of(self.database)
        is_current = published == revision is not None and not publish.is_outdated(loaded_at, now)
        if is_current and not erase:
            return False
        if erase or (revision is not None and work_file.is_worth_compacting(self.files.work)):
            self._rewrite(now)
        publish.publish(self.files, mode=self.mode, is_ours=published is not None)
        return True

    def rebuild(self, *, now: datetime, zone: ZoneInfo) -> int:
        """Writes a new work file, which takes the old one's place when it is complete."""
        return self._rewrite(now, zone)

    def erase_deleted_bytes(self, *, now: datetime) -> None:
        """Writes the closed work file anew, publishes it, and clears what lies about."""
        if self.files.work_log.exists():
            raise WarehouseError(
                f"{self.files.work_log} was not taken over into the work file",
                "Run the command again; it goes on where it stopped.",
            )
        self.publish(now=now, erase=True)
        own_files.clear_leftovers(self.files)
        # Where DuckDB puts what a reader has no memory for, and leaves it when that one is killed.
        shutil.rmtree(self.database.with_name(self.database.name + ".tmp"), ignore_errors=True)

    @contextlib.contextmanager
    def scratch_copy(self) -> Iterator[DuckDBFile]:
        """Copies into a folder beside the database."""
        from unpod_sync.warehouse import publish

        if not self.files.work.exists() and self.database.exists():
            publish.refuse_foreign(self.files)
        with tempfile.TemporaryDirectory(prefix=own_files.SCRATCH, dir=self.database.parent) as folder:
            copy = replace(self, database=Path(folder) / self.database.name)
            source = self.files.work if self.files.work.exists() else self.database
            if source.exists():
                own_files.copy_file(source, copy.files.work)
            yield copy

    def remove(self) -> None:
        """Deletes published file, work file with its log, and state file."""
        for path in (self.database, self.files.work, self.files.work_log, self.files.state):
            path.unlink(missing_ok=True)

    def _rewrite(self, now: datetime, zone: ZoneInfo | None = None) -> int:
        from unpod_sync.warehouse import work_file

        return work_file.rewrite(
            self.files, now=now, zone=zone, views_folder=self.views_folder, memory_limit=self.memory_limit
        )

    # -- reading ------------------------------------------------------------------------------

    def exists(self) -> bool:
        """Whether one of the two database files is there."""
        return self.files.work.exists() or self.database.exists()

    def is_published(self) -> bool:
        """Whether the published file is there."""
        return self.database.is_file()

    def connect_reader(self, *, sandboxed: bool) -> duckdb.DuckDBPyConnection:
        """Opens the published file."""
        from unpod_sync.warehouse import publish

        publish.refuse_stray_wal(self.files)
        return publish.open_reader(self.database, SANDBOX if sandboxed else None)

    def lock_holder(self) -> dict[str, Any] | None:
        """By trying the lock; who holds it is read from the file beside it."""
        from filelock import FileLock, Timeout

        path = self.files.lock
        if not path.is_file() or path.is_symlink():  # filelock empties the file behind a link
            return None
        lock = FileLock(path, mode=0o600)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            return own_files.read_json(self.files.holder) or {}
        except OSError:
            return None
        lock.release()
        return None

    def _write_holder(self, now: datetime) -> None:
        host = os.uname().nodename if hasattr(os, "uname") else os.environ.get("COMPUTERNAME", "")
        holder = {"pid": os.getpid(), "host": host, "since": now.isoformat(timespec="seconds")}
        text = json.dumps(holder).encode()
        own_files.write_atomically(self.files.holder, text, mode=0o600, durable=False)

    def _holder_text(self) -> str:
        holder = own_files.read_json(self.files.holder)
        if not holder:
            return ""
        return f" (process {holder.get('pid')} on {holder.get('host')} since {holder.get('since')} UTC)"

    def read_state(self) -> dict[str, Any]:
        """Read from the state file."""
        return own_files.read_json(self.files.state) or {}

    def write_state(self, state: dict[str, Any], *, durable: bool = True) -> None:
        """Replaces the state file."""
        with own_files.disk_errors(self.files.state):
            text = json.dumps(state, indent=1).encode()
            own_files.write_atomically(self.files.state, text, mode=0o600, durable=durable)

    def describe(self) -> dict[str, dict[str, Any] | None]:
        """By the file system."""
        return {"published": _described(self.database), "work": _described(self.files.work)}

    def checks(self, *, now: datetime) -> Iterator[Check]:
        """Folder, links, room, lock, versions, strangers, modes."""
        from unpod_sync.warehouse import file_checks

        return file_checks.checks(self, now)

    def quarantined(self) -> list[Path]:
        """Foreign databases and damaged files of ours."""
        folder, name = self.database.parent, self.database.name
        patterns = (f"{name}.foreign-*", f"{name}.corrupt-*", f".{name}.work.corrupt-*")
        return sorted(path for pattern in patterns for path in folder.glob(pattern))


def _described(path: Path) -> dict[str, Any] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    changed = datetime.fromtimestamp(int(found.st_mtime), UTC).replace(tzinfo=None)
    return {"path": str(path), "bytes": found.st_size, "modified_at": changed.isoformat()}
