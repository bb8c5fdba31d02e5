"""`unpod-sync check`."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import click

from unpod_sync.cli.common import api_options, output_options, published
from unpod_sync.cli.output import Output, Styled
from unpod_sync.cli.terminal import columns
from unpod_sync.config import Settings
from unpod_sync.errors import EXIT_DONE, EXIT_PARTIAL, CheckError

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
    from unpod_sync.analytics.query import open_published
    from unpod_sync.operations.count_check import compare_executions

    connection = open_published(published(settings))
    try:
        verdicts = list(run_checks(connection))
        groups = compare_executions(connection)
        lists = [] if offline else _compare(connection, settings)
    finally:
        connection.close()
    explained = [item.is_explained for item in lists] + [group.is_explained for group in groups]
    violated = [verdict for verdict in verdicts if not verdict.holds]
    status = EXIT_DONE if all(explained) else EXIT_PARTIAL
    if output.json:
        output.dump(_document(verdicts, lists, groups, 1 if violated else status))
    else:
        _tell(verdicts, lists, groups, output)
    if violated:
        number = f"{len(violated)} of {len(verdicts)} claims {'is' if len(violated) == 1 else 'are'} violated"
        raise CheckError(
            f"{number}: {', '.join(verdict.name for verdict in violated)}",
            "Run `unpod-sync rebuild`; if it stays, please report the claim and one of its rows.",
        )
    return status


def _compare(connection: duckdb.DuckDBPyConnection, settings: Settings) -> list[CountComparison]:
    from unpod_sync.operations.count_check import compare_lists
    from unpod_sync.sync.client_factory import open_client

    with open_client(settings) as client:
        return list(compare_lists(connection, client))


def _tell(
    verdicts: list[CheckResult], lists: list[CountComparison], groups: list[ExecutionGroup], output: Output
) -> None:
    if output.quiet:
        return
    holding = sum(verdict.holds for verdict in verdicts)
    output.data(f"Claims: {holding} of {len(verdicts)} hold.")
    for verdict in verdicts:
        if not verdict.holds:
            output.data(Styled("fail", fg="red"), f"  {verdict.name}: {verdict.claim}")
            output.data(f"      {verdict.violations:,} rows against it, such as {_row(verdict.sample[0])}")
    if lists:
        output.data("")
        rows = [
            (
                item.resource,
                f"{item.counted:,}" if item.counted is not None else "?",
                f"{item.stored:,}",
                output.hint(item.explanation),
            )
            for item in lists
        ]
        for line in columns(("LIST", ">API", ">HERE", "DIFFERENCE"), rows):
            output.data(line)
    if groups:
        output.data("")
        output.data("Runs, as the executions endpoint counted them at the last sync:")
        for line in columns(
            (">RUNS", "COMPARED WITH OURS"), [(f"{group.runs:,}", _reason(group)) for group in groups]
        ):
            output.data(line)


def _reason(group: ExecutionGroup) -> str:
    return (
        group.explanation
        if group.explanation == "equal"
        else f"{group.explanation} (such as {group.example_run_id})"
    )


def _row(row: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in row.items())


def _document(
    verdicts: list[CheckResult], lists: list[CountComparison], groups: list[ExecutionGroup], status: int
) -> dict[str, Any]:
    return {
        "exit_status": status,
        "claims": [
            {
                "name": item.name,
                "claim": item.claim,
                "violations": item.violations,
                "sample": _plain(item.sample),
            }
            for item in verdicts
        ],
        "lists": [dataclasses.asdict(item) | {"difference": item.difference} for item in lists],
        "executions": [dataclasses.asdict(item) for item in groups],
    }


def _plain(rows: tuple[dict[str, Any], ...]) -> list[dict[str, Any]]:
    """Sample rows with nothing in them that JSON lacks."""
    simple = (str, int, float, bool, type(None))
    return [{name: v if isinstance(v, simple) else str(v) for name, v in row.items()} for row in rows]
