"""`unpod-sync doctor`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from unpod_sync.cli.common import BASE_URL, DATABASE, ORG_HANDLE, SPACES, output_options, started
from unpod_sync.cli.output import Output, Styled
from unpod_sync.formatting import plural

if TYPE_CHECKING:
    from unpod_sync.operations import Finding

COLOURS = {"ok": "green", "warn": "yellow", "fail": "red"}


@click.command(
    epilog="Example:  unpod-sync doctor --json",
)
@click.option("--offline", is_flag=True, help="Do not contact the API.")
@DATABASE
@BASE_URL
@ORG_HANDLE
@SPACES
@output_options
def command(output: Output, *, offline: bool, **flags: Any) -> int:
    """Check configuration, API and files, and print a remedy for each problem. Changes nothing.

    Exit status: 0 when a sync would work (warnings included), 77 when the API refuses the token,
    78 when the configuration is wrong, otherwise 1.
    """
    started().choose(flags["database"])
    return run(flags, output, offline=offline)


def run(flags: dict[str, Any], output: Output, *, offline: bool = False) -> int:
    """The checks on the terminal, one after the other, or as JSON; returns the exit status."""
    from unpod_sync.operations import exit_status, run_checks

    found: list[Finding] = []
    for finding in run_checks(flags, datetime.now(UTC).replace(tzinfo=None), offline=offline):
        found.append(finding)
        if not output.json and not (output.quiet and finding.level == "ok"):
            text = output.hint(finding.text)
            output.data(Styled(f"{finding.level:4}", fg=COLOURS[finding.level]), f"  {finding.name}: {text}")
            if finding.remedy:
                output.data(f"      fix: {output.hint(finding.remedy)}")
    status = exit_status(found)
    if output.json:
        names = ("level", "name", "text", "remedy")
        rows = [{name: output.hint(getattr(finding, name)) for name in names} for finding in found]
        output.dump({"exit_status": status, "findings": rows})
        return status
    failures = sum(finding.level == "fail" for finding in found)
    problems = f"{plural(failures, 'problem')} must be fixed before a sync will work."
    output.say(problems if failures else "All well: a sync will work.")
    return status
