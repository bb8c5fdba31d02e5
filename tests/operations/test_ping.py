"""The monitor hears of start and end, and never disturbs a sync."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import NOW
from unpod_sync.config import Secret
from unpod_sync.errors import ConfigurationError
from unpod_sync.operations.ping import check_ping_url, ping
from unpod_sync.simulator import Simulator, World


class Monitor(ThreadingHTTPServer):
    """Remembers which paths were called; answers with `status`."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.paths: list[str] = []
        self.status = 200

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/uuid-secret"


class Handler(BaseHTTPRequestHandler):
    server: Monitor

    def do_GET(self) -> None:
        self.server.paths.append(self.path)
        self.send_response(self.server.status)
        self.send_header("Location", "http://example.invalid/")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Silent."""


@pytest.fixture
def monitor() -> Iterator[Monitor]:
    with Monitor() as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def synced_with(
    monitor: Monitor,
    start_simulator: Callable[[World], Simulator],
    run_cli: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> Callable[..., Any]:
    simulator = start_simulator(World.generate(7, tasks=20, now=NOW))
    for name, value in {
        "BASE_URL": simulator.base_url,
        "API_TOKEN": "simulator-token-0",
        "ORG_HANDLE": "sim-org",
        "PING_URL": monitor.url,
        "DATABASE": str(tmp_path / "x.duckdb"),
    }.items():
        monkeypatch.setenv(f"UNPOD_{name}", value)
    return lambda *arguments: run_cli("sync", *arguments)


def test_start_and_success(synced_with: Callable[..., Any], monitor: Monitor) -> None:
    ran = synced_with("--quiet")
    assert (ran.status, ran.out, ran.err) == (0, "", "")
    assert monitor.paths == ["/uuid-secret/start", "/uuid-secret"]


def test_failure(synced_with: Callable[..., Any], monitor: Monitor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNPOD_API_TOKEN", "wrong-token-of-nobody")
    assert synced_with().status == 77
    assert monitor.paths == ["/uuid-secret/start", "/uuid-secret/fail"]


def test_a_dry_run_tells_nobody(synced_with: Callable[..., Any], monitor: Monitor) -> None:
    assert synced_with("--dry-run").status == 0
    assert monitor.paths == []


def test_a_monitor_that_fails_changes_nothing_and_its_address_stays_secret(
    synced_with: Callable[..., Any], monitor: Monitor
) -> None:
    monitor.status = 500
    ran = synced_with("--log-format", "json", "--verbose")
    assert ran.status == 0
    assert "note: the ping URL answers with status 500" in ran.err
    assert "uuid-secret" not in ran.out + ran.err


def test_redirects_are_not_followed(monitor: Monitor) -> None:
    monitor.status = 302
    assert ping(Secret(monitor.url), "success") == ""
    assert monitor.paths == ["/uuid-secret"]


def test_nobody_there() -> None:
    assert (
        ping(Secret("http://127.0.0.1:1/uuid"), "success")
        == "the ping URL could not be called (ConnectionError)"
    )
    assert ping(None, "success") == ""


@pytest.mark.parametrize("url", ["http://hc.example.com/uuid", "ftp://x/uuid", "uuid", "https://"])
def test_addresses_that_would_show_the_secret_are_refused(url: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        check_ping_url(url)
    assert "uuid" not in caught.value.message
    assert ping(Secret(url), "success") == caught.value.message
