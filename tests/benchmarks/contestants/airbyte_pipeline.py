"""PyAirbyte with a low-code source given as a manifest, into its DuckDB cache."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import airbyte as ab

SIZE = int(os.environ["BENCH_PAGE_SIZE"])
MANIFEST = {
    "version": "6.0.0",
    "type": "DeclarativeSource",
    "check": {"type": "CheckStream", "stream_names": ["tasks"]},
    "streams": [
        {
            "type": "DeclarativeStream",
            "name": "tasks",
            "primary_key": ["task_id"],
            "retriever": {
                "type": "SimpleRetriever",
                "requester": {
                    "type": "HttpRequester",
                    "url_base": f"{os.environ['UNPOD_BASE_URL']}/api/v2/platform/",
                    "path": f"spaces/{os.environ['BENCH_SPACES'].split(',')[0]}/tasks/",
                    "http_method": "GET",
                    "request_headers": {
                        "Authorization": f"Token {os.environ['UNPOD_API_TOKEN']}",
                        "Org-Handle": os.environ["UNPOD_ORG_HANDLE"],
                    },
                },
                "record_selector": {
                    "type": "RecordSelector",
                    "extractor": {"type": "DpathExtractor", "field_path": ["data"]},
                },
                "paginator": {
                    "type": "DefaultPaginator",
                    "page_token_option": {
                        "type": "RequestOption",
                        "inject_into": "request_parameter",
                        "field_name": "page",
                    },
                    "page_size_option": {
                        "type": "RequestOption",
                        "inject_into": "request_parameter",
                        "field_name": "page_size",
                    },
                    "pagination_strategy": {
                        "type": "PageIncrement",
                        "page_size": SIZE,
                        "start_from_page": 1,
                        "inject_on_first_request": True,
                    },
                },
            },
            "schema_loader": {
                "type": "InlineSchemaLoader",
                "schema": {
                    "$schema": "http://json-schema.org/draft-07/schema#",
                    "type": "object",
                    "additionalProperties": True,
                    "properties": {
                        **{
                            name: {"type": ["null", "string"]}
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
                        },
                        **{
                            name: {"type": ["null", "object"], "additionalProperties": True}
                            for name in ("user_info", "task", "input", "output")
                        },
                        "retry_attempt": {"type": ["null", "integer"]},
                        "attachments": {"type": ["null", "array"]},
                    },
                },
            },
        }
    ],
    "spec": {
        "type": "Spec",
        "connection_specification": {"type": "object", "properties": {}, "additionalProperties": True},
    },
}


def main() -> None:
    """Read the stream into a cache in the folder."""
    folder = Path(sys.argv[1])
    # It writes its progress to stdout, which is for the result here.
    out = os.dup(1)
    os.dup2(2, 1)
    cache = ab.DuckDBCache(db_path=folder / "airbyte.duckdb", schema_name="unpod", cache_dir=folder / "cache")
    source = ab.get_source("source-unpod", config={}, source_manifest=MANIFEST, streams=["tasks"])
    result = source.read(cache=cache, force_full_refresh=False)
    os.write(out, json.dumps({"tasks": result.processed_records}).encode())


main()
