"""The command line as a whole: help, completion, start-up, reference."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from tests.conftest import Ran
from tests.reference import help_of, reference
from unpod_sync import cli
from unpod_sync.cli import COMMANDS

DOCS = Path(__file__).parent.parents[1] / "docs"
HEAVY = {"duckdb", "pyarrow", "requests", "rich", "structlog", "orjson", "msgspec", "pandas"}


def start(code: str, **environment: str) -> str:
    """Runs Python code in a fresh process; its stdout."""
    ran = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return ran.stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(name: str, run_cli: Callable[..., Ran]) -> None:
    """Its help says what it does, describes every option, and has an example of itself."""
    ran = run_cli(name, "--help")
    assert ran.status == 0 and ran.out.startswith(f"Usage: unpod-sync {name}")
    text = help_of(name)
    assert "Example" in text and f"unpod-sync {name}" in text.split("Example", 1)[1]
    for line in text.split("Options:", 1)[1].split("Example", 1)[0].splitlines():
        if line.startswith("  -"):
            assert "  " in line.strip() or len(line) > 30, f"{name}: {line} says nothing"


def test_the_group_lists_every_command(run_cli: Callable[..., Ran]) -> None:
    """Each with the same line in the list as it was given."""
    out = run_cli("--help").out
    assert all(name in out for name in COMMANDS)


def test_help_imports_nothing_heavy() -> None:
    """`--help` starts at once, because it imports neither database nor network."""
    call = "from unpod_sync.cli import _run; _run(['--help'])"
    out = start(f"import sys; {call}; print('IMPORTED', *sorted(sys.modules))")
    imported = {name.split(".")[0] for name in out.split("IMPORTED", 1)[1].split()}
    assert not imported & HEAVY


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_can_be_installed(shell: str) -> None:
    """The shell gets a script that asks us."""
    out = start("from unpod_sync.cli import main; main()", _UNPOD_SYNC_COMPLETE=f"{shell}_source")
    assert "_UNPOD_SYNC_COMPLETE" in out and "unpod-sync" in out


@pytest.mark.parametrize(
    ("typed", "offered"), [("unpod-sync se", "search"), ("unpod-sync query --form", "--format")]
)
def test_completion_knows_commands_and_options(typed: str, offered: str) -> None:
    """What has been typed is completed."""
    place = str(len(typed.split()) - 1)
    out = start(
        "from unpod_sync.cli import main; main()",
        _UNPOD_SYNC_COMPLETE="bash_complete",
        COMP_WORDS=typed,
        COMP_CWORD=place,
    )
    assert offered in out


@pytest.mark.parametrize(
    ("redirected", "status", "told"),
    [
        (">&-", 0, ""),
        ("> /dev/full", 1, "error: the output: No space left on device\n"),
        ("| true", 1, ""),
    ],
)
def test_output_that_nobody_takes(redirected: str, status: int, told: str, warehouse_file: Path) -> None:
    """A closed, full or deserted output costs the output: no traceback, and the exit status says so."""
    query = (
        f"{sys.executable} -m unpod_sync query --database {warehouse_file} 'from range(9999)' --format csv"
    )
    script = f"set -o pipefail; {query} {redirected}"
    ran = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (status, told)


def test_the_reference_is_current() -> None:
    """docs/commands.md is what the commands say: make it anew after changing one."""
    page = (DOCS / "commands.md").read_text(encoding="utf-8")
    stale = [name for name in COMMANDS if f"```text\n{help_of(name)}\n```" not in page]
    assert not stale, f"python -m tests.reference > docs/commands.md ({', '.join(stale)})"
    assert page == reference()


@pytest.mark.parametrize(("name", "writes"), [("query", False), ("export", False), ("rebuild", True)])
def test_only_what_writes_tells_what_is_kept_when_it_is_interrupted(
    name: str, writes: bool, run_cli: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(ctx: click.Context) -> None:
        raise KeyboardInterrupt

    command = cli.group.get_command(click.Context(cli.group), name)
    assert command is not None
    monkeypatch.setattr(command, "invoke", interrupt)
    arguments = {"query": ["from tasks"], "export": ["--output", "t.csv"]}.get(name, [])
    ran = run_cli(name, *arguments)
    assert ran.status == 130 and "error: interrupted\n" in ran.err
    assert ("committed" in ran.err) == writes


@pytest.mark.parametrize("module", ["unpod_sync.cli", "click", "unpod_sync.cli.query", "duckdb"])
def test_an_interruption_while_modules_are_imported_is_no_traceback(module: str) -> None:
    code = f"""
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)

class Interrupting:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            signal.raise_signal(signal.SIGINT)

sys.meta_path.insert(0, Interrupting())
sys.argv = ["unpod-sync", "query", "select 1"]
from unpod_sync.__main__ import main
main()
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout, ran.stderr.strip()) == (130, "", "error: interrupted")
