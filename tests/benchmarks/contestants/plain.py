"""The script a customer would write: a loop over pages, plain Python, Arrow into DuckDB at the end."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import requests

BASE = f"{os.environ['UNPOD_BASE_URL']}/api/v2/platform"
SIZE = int(os.environ["BENCH_PAGE_SIZE"])


def flatten(task: dict[str, Any], space: str) -> dict[str, Any]:
    """One row of the table of tasks."""
    output = task.get("output") or {}
    post_call = output.get("post_call_data") or {}
    summary = post_call.get("summary") or {}
    contact = task.get("input") or {}
    return {
        "task_id": task["task_id"],
        "space_token": space,
        "run_id": task.get("run_id"),
        "thread_id": task.get("thread_id"),
        "agent_handle": task.get("assignee"),
        "status": task.get("status"),
        "execution_type": task.get("execution_type"),
        "contact_name": contact.get("name"),
        "contact_number": contact.get("contact_number"),
        "created_at": task.get("created"),
        "modified_at": task.get("modified"),
        "call_id": output.get("call_id"),
        "call_type": output.get("call_type"),
        "call_status": output.get("call_status"),
        "call_end_reason": output.get("call_end_reason"),
        "started_at": output.get("start_time"),
        "ended_at": output.get("end_time"),
        "duration_seconds": output.get("duration"),
        "recording_url": output.get("recording_url"),
        "cost": output.get("cost"),
        "summary": output.get("call_summary") or summary.get("summary"),
        "outcome": summary.get("status"),
        "success_score": post_call.get("success_evaluator"),
        "post_call_json": json.dumps(post_call),
    }


def messages(task: dict[str, Any]) -> list[dict[str, Any]]:
    """The rows of the table of messages."""
    transcript = (task.get("output") or {}).get("transcript") or []
    return [
        {
            "task_id": task["task_id"],
            "position": position,
            "role": message.get("role"),
            "content": message.get("content"),
            "sent_at": message.get("timestamp"),
        }
        for position, message in enumerate(transcript)
    ]


def main() -> None:
    """Read everything, then write everything."""
    folder = Path(sys.argv[1])
    session = requests.Session()
    session.headers["Authorization"] = f"Token {os.environ['UNPOD_API_TOKEN']}"
    session.headers["Org-Handle"] = os.environ["UNPOD_ORG_HANDLE"]
    tasks: list[dict[str, Any]] = []
    lines: list[dict[str, Any]] = []
    for space in os.environ["BENCH_SPACES"].split(","):
        page = 1
        while True:
            answer = session.get(
                f"{BASE}/spaces/{space}/tasks/", params={"page": page, "page_size": SIZE}, timeout=60
            )
            answer.raise_for_status()
            body = answer.json()
            for task in body["data"]:
                tasks.append(flatten(task, space))
                lines.extend(messages(task))
            if page * SIZE >= body["count"]:
                break
            page += 1
    with duckdb.connect(str(folder / "plain.duckdb")) as connection:
        for name, rows in (("tasks", tasks), ("messages", lines)):
            table = pa.Table.from_pylist(rows)
            connection.register("incoming", table)
            connection.execute(f"create or replace table {name} as select * from incoming")
            connection.unregister("incoming")
    print(json.dumps({"tasks": len(tasks), "messages": len(lines)}))


main()
