"""Alerts: one message when something begins, one when it is over, to people who see no contact in it."""

from __future__ import annotations

import json
import os
import random
import re
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.conftest import NOW
from unpod_sync.cli.alert import send_alerts
from unpod_sync.cli.output import Output
from unpod_sync.config import Secret, Settings, load
from unpod_sync.errors import ConfigurationError
from unpod_sync.operations.alert_delivery import Message, deliver
from unpod_sync.operations.alert_rules import Rule, load_rules
from unpod_sync.operations.alerts import Alert, next_state
from unpod_sync.simulator import Simulator, World
from unpod_sync.warehouse.database import Warehouse
from unpod_sync.warehouse.duckdb_file import DuckDBFile

Run = Callable[..., Any]
START = datetime(2026, 3, 2, 13, 0)  # noqa: DTZ001  UTC, as in the warehouse; a Monday
HISTORY = 21  # days of calls before it
QUIET_DAYS = int(os.environ.get("UNPOD_TEST_QUIET_DAYS", "4"))
SECRET_PATH = "/hook/very-secret-part"
CONTACT = ("Priya Sharma", "+919876543210", "priya@example.com")


class Receiver(ThreadingHTTPServer):
    """A webhook: keeps the messages it got; answers with `status`, and keeps none when that is an error."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.messages: list[dict[str, Any]] = []
        self.status = 200

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}{SECRET_PATH}"

    @property
    def heard(self) -> list[tuple[str, str, str]]:
        return [(message["event"], message["rule"], message["subject"]) for message in self.messages]


class Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.server.status == 200:
            self.server.messages.append(json.loads(body))
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Silent."""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


class Business:
    """A warehouse of two spaces whose days are written as rows into the sync's own file."""

    def __init__(self, path: Path, settings: Settings, rules: tuple[Rule, ...]) -> None:
        self.storage, self.settings, self.rules, self.now = DuckDBFile(path), settings, rules, START
        self.files = self.storage.files
        self.random = random.Random(5)
        Warehouse.open(self.storage, now=START).close()
        self.storage.publish(now=START)
        self.execute(
            *(
                f"insert into {table} by name select 'space-{name}' as space_token, {rest}"
                for name in ("north", "south")
                for table, rest in (
                    ("spaces", f"'Space {name}' as space_name"),
                    ("meta.bookmarks", f"'spaces/space-{name}/tasks' as resource, 'task' as kind"),
                )
            )
        )
        history = (START.date() - timedelta(days=number) for number in range(HISTORY, 0, -1))
        self.execute(*(sql for day in history for sql in self.day(day)))

    def execute(self, *statements: str) -> None:
        with duckdb.connect(str(self.files.work)) as connection:
            for sql in statements:
                connection.execute(sql)

    def add_day(self, day: date) -> None:
        self.execute(*self.day(day))

    def day(self, day: date) -> Iterator[str]:
        """A usual day: 80 to 120 calls a space, half of them connected, nearly all completed."""
        for space in ("north", "south"):
            count = self.random.randint(80, 120)
            connected = sum(self.random.random() < 0.5 for _ in range(count))
            completed = sum(self.random.random() < 0.93 for _ in range(count))
            yield (
                f"insert into tasks by name select 'T-{space}-{day}-' || i as task_id, 'space-{space}' as space_token,"
                f" 'R-{day}' as run_id, 'agent-{space}' as agent_handle, 'call' as execution_type,"
                f" case when i < {completed} then 'completed' else 'failed' end as status,"
                f" timestamp '{day} 09:00' as created_at, date '{day}' as created_local_date, true as is_dialed,"
                f" timestamp '{day} 09:00' as started_at, date '{day}' as started_local_date, 9 as started_local_hour,"
                f" isodow(date '{day}') as started_local_weekday, false as is_voicemail, 0.1 as cost,"
                f" case when i < {connected} then 2 else 0 end as user_message_count, 3 as message_count,"
                f" '{CONTACT[0]}' as contact_name, '{CONTACT[1]}' as contact_number, '{CONTACT[2]}' as contact_email,"
                f" '91' || i || strftime(date '{day}', '%j') as contact_key from range({count}) t(i)"
            )

    def next_day(self) -> None:
        self.add_day(self.now.date())
        self.now += timedelta(days=1)

    def sync(self, *, hours: float = 0) -> list[Message]:
        """What happens at the end of a sync at this moment: bookmarks are fresh, alerts are evaluated."""
        self.now += timedelta(hours=hours)
        self.execute(
            f"create or replace view utc_clock as select timestamp '{self.now}' as now_at",
            f"update meta.bookmarks set last_synced_at = timestamp '{self.now}' where state_json is null",
        )
        return send_alerts(self.settings, self.rules, Output(quiet=True), now=lambda: self.now)[0]


@pytest.fixture
def business(tmp_path: Path, receiver: Receiver) -> Callable[..., Business]:
    def make(rules_text: str = "", **settings: Any) -> Business:
        own = tmp_path / "alerts.toml"
        own.write_text(rules_text, encoding="utf-8")
        path = tmp_path / "unpod.duckdb"
        chosen = Settings(database=path, alert_urls=[receiver.url], alert_rules=own, **settings)
        return Business(path, chosen, load_rules(chosen))

    return make


OWN = """
[[alerts]]
use = "cost"
limit = 40

[[alerts]]
name = "odd_ends"
view = "calls"
where = "call_end_reason = 'odd'"
at_least = 3

[[alerts]]
name = "flood"
view = "tasks"
where = "status = 'flood' -- a comment"
by = "space_token"

[[alerts]]
name = "long_calls"
view = "main.call_durations"
where = "median_seconds > 5000"
by = "agent_handle"

[[alerts]]
name = "slow"
view = "calls"
where = "sentiment = 'slow'"
for = "2d"
"""

FIRST = "where task_id = (select min(task_id) from tasks where space_token = '{}')"
NORTH, SOUTH = FIRST.format("space-north"), FIRST.format("space-south")
TODAY = "started_local_date = (select max(started_local_date) from tasks) and space_token = '{}'"
#: rule and subject → how it is planted and how it ends.
INCIDENTS = {
    ("stale_data", ""): (
        "update meta.bookmarks set state_json = '{}', last_synced_at = last_synced_at - interval 2 day",
        "update meta.bookmarks set state_json = null",
    ),
    ("failing_space", "Space north"): (
        "update meta.bookmarks set last_error = '503' where space_token = 'space-north'",
        "update meta.bookmarks set last_error = null where space_token = 'space-north'",
    ),
    ("failing_space", "Space south"): (
        "update meta.bookmarks set last_error = '503' where space_token = 'space-south'",
        "update meta.bookmarks set last_error = null where space_token = 'space-south'",
    ),
    ("daily_anomaly", "Space north"): (
        "update tasks set user_message_count = 0 where hash(task_id) % 5 > 0 and "
        + TODAY.format("space-north"),
        "select 1",  # it ends when the day is past
    ),
    ("daily_anomaly", "Space south"): (
        "update tasks set status = 'failed' where hash(task_id) % 5 > 0 and " + TODAY.format("space-south"),
        "select 1",
    ),
    ("callbacks_overdue", ""): (
        f"update tasks set callback_at = (select now_at - interval 30 hour from utc_clock) {NORTH}",
        f"update tasks set callback_at = null {NORTH}",
    ),
    ("cost", ""): (
        "update tasks set cost = 5 where hash(task_id) % 8 = 0 and " + TODAY.format("space-north"),
        "update tasks set cost = 0.1",
    ),
    ("odd_ends", ""): (
        "update tasks set call_end_reason = 'odd' where run_id = (select max(run_id) from tasks)",
        "update tasks set call_end_reason = null where task_id > (select min(task_id) from tasks)",
    ),
    ("flood", "Space north"): (
        f"update tasks set status = 'flood' {NORTH}",
        f"update tasks set status = 'completed' {NORTH}",
    ),
    ("flood", "Space south"): (
        f"update tasks set status = 'flood' {SOUTH}",
        f"update tasks set status = 'completed' {SOUTH}",
    ),
    ("long_calls", "agent-south"): (
        "update tasks set duration_seconds = 9999 where space_token = 'space-south'",
        "update tasks set duration_seconds = null",
    ),
    ("slow", ""): (
        f"update tasks set sentiment = 'slow' {NORTH}",
        f"update tasks set sentiment = null {NORTH}",
    ),
}


def test_twelve_incidents_give_twelve_messages_and_twelve_all_clears(
    business: Callable[..., Business], receiver: Receiver
) -> None:
    """Over as many days: nothing in between, nothing twice, nothing else, and no contact in any message."""
    firm = business(OWN)
    assert len(INCIDENTS) == 12
    assert firm.sync() == [] and receiver.messages == []
    for (rule, subject), (plant, heal) in INCIDENTS.items():
        firm.next_day()
        firm.execute(plant)
        for _ in range(2):
            firm.sync(hours=0.25)
        if rule == "slow":  # it has to last two days
            assert receiver.messages == []
            firm.now += timedelta(days=1.5)
            firm.add_day(firm.now.date() - timedelta(days=1))
            assert firm.sync(hours=12) != []
        assert receiver.heard == [("begun", rule, subject)], rule
        firm.execute(heal)
        if rule in ("daily_anomaly", "cost"):
            firm.next_day()
        for _ in range(2):
            firm.sync(hours=0.25)
        assert receiver.heard[1:] == [("over", rule, subject)], rule
        begun, over = receiver.messages
        assert (
            begun["count"] >= 1 and begun["until"] is None and over["since"] == begun["since"] < over["until"]
        )
        assert begun["show"] == f"unpod-sync alert --show {rule}" and begun["show"] in begun["text"]
        text = json.dumps(receiver.messages)
        assert not any(word in text for word in (*CONTACT, "space-north", "space-south", "very-secret"))
        receiver.messages.clear()
    with duckdb.connect(str(firm.files.work)) as connection:
        assert connection.execute("from meta.alerts").fetchall() == []


def test_quiet_days_give_no_message(business: Callable[..., Business], receiver: Receiver) -> None:
    """UNPOD_TEST_QUIET_DAYS says how many; 60 were tried."""
    firm = business('[[alerts]]\nuse = "cost"\nlimit = 40\n')
    for _ in range(QUIET_DAYS):
        firm.next_day()
        firm.sync()
        firm.sync(hours=6)
        firm.now -= timedelta(hours=6)
    assert receiver.messages == []


def test_what_is_not_delivered_is_sent_at_the_next_run(
    business: Callable[..., Business], receiver: Receiver
) -> None:
    """Begin and end each arrive once, whatever failed in between."""
    firm = business(OWN)
    plant, heal = INCIDENTS["flood", "Space north"]
    receiver.status = 503
    firm.execute(plant)
    assert firm.sync() == [] == receiver.messages
    receiver.status = 200
    assert len(firm.sync(hours=1)) == 1 and firm.sync(hours=1) == []
    firm.execute(heal)
    receiver.status = 503
    firm.sync(hours=1)
    receiver.status = 200
    firm.sync(hours=1)
    firm.sync(hours=1)
    assert [event for event, *_ in receiver.heard] == ["begun", "over"]
    assert receiver.messages[0]["since"] == "2026-03-02T13:00:00Z"  # not when it could be said
    assert receiver.messages[1]["until"] == "2026-03-02T16:00:00Z"


def test_the_state_survives_rebuild_and_publishing(
    business: Callable[..., Business], receiver: Receiver, run_cli: Run
) -> None:
    """What has begun is not told again."""
    firm = business()
    firm.rules = (Rule("broken", "meta.bookmarks", "last_error is not null"),)
    firm.execute(INCIDENTS["failing_space", "Space north"][0])
    assert len(firm.sync()) == 1
    assert run_cli("rebuild", "--database", firm.files.published).status == 0
    with duckdb.connect(str(firm.files.published), read_only=True) as connection:
        assert connection.execute("select rule, row_count from meta.alerts").fetchall() == [("broken", 1)]
    firm.files.work.unlink()  # made again from the published file
    Warehouse.open(firm.storage, now=firm.now).close()
    assert firm.sync(hours=1) == [] and len(receiver.messages) == 1


def test_a_rule_that_fails_ends_nothing(business: Callable[..., Business], receiver: Receiver) -> None:
    """Others are evaluated; its alert is neither over nor told again."""
    firm = business(OWN)
    firm.execute(INCIDENTS["flood", "Space north"][0])
    firm.sync()
    good = firm.rules
    firm.rules = tuple(Rule(r.name, r.view, "nonsense = 1" if r.name == "flood" else r.where) for r in good)
    assert firm.sync(hours=1) == []
    firm.rules = good
    assert firm.sync(hours=1) == [] and len(receiver.messages) == 1
    firm.rules = tuple(rule for rule in good if rule.name != "flood")
    firm.sync(hours=1)  # a rule that is gone is forgotten
    with duckdb.connect(str(firm.files.work)) as connection:
        assert connection.execute("from meta.alerts").fetchall() == []


def test_a_rule_cannot_write(business: Callable[..., Business], receiver: Receiver) -> None:
    """It is one condition, evaluated where nothing can be written."""
    firm = business()
    for where in ("true); delete from tasks; --", "1 = 1\n); drop view calls; select (1"):
        firm.rules = (Rule("bad", "tasks", where),)
        _, troubles = send_alerts(firm.settings, firm.rules, Output(quiet=True), now=lambda: START)
        assert troubles == 1
    with duckdb.connect(str(firm.files.work)) as connection:
        assert connection.execute("select count(*) > 0 from calls").fetchall() == [(True,)]


@pytest.mark.parametrize(
    ("known", "count", "minutes", "event", "is_kept"),
    [
        (None, 0, 0, "", False),
        (None, 2, 0, "", True),
        ({}, 2, 29, "", True),
        ({}, 2, 30, "begun", True),
        ({}, 0, 90, "", False),
        ({"notified_at": START}, 2, 90, "", True),
        ({"notified_at": START}, 0, 90, "over", True),
        ({"notified_at": START, "over_at": START}, 0, 90, "over", True),
        ({"notified_at": START, "over_at": START}, 1, 90, "", True),
        ({}, 2, -500, "", True),
    ],
)
def test_what_follows_from_state_and_count(
    known: dict[str, Any] | None, count: int, minutes: int, event: str, is_kept: bool
) -> None:
    """A rule that holds for 30 minutes begins; what began ends once; a return before its end is no new one."""
    key = ("rule", "", "d")
    alert = None if known is None else Alert(*key, since_at=START, **known)
    after, due = next_state(alert, key, count, timedelta(minutes=30), START + timedelta(minutes=minutes))
    assert (due, after is not None) == (event, is_kept)
    if after is not None:
        assert (after.over_at is not None) == (event == "over")


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ('[[alerts]]\nuse = "stale"', "Did you mean stale_data"),
        ('[[alerts]]\nuse = "cost"', "needs a limit"),
        ('[[alerts]]\nuse = "cost"\nlimit = "x"', "must be a number"),
        ('[[alerts]]\nuse = "failing_space"\nlimit = 3', "cannot be set"),
        ('[[alerts]]\nuse = "cost"\nlimit = 3\nwhere = "x"', "has no where"),
        ('[[alerts]]\nname = "a"\nview = "calls"', "where must be a text"),
        ('[[alerts]]\nname = "cost"\nview = "calls"\nwhere = "true"', "is taken"),
        ('[[alerts]]\nname = "+91987654"\nview = "calls"\nwhere = "true"', "name must be"),
        ('[[alerts]]\nname = "a"\nview = "calls; drop"\nwhere = "true"', "view must be"),
        (
            '[[alerts]]\nname = "a"\nview = "calls"\nwhere = "true"\nby = "contact_number"',
            "by must be one of",
        ),
        ('[[alerts]]\nname = "a"\nview = "calls"\nwhere = "true"\nfor = "soon"', "for must be a time"),
        ('[[alerts]]\nname = "a"\nview = "calls"\nwhere = "true"\nat_least = 0', "at_least must be"),
        ('[[alerts]]\nname = "a"\nview = "calls"\nwhere = "true"\nlimit = 1', "unknown key limit"),
        ("alerts = 3", "alerts are tables"),
        ("[[alerts", "cannot be read"),
    ],
)
def test_a_rule_that_cannot_be_is_named(text: str, word: str, tmp_path: Path) -> None:
    (tmp_path / "alerts.toml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError) as caught:
        load_rules(Settings(alert_rules=tmp_path / "alerts.toml"))
    assert word in caught.value.message


def test_rules_may_stand_in_the_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside settings; built-in ones are adjusted or switched off there."""
    monkeypatch.chdir(tmp_path)
    Path("unpod-sync.toml").write_text(
        'alert_urls = ["https://hooks.example.com/x,y"]\n'
        '[[alerts]]\nuse = "daily_anomaly"\noff = true\n[[alerts]]\nuse = "stale_data"\nlimit = 2.5\n'
        + OWN.replace("40", "7"),
        encoding="utf-8",
    )
    rules = {rule.name: rule for rule in load_rules(load())}
    assert rules.keys() >= {"cost", "slow", "failing_space"} and "daily_anomaly" not in rules
    assert rules["stale_data"].condition == "age_seconds > 2.5 * 3600"
    assert "> 7)" in rules["cost"].condition and rules["slow"].hold == timedelta(days=2)
    monkeypatch.setenv("UNPOD_ALERT_URLS", "https://a.example/1 mailto://b.example/2,3")
    assert [url.get_secret_value() for url in load().alert_urls] == [
        "https://a.example/1",
        "mailto://b.example/2,3",
    ]
    assert "a.example" not in repr(load())


def test_a_sync_sends_alerts_and_fails_for_none(
    receiver: Receiver,
    start_simulator: Callable[[World], Simulator],
    run_cli: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """At the next sync, also of one that failed; the data does not depend on them, nor shows an address."""
    simulator = start_simulator(World.generate(3, tasks=20, spaces=1, now=NOW))
    rules = tmp_path / "alerts.toml"
    rules.write_text(
        '[[alerts]]\nuse = "stale_data"\noff = true\n[[alerts]]\nuse = "callbacks_overdue"\noff = true\n'
        '[[alerts]]\nname = "third"\nview = "meta.loads"\nwhere = "(select count(*) from meta.loads) = 3"\n'
    )
    environment = {
        "API_TOKEN": simulator.token,
        "ORG_HANDLE": simulator.org_handle,
        "BASE_URL": simulator.base_url,
    }
    environment |= {"DATABASE": tmp_path / "unpod.duckdb", "ALERT_URLS": receiver.url, "ALERT_RULES": rules}
    for name, value in environment.items():
        monkeypatch.setenv(f"UNPOD_{name}", str(value))
    for _ in range(2):
        assert run_cli("sync").status == 0 and receiver.messages == []
    receiver.status = 500
    failed = run_cli("sync", "--quiet")
    assert (
        failed.status == 0
        and "alert third was not delivered: the webhook answers with status 500" in failed.err
    )
    tried = run_cli("alert")
    assert tried.status == 3 and "tries again" in tried.err
    receiver.status = 200
    shown = run_cli("alert", "--dry-run")
    assert shown.status == 0 and "would send: unpod-sync: third began. 3 rows of meta.loads" in shown.err
    assert receiver.messages == []
    sent = run_cli("alert", "--json")
    assert [message["event"] for message in json.loads(sent.out)] == ["begun"] and receiver.heard == [
        ("begun", "third", "")
    ]
    assert run_cli("alert", "--show", "third").out.count("sync") == 3
    monkeypatch.setenv("UNPOD_API_TOKEN", "another-token-than-that")
    assert run_cli("sync").status == 77 and receiver.heard[1:] == [("over", "third", "")]
    written = "".join(ran.out + ran.err for ran in (failed, tried, shown, sent)) + run_cli("doctor").out
    assert "very-secret" not in written and b"very-secret" not in b"".join(
        p.read_bytes() for p in tmp_path.glob(".*work")
    )
    rules.write_text("[[alerts]]\nuse = 'nothing'\n")
    assert run_cli("sync").status == 78
    monkeypatch.delenv("UNPOD_ALERT_URLS")
    assert run_cli("alert").status == 78


MESSAGE = Message("begun", "flood", "tasks", "", 3, START, None)


@pytest.mark.parametrize("url", ["http://hooks.example.com/secret", "https:///secret", "https://[secret"])
def test_a_webhook_is_https_or_this_machine(url: str) -> None:
    assert (
        deliver(Secret(url), MESSAGE) == "a webhook needs an https:// address (http:// only to this machine)"
    )


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # Apprise's own, where Python has imghdr
def test_apprise_delivers_where_it_is_installed(receiver: Receiver, caplog: pytest.LogCaptureFixture) -> None:
    """Through its own JSON service, to a real server; its log shows no address."""
    pytest.importorskip("apprise", reason="the extra alerts is not installed")
    address = Secret(receiver.url.replace("http://", "json://"))
    assert deliver(address, MESSAGE) == "" and "flood began" in receiver.messages[0]["title"]
    receiver.status = 500
    assert deliver(address, MESSAGE) == "Apprise could not deliver"
    assert deliver(Secret("nonsense://very-secret"), MESSAGE) == "Apprise does not know such an address"
    assert "very-secret" not in caplog.text


def test_without_apprise_the_message_has_the_pip_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "apprise", None)
    assert re.search(r"pip install 'unpod-sync\[alerts\]'", deliver(Secret("slack://a/b/c"), MESSAGE))
