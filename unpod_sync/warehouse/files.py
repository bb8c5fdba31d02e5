"""The files of one warehouse: their names, and how files are written safely."""

from __future__ import annotations

import contextlib
import errno
import glob
import json
import os
import re
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unpod_sync.errors import DiskFullError, WarehouseError

FICLONE = 0x40049409  # linux/fs.h: share the blocks of another file (copy on write)
TEMPORARY = ("publishing", "restoring", "compacting")  # what a file is called until it is complete
#: Names of files that the tool itself keeps beside a database, and of DuckDB's logs.
OWN_NAMES = re.compile(
    r"\..+\.(work|lock|state\.json|holder\.json|private\.json|demo|publishing|restoring|compacting)|.*\.wal"
)
SCRATCH = ".unpod-"  # begins the names of folders that a dry run works in


@dataclass(frozen=True, slots=True)
class Files:
    """Where everything of one warehouse lies; `published` is the only file people open."""

    published: Path

    @property
    def work(self) -> Path:
        """The sync's own database, hidden beside the published one."""
        return self.published.with_name(f".{self.published.name}.work")

    @property
    def work_log(self) -> Path:
        """What DuckDB has written and not yet taken over into the work file."""
        return self.work.with_name(self.work.name + ".wal")

    @property
    def lock(self) -> Path:
        """Held for the length of a sync; names the holder."""
        return self.published.with_name(f".{self.published.name}.lock")

    @property
    def holder(self) -> Path:
        """Who holds the lock (JSON)."""
        return self.sibling("holder.json")

    @property
    def state(self) -> Path:
        """What the last sync found, readable while the next one runs (JSON)."""
        return self.published.with_name(f".{self.published.name}.state.json")

    @property
    def stray_wal(self) -> Path:
        """A log that only a foreign writer of the published file leaves behind."""
        return self.published.with_name(self.published.name + ".wal")

    @property
    def own(self) -> tuple[Path, ...]:
        """What only syncs write: the work file and its log, lock and holder, state, and the private file."""
        return (
            self.work,
            self.work_log,
            self.lock,
            self.holder,
            self.state,
            self.sibling("private.json"),
        )

    def sibling(self, suffix: str) -> Path:
        """A temporary neighbour, on the same file system so that it can be renamed."""
        return self.published.with_name(f".{self.published.name}.{suffix}")


_INTERRUPTS = frozenset({"Query interrupted", "INTERRUPT Error: Interrupted!"})


def is_interrupt(error: BaseException) -> bool:
    """Whether the user or the system stopped us; DuckDB tells so in its own words during a query.

    Where it was reading one of our Arrow tables, it wraps Python's word for it into an error of its own.
    """
    if isinstance(error, KeyboardInterrupt) or str(error) in _INTERRUPTS:
        return True
    return type(error).__module__.startswith("_duckdb") and "KeyboardInterrupt" in str(error)


@contextlib.contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turns errors of the file system and of DuckDB's file handling into ours, with a remedy."""
    import duckdb

    try:
        yield
    except (OSError, RuntimeError, duckdb.Error) as error:
        if is_interrupt(error):
            raise KeyboardInterrupt from None
        text = str(error)
        number = getattr(error, "errno", None)
        full = (
            number in (errno.ENOSPC, errno.EDQUOT) or "No space left" in text or "disk quota" in text.lower()
        )
        if full or (isinstance(error, duckdb.OutOfMemoryException) and "disk" in text.lower()):
            raise DiskFullError(
                f"no room left on the device of {path.parent}",
                "Free some space and run the sync again: everything committed so far is kept.",
            ) from None
        if number in (errno.ENOTDIR, errno.EEXIST):
            raise WarehouseError(
                f"{path.parent} is not a folder: a part of this path is a file", "Name another folder."
            ) from None
        if isinstance(error, OSError):
            raise WarehouseError(
                f"cannot write in {path.parent}: {error.strerror or error}",
                "Make the folder writable for this account, or name a file in another one.",
            ) from None
        raise


def make_folder(folder: Path) -> None:
    """A new folder lets others pass: whether they may read is the published file's own mode."""
    if not folder.exists():
        folder.mkdir(parents=True)
        folder.chmod(0o755)


def read_json(path: Path) -> dict[str, Any] | None:
    """The object in a small file, None when there is none."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return value if isinstance(value, dict) else None


def write_atomically(path: Path, content: bytes, *, mode: int, durable: bool = True) -> None:
    """Writes a small file beside its place, then renames it over."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    descriptor = create_file(temporary, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    if durable:
        sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Makes a rename in `folder` survive a power cut (not on Windows, which has no such call)."""
    if sys.platform == "win32":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def refuse_links(files: Files) -> None:
    """Raises when one of our own files is a symbolic link: writing would follow or replace it."""
    for path in files.own:
        if path.is_symlink():
            raise WarehouseError(
                f"{path} is a link: unpod-sync writes only to files of its own",
                f"Remove the link (rm {path}), or put the file itself in its place. A link is"
                " fine for the database, and for the folder it is in.",
            )


def clear_leftovers(files: Files) -> None:
    """Removes copies and temporary files of processes that died; call it with the lock held.

    They hold what the databases hold, contacts that were forgotten since included.
    """
    folder = files.published.parent
    found = [files.sibling(word + end) for word in TEMPORARY for end in ("", ".wal", ".tmp")]
    found += [files.work.with_name(files.work.name + ".tmp")]
    found += [half for path in files.own for half in folder.glob(f"{glob.escape(path.name)}.*.tmp")]
    found += [scratch for scratch in folder.glob(f"{SCRATCH}*") if (scratch / files.work.name).exists()]
    for path in found:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def create_file(path: Path, mode: int) -> int:
    """Opens a new file in this place, so that neither its mode nor a link can be prepared by others."""
    path.unlink(missing_ok=True)
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, mode)


def copy_file(source: Path, target: Path) -> None:
    """Copies a closed file, sharing its blocks where the file system can, and syncs it to disk."""
    descriptor = create_file(target, 0o600)
    with os.fdopen(descriptor, "r+b") as writer:
        with source.open("rb") as reader:
            if not _clone(reader.fileno(), writer.fileno()):
                shutil.copyfileobj(reader, writer, 8 << 20)
        writer.flush()
        os.fsync(writer.fileno())


def _clone(source: int, target: int) -> bool:
    if sys.platform != "linux":
        return False
    import fcntl

    try:
        fcntl.ioctl(target, FICLONE, source)
    except OSError:
        return False
    return True


def unique_path(path: Path, word: str) -> Path:
    """A neighbour's name not yet taken: `unpod.duckdb.foreign-1`."""
    number = 1
    while (candidate := path.with_name(f"{path.name}.{word}-{number}")).exists():
        number += 1
    return candidate
