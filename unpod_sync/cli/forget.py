"""`unpod-sync forget`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from unpod_sync.cli.common import database_option, output_options
from unpod_sync.cli.output import Output, confirm
from unpod_sync.config import Settings
from unpod_sync.errors import EXIT_DONE, EXIT_FAILED, UnpodSyncError, UsageError
from unpod_sync.formatting import plural

if TYPE_CHECKING:
    from unpod_sync.privacy.forget import Preview

#: What is erased, one and many.
NAMES = {
    "tasks": ("call or other task", "calls and other tasks"),
    "task_versions": ("earlier state of them", "earlier states of them"),
    "transcript_messages": ("transcript message", "transcript messages"),
    "payloads": ("payload as received", "payloads as received"),
    "rejects": ("refused value", "refused values"),
}


@click.command(
    epilog="Examples:  unpod-sync forget +919876543210   ·   unpod-sync forget priya@example.com --yes"
    "   ·   unpod-sync forget --list",
)
@click.argument("contact", required=False)
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--list", "lists", is_flag=True, help="Show how many contacts are forgotten, and since when.")
@click.option("--undo", is_flag=True, help="Allow CONTACT again; sync --full then reads its tasks.")
@click.option(
    "--new-key",
    is_flag=True,
    help="Start a new list when the private file is lost. Forgotten contacts may return.",
)
@database_option
@output_options
def command(
    contact: str | None,
    settings: Settings,
    output: Output,
    *,
    yes: bool,
    lists: bool,
    undo: bool,
    new_key: bool,
) -> int:
    """Erase a contact: a phone number in any spelling, an e-mail address, or the task_id of a call.

    Removes rows, history, payloads and their bytes from every file of the warehouse. Later syncs
    refuse the contact's tasks. Exit status: 0 done, 1 no contact matches or you answer no, 75 a sync is running.
    """
    from unpod_sync.privacy import forget

    if sum((lists, new_key, contact is not None)) != 1 or (undo and contact is None):
        raise UsageError(
            "name one CONTACT, or --list, or --new-key", "Example: `unpod-sync forget +919876543210`"
        )
    if lists:
        return _list(settings, output)
    if new_key:
        if not yes:
            _ask("Start a new list and key? Who was forgotten before may return with the next sync.")
        forget.reset_key(settings, output.note)
        output.say("a new key is in place; the list of the forgotten is empty")
        return EXIT_DONE
    assert contact is not None
    if undo:
        known = forget.undo(settings, contact, output.note)
        output.say(
            "taken off the list; `unpod-sync sync --full` reads what the API still has"
            if known
            else "nobody like this is on the list"
        )
        return EXIT_DONE if known else EXIT_FAILED
    return _forget(contact, settings, output, yes=yes)


def _forget(contact: str, settings: Settings, output: Output, *, yes: bool) -> int:
    from unpod_sync.privacy import forget

    if not yes:
        preview = forget.preview(settings, contact, output.note)
        if preview.is_somebody and not preview.is_done:
            _show(preview, output)
            _ask("Erase all this for good?")
    done = forget.forget(settings, contact, output.note)
    if output.json:
        output.dump(
            {
                "forgotten": done.is_somebody,
                "erased": done.rows,
                "related_tasks": done.related,
                "files_not_managed": [str(path) for path in done.quarantined],
            }
        )
    if not done.is_somebody:
        output.say("nobody matches: nothing was erased")
        return EXIT_FAILED
    if done.is_done:
        output.say("already forgotten; nothing of theirs is stored")
        return EXIT_DONE
    if yes:
        _show(done, output)
    output.say(f"erased, also in {settings.database}; later syncs refuse what the API still lists")
    _warn(done.quarantined, output)
    return EXIT_DONE


def _show(preview: Preview, output: Output) -> None:
    for name, number in preview.rows.items():
        if number:
            output.say(f"  {number:>7,} {NAMES[name][number > 1]}")
    if preview.related:
        output.note(
            f"kept: {plural(preview.related, 'other task')} with another number or address of the same calls;"
            f" to erase that contact, too: `unpod-sync forget {preview.related_example}`"
        )


def _ask(question: str) -> None:
    try:
        agreed = confirm(question)
    except click.Abort:
        raise UsageError(
            "nobody answered, nothing was erased", "Add --yes where nobody can be asked."
        ) from None
    if not agreed:
        raise UnpodSyncError("nothing was erased")


def _warn(paths: tuple[Path, ...], output: Output) -> None:
    for path in paths:
        output.note(f"{path} was set aside earlier and is not managed: delete it if it may hold them")
    output.say("  Backups, exports and copies elsewhere are yours to look after: docs/privacy.md")


def _list(settings: Settings, output: Output) -> int:
    from unpod_sync.privacy import forget

    entries = forget.listed(settings, output.note)
    if output.json:
        output.dump(
            [{"kind": kind, "forgotten_at": at, "tasks_refused": tasks} for kind, at, tasks in entries]
        )
        return EXIT_DONE
    output.say(f"{len(entries)} forgotten" if entries else "nobody is forgotten")
    for kind, at, tasks in entries:
        output.data(f"{at}  {kind:<8}  {plural(tasks, 'task'):>11} refused")
    return EXIT_DONE
