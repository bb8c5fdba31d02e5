"""`unpod-sync alert`, and the alerts after each sync."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING

import click

from unpod_sync.cli.common import database_option, output_options, published
from unpod_sync.cli.output import Output
from unpod_sync.cli.terminal import table
from unpod_sync.clock import utc_now
from unpod_sync.config import Settings
from unpod_sync.errors import (
    EXIT_DONE,
    EXIT_PARTIAL,
    ConfigurationError,
    LockedError,
    UnpodSyncError,
    UsageError,
)
from unpod_sync.formatting import plural

SHOWN = 200  # rows of --show

if TYPE_CHECKING:
    from unpod_sync.operations.alert_delivery import Message
    from unpod_sync.operations.alert_rules import Rule
    from unpod_sync.warehouse.database import Warehouse


@click.command(
    epilog="""Examples:

\b
  unpod-sync alert --dry-run
  unpod-sync alert --show callbacks_overdue
""",
    short_help="Tell people what begins and ends, by rules over views.",
)
@click.option("--dry-run", is_flag=True, help="Say what would be sent; send and remember nothing.")
@click.option("--show", metavar="RULE", help="Show the rows that a rule matches now.")
@database_option
@output_options
def command(settings: Settings, output: Output, *, dry_run: bool, show: str | None) -> int:
    """Tell people what begins and ends: one message when a rule begins to match, one when it no longer does.

    Rules and destinations are in the configuration; see docs/running.md. `sync` does the same at its end.

    Exit status: 0 all done, 3 a rule or a delivery failed (the next run tries again).
    """
    from unpod_sync.operations.alert_rules import load_rules

    rules = load_rules(settings)
    if show is not None:
        _show(settings, rules, show, output)
        return EXIT_DONE
    if not settings.alert_urls and not dry_run:
        raise ConfigurationError(
            "alerts have no destination", "Set alert_urls or UNPOD_ALERT_URLS, or try it with --dry-run."
        )
    sent, troubles = send_alerts(settings, rules, output, is_dry=dry_run)
    if output.json:
        output.dump([message.as_json() for message in sent])
    elif not sent:
        output.say("nothing to send")
    return EXIT_PARTIAL if troubles else EXIT_DONE


def send_alerts(
    settings: Settings,
    rules: Sequence[Rule],
    output: Output,
    *,
    is_dry: bool = False,
    now: Callable[[], datetime] = utc_now,
) -> tuple[list[Message], int]:
    """Evaluates the rules and sends what is due; gives the messages that were sent and the number of failures."""
    from unpod_sync.operations.alert_delivery import deliver, fingerprint
    from unpod_sync.operations.alerts import observe, run_alerts

    addresses = {fingerprint(address): address for address in settings.alert_urls}
    sent: list[Message] = []
    troubles = 0

    def send(destination: str, message: Message) -> bool:
        nonlocal troubles
        trouble = "" if is_dry else deliver(addresses[destination], message)
        if trouble:
            troubles += 1
            output.warn(f"  alert {message.rule} was not delivered: {trouble}; the next run tries again")
            return False
        sent.append(message)
        output.say(f"  {'would send' if is_dry else 'sent'}: {message.text}")
        return True

    with _work_file(settings, now()) as warehouse:
        observed = observe(warehouse.connection, rules)
        run_alerts(warehouse.connection, rules, observed, list(addresses) or [""], send, now(), is_dry=is_dry)
    for name, reason in observed.failed.items():
        output.warn(f"  alert {name} cannot be evaluated: {reason}")
    return sent, troubles + len(observed.failed)


@contextmanager
def _work_file(settings: Settings, now: datetime) -> Iterator[Warehouse]:
    """The sync's own file, under its lock: it has the state, and what a sync found without publishing it."""
    from unpod_sync.warehouse.database import Warehouse

    storage = published(settings)
    with storage.lock(now=now), storage.errors(), closing(Warehouse.open(storage, now=now)) as warehouse:
        warehouse.connection.execute(
            "set global timezone = 'UTC'"
        )  # what current_date goes by, as in `query`
        yield warehouse


@contextmanager
def alerting(settings: Settings, output: Output, *, is_dry: bool) -> Iterator[None]:
    """Sends alerts after the sync in the body, also when it failed. They never change how the sync ends."""
    if not settings.alert_urls or is_dry:
        yield
        return
    from unpod_sync.operations.alert_rules import load_rules

    rules = load_rules(settings)  # a rule that cannot be is an error before the sync

    def alert() -> None:
        try:
            send_alerts(settings, rules, output)
        except UnpodSyncError as error:
            output.warn(f"  alerts were not evaluated: {error.message}")

    try:
        yield
    except LockedError:  # the other sync sends its own
        raise
    except UnpodSyncError:
        from unpod_sync.warehouse import open_storage

        if open_storage(settings).is_published():
            alert()
        raise
    alert()


def _show(settings: Settings, rules: Sequence[Rule], name: str, output: Output) -> None:
    from unpod_sync.analytics.query import run_sql
    from unpod_sync.analytics.writers import rows, text_of
    from unpod_sync.suggest import did_you_mean
    from unpod_sync.warehouse.transactions import read_only_transaction

    rule = next((rule for rule in rules if rule.name == name), None)
    if rule is None:
        known = [rule.name for rule in rules]
        hint = did_you_mean(name, known) or f"There are: {', '.join(known)}."
        raise UsageError(f"there is no rule {name!r}", hint)
    with (
        _work_file(settings, utc_now()) as warehouse,
        warehouse.cursor() as connection,
        read_only_transaction(connection),
    ):
        result = run_sql(connection, rule.rows_sql)
        found = list(islice(rows(result), SHOWN))
    cells = [[None if value is None else text_of(value) for value in row] for row in found]
    if output.json:
        output.dump([dict(zip(result.names, row, strict=True)) for row in cells])
    else:
        output.block(table(result.names, cells, right=[False] * len(result.names), width=None))
        output.say(f"({plural(len(found), 'row')}{', the first ones' if len(found) == SHOWN else ''})")
