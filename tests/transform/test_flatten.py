"""Records → tables: each column's definition, and that no value is so odd that it costs a row."""

import json
from datetime import date, datetime
from itertools import pairwise
from types import SimpleNamespace
from zoneinfo import ZoneInfo, available_timezones

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unpod_sync.model import AGENTS, SPACES, agent_executions, space_runs, space_tasks
from unpod_sync.privacy.ingest_filter import created_at
from unpod_sync.tables import BY_KIND, MESSAGES
from unpod_sync.transform.columns import times
from unpod_sync.transform.flatten import flatten
from unpod_sync.transform.json_codec import encode
from unpod_sync.transform.local_time import local_times
from unpod_sync.transform.parse import ParseError, read_time
from unpod_sync.transform.records import prepare

UTC = ZoneInfo("UTC")
RESOURCES = {
    "task": space_tasks("SPACE"),
    "run": space_runs("SPACE"),
    "space": SPACES,
    "agent": AGENTS,
    "execution": agent_executions("anna"),
}


def utc(*parts):
    """A moment in UTC as the warehouse holds it: without a zone."""
    return datetime(*parts)  # noqa: DTZ001


def flat(*rows, kind="task", zone=UTC):
    """These rows prepared and flattened."""
    records, _ = prepare(list(map(encode, rows)), RESOURCES[kind])
    return flatten(kind, records, zone)


def row(value, kind="task", zone=UTC):
    """The flat row of one object, its columns as attributes; no value of it may be refused."""
    result = flat({"task_id": "T1", **value}, kind=kind, zone=zone)
    assert result.rejects == []
    return SimpleNamespace(**result.rows.to_pylist()[0])


def call(**output):
    """A completed call with this output."""
    return {"execution_type": "call", "status": "completed", "output": output}


def refused(value):
    """The row of one task, with the refused fields and the reasons."""
    result = flat({"task_id": "T1", **value})
    return SimpleNamespace(**result.rows.to_pylist()[0]), [(r.field, r.value_text) for r in result.rejects]


def messages(transcript):
    """The messages of one transcript as (role, content) pairs."""
    table = flat({"task_id": "T1", **call(transcript=transcript)}).messages
    return list(zip(table["role"].to_pylist(), table["content"].to_pylist(), strict=True))


@pytest.mark.parametrize("kind", RESOURCES)
def test_tables_have_the_columns_of_their_kind_also_when_empty(kind):
    schema = BY_KIND[kind].arrow_schema("payload", "record")
    assert flat(kind=kind).rows.schema == schema
    assert flat({}, kind=kind).rows.schema == schema
    assert (flat(kind=kind).messages is None) == (kind != "task")
    plain = MESSAGES.arrow_schema("payload")
    assert flat().messages.cast(plain).schema == plain


def test_every_payload_column_with_a_path_is_read_from_it():
    """A column is added by a line in `tables.py` alone: each path gives its column."""
    for kind, table in BY_KIND.items():
        for column in table.columns:
            for path in column.paths:
                sent = {"VARCHAR": "x", "BIGINT": 7, "DOUBLE": 0.5, "TIMESTAMP": "2026-03-02 09:00:00"}
                value = sent[column.type]
                for key in reversed(path.split(".")):
                    value = {key: value}
                assert flat(value, kind=kind).rows[column.name].to_pylist() != [None], (kind, path)


def test_a_space_an_agent_a_run_and_an_execution_are_read_in_both_of_their_shapes():
    space = row(
        {"id": 5, "name": "N", "token": "TOK", "agent_handle": "a", "created_at": "2026-03-02"}, "space"
    )
    assert (space.space_token, space.space_id, space.space_name, space.created_at) == (
        "TOK",
        "5",
        "N",
        utc(2026, 3, 2),
    )
    older = row({"token": "T", "slug": "s", "organization": {"domain_handle": "d"}}, "space")
    assert (older.slug, older.organization_handle) == ("s", "d")
    assert row({"handle": "a", "name": "N", "description": "D"}, "agent").purpose == "D"
    run = row(
        {"run_id": "R31746801161611f180010a0b0c0d0e0f", "status": "In Progress", "batch_count": "3"}, "run"
    )
    assert (run.space_token, run.status, run.status_label) == ("SPACE", "in_progress", "In Progress")
    assert (run.batch_count, run.created_at) == (3, utc(2026, 3, 2, 9))
    execution = row(
        {"run_id": "R1", "total_tasks": 0, "completed_tasks": 2.0, "created": 1772452808}, "execution"
    )
    assert (execution.agent_handle, execution.run_id, execution.total_tasks) == ("anna", "R1", 0)
    assert (execution.completed_tasks, execution.created_at) == (2, utc(2026, 3, 2, 12, 0, 8))


def test_created_comes_from_the_id_only_when_it_is_missing_or_unreadable():
    identifier = "T31746801161611f180010a0b0c0d0e0f"
    assert row({"task_id": identifier}).created_at == utc(2026, 3, 2, 9)
    assert row({"task_id": identifier, "created": "NULL"}).created_at == utc(2026, 3, 2, 9)
    assert row({"task_id": identifier, "created": "2026-03-05"}).created_at == utc(2026, 3, 5)
    task, rejects = refused({"task_id": identifier, "created": "soon"})
    assert (task.created_at, task.created_local_date) == (utc(2026, 3, 2, 9), date(2026, 3, 2))
    assert rejects == [("created_at", "soon")]
    assert refused({"created": "soon"})[0].created_at is None


@pytest.mark.parametrize("sent", [None, "", "NULL", "soon", 0, False, {}, "2026-03-05", 1772452808])
def test_privacy_settings_go_by_the_created_at_of_the_column(sent):
    """The age that decides what is kept is the one that is stored."""
    value = {"task_id": "T31746801161611f180010a0b0c0d0e0f", "created": sent}
    records, _ = prepare([encode(value)], RESOURCES["task"])
    assert created_at(records[0]) == refused(value)[0].created_at is not None


@pytest.mark.parametrize(
    ("sent", "seconds"),
    [(60, 60), ("61.5", 61.5), (0, 64.5), ("0", 64.5), (0.0, 64.5), ("NULL", 64.5), (None, 64.5), ("", 64.5)],
)
def test_a_plausible_duration_counts_and_a_falsy_one_means_end_minus_start(sent, seconds):
    times_sent = {"start_time": "2026-03-02 10:00:00.25", "end_time": "2026-03-02T10:01:04.75Z"}
    assert row(call(duration=sent, **times_sent)).duration_seconds == seconds
    assert row(call(duration=sent)).duration_seconds == (seconds if seconds != 64.5 else None)


@pytest.mark.parametrize(
    "odd", [-5, "-5", 43201, 6451, 64500, True, "a minute", [60], {"seconds": 60}, 1e400]
)
def test_a_refused_duration_is_noted_and_the_span_takes_its_place(odd):
    times_sent = {"start_time": "2026-03-02 10:00:00.25", "end_time": "2026-03-02 10:01:04.75"}
    task, rejects = refused(call(duration=odd, **times_sent))
    if odd == 1e400:  # JSON has no infinity: it is stored as null, but was refused all the same
        assert task.duration_seconds == 64.5
        return
    assert task.duration_seconds == 64.5
    assert [field for field, _ in rejects] == ["duration_seconds"]


def test_a_span_that_is_negative_or_absurd_is_no_duration():
    backwards = {"start_time": "2026-03-02 17:11:00", "end_time": "2026-03-02 11:42:30"}
    assert refused(call(**backwards))[0].duration_seconds is None
    assert refused(call(**backwards))[1] == [("duration_seconds", "-19710.0")]
    assert refused(call(duration=-19710, **backwards))[1] == [("duration_seconds", "-19710")]
    assert row(call(duration=70, **backwards)).duration_seconds == 70
    too_long = {"start_time": "2026-03-02 00:00:00", "end_time": "2026-03-02 12:00:01"}
    assert refused(call(**too_long))[0].duration_seconds is None
    at_once = {"start_time": "2026-03-02 00:00:00", "end_time": "2026-03-02 00:00:00"}
    assert row(call(**at_once)).duration_seconds == 0
    assert row(call(duration=43200, **at_once)).duration_seconds == 43200


@pytest.mark.parametrize(
    ("value", "name", "number", "key"),
    [
        ({"input": {"name": "N", "contact_number": "012025550172"}}, "N", "012025550172", "12025550172"),
        ({"input": {"contact_number": 12025550101}}, None, "12025550101", "12025550101"),
        ({"input": '{"name": "N", "phone": "+12025550101"}'}, "N", "+12025550101", "12025550101"),
        ({"input": {"first_name": "A", "last_name": "B", "number": "911"}}, "A B", "911", "911"),
        ({"output": {"customer": "C", "contact_number": "+12025550101"}}, "C", "+12025550101", "12025550101"),
        ({"output": {"customer": "C", "contact_number": "C 39"}}, "C", None, None),
        (
            {"output": {"customer": {"name": "C", "number": "+12025550101"}}},
            "C",
            "+12025550101",
            "12025550101",
        ),
        (
            {"input": {"name": "N/A", "contact_number": ""}, "output": {"customer": "+12025550101"}},
            None,
            None,
            None,
        ),
        ({}, None, None, None),
    ],
)
def test_the_contact_is_read_from_the_input_else_from_the_output(value, name, number, key):
    task = row(value)
    assert (task.contact_name, task.contact_number, task.contact_key) == (name, number, key)


def test_call_type_is_the_first_that_says_something():
    metadata = {"type": "inboundPhoneCall"}
    assert row(call(call_type="outboundPhoneCall")).call_type == "outbound"
    assert row(call(call_type="outboundPhoneCall")).call_type_label == "outboundPhoneCall"
    assert row(call(call_type="", metadata=metadata)).call_type == "inbound"
    assert row(call(call_type=None, type="sdk", metadata=metadata)).call_type == "sdk"
    assert row({"input": {"call_type": "inbound"}}).call_type == "inbound"


def test_call_status_may_be_an_object():
    assert row(call(call_status={"status": "notConnected"})).call_status == "not_connected"
    assert row(call(call_status={"value": "droped"})).call_status_label == "droped"
    assert refused(call(call_status={"code": 3}))[1] == [("call_status", '{"code":3}')]


def test_cost_is_read_from_the_output_else_from_its_metadata():
    assert row(call(cost="0.25", metadata={"cost": 1})).cost == 0.25
    assert row(call(metadata={"cost": 0.2})).cost == 0.2
    assert row(call(cost=-0.5)).cost == -0.5
    task, rejects = refused(call(cost="free", metadata={"cost": 0.2}))
    assert (task.cost, rejects) == (0.2, [("cost", "free")])


@pytest.mark.parametrize(
    ("output", "message", "rejects"),
    [
        ({"message": "Recovered", "data": "stub"}, "Recovered", []),
        ({"data": "stub"}, "stub", []),
        ({"data": {}}, None, []),
        ("Call failed", "Call failed", []),
        ('{"message": "inside"}', "inside", []),
        ("N/A", None, []),
        (None, None, []),
        ([1], None, [("output", "[1]")]),
        (7, None, [("output", "7")]),
    ],
)
def test_the_output_may_be_an_object_or_text(output, message, rejects):
    task, found = refused({"output": output})
    assert (task.output_message, found) == (message, rejects)


@pytest.mark.parametrize(
    ("analysis", "label", "outcome"),
    [
        ({"summary": {"status": "InterestedIn"}, "outcome": "x"}, "InterestedIn", "interested"),
        ({"summary": {"status": "N/A"}, "outcome": "interested"}, "interested", "interested"),
        ({"summary": "text", "outcome": "not_interested"}, "not_interested", "not_interested"),
        (
            {"summary": None, "profile_summary": {"outcome": "Callback Requested"}},
            "Callback Requested",
            "call_back",
        ),
        ({"summary": {"status": ""}, "profile_summary": {"outcome": ""}}, None, None),
        ('{"summary": {"status": "Error"}}', "Error", "error"),
        ({"summary": {"status": "Will think"}}, "Will think", "other"),
    ],
)
def test_the_outcome_is_the_first_label_sent(analysis, label, outcome):
    task = row(call(post_call_data=analysis))
    assert (task.outcome_label, task.outcome) == (label, outcome)


@pytest.mark.parametrize(
    ("output", "summary"),
    [
        ({"post_call_data": {"summary": {"summary": "A"}}, "call_summary": "B"}, "A"),
        ({"post_call_data": {"summary": "A"}, "call_summary": "B"}, "A"),
        ({"post_call_data": {"summary": {"summary": "N/A"}}, "call_summary": "B"}, "B"),
        ({"post_call_data": {"summary": None}, "call_summary": {"summary": "B"}}, "B"),
        ({"summary": "C"}, "C"),
        ({"post_call_data": {"profile_summary": {"summary_text": "D"}}}, "D"),
        ({"post_call_data": "all is said"}, "all is said"),
        ({}, None),
    ],
)
def test_the_summary_is_the_first_that_says_something(output, summary):
    assert row(call(**output)).summary == summary


def test_the_score_keeps_its_label_and_its_scale():
    scored = [
        row(call(post_call_data={"success_evaluator": e}))
        for e in (7, "8/10", "80%", "Good", {"score": 3}, None)
    ]
    assert [task.success_score for task in scored] == [7, 8, 80, None, 3, None]
    assert [task.success_score_scale for task in scored] == [None, 10, 100, None, None, None]
    assert [task.success_label for task in scored] == ["7", "8/10", "80%", "Good", '{"score":3}', None]
    assert refused(call(post_call_data={"success_evaluator": [1]}))[1] == [("success_score", "[1]")]


def test_a_callback_is_read_where_it_stands_and_words_stay_in_the_label():
    def asked(**analysis):
        task = row(call(post_call_data=analysis))
        return task.callback_at, task.callback_label

    assert asked(summary={"callback_datetime": {"$date": 1772794800000}})[0] == utc(2026, 3, 6, 11)
    assert asked(summary={"callback_datetime": "2026-03-06 16:30:00+05:30"})[0] == utc(2026, 3, 6, 11)
    profile = {"callback_time": "2026-03-06T11:00:00"}
    assert asked(summary={"callback_datetime": "N/A"}, profile_summary=profile)[0] == utc(2026, 3, 6, 11)
    follow_up = {"required": True, "time": "2026-03-07"}
    assert asked(follow_up=follow_up) == (utc(2026, 3, 7), "2026-03-07")
    assert asked(follow_up={**follow_up, "required": "follow_up disabled"}) == (None, None)
    task, rejects = refused(call(post_call_data={"summary": {"callback_datetime": "next Monday"}}))
    assert (task.callback_at, task.callback_label) == (None, "next Monday")
    assert rejects == [("callback_at", "next Monday")]


@pytest.mark.parametrize(
    ("written", "zone", "moment"),
    [
        ("2026-03-06 16:30:00", "Asia/Kolkata", (2026, 3, 6, 11)),
        ("2026-03-06 4:30 PM", "Asia/Kolkata", (2026, 3, 6, 11)),
        ("2026-03-07", "Asia/Kolkata", (2026, 3, 6, 18, 30)),
        ("2026-03-06T11:00:00Z", "Asia/Kolkata", (2026, 3, 6, 11)),
        ("2026-03-06 06:00:00-05:00", "Asia/Kolkata", (2026, 3, 6, 11)),
        (1772794800, "Asia/Kolkata", (2026, 3, 6, 11)),
        ({"$date": "2026-03-06T11:00:00"}, "Asia/Kolkata", (2026, 3, 6, 11)),
        ("2026-03-07 11:00:00", "America/New_York", (2026, 3, 7, 16)),
        ("2026-03-09 11:00:00", "America/New_York", (2026, 3, 9, 15)),
    ],
)
def test_a_callback_time_without_a_zone_is_in_the_configured_one(written, zone, moment):
    payload = {"task_id": "T1", **call(post_call_data={"summary": {"callback_datetime": written}})}
    (task,) = flat(payload, zone=ZoneInfo(zone)).rows.to_pylist()
    assert task["callback_at"] == utc(*moment)


@pytest.mark.parametrize(
    ("analysis", "is_there"),
    [
        ({"summary": {"status": "Interested"}}, True),
        ("text", True),
        ('{"outcome": "x"}', True),
        ({"a": 0}, True),
        ({}, False),
        (None, False),
        ({"summary": None, "follow_up": {}}, False),
        ("", False),
        ("{}", False),
    ],
)
def test_analysis_is_there_when_it_has_content(analysis, is_there):
    assert row(call(post_call_data=analysis)).has_analysis is is_there
    assert row({"execution_type": "call"}).has_analysis is False


def test_a_call_is_dialed_when_start_end_reason_or_error_is_known_or_a_voicemail_answered():
    assert row(call(start_time="2026-03-02 10:00:00")).is_dialed
    assert row(call(call_end_reason="Provider call dispatched successfully")).is_dialed
    assert row(call(error={"code": 486, "message": "busy"})).is_dialed
    assert not row(call(start_time="NULL", call_end_reason=None, error="")).is_dialed
    assert not row({}).is_dialed
    stub = row(call(call_status="voicemail", data="call completed"))
    assert (stub.started_at, stub.is_voicemail, stub.is_dialed) == (None, True, True), "someone dialed it"


def test_voicemail_is_told_by_status_reason_error_or_message():
    texts = (
        {"call_status": "voiceMail"},
        {"call_end_reason": "went to Voicemail"},
        {"error": "VOICEMAIL"},
        {"message": "left a voicemail"},
    )
    assert all(row(call(**text)).is_voicemail for text in texts)
    assert row(call(call_status="completed")).is_voicemail is False


@pytest.mark.parametrize(
    ("output", "status", "transcript", "score", "gives_up"),
    [
        ({"post_call_data": {"summary": {"status": "interested "}}}, "interested ", False, None, False),
        ({"post_call_data": {"summary": {"status": None}}}, None, False, None, False),
        ({"post_call_data": {"summary": {"status": 7}}}, None, False, None, False),
        ({"post_call_data": {"summary": {}}}, "Unknown", False, None, False),
        ({"post_call_data": {"summary": "text"}, "transcript": "AI: Hi"}, "Unknown", True, None, True),
        (
            {"post_call_data": {"summary": None}, "transcript": {"messages": [1]}},
            "Unknown",
            False,
            None,
            True,
        ),
        ({"post_call_data": {"summary": []}}, "Unknown", False, None, True),
        ({"post_call_data": []}, "Unknown", False, None, True),
        ({"post_call_data": None, "transcript": []}, "Unknown", False, None, True),
        ({"post_call_data": "{}", "transcript": ""}, "Unknown", False, None, True),
        ({"post_call_data": {"success_evaluator": " 8 "}, "transcript": [{}]}, "Unknown", True, 8.0, False),
        ({"post_call_data": {"success_evaluator": "8/10"}}, "Unknown", False, None, False),
        ({"post_call_data": {"success_evaluator": True}}, "Unknown", False, 1.0, False),
        ({"post_call_data": {"success_evaluator": 85}}, "Unknown", False, 85.0, False),
        ({"post_call_data": {"success_evaluator": 0}}, "Unknown", False, None, False),
        ({"post_call_data": {"success_evaluator": "nan"}}, "Unknown", False, None, False),
        ({}, "Unknown", False, None, False),
    ],
)
def test_the_platform_columns_follow_its_rules_to_the_letter(output, status, transcript, score, gives_up):
    task = SimpleNamespace(**flat({"task_id": "T1", **call(**output)}).rows.to_pylist()[0])
    assert (task.platform_status, task.platform_has_transcript) == (status, transcript)
    assert (task.platform_success_score, task.platform_gives_up) == (score, gives_up)
    other = SimpleNamespace(
        **flat({"task_id": "T1", "execution_type": "email", "output": output}).rows.to_pylist()[0]
    )
    assert other.platform_gives_up is False


def test_json_columns_hold_json_and_broken_text_as_sent():
    task = row(
        {"input": {"name": "N", "token": "x"}, **call(post_call_data={"structured_data": '{"a": [1, 2]}'})}
    )
    assert json.loads(task.input_json) == {"name": "N"}
    assert json.loads(task.post_call_json) == {"structured_data": '{"a": [1, 2]}'}
    assert task.structured_data_json == '{"a":[1,2]}'
    kept = [
        row(call(post_call_data={"structured_data": s})) for s in ('{"a": null, ...}', "N/A", None, {"b": 1})
    ]
    assert [task.structured_data_json for task in kept] == ['{"a": null, ...}', None, None, '{"b":1}']


def test_labels_and_sentiment():
    task = row(call(post_call_data={"classification": {"labels": ["Warm", "VIP"]}, "sentiment": "Positive "}))
    assert (task.labels, task.sentiment) == ("Warm, VIP", "positive")
    assert row(call(post_call_data={"classification": {"labels": []}})).labels is None
    assert row(call(post_call_data={"classification": None})).labels is None


def test_a_value_of_the_wrong_type_costs_its_column_and_is_noted():
    task, rejects = refused(
        {
            "status": {"a": 1},
            "retry_attempt": True,
            "failure_count": "2",
            "created": "soon",
            "thread_id": 9,
            "run_id": [],
        }
    )
    assert (task.status, task.retry_attempt, task.failure_count, task.thread_id) == (None, None, 2, "9")
    fields = {"status", "status_label", "retry_attempt", "created_at", "run_id"}
    assert {field for field, _ in rejects} == fields


def test_placeholders_are_missing_times():
    task = row({"scheduled_timestamp": "1772460000", **call(start_time="NULL", end_time="None")})
    assert (task.started_at, task.ended_at, task.scheduled_at) == (None, None, utc(2026, 3, 2, 14))


@pytest.mark.parametrize(
    ("transcript", "expected"),
    [
        (
            [{"role": "assistant", "content": "Hi"}, {"role": "user", "content": "Yo"}],
            [("agent", "Hi"), ("user", "Yo")],
        ),
        (
            "AI: Hi: this is it.\nUser: Ratio is 3:1.\nand more\n\nAI: Thanks.\n",
            [("agent", "Hi: this is it."), ("user", "Ratio is 3:1.\nand more"), ("agent", "Thanks.")],
        ),
        ("no label\nCustomer: Yes", [(None, "no label"), ("user", "Yes")]),
        ({"messages": [{"role": "user", "content": "Hello"}]}, [("user", "Hello")]),
        ('[{"role": "bot", "content": "Hello"}]', [("agent", "Hello")]),
        ('{"messages": [{"role": "human", "text": "Hello"}]}', [("user", "Hello")]),
        ({"role": "user", "content": "alone"}, [("user", "alone")]),
        ([{"role": "system", "type": "instant_handover", "message": "busy"}], [("system", "busy")]),
        ([{"role": "assistant", "content": None, "tool_calls": [{"id": 1}]}], [("agent", None)]),
        ([{"role": "tool", "content": "42", "tool_call_id": "c"}], [("tool", "42")]),
        ([{"role": "user", "content": [{"type": "text", "text": "a"}, "b"]}], [("user", "a\nb")]),
        ([{"role": "user", "content": {"type": "text", "text": "a"}}], [("user", "a")]),
        (
            ["AI: Hi", "plain", None, 7, [1], {}],
            [("agent", "Hi"), (None, "plain"), (None, None), (None, "7"), (None, None), (None, None)],
        ),
        (
            [{"role": "Moderator", "content": "x"}, {"role": 5, "content": 6}],
            [("moderator", "x"), (None, "6")],
        ),
        ([], []),
        ("", []),
        ({}, []),
        ("null", []),
        (None, []),
    ],
)
def test_a_transcript_is_read_in_all_its_shapes(transcript, expected):
    assert messages(transcript) == expected


def test_messages_keep_position_label_time_and_further_fields():
    transcript = [
        {"role": "user", "content": "a", "timestamp": "2026-03-02 10:20:08.675013", "participant": 'id"t'},
        {
            "role": "assistant",
            "content": "b\n",
            "timestamp": "2026-03-02T10:20:14Z",
            "message_id": {"x": [1]},
        },
        {"role": "assistant", "content": "c", "timestamp": "", "user_id": None, "z": 1},
        {"role": "user", "content": "d", "timestamp": "None"},
        {"role": "user", "content": "e", "timestamp": {"$date": 1772446814000}},
        {"role": "user", "content": "f", "time": 1772446814},
    ]
    table = flat({"task_id": "T0"}, {"task_id": "T1", **call(transcript=transcript)}).messages
    assert table["task_id"].to_pylist() == ["T1"] * 6
    assert table["position"].to_pylist() == [0, 1, 2, 3, 4, 5]
    assert table["role_label"].to_pylist()[:2] == ["user", "assistant"]
    moment = utc(2026, 3, 2, 10, 20, 14)
    assert table["sent_at"].to_pylist() == [
        utc(2026, 3, 2, 10, 20, 8, 675013),
        moment,
        None,
        None,
        moment,
        moment,
    ]
    assert table["extra_json"].to_pylist() == [
        '{"participant":"id\\"t"}',
        '{"message_id":{"x":[1]}}',
        '{"user_id":null,"z":1}',
        None,
        None,
        None,
    ]


def test_messages_of_events_and_tools_lose_no_field():
    transcript = [
        {"role": "system", "type": "instant_handover", "message": "busy"},
        {"role": "assistant", "content": None, "tool_calls": [{"id": 1}]},
        {"role": "user", "content": [{"type": "image", "url": "u"}]},
    ]
    extras = flat({"task_id": "T1", **call(transcript=transcript)}).messages["extra_json"].to_pylist()
    assert [json.loads(extra) for extra in extras] == [
        {"type": "instant_handover"},
        {"tool_calls": [{"id": 1}]},
        {"content": [{"type": "image", "url": "u"}]},
    ]


def test_unreadable_message_times_are_noted_once_per_task():
    odd = [
        {"role": "user", "content": "x", "timestamp": t}
        for t in ("later", "2026-03-02 10:00:00", "2026-02-30")
    ]
    result = flat({"task_id": "T1", **call(transcript=odd)})
    assert [m is None for m in result.messages["sent_at"].to_pylist()] == [True, False, True]
    (reject,) = result.rejects
    assert (reject.field, reject.value_text, reject.reason) == (
        "transcript.sent_at",
        "later",
        "unreadable time (and 1 more)",
    )


def said(role, second, content="four"):
    """A message at this second of a minute."""
    return {"role": role, "content": content, "timestamp": f"2026-03-02 10:00:{second:02d}"}


def test_the_conversation_is_counted():
    transcript = [
        said("assistant", 0, "Hello"),
        said("user", 2),
        said("user", 3),
        said("tool", 4),
        said("assistant", 9),
        said("user", 8),
        {"role": "system", "content": "x"},
        said("assistant", 18, "नमस्ते"),
    ]
    task = row(call(transcript=transcript))
    assert (task.message_count, task.user_message_count, task.agent_message_count) == (8, 3, 3)
    assert (task.turn_count, task.user_characters, task.agent_characters) == (5, 12, 5 + 4 + 6)
    assert task.user_turn_count == 2, "two messages in a row are one turn, and a tool between does not end it"
    assert task.timed_message_count == 7
    assert task.reply_gap_p50_seconds == 6.0, "of 2, 6 and 10; from 9 back to 8 is dropped"
    assert task.longest_gap_seconds == 10.0


def test_counts_are_null_without_a_transcript_and_zero_in_an_empty_one():
    def counts(task):
        return task.message_count, task.user_message_count, task.turn_count, task.timed_message_count

    assert counts(row(call())) == counts(row(call(transcript=None))) == counts(row({})) == (None,) * 4
    assert counts(row(call(transcript=[]))) == counts(row(call(transcript=""))) == (0, 0, 0, 0)
    assert counts(row(call(transcript=[{"role": "system", "content": "x"}]))) == (1, 0, 0, 0)
    task, rejects = refused(call(transcript=7))
    assert (counts(task), rejects) == ((None,) * 4, [("transcript", "7")])
    silent = row(call(transcript=[{"role": "user", "content": "x"}, {"role": "assistant", "content": "y"}]))
    assert (silent.turn_count, silent.reply_gap_p50_seconds, silent.longest_gap_seconds) == (2, None, None)


def test_gaps_stay_within_their_task():
    first = call(transcript=[said("user", 1), said("assistant", 4)])
    second = call(transcript=[said("user", 30), said("user", 31)])
    rows = flat({"task_id": "T1", **first}, {"task_id": "T2"}, {"task_id": "T3", **second}).rows
    assert rows["reply_gap_p50_seconds"].to_pylist() == [3.0, None, None]
    assert rows["longest_gap_seconds"].to_pylist() == [3.0, None, 1.0]
    assert rows["turn_count"].to_pylist() == [2, None, 1]


@pytest.mark.parametrize(
    ("zone", "moment", "local"),
    [
        ("Asia/Kolkata", "2026-03-01 18:29:59.999999", (date(2026, 3, 1), 23, 7)),
        ("Asia/Kolkata", "2026-03-01 18:30:00", (date(2026, 3, 2), 0, 1)),
        ("America/New_York", "2026-03-08 06:59:59", (date(2026, 3, 8), 1, 7)),
        ("America/New_York", "2026-03-08 07:00:00", (date(2026, 3, 8), 3, 7)),
        ("America/New_York", "2026-11-01 05:30:00", (date(2026, 11, 1), 1, 7)),
        ("America/New_York", "2026-11-01 06:30:00", (date(2026, 11, 1), 1, 7)),
        ("UTC", "2026-03-07 00:00:00", (date(2026, 3, 7), 0, 6)),
    ],
)
def test_local_date_hour_and_weekday_follow_the_zone(zone, moment, local):
    task = row({"created": moment, **call(start_time=moment)}, zone=ZoneInfo(zone))
    assert (task.started_local_date, task.started_local_hour, task.started_local_weekday) == local
    assert task.created_local_date == local[0]
    expected = datetime.fromisoformat(moment).replace(tzinfo=UTC).astimezone(ZoneInfo(zone))
    assert (expected.date(), expected.hour, expected.isoweekday()) == local


def transitions(zone):
    """The seconds since 1970 at which the offset of a zone changes, 2020 to 2026."""

    def offset(second):
        return datetime.fromtimestamp(second, zone).utcoffset()

    weeks = range(1577836800, 1798761600, 7 * 86400)
    for low, high in pairwise(weeks):
        while offset(low) != offset(high) and high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if offset(middle) == offset(low) else (low, middle)
        if high - low == 1:
            yield high


def test_local_times_are_those_of_every_zone_at_its_transitions():
    """Some zones change their offset at a minute past the hour."""
    asked = 0
    for zone in map(ZoneInfo, sorted(available_timezones())):
        seconds = [second + step for second in transitions(zone) for step in (-1, 0, 1, 59, 60)]
        moments = pa.array(seconds, pa.timestamp("s")).cast(pa.timestamp("us"))
        batch = SimpleNamespace(zone=zone, arrays={"created_at": moments, "started_at": moments})
        found = {name: column.to_pylist() for name, column in local_times(batch).items()}
        expected = [datetime.fromtimestamp(second, zone) for second in seconds]
        days = [moment.date() for moment in expected]
        assert found["created_local_date"] == found["started_local_date"] == days, zone
        assert found["started_local_at"] == [moment.replace(tzinfo=None) for moment in expected], zone
        assert found["started_local_hour"] == [moment.hour for moment in expected], zone
        assert found["started_local_weekday"] == [moment.isoweekday() for moment in expected], zone
        asked += len(seconds)
    assert asked > 5000


WRITTEN = st.datetimes(utc(1999, 12, 30), utc(2101, 1, 3)).flatmap(
    lambda moment: st.sampled_from(
        [
            str(moment),
            moment.isoformat(),
            moment.isoformat() + "Z",
            f"{moment}+05:30",
            moment.strftime("%Y-%m-%d"),
            moment.strftime("%Y-%m-%d %H:%M"),
            moment.strftime("%Y%m%d"),
            moment.isoformat(timespec="milliseconds"),
            moment.strftime("%Y-%m"),
            moment.strftime("%Y-%m-%dT%H"),
            moment.strftime("%Y-%m-31 %H:%M:%S"),
            (moment - utc(1970, 1, 1)).total_seconds(),
            {"$date": str(moment)},
        ]
    )
)


@given(st.lists(WRITTEN | st.sampled_from([None, "", "None", "NULL", "n/a", "x", 1, "2026"]), max_size=6))
def test_a_column_of_times_reads_each_as_it_would_alone(values):
    refusals = []
    read = times(values, lambda index, _value, _reason: refusals.append(index)).to_pylist()
    for index, value in enumerate(values):
        try:
            assert read[index] == read_time(value)
        except ParseError:
            assert read[index] is None and index in refusals


ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(), max_size=8)
    | st.sampled_from(
        [
            "",
            "N/A",
            "8/10",
            "2026-03-02 10:00:00",
            '{"a": 1}',
            "[1]",
            '{"status": "x"',
            "AI: hi\nUser: yo",
            "\x00",
            "\ud800",
            2**70,
            -0.0,
            1e308,
        ]
    ),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["role", "content", "timestamp", "messages", "status", "summary", "text", "x"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=6,
)
OTHER_PATHS = """
task_id created created_at user_info input input.contact_number input.name output output.customer output.contact_number
output.call_type output.type output.metadata output.metadata.type output.metadata.cost input.call_type output.call_status
output.cost output.data output.duration output.error output.message output.referenced_task output.transcript
output.call_summary output.summary output.post_call_data output.post_call_data.classification
output.post_call_data.follow_up output.post_call_data.outcome output.post_call_data.profile_summary
output.post_call_data.profile_summary.callback_time output.post_call_data.profile_summary.outcome
output.post_call_data.sentiment output.post_call_data.structured_data output.post_call_data.success_evaluator
output.post_call_data.summary output.post_call_data.summary.callback_datetime output.post_call_data.summary.status
"""
KNOWN_PATHS = {
    kind: sorted({path for column in table.columns for path in column.paths} | set(OTHER_PATHS.split()))
    for kind, table in BY_KIND.items()
}


def place(value, path, inner):
    """Put a value at a dotted path, through whatever objects are there."""
    key, _, rest = path.partition(".")
    if rest:
        if not isinstance(value.get(key), dict):
            value[key] = {}
        place(value[key], rest, inner)
    else:
        value[key] = inner


@st.composite
def odd_objects(draw, kind):
    """Objects of this kind with anything at several of the places that are read."""
    value = {}
    for path in draw(st.lists(st.sampled_from(KNOWN_PATHS[kind]), max_size=5)):
        place(value, path, draw(ANYTHING))
    return value


@pytest.mark.parametrize("kind", RESOURCES)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_no_value_is_so_odd_that_it_costs_a_row(kind, data):
    rows = data.draw(
        st.lists(odd_objects(kind) | st.dictionaries(st.text(max_size=4), ANYTHING, max_size=3), max_size=4)
    )
    records, _ = prepare(list(map(encode, rows)), RESOURCES[kind])
    result = flatten(kind, records, ZoneInfo("Asia/Kolkata"))
    assert result.rows.num_rows == len(rows)
    result.rows.validate(full=True)
    alone = [flatten(kind, [record], ZoneInfo("Asia/Kolkata")) for record in records]
    assert [r for one in alone for r in one.rows.to_pylist()] == result.rows.to_pylist()
    if kind == "task":
        result.messages.validate(full=True)
        counts = result.rows["message_count"].to_pylist()
        assert result.messages.num_rows == sum(filter(None, counts))
    assert all(len(reject.value_text) <= 200 for reject in result.rejects)


@settings(max_examples=10, deadline=None)
@given(st.lists(odd_objects("task"), min_size=1, max_size=4))
def test_the_tables_load_into_duckdb(rows):
    result = flat(*rows)
    rejects = pa.table(
        {"value_text": [reject.value_text for reject in result.rejects]},
        pa.schema([("value_text", pa.string())]),
    )
    with duckdb.connect() as connection:
        for name, table in (("tasks", result.rows), ("said", result.messages), ("rejects", rejects)):
            connection.register("incoming", table)
            connection.execute(f"create table {name} as select * from incoming").fetchall()
            assert connection.execute(f"select count(*) from {name}").fetchall() == [(table.num_rows,)]
