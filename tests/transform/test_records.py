"""Rows of the API → records: secrets, keys, hashes, and what endpoints leave out."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unpod_sync.model import AGENTS, SPACES, agent_executions, space_runs, space_tasks
from unpod_sync.transform.json_codec import encode, encode_text
from unpod_sync.transform.records import (
    NO_OBJECT,
    TOO_DEEP,
    has_same_content,
    hash_of,
    is_lost,
    merge_missing,
    prepare,
)
from unpod_sync.transform.secrets import Redaction

TASKS = space_tasks("SPACE")
API_TOKEN = "utk-0123456789-abcdef"


def prepared(rows, resource=TASKS, **options):
    """Records and rejects of a page of these values."""
    return prepare([row if isinstance(row, bytes) else encode(row) for row in rows], resource, **options)


def one(row, resource=TASKS, **options):
    """The only record of a row that is fit to be one."""
    records, rejects = prepared([row], resource, **options)
    assert rejects == []
    return records[0]


def test_a_record_carries_key_payload_hash_and_where_it_was_listed():
    record = one({"task_id": "T1", "b": 1, "a": 2}, sequence=7)
    assert (record.kind, record.id, record.space_token, record.sequence) == ("task", "T1", "SPACE", 7)
    assert record.payload == b'{"task_id":"T1","b":1,"a":2}'
    assert len(record.content_hash) == 32


def test_neither_key_order_nor_spelling_changes_the_content():
    one_way = b'{"task_id": "T1", "output": {"a": 1.0, "b": [1, {"x": "\\u00e9", "y": 2}]}}'
    other_way = '{"output":{"b":[1,{"y":2,"x":"é"}],"a":1.0},"task_id":"T1"}'.encode()
    (first, second), rejects = prepare([one_way, other_way], TASKS)
    assert rejects == [] and (first.payload, second.payload) == (one_way, other_way)
    assert first.content_hash != second.content_hash
    assert has_same_content(first.payload, second.payload)
    for changed in (b'{"task_id": "T1", "output": {"a": 1, "b": [1, {"x": "\\u00e9", "y": 2}]}}',
                    b'{"task_id": "T1", "output": {"a": true, "b": [1, {"x": "\\u00e9", "y": 2}]}}'):  # fmt: skip
        assert not has_same_content(one_way, changed)


@pytest.mark.parametrize(
    ("resource", "row", "key"),
    [
        (TASKS, {"task_id": 42}, "42"),
        (TASKS, {"task_id": 42.0}, "42"),
        (space_runs("S"), {"run_id": "R1"}, "R1"),
        (SPACES, {"token": "TOK", "id": 3}, "TOK"),
        (AGENTS, {"handle": "anna"}, "anna"),
        (agent_executions("anna"), {"run_id": "R1"}, "anna/R1"),
    ],
)
def test_every_kind_has_its_key(resource, row, key):
    assert one(row, resource).id == key


def test_spaces_and_agents_are_their_own_place():
    assert one({"token": "TOK"}, SPACES).space_token == "TOK"
    assert one({"handle": "anna"}, AGENTS).agent_handle == "anna"
    assert one({"run_id": "R1"}, agent_executions("anna")).agent_handle == "anna"


@pytest.mark.parametrize(
    "missing", [{}, {"task_id": None}, {"task_id": ""}, {"task_id": {"a": 1}}, {"task_id": True}]
)
def test_a_task_without_id_is_kept_under_another_key_and_noted(missing):
    (by_id, unkeyed), rejects = prepared([{**missing, "_id": "abc"}, {**missing, "x": 1}], TASKS)
    assert by_id.id == "abc"
    assert unkeyed.id == f"unkeyed:{unkeyed.content_hash}"
    assert [(r.id, r.field, r.reason) for r in rejects] == [
        ("abc", "task_id", "missing: keyed by _id"),
        (unkeyed.id, "task_id", "missing: keyed by content"),
    ]


def test_a_row_that_is_no_object_is_kept_as_the_only_field_of_one():
    rows = [None, 3, "text " + API_TOKEN + "x" * 600, ["a"], {"task_id": "T1"}]
    records, rejects = prepared(rows, TASKS, secrets=(API_TOKEN,))
    assert [record.id for record in records[4:]] == ["T1"]
    kept = [json.loads(record.payload) for record in records[:4]]
    assert kept == [{NO_OBJECT: row} for row in (None, 3, "text [redacted]" + "x" * 600, ["a"])]
    assert [r.id for r in rejects] == [f"unkeyed:{record.content_hash}" for record in records[:4]]
    assert {(r.field, r.reason) for r in rejects} == {("", "row is not an object: raw.payloads keeps it")}
    assert [r.value_text[:5] for r in rejects] == ["null", "3", "text ", '["a"]']
    assert len(rejects[2].value_text) == 500 and API_TOKEN not in rejects[2].value_text
    assert not any(map(is_lost, rejects))


def test_a_space_that_is_no_object_is_lost_and_no_space():
    """A space that was stored by its content would be asked for its tasks."""
    records, rejects = prepared(["text " + API_TOKEN], SPACES, secrets=(API_TOKEN,))
    assert records == []
    assert [(r.id, r.field, r.reason) for r in rejects] == [("", "", "row is not an object")]
    assert all(map(is_lost, rejects)) and API_TOKEN not in rejects[0].value_text


SENTINEL = "SENTINEL-secret-value"


@pytest.mark.parametrize(
    "key",
    [
        "token",
        "user_token",
        "access_token",
        "refresh_token",
        "auth_token",
        "authToken",
        "api_key",
        "apikey",
        "API-Key",
        "X-Api-Key",
        "apiKey",
        "password",
        "PASSWD",
        "secret",
        "client_secret",
        "clientSecret",
        "private_key",
        "Authorization",
        "credentials",
        "jwt",
        "JWT",
        "id_token",
    ],
)
@pytest.mark.parametrize("kind", ["top", "input", "deep", "list", "text", "text in text", "broken"])
def test_a_secret_is_dropped_wherever_it_stands(key, kind):
    secret = {key: SENTINEL, "kept": "yes"}
    row = {
        "top": lambda: {**secret},
        "input": lambda: {"input": secret},
        "deep": lambda: {"output": {"metadata": {"more": secret}}},
        "list": lambda: {"attachments": [1, [secret]]},
        "text": lambda: {"output": json.dumps({"a": secret})},
        "text in text": lambda: {"output": json.dumps({"a": json.dumps(secret)})},
        "broken": lambda: {"output": {"structured_data": json.dumps(secret)[:-1] + ", ..."}},
    }[kind]()
    record = one({"task_id": "T1", **row})
    assert SENTINEL not in record.payload.decode() + str(record.value)
    assert b"yes" in record.payload


def test_the_usual_secrets_of_a_task_are_dropped():
    row = {
        "task_id": "T1",
        "user_info": {"email": "a@b.c", "user_token": SENTINEL, "location": {"city": SENTINEL}},
        "input": {"name": "N", "token": SENTINEL, "location": "Pune"},
    }
    record = one(row)
    assert record.value == {
        "task_id": "T1",
        "user_info": {"email": "a@b.c"},
        "input": {"name": "N", "location": "Pune"},
    }
    assert row["input"]["token"] == SENTINEL, "what the caller holds is not changed"
    assert (
        one({"task_id": "T1", "user_info": json.dumps({"location": 1, "a": 2})}).value["user_info"]
        == '{"a":2}'
    )


@pytest.mark.parametrize("token", [API_TOKEN, 'with "quotes" and \\', "täken-0123456789"])
def test_the_api_token_itself_never_gets_through(token):
    row = {
        "task_id": "T1",
        "output": {"error": f"401 for {token}!", "data": json.dumps({"said": token}), "list": [token]},
    }
    record = one(row, secrets=("", token))
    text = record.payload.decode()
    assert token not in text and encode_text(token)[1:-1] not in text
    assert record.value["output"]["error"] == "401 for [redacted]!"


def test_a_short_secret_and_keys_are_left_alone():
    """A text of a few letters stands everywhere; a changed key would lose its field."""
    row = {"task_id": "T1", "status": "t", "output": {API_TOKEN: "kept"}}
    record = one(row, secrets=("t", "status", API_TOKEN))
    assert (record.id, dict(record.value)) == ("T1", row)


def test_a_space_keeps_its_own_token_alone():
    row = {"token": "TOK", "organization": {"token": SENTINEL}, "user_token": SENTINEL}
    assert one(row, SPACES).value == {"token": "TOK", "organization": {}}


def test_what_only_sounds_like_a_secret_stays():
    row = {
        "task_id": "T1",
        "space_token": "S",
        "usage": {"llm_prompt_tokens": 812},
        "content": 'the "token": is lost; key: none',
        "task": {"objective": "Explain the password reset"},
    }
    assert one(row).value["usage"] == row["usage"]
    assert one(row).value["space_token"] == "S"
    assert one(row).value["task"] == row["task"]


def test_a_row_without_secrets_is_kept_as_it_came():
    row = b'{"task_id" : "T1", "output": {"transcript":[ {"role":"user","content":"Hi\\u00e9"} ],"n":1e2}}'
    assert prepare([row], TASKS)[0][0].payload == row


def test_what_is_left_of_a_row_with_secrets_is_kept_as_it_came():
    row = b'{"task_id": "T1", "user_info": {"location": {"city": "P"}, "id": 1e2}, "output": {"n" : 1.50}}'
    assert (
        prepare([row], TASKS)[0][0].payload
        == b'{"task_id":"T1","user_info":{"id":1e2},"output":{"n" : 1.50}}'
    )


def test_a_secret_behind_an_escaped_letter_is_found():
    row = b'{"task_id":"T1","output":{"api\\u005fkey":"SENTINEL-secret-value"}}'
    assert prepare([row], TASKS)[0][0].payload == b'{"task_id":"T1","output":{}}'


def test_a_missing_key_takes_the_stored_value_and_null_does_not():
    stored = one({"task_id": "T1", "status": "completed", "assignee": "anna", "run_mode": "prod"})
    short = one({"task_id": "T1", "assignee": None, "run_mode": "dev"})
    merged = merge_missing(stored.payload, short)
    assert merged.value == {"task_id": "T1", "assignee": None, "run_mode": "dev", "status": "completed"}
    assert json.loads(merged.payload) == merged.value
    assert merged.content_hash == hash_of(merged.payload) != short.content_hash
    assert merge_missing(merged.payload, merged) is merged
    assert merge_missing(stored.payload, replace(stored)) == stored


@pytest.mark.parametrize(
    "value",
    [2**64, -(2**70), float("nan"), float("inf"), "\ud800", {"\udfff": [2**65]}, [float("nan"), 2**64]],
)
def test_values_that_json_writers_refuse_are_kept_as_nearly_as_possible(value):
    record = one({"task_id": "T1", "odd": value})
    assert record.payload and json.loads(record.payload)["task_id"] == "T1"
    assert merge_missing(record.payload, one({"task_id": "T1"})).content_hash == record.content_hash


def test_a_field_nested_too_deeply_is_left_out_and_the_rest_comes_in():
    deep = "x"
    for _ in range(600):
        deep = [deep]
    rows = [{"task_id": "T1", "deep": deep}, {"task_id": "T2"}, deep]
    records, rejects = prepare([json.dumps(row).encode() for row in rows], TASKS)
    assert [(record.id, record.value) for record in records] == [
        ("T1", {"task_id": "T1"}),
        ("T2", {"task_id": "T2"}),
    ]
    assert {(r.id, r.reason) for r in rejects} == {("T1", TOO_DEEP), ("", TOO_DEEP)}
    assert all(map(is_lost, rejects))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@given(st.lists(JSON, max_size=4))
def test_any_row_becomes_a_record_or_a_reject(rows):
    records, rejects = prepared(rows, TASKS, secrets=Redaction((API_TOKEN,)))
    assert len(records) + sum(r.id == "" for r in rejects) == len(rows)
    for record in records:
        assert isinstance(json.loads(record.payload), dict)
