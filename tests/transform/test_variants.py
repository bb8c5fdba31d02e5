"""Every shape known of the API comes in: `variants.json` holds one example of each, with why."""

import json
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import duckdb
import pytest

from unpod_sync.model import agent_executions, space_runs, space_tasks
from unpod_sync.transform.flatten import flatten
from unpod_sync.transform.json_codec import encode
from unpod_sync.transform.records import prepare

VARIANTS = json.loads((Path(__file__).parent.parent / "variants.json").read_text(encoding="utf-8"))
KINDS = {
    "task": ("tasks", space_tasks("SPACE")),
    "run": ("runs", space_runs("SPACE")),
    "execution": ("executions", agent_executions("anna")),
}


def utc(text):
    """A moment in UTC as the warehouse holds it: without a zone."""
    return datetime.fromisoformat(text)


@pytest.fixture(scope="module")
def flats():
    """For each kind its records, its rejects of both steps and what flattening gave."""
    result = {}
    for kind, (key, resource) in KINDS.items():
        records, rejects = prepare([encode(entry[kind]) for entry in VARIANTS[key]], resource)
        flat = flatten(kind, records, ZoneInfo("UTC"))
        result[kind] = (records, rejects + flat.rejects, flat)
    return result


@pytest.fixture(scope="module")
def variant(flats):
    """The flat task, with its messages, of the variant whose reason begins so."""
    records, _, flat = flats["task"]
    rows, messages = flat.rows.to_pylist(), flat.messages.to_pylist()

    def find(why):
        (index,) = [i for i, entry in enumerate(VARIANTS["tasks"]) if entry["why"].startswith(why)]
        said = [m for m in messages if m["task_id"] == records[index].id]
        return SimpleNamespace(**rows[index], messages=said)

    return find


def test_every_variant_gives_a_row_and_only_known_refusals(flats):
    for kind, (key, _) in KINDS.items():
        records, _, flat = flats[kind]
        assert flat.rows.num_rows == len(records) == len(VARIANTS[key])
    refusals = {(r.field, r.reason) for _, rejects, _ in flats.values() for r in rejects}
    assert refusals == {
        ("task_id", "missing: keyed by _id"),
        ("duration_seconds", "negative duration; ended_at - started_at is -19710 s"),
    }


def test_no_secret_of_the_variants_is_kept(flats):
    for records, _, flat in flats.values():
        kept = "".join(record.payload.decode() for record in records) + str(flat.rows.to_pylist())
        for secret in ("DEMOUSERTOKEN", "DEMOSPACETOKEN", "203.0.113", "Sampleville"):
            assert secret not in kept


EXPECTED = {
    "Documented space-tasks shape": {
        "created_at": utc("2026-03-02 09:00:05"),
        "duration_seconds": 275.0,
        "outcome": "interested",
        "sentiment": "positive",
        "summary": "Contact agreed to a demo.",
        "agent_message_count": 1,
        "platform_gives_up": True,
        "has_analysis": True,
    },
    "Run-tasks projection": {
        "document_id": None,
        "status": None,
        "agent_handle": None,
        "call_id": "call-0002",
    },
    "Minimal run-tasks": {
        "created_at": utc("2026-03-02 09:21:03"),
        "message_count": None,
        "is_dialed": False,
    },
    "Document id under 'id'": {"document_id": "69a558245ca1ab1e00000004"},
    "Neither _id nor id": {"document_id": None, "ref_id": "65f0c0ffee0000000000aa01"},
    "Agent-tasks shape": {
        "created_at": utc("2026-03-02 09:49:07"),
        "modified_at": None,
        "retry_attempt": 0,
        "last_status_change_at": utc("2026-03-02 09:50:01.198984"),
        "scheduled_at": None,
    },
    "created with microseconds": {"created_at": utc("2026-03-02 10:03:09.204117")},
    "created with a +05:30": {"created_at": utc("2026-03-02 10:17:11")},
    "created/modified as {$date": {"created_at": utc("2026-03-02 10:18:12")},
    "created as epoch seconds": {
        "created_at": utc("2026-03-02 10:38:14"),
        "modified_at": utc("2026-03-02 10:38:14"),
    },
    "modified earlier": {"modified_at": utc("2026-03-02 08:00:00")},
    "task_id missing": {"task_id": "69a56f2a5ca1ab1e00000012"},
    "Stub output": {
        "output_message": "call completed evaluated data will be available soon",
        "message_count": None,
        "has_analysis": False,
    },
    "Dispatched, still running": {
        "message_count": 0,
        "call_id": "",
        "started_at": utc("2026-03-02 11:34:00.100200"),
        "is_dialed": True,
        "duration_seconds": None,
        "has_analysis": False,
    },
    "Start local time": {"duration_seconds": None},
    "Float duration": {"duration_seconds": 76.769, "call_type": "outbound", "cost": 0.146},
    "Duration missing": {"duration_seconds": 76.0},
    "Transcript with a handover": {"message_count": 2, "agent_message_count": 1, "timed_message_count": 1},
    "SDK call": {"call_type": "sdk", "timed_message_count": 0, "contact_number": "+12025550130"},
    "External provider": {
        "success_score": 5.0,
        "structured_data_json": '{"customer_name":null,"budget":12000}',
        "outcome": "call_back",
        "call_status": None,
    },
    "Text transcript": {"message_count": 3, "platform_has_transcript": True},
    "Transcript wrapped": {"message_count": 2, "platform_has_transcript": False},
    "duration 'NULL'": {
        "duration_seconds": 64.5,
        "call_status": "unknown",
        "call_end_reason": "call.in-progress.error-sip-outbound-call-failed-to-connect",
    },
    "Inbound only visible": {
        "call_type": "inbound",
        "call_status": "not_connected",
        "contact_number": None,
        "contact_key": None,
        "contact_name": "Contact 39",
        "objective": None,
    },
    "Failed: output only": {"error_message": "rate-limit", "is_dialed": True, "failure_count": 1},
    "Failed after retries": {"retry_attempt": 3, "call_end_reason": "customer-did-not-answer"},
    "Recovered customer": {
        "output_message": "Call completed - Customer was busy",
        "error_message": "user busy",
    },
    "Follow-up task": {
        "referenced_task_id": "T2c63e881161711f180010a0b0c0d0e0f",
        "scheduled_at": utc("2026-03-04 08:00:00"),
        "status": "scheduled",
    },
    "Instant redial": {"redial_count": 1, "call_status": "dropped", "message_count": None},
    "Pending with null output": {"thread_id": None, "is_dialed": False, "platform_gives_up": False},
    "Processing (claimed": {"scheduled_at": utc("2026-03-02 14:00:00"), "status": "processing"},
    "partially_completed": {"status": "partially_completed", "call_status": "completed"},
    "Documented analytics word": {"status": "running"},
    "Email classification": {
        "execution_type": "email_classification",
        "output_message": "No Logic to process",
    },
    "Answer task": {"execution_type": "answer", "output_message": None},
    "Output is JSON text": {"call_id": "call-59", "duration_seconds": 12.0},
    "Transcript and post_call_data null": {
        "is_voicemail": True,
        "duration_seconds": 64.5,
        "has_analysis": False,
        "platform_gives_up": True,
    },
    "summary null, classification null": {"has_analysis": False, "outcome": None, "platform_gives_up": True},
    "Evaluator 'n/10'": {
        "success_score": 8.0,
        "success_score_scale": 10.0,
        "platform_success_score": None,
        "outcome": "abandoned",
    },
    "Evaluator object": {"success_score": 3.0, "structured_data_json": '{"customer_name": null, ...}'},
    "Evaluator word": {"success_score": None, "success_label": "Good", "platform_status": "interested"},
    "Evaluator out of range": {
        "success_score": 85.0,
        "platform_success_score": 85.0,
        "callback_at": utc("2026-03-06 11:00:00"),
    },
    "Evaluation blocks": {"outcome": "other", "outcome_label": "Connected"},
    "Secrets and location": {"contact_number": "012025550172", "contact_key": "12025550172", "cost": 0.25},
    "Hosted voice, realistic": {
        "timed_message_count": 2,
        "reply_gap_p50_seconds": 5.584802,
        "callback_at": None,
        "labels": None,
        "structured_data_json": None,
        "outcome": "not_connected",
    },
}


@pytest.mark.parametrize("why", EXPECTED)
def test_a_variant_reads_as_its_reason_says(variant, why):
    task = variant(why)
    assert {name: getattr(task, name) for name in EXPECTED[why]} == EXPECTED[why]


def test_the_messages_of_the_variants(variant):
    def said(why):
        return [(m["role"], m["content"]) for m in variant(why).messages]

    assert said("Text transcript") == [
        ("agent", "Hi: this is the assistant."),
        ("user", "Ratio is 3:1."),
        ("agent", "Thanks."),
    ]
    assert said("Transcript wrapped") == [("user", "Hello"), ("agent", "Hi")]
    handover = variant("Transcript with a handover").messages[1]
    assert (handover["role"], handover["content"]) == ("system", "human agent busy")
    assert json.loads(handover["extra_json"]) == {"type": "instant_handover"}
    first = variant("Hosted voice, realistic").messages[0]
    assert first["sent_at"] == utc("2026-03-02 10:20:08.675013")
    assert json.loads(first["extra_json"]) == {"participant": "idt_+12025550120"}


def test_json_columns_of_the_variants_are_json_to_duckdb(flats):
    tasks = flats["task"][2].rows
    with duckdb.connect() as connection:
        connection.register("tasks", tasks)
        broken = connection.execute(
            "select structured_data_json from tasks where not json_valid(structured_data_json)"
            " or not json_valid(input_json) or not json_valid(post_call_json)"
        ).fetchall()
    assert broken == [('{"customer_name": null, ...}',)]
