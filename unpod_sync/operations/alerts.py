"""Alerts: which rules match, which messages follow, and what is remembered until the next run.

One message when a rule begins to match, one when it no longer does, to each destination. What could not be
delivered is tried again at the next run.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass, field, replace
from datetime import datetime, timedelta

import duckdb

from unpod_sync.operations.alert_delivery import Message
from unpod_sync.operations.alert_rules import Rule
from unpod_sync.warehouse.statements import statements
from unpod_sync.warehouse.transactions import read_only_transaction, transaction

Key = tuple[str, str, str]  # rule, subject, destination


@dataclass(frozen=True, slots=True)
class Alert:
    """A row of meta.alerts."""

    rule: str
    subject: str
    destination: str
    since_at: datetime
    notified_at: datetime | None = None
    over_at: datetime | None = None
    row_count: int = 0

    @property
    def key(self) -> Key:
        """The key of the row."""
        return self.rule, self.subject, self.destination


@dataclass(slots=True)
class Observed:
    """What matches now: rule and subject → rows; `failed`: rule → why it could not be evaluated."""

    counts: dict[tuple[str, str], int] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)


def observe(connection: duckdb.DuckDBPyConnection, rules: Sequence[Rule]) -> Observed:
    """Evaluates the rules, in transactions that cannot write: a rule is SQL of the user's."""
    observed = Observed()
    for rule in rules:
        try:
            with read_only_transaction(connection):
                [(_, kind)] = statements(connection, rule.count_sql)
                if kind != "SELECT":
                    raise ValueError
                for subject, count in connection.execute(rule.count_sql).fetchall():
                    observed.counts[rule.name, subject] = count
        except ValueError:
            observed.failed[rule.name] = "where must be one condition"
        except (duckdb.BinderException, duckdb.CatalogException, duckdb.ParserException) as error:
            observed.failed[rule.name] = str(error).partition("\n")[0]
        except duckdb.Error as error:  # its text may quote a value
            observed.failed[rule.name] = f"the query failed ({type(error).__name__})"
    return observed


def next_state(
    alert: Alert | None, key: Key, count: int, hold: timedelta, now: datetime
) -> tuple[Alert | None, str]:
    """The state after a run in which `count` rows match, and the message that is due: begun, over or none."""
    if count:
        alert = replace(alert or Alert(*key, since_at=now), over_at=None, row_count=count)
        return alert, "begun" if alert.notified_at is None and now - alert.since_at >= hold else ""
    if alert is None or alert.notified_at is None:
        return None, ""
    return replace(alert, over_at=alert.over_at or now, row_count=0), "over"


def run_alerts(
    connection: duckdb.DuckDBPyConnection,
    rules: Sequence[Rule],
    observed: Observed,
    destinations: Sequence[str],
    send: Callable[[str, Message], bool],
    now: datetime,
    *,
    is_dry: bool = False,
) -> None:
    """Sends what is due and stores the state in `meta.alerts`, row by row, so that a kill repeats no message.

    `send` gives whether a message arrived. Rows of rules and destinations that are gone are removed. `is_dry`
    stores nothing.
    """
    by_name = {rule.name: rule for rule in rules}
    stored = {
        alert.key: alert
        for row in connection.execute("from meta.alerts").fetchall()
        if (alert := Alert(*row))
    }
    current = {(*pair, destination) for pair in observed.counts for destination in destinations}
    for key in sorted(stored.keys() | current):
        name, subject, destination = key
        if name in observed.failed:
            continue  # neither on nor over
        rule, before = by_name.get(name), stored.get(key)
        after: Alert | None = None
        if rule is not None and destination in destinations:
            after, event = next_state(before, key, observed.counts.get((name, subject), 0), rule.hold, now)
            if event and after is not None and send(destination, _message(event, rule, after)):
                after = None if event == "over" else replace(after, notified_at=now)
        if after != before and not is_dry:
            _store(connection, key, after)


def _message(event: str, rule: Rule, alert: Alert) -> Message:
    return Message(event, rule.name, rule.view, alert.subject, alert.row_count, alert.since_at, alert.over_at)


def _store(connection: duckdb.DuckDBPyConnection, key: Key, alert: Alert | None) -> None:
    with transaction(connection):
        connection.execute("delete from meta.alerts where (rule, subject, destination) = (?, ?, ?)", key)
        if alert is not None:
            connection.execute("insert into meta.alerts values (?, ?, ?, ?, ?, ?, ?)", astuple(alert))
