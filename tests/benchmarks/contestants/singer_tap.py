"""A Singer tap made with the Meltano SDK: one stream of tasks, its schema written out."""

from __future__ import annotations

import os
from typing import Any

from singer_sdk import Stream, Tap
from singer_sdk import typing as th
from singer_sdk.pagination import BasePageNumberPaginator
from singer_sdk.streams import RESTStream

SIZE = int(os.environ["BENCH_PAGE_SIZE"])
TEXT = th.StringType
JSON = th.ObjectType(additional_properties=True)


class Pages(BasePageNumberPaginator):
    """Page numbers, until the count is reached."""

    def has_more(self, response: Any) -> bool:
        return self.current_value * SIZE < response.json()["count"]


class Tasks(RESTStream):
    """The tasks of the first space."""

    name = "tasks"
    primary_keys = ("task_id",)
    path = f"/spaces/{os.environ['BENCH_SPACES'].split(',')[0]}/tasks/"
    url_base = f"{os.environ['UNPOD_BASE_URL']}/api/v2/platform"
    records_jsonpath = "$.data[*]"
    schema = th.PropertiesList(
        *(
            th.Property(name, TEXT)
            for name in (
                "_id",
                "task_id",
                "run_id",
                "thread_id",
                "assignee",
                "status",
                "execution_type",
                "run_mode",
                "created",
                "modified",
            )
        ),
        th.Property("retry_attempt", th.IntegerType),
        th.Property("user_info", JSON),
        th.Property("task", JSON),
        th.Property("input", JSON),
        th.Property("attachments", th.ArrayType(JSON)),
        th.Property("output", JSON),
    ).to_dict()

    @property
    def http_headers(self) -> dict[str, str]:
        return {
            "Authorization": f"Token {os.environ['UNPOD_API_TOKEN']}",
            "Org-Handle": os.environ["UNPOD_ORG_HANDLE"],
        }

    def get_new_paginator(self) -> Pages:
        return Pages(1)

    def get_url_params(self, context: Any, next_page_token: Any) -> dict[str, Any]:
        return {"page": next_page_token or 1, "page_size": SIZE}


class UnpodTap(Tap):
    """The tap."""

    name = "tap-unpod"
    config_jsonschema = th.PropertiesList().to_dict()

    def discover_streams(self) -> list[Stream]:
        return [Tasks(tap=self)]


if __name__ == "__main__":
    UnpodTap.cli()
