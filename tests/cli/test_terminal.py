"""What a server sends steers no terminal: names full of control characters through every command."""

from __future__ import annotations

import ast
import io
import json
import re
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.conftest import Ran, settings_for
from tests.wire import answer, serving
from unpod_sync.cli import output
from unpod_sync.cli.commands import COMMANDS
from unpod_sync.cli.output import Styled, as_json, console, echo
from unpod_sync.escaping import escape_control_chars
from unpod_sync.simulator import Simulator, World
from unpod_sync.sync.pipeline import sync

Run = Callable[..., Ran]
CLI = Path(output.__file__).parent
NOW = datetime(2026, 3, 12, 11, 30, tzinfo=UTC)
#: Colour, clipboard (OSC 52), 8-bit CSI, DEL, other direction of writing, overwritten and forged lines.
EVIL = "Eve\x1b[31m\x1b]52;c;cm0=\x07\x9b2J\x7f\u202egpj\u2066\u200f\rerror: all lost\nok  forged\u2028line"
STEERING = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def build_world() -> World:
    """A space, an agent, a run and calls whose every text is evil."""
    world = World(seed=4, now=NOW)
    agent = world.add_agent(EVIL)
    space = world.add_space(EVIL, agent_handle=agent)
    run = world.add_run(space, {"name": EVIL})
    for number in range(4):
        summary = {"status": "Interested", "summary": EVIL, "callback": EVIL}
        world.add_task(
            space,
            {
                "status": "completed" if number else EVIL,
                "input": {"name": EVIL, "contact_number": f"+1202555019{number}", EVIL: EVIL},
                "output": {
                    "call_id": f"call-{number}",
                    "call_status": EVIL,
                    "call_end_reason": EVIL,
                    "duration": 60,
                    "error": EVIL,
                    "recording_url": f"https://a.example/{EVIL}",
                    "transcript": [{"role": "user", "content": f"hello {EVIL} refund"}],
                    "post_call_data": {"summary": summary, "structured_data": {EVIL: EVIL}, "labels": [EVIL]},
                },
            },
            run_id=run,
        )
    return world


@pytest.fixture(scope="module")
def evil(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Simulator, Path]]:
    """The simulator over that world, and a file that was synced from it."""
    path = tmp_path_factory.mktemp("evil") / "unpod.duckdb"
    with Simulator(build_world()) as simulator:
        sync(settings_for(simulator, path))
        yield simulator, path


CALLS = (
    ("doctor",),
    ("sync",),
    ("sync", "-v"),
    ("sync", "--log-format", "json"),
    ("sync", "--space", EVIL),
    ("sync", "--dry-run"),
    ("sync", "--full", "--json"),
    ("status",),
    ("status", "--json"),
    ("report", "--since", "2026-03-01", "--until", "2026-03-31"),
    ("report", "--json", "--since", "2026-03-01", "--until", "2026-03-31"),
    ("report", "--agent", EVIL + "x"),
    ("query", "select * from calls"),
    ("query", "select * from callz"),
    ("query", "--json", "select * from calls"),
    ("query", f"select error('{EVIL}')"),
    ("search", "refund"),
    ("search", "refund", "--json"),
    ("search", "refund", "--agent", "nobody"),
    ("call", "call-1"),
    ("call", "call-1", "--json"),
    ("call", EVIL),
    ("metrics",),
    ("metrics", EVIL),
    ("fields",),
    ("fields", "--json"),
    ("export", EVIL, "--format", "csv", "--output", "{0}"),
    ("dbt",),
    ("check",),
    ("check", "--json"),
    ("alert", "--dry-run"),
    ("alert", "--show", EVIL),
    ("forget", EVIL),
    ("rebuild",),
    (EVIL,),
    ("sync", f"--{EVIL}"),
    ("sync", "--max-requests", EVIL),
    ("init", "--yes", "--file", "{0}/new.toml", "--overwrite"),
    ("init", "--yes", "--file", "{0}/new.toml", "--overwrite", "--space", "nowhere"),
)


@pytest.mark.parametrize("arguments", CALLS, ids=lambda words: " ".join(map(ascii, words))[:50])
def test_no_command_passes_on_what_steers_a_terminal(
    arguments: tuple[str, ...],
    evil: tuple[Simulator, Path],
    run_cli: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """All commands, both streams, tables, logs, errors and JSON: no such byte, and no forged line."""
    simulator, path = evil
    monkeypatch.setenv("UNPOD_DATABASE", str(path))
    monkeypatch.setenv("UNPOD_BASE_URL", simulator.base_url)
    monkeypatch.setenv("UNPOD_API_TOKEN", "simulator-token-0")
    monkeypatch.setenv("UNPOD_ORG_HANDLE", "sim-org")
    ran = run_cli(*(word.replace("{0}", str(tmp_path)) for word in arguments))
    written = ran.raw.decode() + ran.err
    assert written and not STEERING.search(written), ascii(written)
    assert not re.search("^(ok  forged|error: all lost)", written, re.MULTILINE), written


def test_every_command_was_tried() -> None:
    # demo and simulate have a server of ours; mcp answers a program, in JSON
    assert {words[0] for words in CALLS} >= COMMANDS.keys() - {"demo", "simulate", "mcp"}


@pytest.mark.parametrize("status", [400, 401, 403, 500])
def test_an_error_of_the_server_steers_nothing(
    status: int, run_cli: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UNPOD_API_TOKEN", "some-token-of-a-length")
    monkeypatch.setenv("UNPOD_ORG_HANDLE", "org")
    monkeypatch.setenv("UNPOD_MAX_ATTEMPTS", "1")
    with serving(lambda request: answer({"message": EVIL, "detail": EVIL}, status)) as wire:
        for command in ("sync", "doctor"):
            ran = run_cli(command, "--base-url", wire.url, "--database", tmp_path / "u.duckdb")
            assert ran.status != 0
            assert not STEERING.search(ran.out + ran.err), ascii(ran.out + ran.err)


class Screen(io.TextIOWrapper):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def shown(monkeypatch: pytest.MonkeyPatch, act: Callable[[], object]) -> str:
    """What `act` writes onto a terminal."""
    screen = Screen(io.BytesIO(), encoding="utf-8", write_through=True, newline="\n")
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", screen)
        act()
    return screen.buffer.getvalue().decode()  # type: ignore[attr-defined]


def test_only_our_own_styles_reach_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Colours are added after the text was made harmless, and not at all with NO_COLOR."""
    both = (Styled(EVIL, fg="red"), EVIL)
    text = shown(monkeypatch, lambda: echo(*both))
    assert text == f"\x1b[31m{escape_control_chars(EVIL)}\x1b[0m{escape_control_chars(EVIL)}\n"
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in shown(monkeypatch, lambda: echo(*both))


def test_what_rich_draws_holds_no_sequence_of_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tables and progress: names are shown, rich's own styles remain."""
    from rich.table import Table
    from rich.text import Text

    def draw() -> None:
        table = Table(EVIL, show_header=True)
        table.add_row(Text(EVIL, "bold"))
        console = output.console()
        output.Output().draw(table, console)

    monkeypatch.setenv("TERM", "xterm")
    text = shown(monkeypatch, draw)
    assert "\x1b[1m" in text
    assert not STEERING.search(re.sub("\x1b\\[[0-9;]*m", "", text))
    assert "\x1b[31m" not in text and "␛[31m" in text


def test_data_for_programs_is_verbatim_but_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """CSV through a pipe holds what is stored; on a terminal it is made harmless, line by line."""

    def write() -> None:
        with output.data_stream() as stream:
            stream.write(f"a\n{EVIL}é\n".encode())

    text = shown(monkeypatch, write)
    assert not STEERING.search(text) and text.startswith("a\nEve␛[31m") and "é\n" in text


def test_a_traceback_steers_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """Also an error that nobody expected may quote a server."""
    error = ValueError(EVIL)
    output.show_traceback(type(error), error, None)
    text = capsys.readouterr().err
    assert "ValueError: Eve␛[31m" in text and not STEERING.search(text)


def test_json_loses_nothing() -> None:
    text = as_json({"name": EVIL, "half": "\ud800"})
    assert not STEERING.search(text)
    assert json.loads(text)["name"] == EVIL


def test_nothing_else_in_the_command_line_writes() -> None:
    """Only `cli/output.py` calls what writes to a stream or asks: so no command can forget to."""
    writing = {"echo", "secho", "style", "prompt", "confirm", "echo_via_pager", "print", "write", "Console"}
    for path in CLI.glob("*.py"):
        if path.name == "output.py":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                if node.value.id in ("click", "rich"):
                    assert node.attr not in writing, f"{path.name}:{node.lineno}"
                assert not (node.value.id == "sys" and node.attr in ("stdout", "stderr")) or is_question(
                    path, node
                ), f"{path.name}:{node.lineno}"
            if isinstance(node, ast.Name):
                assert node.id not in ("print", "Console"), f"{path.name}:{node.lineno}"


def is_question(path: Path, node: ast.Attribute) -> bool:
    """Whether a stream is only asked whether it is a terminal."""
    line = path.read_text(encoding="utf-8").splitlines()[node.lineno - 1]
    return f"sys.{node.attr}.isatty()" in line


def test_a_wrapped_paragraph_shows_no_line_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where rich wraps styled text is no character of the text; a line end in the text itself is shown."""
    from rich.text import Text

    out = io.StringIO()
    monkeypatch.setenv("COLUMNS", "20")
    monkeypatch.setattr("sys.stdout", out)
    console().print(Text("one two ").append("three four five six", "bold").append(" a\nb"))
    assert out.getvalue().split("\n") == ["one two three four ", "five six a⏎b", ""]
