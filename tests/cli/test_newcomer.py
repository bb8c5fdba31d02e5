"""Every mistake of the first hour has a message that says what to do: the real command, its real words."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from unpod_sync.simulator import Simulator, World

ROOT = Path(__file__).parent.parent.parent
TOKEN = "simulator-token-0"
PROGRAM = f"{sys.executable} -m unpod_sync"  # as these tests start it


@pytest.fixture(scope="module")
def world() -> World:
    return World.generate(7, tasks=120, now=datetime(2026, 3, 12, 11, 30, tzinfo=UTC))


@pytest.fixture
def simulator(world: World) -> Iterator[Simulator]:
    with Simulator(world) as running:
        yield running


class Newcomer:
    """Somebody in an empty folder with a shell."""

    def __init__(self, folder: Path, simulator: Simulator) -> None:
        self.folder = folder
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "PYTHONPATH": str(ROOT),
            "UNPOD_BASE_URL": simulator.base_url,
            "UNPOD_API_TOKEN": TOKEN,
            "UNPOD_ORG_HANDLE": "sim-org",
        }

    def runs(
        self, *arguments: str, prefix: tuple[str, ...] = (), stdin: str = "", **environment: str | None
    ) -> tuple[int, str, str]:
        """Runs a command; gives exit status, stdout and stderr."""
        merged = {**self.environment, **environment}
        done = subprocess.run(
            [*prefix, sys.executable, "-m", "unpod_sync", *arguments],
            cwd=self.folder,
            env={name: value for name, value in merged.items() if value is not None},
            input=stdin,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert "Traceback" not in done.stderr
        assert TOKEN not in done.stdout + done.stderr
        return done.returncode, done.stdout, done.stderr

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Starts a command and leaves it running."""
        return subprocess.Popen(
            [sys.executable, "-m", "unpod_sync", *arguments],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )


@pytest.fixture
def newcomer(tmp_path: Path, simulator: Simulator) -> Newcomer:
    return Newcomer(tmp_path, simulator)


def test_no_token_leads_to_init(newcomer: Newcomer) -> None:
    status, _, err = newcomer.runs("sync", UNPOD_API_TOKEN=None)
    assert status == 78
    assert err == (
        "error: no API token\n"
        f"  Run `{PROGRAM} init`, or set UNPOD_API_TOKEN. Tokens are made in Unpod under Settings, API keys. "
        f"To try without an account: `{PROGRAM} demo`.\n"
    )


def test_a_wrong_token_is_named_without_being_shown(newcomer: Newcomer) -> None:
    status, _, err = newcomer.runs("sync", UNPOD_API_TOKEN="not-my-token-at-all")
    assert status == 77
    assert "the API refused the token (401)" in err
    assert "copy the key again" in err
    assert "not-my-token-at-all" not in err


def test_a_wrong_organisation_is_named(newcomer: Newcomer) -> None:
    status, _, err = newcomer.runs("sync", UNPOD_ORG_HANDLE="somebody-else")
    assert status == 1
    assert "You don't have access to this organization" in err
    assert "UNPOD_ORG_HANDLE" in err
    status, out, _ = newcomer.runs("doctor", UNPOD_ORG_HANDLE="somebody-else")
    assert status == 1
    assert "the token does not belong to somebody-else, but to sim-org" in out


def test_an_unknown_space_is_named_with_those_there_are(newcomer: Newcomer) -> None:
    status, out, err = newcomer.runs("sync", "--space", "Groth Outreach")
    assert status == 78
    assert "there is no space 'Groth Outreach'" in err
    assert "Did you mean Growth Outreach?" in err
    status, out, _ = newcomer.runs("doctor", "--space", "Groth Outreach")
    assert status == 1
    assert "there is no such space" in out
    assert "Growth Outreach (" in out


def test_a_refused_connection_points_at_address_and_firewall(newcomer: Newcomer) -> None:
    status, _, err = newcomer.runs("sync", UNPOD_BASE_URL="http://127.0.0.1:1", UNPOD_MAX_ATTEMPTS="1")
    assert status == 1
    assert "no connection to 127.0.0.1" in err
    assert "Check UNPOD_BASE_URL, and that no firewall stands in between." in err


def test_an_unknown_host_points_at_the_name(newcomer: Newcomer) -> None:
    status, _, err = newcomer.runs("sync", UNPOD_BASE_URL="https://unpod.invalid", UNPOD_MAX_ATTEMPTS="1")
    assert status == 1
    assert "unpod.invalid" in err
    assert "UNPOD_BASE_URL" in err


def test_a_server_without_tls_gets_no_token(newcomer: Newcomer, simulator: Simulator) -> None:
    status, _, err = newcomer.runs("sync", UNPOD_BASE_URL=simulator.base_url.replace("http:", "https:"))
    assert status == 1
    assert "the token was not sent" in err
    assert not simulator.requests


def test_plain_http_to_another_machine_is_refused(newcomer: Newcomer) -> None:
    status, _, err = newcomer.runs("sync", UNPOD_BASE_URL="http://unpod.ai")
    assert status == 78
    assert "plain http to unpod.ai would show the token to the network" in err


def test_a_misspelt_setting_proposes_the_one_meant(newcomer: Newcomer) -> None:
    (newcomer.folder / "unpod-sync.toml").write_text('time_zone = "Asia/Kolkata"\n')
    status, _, err = newcomer.runs("status")
    assert status == 78
    assert "did you mean timezone?" in err
    assert "unpod-sync.toml" in err


def test_a_wrong_time_zone_says_where_it_stands(newcomer: Newcomer) -> None:
    status, _, err = newcomer.runs("status", UNPOD_TIMEZONE="IST")
    assert status == 78
    assert "not an IANA time zone, such as Asia/Kolkata" in err
    assert "UNPOD_TIMEZONE" in err


@pytest.mark.parametrize("limit", ["lots", "-5GB", "0MB", "300", "50%"])
def test_an_amount_of_memory_that_is_none_is_refused(newcomer: Newcomer, limit: str) -> None:
    status, _, err = newcomer.runs("sync", UNPOD_MEMORY_LIMIT=limit)
    assert status == 78
    assert "not an amount of memory, such as 300MB" in err
    assert "UNPOD_MEMORY_LIMIT" in err


def test_a_question_before_the_first_sync_says_how_to_get_a_file(newcomer: Newcomer) -> None:
    status, _, err = newcomer.runs("check", "--offline")
    assert status == 1
    assert f"Run `{PROGRAM} sync` first" in err


def obeying_modes() -> tuple[str, ...]:
    """What makes a program obey file modes also when we are root."""
    if os.getuid() != 0:
        return ()
    if shutil.which("setpriv") is None:
        pytest.skip("root without setpriv: modes do not bind us")
    return ("setpriv", "--bounding-set=-dac_override,-dac_read_search")


def test_a_folder_that_is_not_writable(newcomer: Newcomer) -> None:
    folder = newcomer.folder / "locked"
    folder.mkdir(mode=0o500)
    prefix = obeying_modes()
    status, _, err = newcomer.runs("sync", "--database", "locked/unpod.duckdb", prefix=prefix)
    assert status == 1
    assert "cannot write in locked: Permission denied" in err
    assert "Make the folder writable for this account, or name a file in another one." in err
    status, out, _ = newcomer.runs("doctor", "--database", "locked/unpod.duckdb", prefix=prefix)
    assert status == 1
    assert "cannot write in locked" in out


def test_a_full_disk_keeps_what_is_there(newcomer: Newcomer) -> None:
    mounted = newcomer.folder / "small"
    mounted.mkdir()
    script = f'mount -t tmpfs -o size=1536k none {mounted} && exec "$@"'
    prefix = ("unshare", "--mount", "sh", "-c", script, "sh")
    if os.getuid() != 0 or subprocess.run([*prefix, "true"], capture_output=True).returncode:
        pytest.skip("a small file system cannot be mounted here")
    status, _, err = newcomer.runs("sync", "--database", "small/unpod.duckdb", prefix=prefix)
    assert status == 1
    assert "no room left on the device of small" in err
    assert "everything committed so far is kept" in err


def test_a_bi_tool_that_opened_the_work_file(newcomer: Newcomer) -> None:
    assert newcomer.runs("sync")[0] == 0
    script = (
        "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('open', flush=True); sys.stdin.read()"
    )
    work = newcomer.folder / "data" / ".unpod.duckdb.work"
    with subprocess.Popen(
        [sys.executable, "-c", script, str(work)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as tool:
        assert tool.stdout is not None
        assert tool.stdout.readline() == "open\n"
        status, _, err = newcomer.runs("sync")
        assert status == 75, err
        assert "is open in another program" in err
        assert "open data/unpod.duckdb instead: that one is made for reading" in err
        status, out, _ = newcomer.runs("doctor")
        assert status == 1
        if sys.platform == "linux":
            assert f"(process {tool.pid})" in out
        tool.communicate()
    assert newcomer.runs("sync")[0] == 0


def test_a_program_that_wrote_into_the_published_file(newcomer: Newcomer) -> None:
    assert newcomer.runs("sync")[0] == 0
    (newcomer.folder / "data" / "unpod.duckdb.wal").write_bytes(b"x")
    status, out, _ = newcomer.runs("doctor", "--offline")
    assert status == 1
    assert "a program has opened it for writing" in out
    assert "then delete the .wal file" in out


def test_an_old_reader_is_told_which_version_it_needs(newcomer: Newcomer) -> None:
    assert newcomer.runs("sync")[0] == 0
    status, out, _ = newcomer.runs("doctor", "--offline")
    assert status == 0
    assert "DuckDB 1.2 and later can read it (an older driver says 'can only read version 64'" in out


def test_a_second_sync_is_told_of_the_first(newcomer: Newcomer, simulator: Simulator) -> None:
    simulator.latency_seconds = 1.0
    first = newcomer.start("sync")
    try:
        lock = newcomer.folder / "data" / ".unpod.duckdb.holder.json"
        wait_for(lock.exists)
        status, _, err = newcomer.runs("sync")
        assert status == 75, err
        assert f"another sync is at work on data/unpod.duckdb (process {first.pid} on" in err
        status, out, _ = newcomer.runs("status")
        assert status == 0
        assert f"A sync is running: process {first.pid}" in out
    finally:
        simulator.latency_seconds = 0.0
        first.communicate(timeout=60)
    assert first.returncode == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_leaves_everything_sound_and_says_what_is_kept(
    newcomer: Newcomer, simulator: Simulator, number: signal.Signals
) -> None:
    assert newcomer.runs("sync")[0] == 0
    simulator.latency_seconds = 0.5
    before = len(simulator.requests)
    running = newcomer.start("sync")
    wait_for(lambda: len(simulator.requests) > before)
    running.send_signal(number)
    _, err = running.communicate(timeout=60)
    assert running.returncode == 130, err
    assert err.startswith(
        "error: interrupted\n  120 tasks are safe, data/unpod.duckdb is as it was; the next sync"
    )
    simulator.latency_seconds = 0.0
    assert newcomer.runs("sync")[0] == 0


def test_a_quiet_sync_prints_nothing(newcomer: Newcomer) -> None:
    assert newcomer.runs("sync", "--quiet") == (0, "", "")


def wait_for(condition: Callable[[], object], seconds: float = 60) -> None:
    """Waits until something is so."""
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it did not happen in time"
        time.sleep(0.02)


def test_status_starts_fast(newcomer: Newcomer) -> None:
    """Less than 0.3 s of CPU: it must not import DuckDB, pyarrow, pydantic or requests."""
    script = textwrap.dedent("""
        import sys
        from unpod_sync.cli import _run
        status = _run(["status", "--quiet"])
        heavy = {"duckdb", "pyarrow", "pydantic", "requests", "rich", "structlog"} & set(sys.modules)
        sys.exit(f"imports {heavy}" if heavy else status)
    """)
    newcomer.runs("sync")
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=newcomer.folder,
        env=newcomer.environment,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
