"""Rules of dialing: the list finds each dial that may have broken one, and nothing else."""

# ruff: noqa: DTZ001 - timestamps are stored as UTC without a zone

from __future__ import annotations

import os
import random
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest

from tests.views.conftest import Warehouse, at
from unpod_sync.transform.contact import contact_key

FINDINGS = "select rule, task_id from compliance_findings order by all"


def dial(warehouse: Warehouse, number: str | None, moment: datetime, **values: object) -> None:
    """A dial to a number as it was written, in a file of the zone UTC."""
    plain: dict[str, object] = {
        "contact_number": number,
        "contact_key": contact_key(number),
        "started_at": moment,
        "created_at": moment,
        "started_local_date": moment.date(),
        "created_local_date": moment.date(),
    }
    warehouse.call(**plain | values)


# -- zones ----------------------------------------------------------------------------------------


def test_offsets_are_those_of_the_time_zone_database(warehouse: Warehouse) -> None:
    """Each zone, at each change of summer time and on each side of it, in the years of this decade."""
    for zone, winter, summer, begins, ends in warehouse.rows(
        "select zone, winter_minutes, summer_minutes, summer_from_at, summer_until_at from country_zones"
        " where utc_year between 2021 and 2030"
    ):
        moments = [(begins, summer), (begins - timedelta(minutes=1), winter)] if begins else []
        moments += [(ends, winter), (ends - timedelta(minutes=1), summer)] if ends else []
        for moment, minutes in moments or [(datetime(2026, 1, 15), winter), (datetime(2026, 7, 15), winter)]:
            offset = moment.replace(tzinfo=UTC).astimezone(ZoneInfo(zone)).utcoffset()
            assert offset == timedelta(minutes=minutes), (zone, moment)


def test_no_zone_changes_when_its_rule_has_no_summer(warehouse: Warehouse) -> None:
    """A zone has as many changes a year as the table gives it."""
    for zone, has_summer in warehouse.rows(
        "select zone, bool_or(summer_from_at is not null) from country_zones group by zone"
    ):
        offsets = {
            (datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=number)).astimezone(ZoneInfo(zone)).utcoffset()
            for number in range(365)
        }
        assert len(offsets) == 1 + has_summer, zone


@pytest.mark.parametrize(
    ("number", "home", "code"),
    [
        ("+91 98123 45678", "UTC", "91"),
        ("0091 9812345678", "UTC", "91"),
        ("(+1) 212-555-0100", "UTC", "1"),
        ("+1 671 555 0100", "UTC", "1671"),
        ("+971 50 123 4567", "UTC", "971"),
        ("9812345678", "Asia/Kolkata", "91"),
        ("919812345678", "Asia/Calcutta", "91"),
        ("447911123456", "Europe/London", "44"),
        ("07911123456", "Europe/London", None),  # the key takes it for an Indian mobile
        ("9812345678", "UTC", None),
        ("612345678", "Europe/Madrid", None),  # Spanish, and no Australian number
        ("15112345678", "Europe/Berlin", None),  # German, and no American number
        ("+7 912 345 67 89", "UTC", None),  # not listed
        ("number-" + "a" * 24, "UTC", None),  # hashed
        (None, "UTC", None),
    ],
)
def test_a_country_is_known_or_not_guessed(
    warehouse: Warehouse, number: str | None, home: str, code: str | None
) -> None:
    """Written with + or 00, or of the country of the configured zone; else it is counted as unknown."""
    warehouse.set("time_zone", home)
    dial(warehouse, number, at(9))
    assert warehouse.row("select calling_code from call_countries") == (code,)
    flaw = "select flaw_count, base_count from data_quality where flaw = 'unknown_countries'"
    # without any number it is missing_contacts
    assert warehouse.row(flaw) == ((0 if code else 1, 1) if number else (0, 0))


# -- rules ----------------------------------------------------------------------------------------


def test_without_a_preset_no_hour_and_no_cap_is_a_finding(warehouse: Warehouse) -> None:
    """The default: twenty dials at night."""
    for minute in range(20):
        dial(warehouse, "+919812345678", at(20, minute))
    assert warehouse.rows(FINDINGS) == []


def test_hours_are_those_of_the_contact(warehouse: Warehouse) -> None:
    """IN permits 9:00 to 21:00; 3:30 UTC is 9:00 in India, 15:30 UTC is 21:00."""
    warehouse.set("compliance_preset", "IN")
    for number, moment in enumerate((at(3, 29, 59), at(3, 30), at(15, 30), at(15, 30, 1))):
        dial(warehouse, f"+91981234567{number}", moment, task_id=f"T{number}")
    assert warehouse.rows(FINDINGS) == [("outside_hours", "T0"), ("outside_hours", "T3")]
    times = "select earliest_local_at, latest_local_at from compliance_findings where task_id = 'T0'"
    assert warehouse.row(times) == (at(8, 59, 59), at(8, 59, 59))


def test_hours_follow_summer_time(warehouse: Warehouse) -> None:
    """US hours in Germany: 6:30 UTC is 7:30 on 28 March 2026, and 8:30 on the day after."""
    warehouse.set("compliance_preset", "US")
    dial(warehouse, "+4915112345678", at(6, 30, on=28), task_id="winter")
    dial(warehouse, "+4915112345678", at(6, 30, on=29), task_id="summer")
    # Auckland has its summer in January: 21:30 there (and 22:15 in Chatham); in July it is 20:30
    dial(warehouse, "+6421555010", datetime(2026, 1, 5, 8, 30), task_id="auckland")
    dial(warehouse, "+6421555010", datetime(2026, 7, 6, 8, 30), task_id="july")
    assert warehouse.rows(FINDINGS) == [("outside_hours", "auckland"), ("outside_hours", "winter")]


def test_a_country_with_several_zones_must_be_outside_in_all(warehouse: Warehouse) -> None:
    """12:00 UTC is 7:00 in New York, but 8:00 in Halifax; 9:00 UTC is outside from St John's to Hawaii."""
    warehouse.set("compliance_preset", "US")
    dial(warehouse, "+12125550100", at(12), task_id="morning")
    dial(warehouse, "+12125550101", at(9), task_id="night")
    assert warehouse.rows(FINDINGS) == [("outside_hours", "night")]
    span = "select earliest_local_at, latest_local_at from compliance_findings"
    assert warehouse.row(span) == (at(23, on=1), at(5, 30))


def test_what_is_unknown_is_no_finding(warehouse: Warehouse) -> None:
    """No country, no start, or a call that nobody dialed to a telephone."""
    warehouse.set("compliance_preset", "IN")
    dial(warehouse, "9812345678", at(20))
    dial(warehouse, "+919812345678", at(20), started_at=None)
    dial(warehouse, "+919812345678", at(20), call_type="inbound")
    dial(warehouse, "+919812345678", at(20), call_type="sdk")
    dial(warehouse, "+919812345678", at(20), is_dialed=False)
    dial(warehouse, "+919812345678", at(20), deleted_at=at(21))
    assert warehouse.rows(FINDINGS) == []


def test_each_dial_beyond_the_daily_cap_is_a_finding(warehouse: Warehouse) -> None:
    """Of four dials on a day two are too many at a cap of two; the next day begins again."""
    warehouse.set("max_dials_per_day", "2")
    for hour in range(4):
        dial(warehouse, "+919812345678", at(10 + hour), task_id=f"T{hour}")
    dial(warehouse, "+91 98123-45678", at(10, on=3), task_id="next day")
    dial(warehouse, "+919812345679", at(10), task_id="other contact")
    sql = "select rule, task_id, dial_count, dial_limit from compliance_findings order by all"
    assert warehouse.rows(sql) == [("dials_per_day", "T2", 3, 2), ("dials_per_day", "T3", 4, 2)]


def test_a_week_is_seven_times_24_hours(warehouse: Warehouse) -> None:
    """At a cap of one, a dial 7 days later to the second is permitted, a second earlier it is not."""
    warehouse.set("max_dials_per_week", "1")
    dial(warehouse, "+919812345678", at(10), task_id="first")
    dial(warehouse, "+919812345678", at(9, 59, 59, on=9), task_id="early")
    dial(warehouse, "+919812345679", at(10), task_id="other")
    dial(warehouse, "+919812345679", at(10, on=9), task_id="week")
    sql = "select rule, task_id, dial_count, dial_limit from compliance_findings"
    assert warehouse.rows(sql) == [("dials_per_week", "early", 2, 1)]


def test_dials_after_an_opt_out_are_findings_without_a_preset(warehouse: Warehouse) -> None:
    """Not the call itself, not the ones before, and not those to others."""
    dial(warehouse, "+919812345678", at(9), task_id="before")
    dial(warehouse, "+919812345678", at(10), task_id="wish")
    dial(warehouse, "+919812345678", at(10, on=9), task_id="after", space_token="south")
    dial(warehouse, "+919812345679", at(11), task_id="other")
    warehouse.insert(
        "transcript_messages", task_id="wish", position=1, role="user", content="Stop calling me!"
    )
    sql = "select rule, task_id, opt_out_task_id from compliance_findings"
    assert warehouse.rows(sql) == [("after_opt_out", "after", "wish")]


def test_a_setting_of_its_own_goes_before_the_preset(warehouse: Warehouse) -> None:
    """The preset gives what the settings do not; each preset has a source."""
    warehouse.set("compliance_preset", "US")
    warehouse.set("permitted_from_hour", "9.5")
    sql = "select permitted_from_hour, permitted_until_hour, max_dials_per_day, max_dials_per_week from thresholds"
    assert warehouse.row(sql) == (9.5, 21, 0, 7)
    sources = "select preset from compliance_presets where length(legal_source) > 5 order by 1"
    assert warehouse.rows(sources) == [("EU",), ("IN",), ("US",), ("none",)]


# -- planted violations ---------------------------------------------------------------------------

CALLS = int(os.environ.get("COMPLIANCE_CALLS", "3000"))  # 10000 for the whole promise
COUNTRIES = {"+9198": ("Asia/Kolkata",), "+44791": ("Europe/London",), "+97150": ("Asia/Dubai",)}


def test_every_planted_violation_is_found_and_no_other(warehouse: Warehouse) -> None:
    """Thousands of calls in a year, one contact each; violations of each rule among them."""
    chance = random.Random(18)
    warehouse.set("compliance_preset", "US")
    warehouse.set("max_dials_per_day", "3")
    rows: list[tuple[str, str, datetime]] = []
    planted: set[tuple[str, str]] = set()
    messages: list[str] = []

    def local(zone: str, hour: float) -> datetime:
        """A moment of the year at this hour there, in UTC."""
        start = datetime(2026, 1, 1, tzinfo=ZoneInfo(zone)) + timedelta(
            days=chance.randrange(360), hours=hour
        )
        return start.astimezone(UTC).replace(tzinfo=None)

    for contact in range(CALLS):
        if contact % 4 == 3:  # North America: outside from St John's to Hawaii
            number, zone = f"+1212{5_550_000 + contact}", "America/New_York"
            is_bad = contact % 40 == 3
            moment = local(zone, chance.uniform(3.2, 4.9) if is_bad else chance.uniform(9, 20))
        else:
            prefix = chance.choice(list(COUNTRIES))
            number, zone = f"{prefix}{1_000_000 + contact}", COUNTRIES[prefix][0]
            is_bad = contact % 40 == 0
            hours = chance.choice([(3.1, 7.98), (21.02, 23.9)]) if is_bad else (9.02, 18.0)
            moment = local(zone, chance.uniform(*hours))
        if is_bad:
            planted.add(("outside_hours", f"T{contact}"))
        rows.append((f"T{contact}", number, moment))
        if contact % 100 == 1:  # a fourth dial in an hour
            rows += [(f"T{contact} {n}", number, moment + timedelta(minutes=n)) for n in (1, 2, 3)]
            planted |= {("dials_per_day", f"T{contact} 3")}
        if contact % 100 == 2:  # an eighth dial in a week
            later = (1, 24, 25, 48, 49, 72, 73)
            rows += [(f"T{contact} {n}", number, moment + timedelta(hours=h)) for n, h in enumerate(later, 1)]
            planted.add(("dials_per_week", f"T{contact} 7"))
        if contact % 50 == 5:
            rows.append((f"T{contact} later", number, moment + timedelta(days=9)))
            messages.append(f"T{contact}")
            planted.add(("after_opt_out", f"T{contact} later"))
    chance.shuffle(rows)
    fill(warehouse, rows, messages)
    findings = warehouse.rows(FINDINGS)
    assert set(findings) == planted
    assert len(findings) == len(planted) > CALLS / 20


def fill(warehouse: Warehouse, rows: list[tuple[str, str, datetime]], messages: list[str]) -> None:
    """Writes the dials at once, and one message for each wish."""
    dials = pa.table(
        {
            "task_id": [task for task, _, _ in rows],
            "contact_number": [number for _, number, _ in rows],
            "contact_key": [contact_key(number) for _, number, _ in rows],
            "started_at": pa.array([moment for _, _, moment in rows], pa.timestamp("us")),
        }
    )
    warehouse.connection.register("dials", dials)
    warehouse.connection.execute(
        "insert into tasks by name select *, 'call' as execution_type, true as is_dialed,"
        " started_at::date as started_local_date from dials"
    )
    warehouse.connection.unregister("dials")
    for task in messages:
        warehouse.insert("transcript_messages", task_id=task, position=0, role="user", content="Do not call")
