"""What the documents say is so: commands, flags, settings and files exist, examples run."""

from __future__ import annotations

import dataclasses
import re
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest

from tests.regenerate import documents
from unpod_sync import cli
from unpod_sync.config import Settings

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), ROOT / "sql" / "README.md"]
SHOWN = re.compile(r"^\s*(?:\*/\d+ .*?)?(unpod-sync [a-z].*?)(?:\s+#.*)?$", re.MULTILINE)


def calls(page: Path) -> Iterator[list[str]]:
    """The command lines in the code blocks of a page."""
    for block in re.findall(r"```(?:sh|console|bash)\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
        for line in SHOWN.findall(block.replace("\\\n", " ").replace("$ ", "")):
            yield shlex.split(line.split(" | ")[0].split(" > ")[0].split(" && ")[0])[1:]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_and_flag_that_a_page_shows_exists(page: Path) -> None:
    for words in calls(page):
        command = cli.group.get_command(click.Context(cli.group), words[0])
        assert command is not None, f"{page.name}: unpod-sync {words[0]}"
        known = {option for parameter in command.params for option in parameter.opts}
        for word in words[1:]:
            if word.startswith("-") and len(word) > 1:
                assert word.split("=")[0] in known | {"--help"}, f"{page.name}: {' '.join(words)}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_what_the_pages_print_is_what_the_commands_print() -> None:
    """Help, report and the answers of all recipes, on the demo of a fixed day."""
    stale = [path.name for path, text in documents().items() if path.read_text(encoding="utf-8") != text]
    assert not stale, "run `make docs`"


def test_every_setting_that_the_readme_names_exists() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    named = {name.lower() for name in re.findall(r"`UNPOD_([A-Z_]+)`", text)}
    assert named >= {"api_token", "org_handle", "base_url", "spaces", "agents", "database", "timezone"}
    assert named <= {field.name for field in dataclasses.fields(Settings)}


def test_the_readme_says_the_two_commands_in_its_first_screen() -> None:
    screen = "\n".join((ROOT / "README.md").read_text(encoding="utf-8").splitlines()[:24])
    assert "make demo" in screen
    assert "make test" in screen


def test_the_examples_of_the_readme_run(
    warehouse_file: Path, tmp_path: Path, run_cli: Callable[..., object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    readable = {"query", "search", "report", "export", "metrics"}
    shown = [words for words in calls(ROOT / "README.md") if words[0] in readable]
    assert len(shown) >= 4
    for words in shown:
        ran = run_cli(*words, "--database", warehouse_file)
        assert ran.status == 0, (words, ran)  # type: ignore[attr-defined]
