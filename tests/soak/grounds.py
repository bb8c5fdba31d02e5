"""Where histories are played: for real, or light.

*Real* is all of it: HTTP over loopback, files, publishing, crashes as copies of the folder made at
that instant. *Light* leaves out sockets and files, which most divergences have nothing to do with
and which take nine tenths of the time: the client's answers come straight from the simulator, and
one open database serves all histories, emptied between them. Planning, reading, settling,
flattening and merging are the same code in both.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import duckdb

from tests.soak import judge
from tests.soak.fast import Instance
from tests.soak.judge import Stored
from tests.soak.mirror import START
from unpod_sync import tables
from unpod_sync.api import client
from unpod_sync.api.failures import Failure, FailureKind
from unpod_sync.api.transport import Response
from unpod_sync.simulator import Simulator, World
from unpod_sync.sync import pipeline as syncing
from unpod_sync.warehouse import publish
from unpod_sync.warehouse.database import Warehouse
from unpod_sync.warehouse.duckdb_file import DuckDBFile
from unpod_sync.warehouse.files import Files


class Killed(BaseException):
    """Ends a sync as a crash would: nothing of ours catches it to tidy up."""


class Real:
    """A folder and a simulator behind a port."""

    is_real = True

    def __init__(self, folder: Path, simulator: Simulator) -> None:
        self.folder = folder
        self.simulator = simulator
        self.files = Files(folder / "u.duckdb")

    def in_force(self) -> AbstractContextManager[None]:
        """Lets syncs run here; `Fast` saves what starting DuckDB costs."""
        return nullcontext()

    def empty(self) -> None:
        """Begin anew."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)

    @property
    def has_warehouse(self) -> bool:
        return self.files.published.exists()

    def read(self, *, unpublished: bool = False) -> Stored:
        """What is stored; raises AssertionError when the published file is not the work file's like."""
        if unpublished:
            with duckdb.connect(str(self.files.work), read_only=True) as connection:
                return judge.read(connection)
        with duckdb.connect(str(self.files.published), read_only=True) as connection:
            stored = judge.read(connection)
        work = publish.revision_of(self.files.work)
        if stored.revision != work:
            stored.flaws.append(f"published revision {stored.revision}, the work file has {work}")
        return stored

    def bookmarks(self, space: str) -> list[Any]:
        if not self.files.work.exists():
            return []
        with suppress(duckdb.Error), duckdb.connect(str(self.files.work), read_only=True) as connection:
            return judge.bookmarks(connection, space)
        return []  # it has been spoiled

    def crash(self, request: int, run: Callable[..., object]) -> None:
        """Kill the process at this request: the files stay as they were at that instant."""
        snapshot = self.folder.with_name(self.folder.name + ".snapshot")
        shutil.rmtree(snapshot, ignore_errors=True)

        def look(_: object) -> None:
            if len(self.simulator.requests) == request and not snapshot.exists():
                shutil.copytree(self.folder, snapshot)

        def die(*_: object) -> None:
            if snapshot.exists():
                raise Killed

        self.simulator.on_request = look
        with suppress(Killed):
            run(on_page=die)
        self.simulator.on_request = None
        if snapshot.exists():
            shutil.rmtree(self.folder)
            snapshot.rename(self.folder)

    def lose_work(self) -> None:
        self.files.work.unlink(missing_ok=True)
        self.files.work.with_name(self.files.work.name + ".wal").unlink(missing_ok=True)

    def spoil_work(self, how: int) -> None:
        if not self.files.work.exists():
            return
        size = self.files.work.stat().st_size
        with self.files.work.open("r+b") as file:
            if how == 0:
                file.truncate(size // 2)
            else:
                file.write(b"\0" * min(size, 12288) if how == 1 else Random(how).randbytes(min(size, 12288)))

    def lose_published(self) -> None:
        self.files.published.unlink(missing_ok=True)


class Fast(Real):
    """The same with one DuckDB instance for everything."""

    def __init__(self, folder: Path, simulator: Simulator) -> None:
        super().__init__(folder, simulator)
        self._instance = Instance()

    def in_force(self) -> AbstractContextManager[None]:
        return self._instance.in_force()


class Light:
    """One open database and no sockets."""

    is_real = False

    def __init__(self, base: Path, simulator: Simulator) -> None:
        self.simulator = simulator
        self.files = Files(base / "light.duckdb")
        self.warehouse = Warehouse.open(DuckDBFile(self.files.published), now=START.replace(tzinfo=None))
        self.warehouse.connection.execute("set threads = 1")
        self.warehouse.close = lambda: None  # type: ignore[method-assign]
        self.has_warehouse = True

    def empty(self) -> None:
        """Begin anew."""
        connection = self.warehouse.connection
        with suppress(duckdb.Error):
            connection.execute("rollback")
        for table in [table.name for table in tables.TABLES] + [
            f"meta.{n}" for n in ("loads", "bookmarks", "sweep_seen", "rejects")
        ]:
            connection.execute(f"delete from {table}")
        self.files.state.unlink(missing_ok=True)

    def read(self, *, unpublished: bool = False) -> Stored:
        return judge.read(self.warehouse.connection)

    def bookmarks(self, space: str) -> list[Any]:
        return judge.bookmarks(self.warehouse.connection, space)

    def crash(self, request: int, run: Callable[..., object]) -> None:
        """End the sync at this request; what was committed stays."""
        requests = self.simulator.requests

        def die(*_: object) -> None:
            if len(requests) >= request:
                raise Killed

        with suppress(Killed):
            run(on_page=die)

    def lose_work(self) -> None:
        """Files are for the real ground."""

    def spoil_work(self, how: int) -> None:
        """Files are for the real ground."""

    def lose_published(self) -> None:
        """Files are for the real ground."""

    @contextmanager
    def in_force(self) -> Iterator[None]:
        """Lets syncs run here instead of over HTTP and into files."""

        class Shortcut(_Shortcut):
            simulator = self.simulator

        kept = (
            client.Transport,
            syncing.maintenance.open_current,
            syncing.publish_load,
            syncing.read_summary,
            syncing.detect_drift,
        )
        client.Transport = Shortcut  # type: ignore[misc,assignment]
        syncing.maintenance.open_current = lambda *_, **__: self.warehouse
        syncing.publish_load = lambda context, result, revision: result
        syncing.read_summary = lambda *_: {}
        syncing.detect_drift = lambda *_: []  # type: ignore[assignment]
        try:
            yield
        finally:
            (
                client.Transport,
                syncing.maintenance.open_current,
                syncing.publish_load,
                syncing.read_summary,
                syncing.detect_drift,
            ) = kept  # type: ignore[misc,method-assign]


BROKEN = {
    "reset": Failure(FailureKind.CONNECTION, "reset"),
    "truncate": Failure(FailureKind.BROKEN, "cut"),
    "truncate_silent": Failure(FailureKind.BROKEN, "cut"),
    "hang": Failure(FailureKind.TIMEOUT, "silence"),
}


class _Shortcut:
    """Stands where the client's transport is, and asks the simulator directly."""

    simulator: Simulator

    def __init__(self, **_: Any) -> None:
        self._lock = threading.Lock()

    def send(
        self, url: str, headers: Mapping[str, str], _: threading.Event, take: Callable[[int], None]
    ) -> Response | Failure:
        parts = urlsplit(url)
        told = {name.lower(): value for name, value in headers.items()}
        with self._lock:
            answer, fault, extra = self.simulator.respond(parts.path, dict(parse_qsl(parts.query)), told)
        if fault is not None and fault.kind in BROKEN:
            return BROKEN[fault.kind]
        return Response(
            answer.status, {"Content-Type": answer.content_type, **answer.headers, **extra}, answer.body
        )

    def abort(self, owner: object) -> None:
        """Nothing hangs here."""

    def close(self) -> None:
        """Nothing is open here."""


def empty_simulator() -> Simulator:
    """A simulator whose world is put in later."""
    return Simulator(World(seed=1))
