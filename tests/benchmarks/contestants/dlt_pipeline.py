"""dlt as its documentation shows it: REST source, page numbers, merge on task_id, DuckDB."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import dlt
from dlt.sources.rest_api import rest_api_source

SIZE = int(os.environ["BENCH_PAGE_SIZE"])


def main() -> None:
    """Run the pipeline in the folder; a second run finds the first one's state there."""
    folder = Path(sys.argv[1])
    source = rest_api_source(
        {
            "client": {
                "base_url": f"{os.environ['UNPOD_BASE_URL']}/api/v2/platform/",
                "headers": {
                    "Authorization": f"Token {os.environ['UNPOD_API_TOKEN']}",
                    "Org-Handle": os.environ["UNPOD_ORG_HANDLE"],
                },
                "paginator": {"type": "page_number", "base_page": 1, "total_path": None},
            },
            "resources": [
                {
                    "name": f"tasks_of_{number}",
                    "table_name": "tasks",
                    "primary_key": "task_id",
                    "write_disposition": "merge",
                    "endpoint": {
                        "path": f"spaces/{space}/tasks/",
                        "params": {"page_size": SIZE},
                        "data_selector": "data",
                    },
                }
                for number, space in enumerate(os.environ["BENCH_SPACES"].split(","))
            ],
        }
    )
    pipeline = dlt.pipeline(
        "unpod",
        destination=dlt.destinations.duckdb(str(folder / "dlt.duckdb")),
        dataset_name="unpod",
        pipelines_dir=str(folder / "pipelines"),
    )
    # Its default, INSERT statements, takes several times as long: it gets the better format.
    pipeline.run(source, loader_file_format="parquet")
    with pipeline.sql_client() as client:
        counts = {
            name: client.execute_sql(f"select count(*) from {table}")[0][0]
            for name, table in (("tasks", "tasks"), ("messages", "tasks__output__transcript"))
        }
        mark = os.environ.get("BENCH_MARK")
        if mark:
            found = client.execute_sql("select count(*) from tasks where output__call_summary = %s", mark)
            counts["found"] = found[0][0]
    print(json.dumps(counts))


main()
