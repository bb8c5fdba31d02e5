"""The reference of all commands as Markdown: `python -m tests.reference > docs/commands.md`."""

from __future__ import annotations

import click

from unpod_sync.cli import group
from unpod_sync.cli.commands import COMMANDS
from unpod_sync.cli.output import Output

HEAD = """# Commands

<!-- Made by `make docs`; a test tells when it is stale. -->

Data goes to stdout, everything else to stderr. Every command has `--help`.
Settings come from flags, then the environment, then `unpod-sync.toml`.
"""


def help_of(name: str) -> str:
    """What `--help` of a command prints, 100 columns wide."""
    context = click.Context(group, info_name="unpod-sync")
    command = group.get_command(context, name)
    if command is None:
        raise LookupError(name)
    with click.Context(
        command, info_name=name, parent=context, terminal_width=100, help_option_names=["-h", "--help"]
    ) as inner:
        return "\n".join(line.rstrip() for line in command.get_help(inner).splitlines())


def reference() -> str:
    """The whole page."""
    parts = [HEAD, "\n".join(f"- [`{name}`](#{name}): {COMMANDS[name]}" for name in COMMANDS)]
    parts += [f"## {name}\n\n```text\n{help_of(name)}\n```" for name in COMMANDS]
    return "\n\n".join(part.strip() for part in parts) + "\n"


if __name__ == "__main__":
    Output().block(reference())
