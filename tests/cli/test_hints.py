"""Every command that a message proposes can be pasted where it was printed, and works."""

from __future__ import annotations

import ast
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeGuard

import click
import pytest

from tests.conftest import Ran, settings_for
from tests.demo_file import changed_copy
from unpod_sync import cli
from unpod_sync.cli.commands import COMMANDS
from unpod_sync.cli.invocation import WITHOUT_DATABASE, Invocation, program_of
from unpod_sync.simulator import Simulator, World
from unpod_sync.sync.pipeline import sync

PACKAGE = Path(cli.__file__).parents[1]
#: A proposed command: in backticks, or from its program to the next comma or line end.
PROPOSED = re.compile(
    r"`(unpod-sync [^`]+)`|(?<!`)\b(unpod-sync (?:{})\b[^`\n,]*)".format("|".join(COMMANDS))
)


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator(World.generate(7, tasks=40, now=datetime(2026, 3, 12, 11, 30, tzinfo=UTC))) as running:
        yield running


def proposed(text: str) -> list[str]:
    """The commands that a text proposes."""
    return [first or second.strip(" .;") for first, second in PROPOSED.findall(text)]


@pytest.mark.parametrize(
    ("argv", "started", "program"),
    [
        (["x/.venv/bin/unpod-sync"], ["python", "x/.venv/bin/unpod-sync", "demo"], "x/.venv/bin/unpod-sync"),
        (["/a b/unpod-sync"], ["python", "/a b/unpod-sync"], "'/a b/unpod-sync'"),
        (["p/__main__.py"], ["python", "-m", "unpod_sync", "sync"], "python -m unpod_sync"),
        (["p/__main__.py"], ["py", "-X", "dev", "-m", "unpod_sync"], "py -X dev -m unpod_sync"),
        (["pytest/__main__.py"], ["python", "-m", "pytest"], "unpod-sync"),
        (["-c"], ["python", "-c", "…"], "unpod-sync"),
        ([], [], "unpod-sync"),
    ],
)
@pytest.mark.skipif(os.name == "nt", reason="quotes of a POSIX shell")
def test_the_program_is_named_as_it_was_started(argv: list[str], started: list[str], program: str) -> None:
    assert program_of(argv, started) == program


def test_the_short_name_is_used_where_the_shell_finds_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "unpod-sync"
    script.touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert program_of([str(script)], [sys.executable, str(script)]) == "unpod-sync"
    other = tmp_path / "other" / "unpod-sync"
    assert program_of([str(other)], [sys.executable, str(other)]) == str(other)


def test_a_chosen_database_is_named_and_the_default_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    called = Invocation("prog")
    called.choose(None)
    assert called.pasteable("Run `unpod-sync sync`.") == "Run `prog sync`."
    called.choose(Path("data/unpod.duckdb"))
    assert called.pasteable("unpod-sync query 'from runs'") == "prog query 'from runs'"
    called.choose(Path("my data.duckdb"))
    assert called.pasteable("`unpod-sync sync --full`") == "`prog sync --database 'my data.duckdb' --full`"
    assert called.pasteable("try unpod-sync demo, unpod-sync init") == "try prog demo, prog init"
    monkeypatch.setenv("UNPOD_DATABASE", "other.duckdb")
    called.choose(None)
    assert called.pasteable("unpod-sync sync") == "prog sync --database other.duckdb"


def test_only_commands_are_changed() -> None:
    """Names of the program that are no command stay, and so do parts of other words."""
    called = Invocation("prog", Path("a"))
    for text in (
        "pip install unpod-sync",
        "that unpod-sync did not make",
        "my-unpod-sync sync",
        "x/unpod-sync sync",
    ):
        assert called.pasteable(text) == text


def test_every_command_in_a_message_of_the_code_exists() -> None:
    """Commands, and their options, in all strings of the code: so no hint is wrong that no test provokes."""
    found = 0
    for path in PACKAGE.rglob("*.py"):
        strings = (node.value for node in ast.walk(ast.parse(path.read_text("utf-8"))) if is_text(node))
        for text in proposed("\n".join(strings)):
            words = re.split(r"[\s\"'`]+", text)
            command = cli.group.get_command(click.Context(cli.group), words[1])
            assert command is not None, f"{path.name}: {text}"
            known = {option for parameter in command.params for option in parameter.opts} | {"--help"}
            options = [word for word in words[2:] if word.startswith("--")]
            assert set(options) <= known, f"{path.name}: {text}"
            if words[1] not in WITHOUT_DATABASE:
                assert "--database" in known, f"{path.name}: {text}"
            found += 1
    assert found > 40


def is_text(node: ast.AST) -> TypeGuard[ast.Constant]:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def hints_of(run: Callable[..., Ran], database: Path, tmp_path: Path) -> dict[str, list[str]]:
    """Commands that messages propose, by what provoked them."""
    missing = tmp_path / "none.duckdb"
    calls: dict[str, tuple[str | Path, ...]] = {
        "no file": ("query", "select 1", "--database", missing),
        "status of nothing": ("status", "--database", missing),
        "stale": ("status", "--max-age", "1h", "--database", missing),
        "no SQL": ("query", "/* nothing */", "--database", database),
        "writing": ("query", "create table mine (a int)", "--database", database),
        "an unknown statement": ("query", "update extensions", "--database", database),
        "an odd error": ("query", "select error('odd')", "--database", database),
        "nothing to search": ("search", " ", "--database", database),
        "no such call": ("call", "zzzz", "--database", database),
        "no such metric": ("metrics", "zzzzzz", "--database", database),
        "metrics": ("metrics", "--database", database),
        "report": ("report", "--database", database, "--since", "2026-01-01", "--until", "2026-03-12"),
        "report of all": ("report", "--database", database),
        "forget nobody": ("forget", "--database", database),
        "forget a number": ("forget", "12345", "--database", database, "--yes"),
        "rebuild nothing": ("rebuild", "--database", missing),
        "doctor": ("doctor", "--database", missing, "--offline"),
        "no token": ("sync", "--database", missing),
        "no terminal": ("init",),
    }
    found = {}
    for name, arguments in calls.items():
        ran = run(*arguments)
        assert "Traceback" not in ran.err
        found[name] = proposed(ran.out + ran.err)
    return found


def test_every_hint_that_can_be_provoked_works_when_pasted(
    run_cli: Callable[..., Ran], simulator: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is run as a shell would run it, in the folder where it was printed: no wrong call, no wrong file."""
    monkeypatch.chdir(tmp_path)
    database = tmp_path / "my data.duckdb"
    sync(settings_for(simulator, database))
    provoked = hints_of(run_cli, database, tmp_path)
    silent = [name for name, commands in provoked.items() if not commands]
    assert not silent
    monkeypatch.setenv("UNPOD_BASE_URL", simulator.base_url)
    monkeypatch.setenv("UNPOD_API_TOKEN", "simulator-token-0")
    monkeypatch.setenv("UNPOD_ORG_HANDLE", "sim-org")
    for command in sorted({command for commands in provoked.values() for command in commands}):
        words = shlex.split(command)
        assert words[0] == "unpod-sync"
        if words[1] in ("demo", "init"):
            continue  # proposed to begin with; other tests run them
        assert "--database" in words, command
        ran = run_cli(*words[1:])
        # an example contact is nobody's (1), and numbers of an old world are stale to a monitor
        assert ran.status in ((0, 1) if words[1] in ("forget",) else (0,)), (command, ran.err)


def test_the_page_proposes_commands_as_the_program_was_started(
    run_cli: Callable[..., Ran], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its script has none of its own: each comes with the data, with the program and the database in use."""
    monkeypatch.setattr(sys, "argv", [".venv/bin/unpod-sync"])
    monkeypatch.setattr(sys, "orig_argv", [sys.executable, ".venv/bin/unpod-sync"])
    stale = "update meta.bookmarks set last_synced_at = last_synced_at - interval 3 day"
    database = changed_copy(tmp_path / "my data.duckdb", stale)
    assert run_cli("report", "--html", tmp_path / "r.html", "--database", database).status == 0
    page = (tmp_path / "r.html").read_text("utf-8")
    data = re.search(r'<script [^>]*id="data">(.*?)</script>', page, re.DOTALL)
    assert data
    content = json.loads(data[1])
    hints = [*content["hints"].values(), *(found["hint"] for found in content["freshness"])]
    assert len(hints) >= 4
    for hint in hints:
        words = shlex.split(hint)
        assert words[0] == ".venv/bin/unpod-sync" and words[2:4] == ["--database", str(database)]
    assert not proposed(page.replace(data[1], ""))


def test_help_is_proposed_as_the_program_was_started(
    run_cli: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", [".venv/bin/unpod-sync"])
    monkeypatch.setattr(sys, "orig_argv", [sys.executable, ".venv/bin/unpod-sync"])
    assert "Try '.venv/bin/unpod-sync status --help' for help." in run_cli("status", "--max-age", "soon").err


@pytest.mark.parametrize("kind", ["script", "module"])
def test_a_hint_runs_as_the_program_was_started(kind: str, simulator: Simulator, tmp_path: Path) -> None:
    """After `make demo` there is no `unpod-sync` on the path: the hint names .venv/bin/unpod-sync."""
    folder = tmp_path / ".venv" / "bin"
    folder.mkdir(parents=True)
    script = folder / "unpod-sync"
    script.write_text(f"#!{sys.executable}\nfrom unpod_sync.cli import main\nmain()\n")
    script.chmod(0o755)
    start = ".venv/bin/unpod-sync" if kind == "script" else f"{shlex.quote(sys.executable)} -m unpod_sync"
    environment = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(tmp_path),
        "PYTHONPATH": str(PACKAGE.parent),
        "UNPOD_BASE_URL": simulator.base_url,
        "UNPOD_API_TOKEN": "simulator-token-0",
        "UNPOD_ORG_HANDLE": "sim-org",
    }

    def shell(command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["sh", "-c", command], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )

    told = shell(f"{start} status --database 'a b.duckdb'").stdout
    hint = told.split("`")[1]
    assert hint == f"{start} sync --database 'a b.duckdb'"
    ran = shell(hint)
    assert ran.returncode == 0, ran.stderr
    assert (tmp_path / "a b.duckdb").is_file()
    shutil.rmtree(folder.parent)
