"""What every test may use: a synced warehouse to read, a simulator to sync from, the command line."""

from __future__ import annotations

import contextlib
import io
import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from unpod_sync import cli, tables
from unpod_sync.config import Settings
from unpod_sync.simulator import Simulator, World
from unpod_sync.sync.pipeline import sync
from unpod_sync.warehouse import schema

NOW = datetime(2026, 3, 12, 11, 30, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _no_settings_of_this_machine(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """No test sees the settings, the home or the colours of who runs it."""
    for name in list(os.environ):
        if name.startswith("UNPOD_") or name in ("COLUMNS", "FORCE_COLOR"):
            monkeypatch.delenv(name)
    home = tmp_path_factory.getbasetemp() / "home"
    for name in ("HOME", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, str(home))


@pytest.fixture(scope="session", autouse=True)
def _no_cache_of_this_machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The template of a new warehouse is made once for all tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / "cache"))
        yield


@pytest.fixture(scope="module")
def plainly_stored() -> Iterator[None]:
    """New warehouses do not compress text, so that a search of their bytes can find it."""

    def ddl(column: tables.Column, _: object) -> str:
        compression = " using compression uncompressed" if column.type == "VARCHAR" else ""
        return f"{column.name} {column.type}{compression}"

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(schema, "_ddl", ddl)
        yield


@pytest.fixture
def signal_handlers() -> Iterator[None]:
    """Those of interrupts are afterwards as they were before."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def settings_for(simulator: Simulator, database: Path, **more: Any) -> Settings:
    """Settings that reach a simulator."""
    return Settings(
        base_url=simulator.base_url,
        api_token="simulator-token-0",
        org_handle="sim-org",
        database=database,
        **more,
    )


@pytest.fixture(scope="session")
def warehouse_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A published file: about 400 tasks of a world that looks real. For reading only."""
    path = tmp_path_factory.mktemp("warehouse") / "unpod.duckdb"
    with Simulator(World.generate(7, tasks=400, now=NOW)) as running:
        result = sync(settings_for(running, path, timezone="Asia/Kolkata"))
    assert result.exit_status == 0
    return path


@pytest.fixture
def start_simulator() -> Iterator[Callable[[World], Simulator]]:
    """Starts a simulator over a world; it is stopped after the test."""
    with contextlib.ExitStack() as stack:
        yield lambda world: stack.enter_context(Simulator(world))


@dataclass(frozen=True, slots=True)
class Ran:
    """How a command ended and what it wrote."""

    status: int
    out: str
    err: str
    raw: bytes


@pytest.fixture
def run_cli() -> Callable[..., Ran]:
    """Calls the command line in this process, as the installed command would."""

    def run(*arguments: str | Path, stdin: str = "") -> Ran:
        out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True) for _ in range(2))
        given = io.TextIOWrapper(io.BytesIO(stdin.encode()), encoding="utf-8")
        with pytest.MonkeyPatch.context() as patch:
            for name, stream in (("stdin", given), ("stdout", out), ("stderr", err)):
                patch.setattr(f"sys.{name}", stream)
            status = cli._run([str(argument) for argument in arguments])
        raw = out.buffer.getvalue()  # type: ignore[attr-defined]
        return Ran(status, raw.decode(errors="replace"), err.buffer.getvalue().decode(), raw)  # type: ignore[attr-defined]

    return run


def pytest_configure(config: pytest.Config) -> None:
    """Declares the marks of this folder, and lets processes that tests start be interrupted.

    A script's background job ignores SIGINT, and so does every process that it starts.
    """
    config.addinivalue_line("markers", "readers: needs other programs installed; run with -m readers")
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves the tests marked `readers` out, unless they are asked for."""
    if "readers" in str(config.getoption("markexpr")):
        return
    left = [item for item in items if item.get_closest_marker("readers")]
    if left:
        config.hook.pytest_deselected(items=left)
        items[:] = [item for item in items if item not in left]
