"""What `doctor` says about the files of a `DuckDBFile`: room, lock, versions, strangers, modes."""

from __future__ import annotations

import os
import shutil
import stat
import struct
import sys
import tempfile
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from unpod_sync.errors import UnpodSyncError
from unpod_sync.formatting import format_bytes
from unpod_sync.warehouse.files import Files, refuse_links
from unpod_sync.warehouse.publish import refuse_stray_wal
from unpod_sync.warehouse.schema import sql_files
from unpod_sync.warehouse.storage import Check
from unpod_sync.warehouse.work_file import STORAGE_VERSION

if TYPE_CHECKING:
    from unpod_sync.warehouse.duckdb_file import DuckDBFile

ROOM = 2.5  # times the warehouse's size: work file, published file, and what grows
LEAST_ROOM = 200_000_000
LONG_SYNC = timedelta(hours=6)


def checks(storage: DuckDBFile, now: datetime) -> Iterator[Check]:
    """All checks."""
    files, holder = storage.files, storage.lock_holder()
    yield folder_check(files.published.parent)
    yield from _folder_mode(files.published.parent)
    yield from _links(files)
    yield _room(files)
    yield _lock(holder, now)
    yield from _stray(files)
    yield from _published(files, storage.mode)
    if holder is None and files.work.exists():
        yield _work(files)


def folder_check(folder: Path) -> Check:
    """Whether a database may be made in this folder."""
    existing = folder
    while not existing.exists() and existing != existing.parent:
        existing = existing.parent
    try:
        with tempfile.TemporaryFile(dir=existing):
            return Check(
                "ok", "folder", f"{folder} is writable" if folder.exists() else f"{folder} will be made"
            )
    except OSError as error:
        return Check(
            "fail",
            "folder",
            f"cannot write in {existing}: {error.strerror or error}",
            "Make the folder writable for this account, or choose another with --database.",
        )


def _folder_mode(folder: Path) -> Iterator[Check]:
    if os.name == "posix" and folder.is_dir() and folder.stat().st_mode & stat.S_IWOTH:
        yield Check(
            "warn",
            "folder mode",
            f"every account of this machine can write in {folder}, and put other files in the place of ours",
            f"chmod o-w {folder}",
        )


def _links(files: Files) -> Iterator[Check]:
    try:
        refuse_links(files)
    except UnpodSyncError as error:
        yield Check("fail", "links", error.message, error.hint)
    if files.published.is_file() and files.published.stat().st_nlink > 1:
        yield Check(
            "warn",
            "links",
            f"{files.published} has further names (hard links), which keep the file as it was",
            "Remove them: no sync updates what they name, and `unpod-sync forget` does not reach it."
            f" find DIRECTORY -samefile {files.published}",
        )


def _room(files: Files) -> Check:
    folder = files.published.parent
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    sizes = [path.stat().st_size for path in (files.published, files.work) if path.is_file()]
    wanted = max(LEAST_ROOM, int(max(sizes, default=0) * ROOM))
    text = f"{format_bytes(free)} free, {format_bytes(wanted)} wanted"
    if free < wanted:
        remedy = "Free some space: publishing writes a second copy. Nothing is lost when it runs out."
        return Check("warn", "disk", text, remedy)
    return Check("ok", "disk", text)


def _lock(holder: dict[str, Any] | None, now: datetime) -> Check:
    if holder is None:
        return Check("ok", "lock", "free, no sync is running")
    text = f"held by process {holder.get('pid')} on {holder.get('host')} since {holder.get('since')} UTC"
    since = holder.get("since")
    if since and now - datetime.fromisoformat(since) > LONG_SYNC:
        return Check("warn", "lock", text, f"Long for a sync. `kill {holder.get('pid')}` ends it soundly.")
    return Check("ok", "lock", text)


def _stray(files: Files) -> Iterator[Check]:
    try:
        refuse_stray_wal(files)
    except UnpodSyncError as error:
        yield Check("fail", "stray .wal", error.message, error.hint)


def _published(files: Files, wanted: int) -> Iterator[Check]:
    path = files.published
    if not path.exists():
        yield Check("ok", "published", f"{path} is not there yet; `unpod-sync sync` makes it")
        return
    yield from _version(path)
    mode = stat.S_IMODE(path.stat().st_mode)
    if os.name == "posix" and mode != wanted:
        yield Check(
            "warn",
            "mode",
            f"{path} has mode {mode:04o}, the setting published_mode says {wanted:04o}",
            f"chmod {wanted:o} {path}; the next publish sets it too.",
        )
    writer = _lock_owner(path, writing=False)
    if writer:
        yield Check(
            "warn",
            "published",
            f"{path} is open for writing in {writer}",
            "Close it there and open it read-only: what it writes is lost, and its .wal would stop the sync.",
        )


def _version(path: Path) -> Iterator[Check]:
    try:
        with duckdb.connect(str(path), read_only=True) as connection:
            made = {name for (name,) in connection.execute("select name from meta.migrations").fetchall()}
    except (duckdb.Error, OSError) as error:
        text = str(error).splitlines()[0]
        yield Check(
            "fail",
            "published",
            f"{path} cannot be read with DuckDB {duckdb.__version__}: {text}",
            "Made by a newer DuckDB: pip install --upgrade duckdb. Damaged, or not ours: move it away, "
            "the next sync publishes a new one.",
        )
        return
    newer = made - {migration.stem for migration in sql_files("migrations")}
    if newer:
        yield Check(
            "fail", "published", f"{path} was made by a newer unpod-sync", "pip install --upgrade unpod-sync"
        )
        return
    oldest = STORAGE_VERSION.removeprefix("v").removesuffix(".0")
    yield Check(
        "ok",
        "published",
        f"{path} ({format_bytes(path.stat().st_size)}); DuckDB {oldest} and later can read it"
        " (an older driver says 'can only read version 64': upgrade it)",
    )


def _work(files: Files) -> Check:
    owner = _lock_owner(files.work, writing=True)
    if owner:
        return Check(
            "fail",
            "work file",
            f"the sync's own file {files.work} is open in {owner}",
            f"Close it there, and open {files.published} instead: that one is made for reading.",
        )
    size = format_bytes(files.work.stat().st_size)
    return Check("ok", "work file", f"{files.work.name} ({size}), open nowhere else")


def _lock_owner(path: Path, *, writing: bool) -> str:
    """The process whose lock keeps us from reading (or writing) a file, as text; Linux only.

    Only asked, never taken: a lock taken for an instant could turn a sync away.
    """
    if sys.platform != "linux":
        return ""
    import fcntl

    form = "hhqqi"  # struct flock: type, whence, start, len, pid
    wanted = struct.pack(form, fcntl.F_WRLCK if writing else fcntl.F_RDLCK, os.SEEK_SET, 0, 0, 0)
    try:
        with path.open("r+b" if writing else "rb") as file:
            kind, _, _, _, pid = struct.unpack(form, fcntl.fcntl(file, fcntl.F_GETLK, wanted))
    except OSError:
        return ""
    if kind == fcntl.F_UNLCK:
        return ""
    try:
        name = Path(f"/proc/{pid}/comm").read_text(encoding="utf-8").strip()
    except OSError:
        name = "a program"
    return f"{name} (process {pid})"
