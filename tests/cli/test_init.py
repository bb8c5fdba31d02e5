"""`init`: with answers typed, piped or given; nothing is written before all of it is known to work."""

from __future__ import annotations

import dataclasses
import os
import stat
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import NOW
from unpod_sync.errors import ConfigurationError
from unpod_sync.operations.account import SpaceChoice, choose
from unpod_sync.operations.config_file import cron_line, render
from unpod_sync.simulator import Simulator, World

OFFERS = [SpaceChoice("AAA", "Sales", True), SpaceChoice("BBB", "Care", True)]
ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def simulator(
    start_simulator: Callable[[World], Simulator], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Simulator:
    monkeypatch.chdir(tmp_path)
    running = start_simulator(World.generate(7, tasks=50, now=NOW))
    monkeypatch.setenv("UNPOD_BASE_URL", running.base_url)
    return running


@pytest.mark.parametrize(
    ("answer", "tokens"),
    [("all", ()), ("", ()), ("1", ("AAA",)), ("care, 1", ("BBB", "AAA")), ("BBB,bbb,2", ("BBB",))],
)
def test_spaces_are_chosen_by_number_name_or_token(answer: str, tokens: tuple[str, ...]) -> None:
    assert choose(answer, OFFERS) == tokens


def test_an_unknown_space_is_named() -> None:
    with pytest.raises(ConfigurationError, match="no space Salles, 3") as caught:
        choose("Salles, 3", OFFERS)
    assert caught.value.hint == "Did you mean Sales? There are: Sales (AAA), Care (BBB)."


def test_the_file_says_what_each_setting_means_and_reads_back() -> None:
    values = {"api_token": 'a"b\\c', "spaces": ("AAA",), "timezone": "Asia/Kolkata", "workers": None}
    assert tomllib.loads(render(values)) == {
        "api_token": 'a"b\\c',
        "spaces": ["AAA"],
        "timezone": "Asia/Kolkata",
    }
    assert "# Requests in flight at most.\n# workers = 8" in render(values)


def test_a_cron_line_survives_odd_folders() -> None:
    assert cron_line("unpod-sync", Path("/a b/50%")) == (
        "*/15 * * * * cd '/a b/50\\%' && unpod-sync sync --quiet"
    )


@pytest.mark.usefixtures("simulator")
def test_without_questions_the_token_comes_from_a_pipe(run_cli: Callable[..., Any], tmp_path: Path) -> None:
    ran = run_cli(
        "init",
        "--yes",
        "--timezone",
        "Asia/Kolkata",
        "--space",
        "Growth Outreach",
        stdin="simulator-token-0\n",
    )
    assert ran.status == 0, ran.err
    path = tmp_path / "unpod-sync.toml"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    written = tomllib.loads(path.read_text())
    assert (written["api_token"], written["org_handle"], written["timezone"]) == (
        "simulator-token-0",
        "sim-org",
        "Asia/Kolkata",
    )
    assert len(written["spaces"]) == 1
    assert "simulator-token-0" not in ran.out + ran.err
    assert "All well" in ran.err
    assert f"cd {tmp_path} && " in ran.out
    again = run_cli("init", "--yes", stdin="simulator-token-0\n")
    assert again.status == 78
    assert "--overwrite" in again.err


@pytest.mark.usefixtures("simulator")
@pytest.mark.parametrize(
    ("arguments", "token", "status", "words"),
    [
        ((), "wrong-token-of-nobody", 77, "refused the token"),
        ((), "", 78, "no API token"),
        (
            ("--space", "Nowhere"),
            "simulator-token-0",
            78,
            "Care & Collections (W4URK7AA7HTTX3DEESY77AFW), Growth Outreach (X4WPSYECW45RL2FJUJU1W0W4)",
        ),
        (("--org-handle", "other"), "simulator-token-0", 78, "It belongs to sim-org"),
        (("--timezone", "Mars/Base"), "simulator-token-0", 78, "not an IANA time zone"),
        (("--database", "/proc/none/x.duckdb"), "simulator-token-0", 78, "cannot write in /proc"),
    ],
)
def test_without_questions_a_wrong_answer_writes_nothing(
    run_cli: Callable[..., Any],
    tmp_path: Path,
    arguments: tuple[str, ...],
    token: str,
    status: int,
    words: str,
) -> None:
    ran = run_cli("init", "--yes", *arguments, stdin=f"{token}\n")
    assert ran.status == status
    assert words in ran.err
    assert not (tmp_path / "unpod-sync.toml").exists()


LOGIN_ONLY = frozenset({"spaces", "organizations"})


@pytest.mark.parametrize(
    "listings", [LOGIN_ONLY, LOGIN_ONLY | {"agents"}], ids=["agents shown", "nothing shown"]
)
def test_listings_for_logins_only_ask_for_the_space(
    run_cli: Callable[..., Any], simulator: Simulator, tmp_path: Path, listings: frozenset[str]
) -> None:
    """401 on the listings is no proof of a wrong token: what is known is said, and the space asked for."""
    simulator.behaviour = dataclasses.replace(simulator.behaviour, login_only=listings)
    token = f"{simulator.token}\n"
    ran = run_cli("init", "--yes", "--org-handle", "sim-org", stdin=token)
    assert ran.status == (78 if "agents" not in listings else 77)
    assert "UNPOD_SPACES" in ran.err
    space = simulator.world.spaces[0]["token"]
    wrong = run_cli(
        "init", "--yes", "--org-handle", "sim-org", "--space", space, stdin="wrong-token-of-nobody\n"
    )
    assert wrong.status == 77
    assert not (tmp_path / "unpod-sync.toml").exists()
    ran = run_cli("init", "--yes", "--org-handle", "sim-org", "--space", space, stdin=token)
    assert ran.status == 0, ran.err
    assert tomllib.loads((tmp_path / "unpod-sync.toml").read_text())["spaces"] == [space]
    assert "no list of spaces (401); the configured ones are read" in ran.out
    assert "All well" in ran.err


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_at_a_terminal_wrong_answers_are_asked_again_and_the_token_is_hidden(
    simulator: Simulator, tmp_path: Path
) -> None:
    pexpect = pytest.importorskip("pexpect")
    environment = {
        "PATH": os.environ["PATH"], "HOME": str(tmp_path), "PYTHONPATH": str(ROOT), "TERM": "xterm",
        "UNPOD_BASE_URL": simulator.base_url, "NO_COLOR": "1",
    }  # fmt: skip
    terminal = pexpect.spawn(
        sys.executable, ["-m", "unpod_sync", "init"], env=environment, encoding="utf-8", timeout=60,
        dimensions=(50, 200),
    )  # fmt: skip
    shown = ""
    for prompt, answer in [
        ("hidden", "wrong-token-of-nobody"),
        ("empty: another", ""),
        ("hidden", "simulator-token-0"),
        ("handle.*:", "other"),
        ("handle.*:", ""),
        ("commas", "9"),
        ("commas", "growth outreach"),
        ("zone.*:", "Mars/Base"),
        ("zone.*:", "Asia/Kolkata"),
        ("Database", ""),
    ]:
        terminal.expect(prompt)
        shown += terminal.before + terminal.after
        terminal.sendline(answer)
    terminal.expect(pexpect.EOF)
    shown += terminal.before
    terminal.close()
    assert terminal.exitstatus == 0, shown
    assert "All well: a sync will work." in shown
    assert "wrong-token-of-nobody" not in shown
    assert "simulator-token-0" not in shown
    assert "\x1b[3" not in shown, "NO_COLOR is honoured"
    assert "1  Care & Collections" in shown
