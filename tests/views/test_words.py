"""What views read out of text: structured data and phrases of users who want no more calls."""

import pytest

from tests.views.conftest import START, Warehouse

FIELDS = "select key, value_text, value_number, value_type from structured_fields order by key"


def test_structured_data_becomes_a_row_per_key(warehouse: Warehouse) -> None:
    """Numbers, numeric texts, truth, null, lists and objects."""
    warehouse.call(
        structured_data_json='{"age": 42, "budget": "1500.50", "city": "Pune", "keen": true, "none": null,'
        ' "list": [1, "a"], "deep": {"x": 1}, "not a number": "nan"}'
    )
    assert warehouse.rows(FIELDS) == [
        ("age", "42", 42.0, "number"),
        ("budget", "1500.50", 1500.5, "text"),
        ("city", "Pune", None, "text"),
        ("deep", '{"x":1}', None, "object"),
        ("keen", "true", None, "boolean"),
        ("list", '[1,"a"]', None, "array"),
        ("none", None, None, "null"),
        ("not a number", "nan", None, "text"),
    ]


@pytest.mark.parametrize("key", ["a/b", "~", "~1", "", "it''s", 'q\\"q', "$.a", "a b", "नाम", "0", "*"])
def test_any_key_is_read(warehouse: Warehouse, key: str) -> None:
    """Slashes, tildes, quotes, dots, spaces and no key at all."""
    key = key.replace("''", "'")
    warehouse.call(structured_data_json=f'{{"{key}": 7, "other": 8}}')
    expected = key.replace("\\", "")
    assert (expected, "7", 7.0, "number") in warehouse.rows(FIELDS)


@pytest.mark.parametrize("text", ["{broken", "[1, 2]", '"text"', "7", "null", "", "{}", None])
def test_data_that_is_no_object_has_no_fields(warehouse: Warehouse, text: str | None) -> None:
    """Broken text neither fails nor shows."""
    warehouse.call(structured_data_json=text)
    assert warehouse.rows(FIELDS) == []


def test_deleted_tasks_have_no_fields_and_no_candidates(warehouse: Warehouse) -> None:
    """Like everything of them."""
    warehouse.call(task_id="T", structured_data_json='{"a": 1}', deleted_at=START)
    warehouse.insert("transcript_messages", task_id="T", position=0, role="user", content="stop calling")
    assert warehouse.rows(FIELDS) == []
    assert warehouse.rows("select * from opt_out_candidates") == []


def test_users_who_may_want_no_more_calls_are_listed(warehouse: Warehouse) -> None:
    """In any case and with any apostrophe, once per message; what the agent says does not count."""
    warehouse.call(task_id="T")
    said = [
        ("agent", "Shall I stop calling?"),
        ("user", "Please DON’T CALL, and remove me from the list."),
        ("user", "No, go on."),
        ("user", None),
        ("user", "Stop calling!"),
    ]
    for position, (role, content) in enumerate(said):
        warehouse.insert("transcript_messages", task_id="T", position=position, role=role, content=content)
    assert warehouse.rows("select position, matched_phrases from opt_out_candidates order by 1") == [
        (1, "don't call, remove me"),
        (4, "stop calling"),
    ]


def test_the_phrases_are_the_users_own(warehouse: Warehouse) -> None:
    """A list between bars; blanks and empty places mean nothing."""
    warehouse.set("opt_out_phrases", " Leave Me Alone ||")
    warehouse.call(task_id="T")
    warehouse.insert("transcript_messages", task_id="T", position=0, role="user", content="Stop calling")
    warehouse.insert("transcript_messages", task_id="T", position=1, role="user", content="leave me alone")
    assert warehouse.rows("select position, matched_phrases from opt_out_candidates") == [
        (1, "leave me alone")
    ]
