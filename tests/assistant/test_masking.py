"""What an assistant can read without --with-contacts: no contact, whatever the SQL."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.assistant.questions import Business, read
from tests.demo_file import changed_copy, demo_file

pytest.importorskip("numpy", reason="the extra mcp is not installed")

from unpod_sync.analytics.search import Request, search
from unpod_sync.analytics.search_query import parse
from unpod_sync.assistant.answers import catalogue, found_calls, query_rows
from unpod_sync.assistant.masked_file import ALIAS, AssistantFile, open_file
from unpod_sync.assistant.masking import mask_payload, mask_text
from unpod_sync.errors import UsageError
from unpod_sync.warehouse.duckdb_file import DuckDBFile


@pytest.fixture(scope="module")
def demo() -> Business:
    return read(demo_file())


@pytest.fixture(scope="module")
def file() -> Iterator[AssistantFile]:
    opened = open_file(DuckDBFile(demo_file()), with_contacts=False)
    yield opened
    opened.plain.close()
    opened.shown.close()


def rows(file: AssistantFile, sql: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(query_rows(file, sql, 1000))["rows"]
    return found


def contacts_in(text: str, demo: Business) -> list[str]:
    """Numbers, addresses and whole names of contacts in a text."""
    folded = text.lower()
    names = {
        str(t[name])
        for t in demo.tasks
        for name in ("contact_name", "contact_email", "user_email")
        if t[name]
    }
    numbers = {re.sub(r"\D", "", t["contact_number"]) for t in demo.tasks if t["contact_number"]}
    runs = {re.sub(r"\D", "", run) for run in re.findall(r"(?<![\w.])\+?\d[\d ()\-]{5,}\d(?![\w.])", text)}
    found = [name for name in names if len(name) > 5 and name.lower() in folded]
    return found + sorted(numbers & runs) + re.findall(r"[\w.]+@[\w-]+\.\w+", folded)


def test_no_view_or_table_shows_a_contact(file: AssistantFile, demo: Business) -> None:
    """Every relation of the file, with all its columns, keeps its rows and loses its contacts."""
    with duckdb.connect(str(demo_file()), read_only=True) as connection:
        assert contacts_in(json.dumps(connection.execute("from calls").fetchall(), default=str), demo)
        for relation in catalogue(file).values():
            name = relation["name"]
            text = str(file.shown.execute(f"from {name} limit 60").fetchall())
            assert not contacts_in(text, demo), name
            sizes = [on.execute(f"select count(*) from {name}").fetchall() for on in (connection, file.shown)]
            assert sizes[0] == sizes[1], name


def test_no_message_has_its_contacts_name(file: AssistantFile, demo: Business) -> None:
    """Also not a part of the name."""
    names = {task["task_id"]: str(task["contact_name"] or "") for task in demo.tasks}
    parts = {id_: [part for part in name.split() if len(part) > 2] for id_, name in names.items()}
    said = file.shown.execute("select task_id, content from transcript_messages").fetchall()
    assert sum("[name]" in (content or "") for _, content in said) > 100
    for id_, content in said:
        for part in parts[id_]:
            assert not re.search(rf"\b{re.escape(part)}\b", content or "", re.IGNORECASE), (part, content)


@pytest.mark.parametrize(
    "sql",
    [
        "select contact_number as n, contact_name as m from calls",
        "select substr(contact_number, 2, 6) || reverse(contact_number) as n from tasks",
        "select t as whole from tasks as t",
        "select to_json(c) as whole, md5(contact_number) as m from calls as c",
        "select list(distinct contact_number) as n, max(contact_email) as e from tasks",
        "select contact_key, try_cast(contact_number as bigint) as n from calls",
        "select json_extract_string(input_json, '$.contact_number') as n, input_json from tasks",
        "select payload_json->>'$.input.name' as n, payload_json from raw.payloads",
        "with c as (from main.calls) select min(columns(*)::varchar) from c",
        "from completion_by(run_id)",
        "select content, regexp_extract(content, '[0-9]{6,}') as n from transcript_messages",
        "from (pivot calls on contact_name using count(*) group by contact_number)",
    ],
)
def test_an_alias_or_expression_shows_no_contact(sql: str, file: AssistantFile, demo: Business) -> None:
    """A value is masked before an expression sees it."""
    try:
        found = rows(file, sql)
    except UsageError:  # a pivot is no plain SELECT for the parser
        assert "pivot" in sql
        return
    assert found and not contacts_in(json.dumps(found), demo)


@pytest.mark.parametrize(
    "sql",
    [
        "from FILE.main.tasks",
        "from FILE.tasks",
        'select contact_name from "FILE"."main"."calls"',
        "select * from (select 1), lateral (from FILE.main.tasks)",
        "with tasks as (from FILE.main.tasks) from tasks",
        "select (select max(contact_name) from FILE.main.tasks)",
        "from FILE.main.completion_by(run_id)",
        "from FILE.completion_by(run_id)",
        "from query('from FILE.main.tasks')",
        "from query_table('FILE.main.tasks')",
        "summarize FILE.main.tasks",
        "from (summarize FILE.main.tasks)",
        "describe tasks",
        "show tables",
        "from hidden.salt",
        "from memory.hidden.salt",
        "from duckdb_views()",
        "from duckdb_databases",
        "with duckdb_views as (select 1) select * from duckdb_views",
        "from information_schema.tables",
        "from read_text('/etc/passwd')",
        "from '/etc/passwd'",
        "from read_csv('https://example.com/x.csv')",
        "copy (select 1) to '/tmp/x.csv'",
        "attach '/tmp/x.db'",
        "set threads = 1",
        "create table x as select 1",
        "select 1; drop table x",
        "install httpfs",
        "call pragma_version()",
        "use main",
        "from nowhere",
        "",
    ],
)
def test_nothing_else_can_be_read_or_done(sql: str, file: AssistantFile) -> None:
    """No other name for the data, no file, no network, no setting, no writing."""
    with pytest.raises(UsageError):
        query_rows(file, sql.replace("FILE", ALIAS), 10)


def test_views_and_macros_of_the_user_are_masked(tmp_path: Path, demo: Business) -> None:
    """They read the masked tables, however they name them."""
    path = changed_copy(
        tmp_path / "own.duckdb",
        "create view mine as select contact_number as n, payload_json from main.tasks, raw.payloads limit 50",
        "create view own.main.theirs as select contact_name from own.main.tasks",
        "create macro latest() as (select max(contact_number) from main.tasks)",
        "create macro of_agent(handle) as table select contact_name as n from tasks where agent_handle = handle",
    )
    opened = open_file(DuckDBFile(path), with_contacts=False)
    found = rows(opened, "select n, payload_json, latest() as l from mine")
    found += rows(opened, f"from of_agent('{demo.calls[0]['agent_handle']}')")
    assert len(found) > 50 and not contacts_in(json.dumps(found), demo)
    assert {row["contact_name"] for row in rows(opened, "from theirs")} <= {"[name]", None}
    opened.plain.close()
    opened.shown.close()


def test_a_pseudonym_groups_and_tells_nothing(file: AssistantFile, demo: Business) -> None:
    """The key of a contact groups its calls; another session has other keys."""
    sql = "select contact_key, call_count from contacts order by 2 desc, 1"
    assert all(re.fullmatch("contact-[0-9a-f]{16}", row["contact_key"]) for row in rows(file, sql))
    other = open_file(DuckDBFile(demo_file()), with_contacts=False)
    keys = {row["contact_key"] for row in rows(file, sql)}
    assert keys.isdisjoint(row["contact_key"] for row in rows(other, sql))
    other.plain.close()
    other.shown.close()


def test_a_search_for_a_contact_finds_nothing(file: AssistantFile, demo: Business) -> None:
    """A match that only masked text has is no match; others keep theirs."""
    name = next(t["contact_name"].split()[0] for t in demo.tasks if t["contact_name"] and t["message_count"])
    assert search(file.plain, Request(parse([name])))[0]
    answers = [found_calls(file, Request(parse([word])), 3, with_contacts=False) for word in (name, "xqzzyq")]
    assert answers[0] == answers[1] == {"calls": [], "has_more": False}
    found = found_calls(file, Request(parse(["call", "back"])), 20, with_contacts=False)["calls"]
    assert found and not contacts_in(json.dumps(found, default=str), demo)


def test_a_search_ends_where_the_masked_text_does(tmp_path: Path) -> None:
    """Many masked matches before the others do not shorten the list, nor hide a later passage of a call."""
    path = changed_copy(
        tmp_path / "masked.duckdb",
        "update tasks set contact_name = 'Zelda Quist'",
        "update transcript_messages set content = 'Hello Zelda' where position < 5",
        "update transcript_messages set content = 'zeldaesque' where position = 5 and task_id in"
        " (select task_id from tasks where message_count > 5 order by coalesce(started_at, created_at) limit 3)",
    )
    opened = open_file(DuckDBFile(path), with_contacts=False)
    found = {
        limit: found_calls(opened, Request(parse(["zelda"])), limit, with_contacts=False) for limit in (2, 3)
    }
    assert [(len(answer["calls"]), answer["has_more"]) for answer in found.values()] == [
        (2, True),
        (3, False),
    ]
    for call in found[3]["calls"]:
        assert (
            call["match_count"] == sum(line["is_match"] for lines in call["passages"] for line in lines) == 1
        )
        assert "Zelda" not in json.dumps(call, default=str)
    opened.plain.close()
    opened.shown.close()


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("This is Priya Sharma, call me on +91 98765 43210.", "This is [name], call me on [number]."),
        ("priya at 2026-03-12 98765-43210 or p.s@example.com", "[name] at 2026-03-12 [number] or [email]"),
        ("My other number is (020) 7946 0958", "My other number is ([number]"),
        ("At 2026-03-12T11:30:00.123 order 12, id a1234567890b", "At 2026-03-12T11:30:00.123 order 12, id a1234567890b"),
        ("9876543210", "[masked]"),
        ('{"name":"P","mobile":9876543210,"note":"ask Priya","size":12345678}', '{"note":"ask [name]","size":12345678}'),
        (None, None),
    ],
)  # fmt: skip
def test_texts_lose_names_numbers_and_addresses(text: str | None, masked: str | None) -> None:
    """Dates, small numbers and ids stay."""
    assert mask_text(text, "Priya Sharma", "9876543210") == masked


def test_a_payload_loses_its_contact_and_its_user() -> None:
    """The rest of it stays, in its shape."""
    task = {
        "task_id": "T1",
        "user_info": {"email": "o@x.in"},
        "input": {"name": "Asha Rao", "contact_number": "98765 43210"},
    }
    task |= {"output": {"cost": 1.25, "transcript": [{"role": "user", "content": "Asha here, 98765 43210"}]}}
    assert json.loads(mask_payload(json.dumps(task), "task") or "") == {
        "task_id": "T1",
        "input": {},
        "output": {"cost": 1.25, "transcript": [{"role": "user", "content": "[name] here, [number]"}]},
    }
