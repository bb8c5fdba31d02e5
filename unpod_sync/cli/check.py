"""`unpod-sync check`."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import click

from unpod_sync.cli.common import api_options, open_reader, output_options
from unpod_sync.cli.output import Output, Styled
from unpod_sync.cli.terminal import columns
from unpod_sync.config import Settings
from unpod_sync.errors import EXIT_DONE, EXIT_FAILED, EXIT_PARTIAL, CheckError
from unpod_sync.formatting import plural

if TYPE_CHECKING:
    import duckdb

    from unpod_sync.analytics.checks import CheckResult
    from unpod_sync.operations.count_check import CountComparison, ExecutionGroup


@click.command(
    epilog="Example:  unpod-sync check --offline",
)
@click.option("--offline", is_flag=True, help="Only test the claims; do not contact the API.")
@api_options
@output_options
def command(settings: Settings, output: Output, *, offline: bool) -> int:
    """Test the claims about the data (sql/checks), and reconcile with the API's own counts.

    Exit status: 0 when every claim holds, 1 when one is violated, 3 when the API counts
    differently and the difference is not explained.
    """
    from unpod_sync.analytics.checks import run_checks
    from unpod_sync.operations.count_check import compare_executions

    with open_reader(settings) as connection:
        claims = list(run_checks(connection))
        groups = compare_executions(connection)
        lists = [] if offline else _compare(connection, settings)
    violated = [claim for claim in claims if not claim.holds]
    explained = [item.is_explained for item in lists] + [group.is_explained for group in groups]
    status = EXIT_FAILED if violated else EXIT_DONE if all(explained) else EXIT_PARTIAL
    if output.json:
        output.dump(_document(claims, lists, groups, status))
    elif not output.quiet:
        _show(claims, lists, groups, output)
    if violated:
        number = f"{len(violated)} of {len(claims)} claims {'is' if len(violated) == 1 else 'are'} violated"
        raise CheckError(
            f"{number}: {', '.join(claim.name for claim in violated)}",
            "Run `unpod-sync rebuild`; if it stays, please report the claim and one of its rows.",
        )
    return status


def _compare(connection: duckdb.DuckDBPyConnection, settings: Settings) -> list[CountComparison]:
    from unpod_sync.operations.count_check import compare_lists
    from unpod_sync.sync.client_factory import open_client

    with open_client(settings) as client:
        return list(compare_lists(connection, client))


def _show(
    claims: list[CheckResult], lists: list[CountComparison], groups: list[ExecutionGroup], output: Output
) -> None:
    output.data(f"Claims: {sum(claim.holds for claim in claims)} of {len(claims)} hold.")
    for claim in claims:
        if not claim.holds:
            sample = ", ".join(f"{name} {value}" for name, value in claim.sample[0].items())
            output.data(Styled("fail", fg="red"), f"  {claim.name}: {claim.claim}")
            output.data(f"      {plural(claim.violations, 'row')} against it, such as {sample}")
    if lists:
        rows = [
            (
                item.resource,
                f"{item.counted:,}" if item.counted is not None else "?",
                f"{item.stored:,}",
                output.hint(item.explanation),
            )
            for item in lists
        ]
        for line in ("", *columns(("LIST", ">API", ">HERE", "DIFFERENCE"), rows)):
            output.data(line)
    if groups:
        output.data("")
        output.data("Runs, as the executions endpoint counted them at the last sync:")
        compared = [
            (
                f"{group.runs:,}",
                "equal"
                if group.explanation == "equal"
                else f"{group.explanation} (such as {group.example_run_id})",
            )
            for group in groups
        ]
        for line in columns((">RUNS", "COMPARED WITH OURS"), compared):
            output.data(line)


def _document(
    claims: list[CheckResult], lists: list[CountComparison], groups: list[ExecutionGroup], status: int
) -> dict[str, Any]:
    return {
        "exit_status": status,
        "claims": [
            {
                "name": claim.name,
                "claim": claim.claim,
                "violations": claim.violations,
                "sample": [{name: _simple(value) for name, value in row.items()} for row in claim.sample],
            }
            for claim in claims
        ],
        "lists": [dataclasses.asdict(item) | {"difference": item.difference} for item in lists],
        "executions": [dataclasses.asdict(item) for item in groups],
    }


def _simple(value: object) -> object:
    """A value that JSON has, or its text."""
    return value if isinstance(value, str | int | float | None) else str(value)
