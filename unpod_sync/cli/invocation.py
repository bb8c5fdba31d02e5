"""How this process was started, and with that: commands in messages that can be pasted and run.

Messages name commands in one neutral form, `unpod-sync sync`. What is printed names the program as
it was started here, and the database that was chosen by flag or environment.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from unpod_sync.cli.commands import COMMANDS
from unpod_sync.config import Settings

#: Commands that do not read the database in force: they make their own, or none.
WITHOUT_DATABASE = ("init", "demo", "simulate")

_COMMAND = re.compile(rf"(?<![\w./\\-])unpod-sync ({'|'.join(COMMANDS)})(?![\w-])")


def program_of(argv: Sequence[str], started: Sequence[str]) -> str:
    """The words that start this program again, from `sys.argv` and `sys.orig_argv`.

    `unpod-sync` where the shell finds it by that name, `.venv/bin/unpod-sync` where it was started
    so, `python -m unpod_sync` likewise.
    """
    if "-m" in started and started[started.index("-m") + 1 :][:1] == ["unpod_sync"]:
        return " ".join(map(quoted, started[: started.index("-m") + 2]))
    called = argv[0] if argv else ""
    if not Path(called).name.lower().startswith("unpod-sync"):
        return "unpod-sync"
    found = shutil.which("unpod-sync")
    is_found = found is not None and Path(found).resolve() == Path(called).resolve()
    return "unpod-sync" if is_found else quoted(called)


def quoted(word: str | Path) -> str:
    """One word for the shell of this platform."""
    if os.name == "nt":
        import subprocess

        return subprocess.list2cmdline([str(word)])
    return shlex.quote(str(word))


@dataclass(slots=True)
class Invocation:
    """The program as it was started; `database` when the flag or the environment chose one."""

    program: str = field(default_factory=lambda: program_of(sys.argv, sys.orig_argv))
    database: Path | None = None
    writes: bool = False  # the command changes the warehouse

    def choose(self, database: Path | None) -> None:
        """Remembers a database other than the default, from the flag or else the environment."""
        chosen = str(database or os.environ.get("UNPOD_DATABASE", "")).strip()
        self.database = Path(chosen) if chosen and Path(chosen) != Settings().database else None

    def pasteable(self, text: str) -> str:
        """The text, with each command in it as it works here."""
        return _COMMAND.sub(lambda found: self.command(found[1]), text)

    def command(self, name: str) -> str:
        """The beginning of a call: program, command, and the database where it is needed."""
        needs = self.database is not None and name not in WITHOUT_DATABASE
        return f"{self.program} {name}" + (f" --database {quoted(self.database or '')}" if needs else "")
