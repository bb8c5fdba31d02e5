"""The rules of alerts: those of the user, in TOML, and built-in ones."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from unpod_sync.config import Settings, find_file
from unpod_sync.errors import ConfigurationError
from unpod_sync.suggest import did_you_mean

#: Columns whose value a message may show: keys and names of ours, never a contact's.
SUBJECTS = ("space_name", "space_token", "agent_name", "agent_handle", "run_id", "caller_number")
KEYS = frozenset({"name", "use", "view", "where", "for", "at_least", "by", "limit", "off"})
_SUBJECTS_SQL = {  # shown by name: a token is nobody's to read
    "space_token": "(select any_value(space_name) from main.spaces as s where s.space_token = source.space_token)"
}
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}


@dataclass(frozen=True, slots=True)
class Rule:
    """`where` over a view: the alert is on while `at_least` rows match, for as long as `hold`.

    `by` is the column that splits it: one alert for each value. `needs_limit`: a built-in rule that is off
    until the user gives the `limit` in its `where`.
    """

    name: str
    view: str
    where: str
    hold: timedelta = timedelta()
    at_least: int = 1
    by: str = ""
    limit: float | None = None
    needs_limit: bool = False

    @property
    def condition(self) -> str:
        """`where` with the limit in its place."""
        return self.where if self.limit is None else self.where.replace("{limit}", repr(self.limit))

    @property
    def rows_sql(self) -> str:
        """The matching rows."""
        return f"select * from {self.view} where ({self.condition}\n)"

    @property
    def count_sql(self) -> str:
        """The number of matching rows for each subject."""
        subject = f"coalesce({_SUBJECTS_SQL.get(self.by, self.by)}::varchar, '')" if self.by else "''"
        rows = f"select {subject}, count(*) from {self.view} as source where ({self.condition}\n) group by 1"
        return f"{rows} having count(*) >= {self.at_least} order by 1"


#: A rule over a further view (caller numbers, compliance) is one more entry here.
BUILT_IN = (
    Rule("stale_data", "sync_freshness", "age_seconds > {limit} * 3600", limit=24),
    Rule("failing_space", "sync_freshness", "last_error is not null", by="space_name"),
    # The last day that is complete in every time zone; the days before it with a higher limit. The distance from the
    # median is half as much again as the view's: at 2.7 standard deviations 60 quiet days would give a false alert.
    Rule(
        "daily_anomaly",
        "daily_anomalies",
        "(connect_rate_low - connect_rate > (connect_rate_median - connect_rate_low) / 2 or"
        " completion_rate_low - completion_rate > (completion_rate_median - completion_rate_low) / 2)"
        " and (select (now_at - interval 12 hour)::date from utc_clock) - local_date between 1 and {limit}",
        by="space_token",
        limit=1,
    ),
    Rule(  # overdue for a week more: nobody is going to call back
        "callbacks_overdue", "callbacks_due", "hours_overdue between {limit} and {limit} + 168", limit=24
    ),
    Rule(
        "cost",
        "call_counts",
        "(select now_at::date from utc_clock) - local_date <= 1 and local_date in"
        " (select local_date from call_counts group by local_date having sum(total_cost) > {limit})",
        needs_limit=True,
    ),
)


def load_rules(settings: Settings) -> tuple[Rule, ...]:
    """The built-in rules as the user adjusted them, then the user's own. Raises `ConfigurationError`."""
    rules = {rule.name: rule for rule in BUILT_IN if not rule.needs_limit}
    reserved = {rule.name for rule in BUILT_IN}
    own: dict[str, Rule] = {}
    for path in (find_file(), settings.alert_rules):
        for number, entry in enumerate(_entries(path) if path else (), 1):
            try:
                rule = _adjusted(entry) if "use" in entry else _own(entry)
                if "use" not in entry and rule.name in reserved | own.keys():
                    raise ValueError(f"the name {rule.name} is taken")
            except ValueError as error:
                message = f"alert {entry.get('name') or entry.get('use') or number} in {path}: {error}"
                raise ConfigurationError(message, "See docs/running.md, Alerts.") from None
            if entry.get("off") is True:
                rules.pop(rule.name, None)
            else:
                (rules if "use" in entry else own)[rule.name] = rule
    return (*rules.values(), *own.values())


def _entries(path: Path) -> list[dict[str, Any]]:
    try:
        entries = tomllib.loads(path.read_text(encoding="utf-8")).get("alerts", [])
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError(f"{path} cannot be read: {error}", "Correct the file.") from None
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise ConfigurationError(f"{path}: alerts are tables", "Begin each rule with a line [[alerts]].")
    return entries


def _adjusted(entry: Mapping[str, Any]) -> Rule:
    """A built-in rule with what the user changes of it."""
    known = {rule.name: rule for rule in BUILT_IN}
    rule = known.get(str(entry["use"]))
    if rule is None:
        raise ValueError(
            f"there is no built-in rule {entry['use']!r}. {did_you_mean(str(entry['use']), known)}"
        )
    if unknown := entry.keys() - {"use", "for", "at_least", "limit", "off"}:
        raise ValueError(f"a built-in rule has no {', '.join(sorted(unknown))}")
    limit = entry.get("limit", rule.limit)
    if rule.needs_limit and limit is None:
        raise ValueError("it needs a limit")
    if limit is not None and (
        "{limit}" not in rule.where or type(limit) not in (int, float) or not limit >= 0
    ):
        raise ValueError("limit cannot be set" if "{limit}" not in rule.where else "limit must be a number")
    return Rule(rule.name, rule.view, rule.where, _hold(entry), _at_least(entry), rule.by, limit)


def _own(entry: Mapping[str, Any]) -> Rule:
    if unknown := entry.keys() - KEYS | entry.keys() & {"limit"}:
        raise ValueError(
            f"unknown key {', '.join(sorted(unknown))}; known: {', '.join(sorted(KEYS - {'limit'}))}"
        )
    texts = {key: entry.get(key, "") for key in ("name", "view", "where", "by")}
    for key, text in texts.items():
        if not isinstance(text, str) or (not text.strip() and key != "by"):
            raise ValueError(f"{key} must be a text")
    if not re.fullmatch(r"[a-z][a-z0-9_-]{0,39}", texts["name"]) or re.search(r"\d{5}", texts["name"]):
        raise ValueError(
            "name must be up to 40 lower-case letters, digits, _ and -, such as low_connect_rate"
        )
    if not re.fullmatch(r"\w+(\.\w+)?", texts["view"]):
        raise ValueError("view must be the name of a view or table")
    if texts["by"] and texts["by"] not in SUBJECTS:
        raise ValueError(f"by must be one of {', '.join(SUBJECTS)}")
    return Rule(texts["name"], texts["view"], texts["where"], _hold(entry), _at_least(entry), texts["by"])


def _hold(entry: Mapping[str, Any]) -> timedelta:
    found = re.fullmatch(r"(\d{1,5})([mhd])", str(entry.get("for", "0m")))
    if found is None:
        raise ValueError('for must be a time, such as "30m", "2h" or "1d"')
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


def _at_least(entry: Mapping[str, Any]) -> int:
    value = entry.get("at_least", 1)
    if type(value) is not int or value < 1:
        raise ValueError("at_least must be a whole number from 1 on")
    return value
