"""Redaction and retention: nothing of it is stored, nothing looks changed by it, the numbers stay."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import pytest

from tests.conftest import NOW, Ran, settings_for
from tests.privacy.test_forget import EMAIL, NAME, NUMBER, found_bytes, found_rows, task_of
from unpod_sync.clock import Clock
from unpod_sync.config import Settings
from unpod_sync.errors import ConfigurationError
from unpod_sync.model import space_tasks
from unpod_sync.privacy import identities
from unpod_sync.privacy.ingest_filter import NOT_KEPT, Forgotten, IngestFilter
from unpod_sync.privacy.keyfile import KeyFile
from unpod_sync.privacy.masking import masked
from unpod_sync.privacy.redact import Rules, redact
from unpod_sync.privacy.settings import Backfill, PrivacySettings, cutoff_of, plan_backfill
from unpod_sync.simulator import Simulator, World
from unpod_sync.sync.pipeline import Options, sync
from unpod_sync.sync.result import LoadResult
from unpod_sync.transform.contact import contact_key
from unpod_sync.transform.flatten import flatten
from unpod_sync.transform.json_codec import encode
from unpod_sync.transform.records import prepare
from unpod_sync.warehouse.files import Files
from unpod_sync.warehouse.schema import sql_files

UTC_ZONE = ZoneInfo("UTC")
KEY = KeyFile(Path("nowhere"), b"k" * 32, {})
CONVERSATION = [
    "message_count",
    "user_message_count",
    "agent_message_count",
    "turn_count",
    "user_turn_count",
    "user_characters",
    "agent_characters",
    "reply_gap_p50_seconds",
    "longest_gap_seconds",
    "timed_message_count",
    "platform_has_transcript",
    "has_analysis",
]
VARIANTS = [
    entry["task"]
    for entry in json.loads((Path(__file__).parent.parent / "variants.json").read_text())["tasks"]
]
ALL = ("number", "email", "name", "transcript", "recording")


def rules(drop: tuple[str, ...] = (), hashed: tuple[str, ...] = ()) -> Rules:
    return Rules(frozenset(drop), frozenset(hashed), KEY.pseudonym)


# -- identities -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "contact",
    [
        {"contact_number": "+91 99887 76655"},
        {"phone": 919988776655},
        {"phone": 919988776655.0},
        {"people": [{"mobile": "(0)9988-776655"}]},
        {"notes": "call 99887 76655, then 020 7946 0000"},
        {"contact_number": "tel:+919988776655 ext 4"},
        {"contact_number": "९९८८७७६६५५"},
        {"notes": json.dumps({"people": [{"alternate": 9988776655}]})},
    ],
)
def test_a_number_is_found_in_any_spelling_and_field(contact: dict[str, Any]) -> None:
    assert ("number", "919988776655") in identities.identities({"input": contact})
    assert ("number", "919988776655") in identities.identities({"input": json.dumps(contact)})


def test_what_is_said_in_a_call_is_nobodys_identity() -> None:
    task = task_of({"name": "A"}, said=f"call my wife on {NUMBER} or {EMAIL}")
    assert identities.identities(task) == set()
    assert identities.identities({"output": {"customer": {"number": NUMBER}}}) == {("number", "919988776655")}


def test_hashes_cannot_be_made_without_the_key() -> None:
    other = KeyFile(Path("nowhere"), b"j" * 32, {})
    assert KEY.pseudonym("number", "919988776655") != other.pseudonym("number", "919988776655")
    assert KEY.pseudonym("number", "919988776655") != KEY.pseudonym("email", "919988776655")
    assert b"kkk" not in repr(KEY).encode()


# -- masking and redacting --------------------------------------------------------------------


def columns_of(task: dict[str, Any]) -> dict[str, Any]:
    records, _ = prepare([encode(task)], space_tasks("S"))
    flat = flatten("task", records, UTC_ZONE)
    assert flat.messages is not None
    row = {name: flat.rows[name][0].as_py() for name in CONVERSATION}
    messages = flat.messages.select(["role", "role_label", "sent_at"]).to_pylist()
    return row | {"messages": messages, "said": flat.messages["content"].to_pylist()}


@pytest.mark.parametrize("task", VARIANTS)
def test_a_masked_transcript_has_the_numbers_of_the_original(task: dict[str, Any]) -> None:
    """For every known shape; what was said is dots, and masking again changes nothing."""
    redacted = redact(task, rules(), without_transcript=True)
    before, after = columns_of(task), columns_of(redacted)
    said = after.pop("said")
    before.pop("said")
    assert after == before
    assert all(text is None or set(text) <= {"·"} for text in said)
    assert redact(redacted, rules(), without_transcript=True) == redacted


@pytest.mark.parametrize(
    "transcript",
    [
        "User: hello\nthere\nAgent: hi",
        "just a text",
        '[{"role": "user", "content": "hidden"}]',
        [
            "User: hidden",
            "hidden",
            None,
            5,
            {"speaker": "AI", "text": "hidden", "time": "2026-03-01 10:00:00"},
        ],
        {"messages": [{"role": "tool", "tool_calls": [{"arguments": "hidden"}]}], "more": "hidden"},
        {"unknown": "hidden"},
        [{"role": "user", "content": [{"type": "text", "text": "hidden"}]}],
        None,
        "",
        7,
    ],
)
def test_other_shapes_too(transcript: Any) -> None:
    assert "hidden" not in json.dumps(masked(transcript))
    task = {"task_id": "T1", "output": {"transcript": transcript}}
    before, after = columns_of(task), columns_of(redact(task, rules(), without_transcript=True))
    before.pop("said"), after.pop("said")
    assert after == before


SECRETIVE = {
    "task_id": "T1",
    "task": {"objective": f"Call {NAME} about the offer"},
    "user_info": {"email": "owner@example.com"},
    "input": {
        "name": NAME,
        "contact_number": NUMBER,
        "email": EMAIL,
        "whatsappNumber": 919988776655,
        "nested": {"first_name": "Zebulon", "alt_phone": "+12025550123"},
        "people": json.dumps([{"full_name": NAME, "mobile": NUMBER}, {"note": f"{EMAIL}, or zebulon"}]),
        "plan": "Gold 24",
        "amount": 2500000,
    },
    "output": json.dumps(
        {
            "customer": NAME,
            "contact_number": "99887-76655",
            "assistant_number": "911140000105",
            "recording_url": f"https://media.example.com/{NUMBER}.mp3",
            "metadata": {"stereo_recording": "x"},
            "call_summary": f"zebulon asked to be called on +91 99887 76655 or {EMAIL}, 2026-03-02 10:00:00",
            "transcript": [{"role": "user", "content": f"I am Zebulon, write to {EMAIL}"}],
        }
    ),
}


@pytest.mark.parametrize(("drop", "hashed"), [(ALL, ()), (("transcript", "recording"), ALL[:3])])
def test_nothing_of_the_contact_is_left(drop: tuple[str, ...], hashed: tuple[str, ...]) -> None:
    """Fields, and where texts repeat them; what is not the contact's stays."""
    found = redact(SECRETIVE, rules(drop, hashed))
    text = json.dumps(found)
    for trace in ("99887", "zebulon", "Zebulon", "Quartermain", EMAIL, "2025550123", ".mp3", "stereo"):
        assert trace not in text, trace
    output = json.loads(found["output"])
    assert output["assistant_number"] == "911140000105" and "2026-03-02 10:00:00" in output["call_summary"]
    assert found["input"]["plan"] == "Gold 24" and found["input"]["amount"] == 2500000
    assert found["user_info"] == SECRETIVE["user_info"]
    assert redact(found, rules(drop, hashed)) == found


def test_a_hashed_number_still_groups_its_spellings() -> None:
    keys = set()
    for spelling in ("+919988776655", "09988776655", 919988776655):
        found = redact({"task_id": "T", "input": {"phone": spelling}}, rules((), ("number",)))
        keys.add(contact_key(found["input"]["phone"]))
        assert re.fullmatch("number-[0-9a-f]{24}", found["input"]["phone"])
    assert len(keys) == 1


@pytest.mark.parametrize("task", VARIANTS)
def test_every_variant_is_redacted_once_for_all(task: dict[str, Any]) -> None:
    for chosen in (rules(ALL), rules((), ALL[:3])):
        once = redact(task, chosen)
        assert redact(once, chosen) == once


def test_a_hash_of_a_transcript_makes_no_sense() -> None:
    with pytest.raises(ConfigurationError, match="cannot be hashed"):
        Settings(redact_hash=("transcript",))


def test_the_day_of_retention_is_whole() -> None:
    """So that it moves once a day, and a task without any time is not taken for an old one."""
    assert cutoff_of(3, datetime(2026, 3, 12, 17, 30)) == datetime(2026, 3, 9)  # noqa: DTZ001
    ingest_filter = IngestFilter(Forgotten(), rules(), datetime(2026, 3, 9))  # noqa: DTZ001
    for created, is_masked in (("2026-03-08T23:59:59Z", True), ("2026-03-09T00:00:00", False), (None, False)):
        [record], _ = prepare([encode(task_of({}) | {"task_id": "T1", "created": created})], space_tasks("S"))
        assert (
            "ferrets in" not in json.dumps(ingest_filter.redacted(record).value["output"]["transcript"])
        ) is is_masked


# -- whole syncs ------------------------------------------------------------------------------


class Scene:
    """A world, and syncs under changing settings."""

    def __init__(self, folder: Path, start: Callable[[World], Simulator]) -> None:
        self.world = World.generate(5, tasks=120, spaces=1, now=NOW, days=40)
        self.space = self.world.spaces[0]["token"]
        self.simulator = start(self.world)
        self.database = folder / "unpod.duckdb"
        self.now = NOW.replace(tzinfo=None)
        self.server_now: datetime | None = None  # None: both clocks agree
        self.simulator.now = lambda: (self.server_now or self.now).replace(tzinfo=UTC)

    def sync(self, *, full: bool = False, exit_status: int = 0, **settings: Any) -> LoadResult:
        chosen = settings_for(self.simulator, self.database, page_size=50, **settings)
        result = sync(chosen, Options(full=full), now=lambda: self.now)
        assert result.exit_status == exit_status and bool(result.failures) == (exit_status != 0)
        if result.published:
            with duckdb.connect(str(self.database), read_only=True) as connection:
                for path in sql_files("checks"):
                    assert connection.execute(path.read_text()).fetchall() == [], path.stem
        return result

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(self.database), read_only=True) as connection:
            return connection.execute(query).fetchall()


@pytest.fixture
def scene(tmp_path: Path, start_simulator: Callable[[World], Simulator], plainly_stored: None) -> Scene:
    return Scene(tmp_path, start_simulator)


WHOLE = task_of(
    {"name": NAME, "contact_number": NUMBER, "email": EMAIL}, summary=f"{NAME} can be had on 99887 76655"
)
STATS = f"select task_id, {', '.join(CONVERSATION)} from tasks order by task_id"
TIMES = "select task_id, first_seen_at, changed_at, deleted_at from tasks order by task_id"
PRIVATE: dict[str, Any] = {
    "redact_drop": ("number", "transcript", "recording"),
    "redact_hash": ("email", "name"),
}


def test_redacted_from_the_first_sync(scene: Scene) -> None:
    """No byte of it is ever written, and later syncs see no change."""
    scene.world.add_task(scene.space, WHOLE)
    everything: dict[str, Any] = {"redact_drop": ALL}
    scene.sync(**everything)
    assert found_bytes(scene.database.parent) == [] and found_rows(scene.database) == []
    result = scene.sync(full=True, **everything)
    assert result.tasks_changed == 0 and not result.published


def test_tightened_later_everything_stored_is_redacted(scene: Scene) -> None:
    """Bytes too; nothing counts as changed, no statistic moves, the next syncs find nothing to do."""
    scene.world.add_task(scene.space, WHOLE)
    scene.sync()
    stats, times = scene.ask(STATS), scene.ask(TIMES)
    assert found_bytes(scene.database.parent)
    with duckdb.connect(str(Files(scene.database).work)) as connection:
        refused = "select 'L', 'task', '', '', '[99887 766', 'row is not an object'"
        connection.execute(
            f"insert into meta.rejects (load_id, kind, id, field, value_text, reason) {refused}"
        )
    result = scene.sync(**PRIVATE)
    assert scene.ask("select value_text from meta.rejects where field = ''") == [(NOT_KEPT,)]
    assert result.tasks_changed == 0 and result.published
    assert found_bytes(scene.database.parent) == [] and found_rows(scene.database) == []
    assert scene.ask(STATS) == stats and scene.ask(TIMES) == times
    for full in (True, False):
        result = scene.sync(full=full, **PRIVATE)
        assert result.tasks_changed == 0 and not result.published
    assert scene.ask("select count(*) from task_versions") == [(len(stats),)]


def test_loosened_it_comes_back_with_a_full_sync(scene: Scene) -> None:
    scene.sync(**PRIVATE)
    result = scene.sync(full=True)
    assert any("loosened" in note for note in result.notes)
    assert scene.ask("select count(contact_number) > 0 from tasks") == [(True,)]
    assert not scene.sync(full=True).notes


def test_contacts_group_by_the_hash(scene: Scene) -> None:
    scene.sync()
    calls = scene.ask("select call_count from contacts order by 1")
    scene.sync(redact_hash=("number",))
    assert scene.ask("select call_count from contacts order by 1") == calls
    assert scene.ask("select count(*) from contacts where contact_number not like 'number-%'") == [(0,)]


def test_forget_finds_whom_the_numbers_are_hashed_of(scene: Scene, run_cli: Callable[..., Ran]) -> None:
    scene.world.add_task(scene.space, task_of({"name": "A", "contact_number": NUMBER}))
    scene.sync(redact_hash=("number",))
    assert run_cli("forget", NUMBER, "--yes", "--database", scene.database).status == 0
    assert scene.ask("select count(*) from tasks") == [(120,)]
    assert scene.sync(full=True, redact_hash=("number",)).tasks_changed == 0


def test_transcripts_age(scene: Scene) -> None:
    """Days go by: what was said goes, at most one rewrite a day, and no sync takes it for a change."""
    old = scene.world.add_task(scene.space, task_of({"name": "A"}) | {
        "created": (scene.now - timedelta(days=9, hours=5)).isoformat(timespec="seconds")
    })  # fmt: skip
    scene.sync(keep_transcripts_days=10)
    stats, times = scene.ask(STATS), scene.ask(TIMES)
    said = f"select count(*) from transcript_messages where task_id = '{old}' and content like '%ferrets%'"
    assert scene.ask(said) == [(1,)]
    inode = scene.database.stat().st_ino
    assert not scene.sync(keep_transcripts_days=10).published
    scene.now += timedelta(days=2)
    result = scene.sync(keep_transcripts_days=10)
    assert result.tasks_changed == 0 and result.published and scene.database.stat().st_ino != inode
    assert scene.ask(said) == [(0,)]
    assert scene.ask(f"select payload_json from raw.payloads where id = '{old}'")[0][0].count("ferrets") == 1
    assert scene.ask(STATS) == stats and scene.ask(TIMES) == times
    for full in (False, True):
        result = scene.sync(full=full, keep_transcripts_days=10)
        assert result.tasks_changed == 0 and not result.published
    scene.now -= timedelta(days=2)
    assert scene.sync(full=True, keep_transcripts_days=10).tasks_changed == 0


def said_in(scene: Scene, task: str) -> bool:
    """Whether the published file still holds what was said in a task."""
    return scene.ask(f"select content like '%ferrets%' from transcript_messages where task_id = '{task}'")[1][
        0
    ]


def test_a_clock_that_another_contradicts_erases_nothing(scene: Scene) -> None:
    """Neither what is stored nor what comes in is masked, the sync says so, and the next one is as ever."""
    created = (scene.now - timedelta(days=9, hours=5)).isoformat(timespec="seconds")
    task = scene.world.add_task(scene.space, task_of({"name": "A"}) | {"created": created})
    right = scene.now
    for ours, server in ((365, 0), (0, 365), (-365, 365), (1.1, 0)):
        scene.now, scene.server_now = right + timedelta(days=ours), right + timedelta(days=server)
        [failure] = scene.sync(exit_status=3, keep_transcripts_days=10).failures
        assert "masked" in failure and f"{scene.now:%Y-%m-%d}" in failure
        assert said_in(scene, task)
    scene.now, scene.server_now = right, None
    assert scene.sync(keep_transcripts_days=10).tasks_changed == 0
    assert said_in(scene, task)
    scene.server_now = right - timedelta(days=365)
    assert scene.sync().exit_status == 0  # nothing is kept for a time only, so nothing is held back


def test_a_month_without_a_sync_is_no_jump_when_both_clocks_say_so(scene: Scene) -> None:
    task = scene.world.add_task(scene.space, task_of({"name": "A"}))
    scene.sync(keep_transcripts_days=10)
    scene.now += timedelta(days=30)
    scene.sync(keep_transcripts_days=10)
    assert not said_in(scene, task)


def test_without_a_servers_time_nothing_is_erased_by_age() -> None:
    clock = Clock(lambda: datetime(2026, 3, 12, tzinfo=UTC).replace(tzinfo=None))
    clock.heard(None)
    assert clock.doubt
    clock.heard(datetime(2026, 3, 11, 12, tzinfo=UTC))
    assert not clock.doubt and clock() == datetime(2026, 3, 11, 12, tzinfo=UTC).replace(tzinfo=None)
    clock.heard(datetime(2026, 3, 14, tzinfo=UTC))
    assert "2026-03-12" in clock.doubt and "2026-03-14" in clock.doubt


def test_an_old_transcript_that_comes_late_is_not_kept(scene: Scene) -> None:
    """At load the age counts, not when it came; an edit of an old task is stored without it."""
    created = (scene.now - timedelta(days=30)).isoformat(timespec="seconds")
    old = scene.world.add_task(scene.space, {"input": {"name": "A"}, "created": created})
    scene.sync(keep_transcripts_days=10)
    scene.world.edit_task(old, {"output": task_of({})["output"], "status": "completed"})
    assert scene.sync(full=True, keep_transcripts_days=10).tasks_changed == 1
    [(messages, text)] = scene.ask(
        "select count(*), string_agg(content, '') from transcript_messages where task_id = '" + old + "'"
    )
    assert messages == 2 and set(text) == {"·"}
    assert scene.sync(full=True, keep_transcripts_days=10).tasks_changed == 0


# -- what a change of the settings asks for ------------------------------------------------------

MARCH, APRIL = datetime(2026, 3, 1), datetime(2026, 4, 1)  # noqa: DTZ001
NOTHING = PrivacySettings()
HASHED = PrivacySettings(hash=frozenset({"number"}))
DROPPED = PrivacySettings(drop=frozenset({"number"}))
AGED = PrivacySettings(days=10, cutoff=MARCH)


@pytest.mark.parametrize(
    ("old", "new", "plan", "looser"),
    [
        (NOTHING, NOTHING, None, []),
        (NOTHING, HASHED, Backfill(), []),
        (HASHED, DROPPED, Backfill(), []),
        (DROPPED, HASHED, None, ["number"]),
        (HASHED, PrivacySettings(hash=frozenset({"email"})), Backfill(), ["number"]),
        (NOTHING, AGED, Backfill(None, MARCH, with_history=False), []),
        (AGED, PrivacySettings(days=9, cutoff=APRIL), Backfill(MARCH, APRIL, with_history=False), []),
        (PrivacySettings(days=9, cutoff=APRIL), AGED, None, ["transcripts"]),
        (AGED, NOTHING, None, ["transcripts"]),
    ],
)
def test_stricter_settings_ask_for_a_backfill(
    old: PrivacySettings, new: PrivacySettings, plan: Backfill | None, looser: list[str]
) -> None:
    assert plan_backfill(old, new) == plan
    assert old.stricter_than(new) == looser
    assert PrivacySettings.from_json(new.to_json()) == new


def test_the_cutoff_moves_forward_only() -> None:
    """Unless the number of days changes; what is dropped is not hashed, and the age waits for a certain time."""
    aged = AGED.aged(10, APRIL)
    assert aged.cutoff == datetime(2026, 3, 22)  # noqa: DTZ001
    assert aged.aged(10, MARCH) == aged
    assert aged.aged(20, APRIL).cutoff == datetime(2026, 3, 12)  # noqa: DTZ001
    settings = Settings(redact_drop=("number",), redact_hash=("number", "email"), keep_transcripts_days=10)
    assert NOTHING.configured(settings) == PrivacySettings(frozenset({"number"}), frozenset({"email"}))
    assert AGED.configured(settings).cutoff == MARCH
