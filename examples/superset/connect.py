"""Connects Superset to the published file: one database, one dataset per table, and their descriptions.

    python examples/superset/connect.py http://localhost:8088 /data/unpod.duckdb calls daily_completion

Without names: every table and view. A second run refreshes columns and descriptions. The account is taken from
SUPERSET_USER and SUPERSET_PASSWORD. The path is absolute, as Superset sees it. Needs the package `requests`.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

import requests

DATABASE = "Unpod"
SCHEMA = "main"  # right for a file of any name; the list of schemas offers only FILE.main
EXTRA = json.dumps({"engine_params": {"connect_args": {"read_only": True}}})


class Superset:
    """Superset's REST API. Each request that writes needs the session's cookie and its CSRF token."""

    def __init__(self, address: str, user: str, password: str) -> None:
        """Logs in; `address` is Superset's own, without a path."""
        self.address = address.rstrip("/")
        self.session = requests.Session()
        account = {"username": user, "password": password, "provider": "db"}
        token = self.call("post", "security/login", json=account)["access_token"]
        self.session.headers["Authorization"] = f"Bearer {token}"
        self.session.headers["X-CSRFToken"] = self.call("get", "security/csrf_token/")["result"]
        self.session.headers["Referer"] = f"{self.address}/"  # required behind HTTPS

    def call(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        """One request; any answer but success ends the script with Superset's message."""
        answer = self.session.request(method, f"{self.address}/api/v1/{path}", timeout=120, **options)
        if not answer.ok:
            sys.exit(f"{method.upper()} {path}: {answer.status_code} {answer.text.strip()}")
        return dict(answer.json())

    def find(self, kind: str, *filters: tuple[str, str, object]) -> int | None:
        """The id of the first database or dataset that matches (column, operator, value), or None."""
        query = {"filters": [{"col": col, "opr": opr, "value": value} for col, opr, value in filters]}
        rows = self.call("get", f"{kind}/", params={"q": json.dumps(query)})["result"]
        return int(rows[0]["id"]) if rows else None


def connect(superset: Superset, path: str) -> int:
    """The id of the database, created if missing, with `path` as its file."""
    wanted = {"database_name": DATABASE, "sqlalchemy_uri": f"duckdb:///{path}", "extra": EXTRA}
    found = superset.find("database", ("database_name", "eq", DATABASE))
    if found is None:
        return int(superset.call("post", "database/", json=wanted | {"expose_in_sqllab": True})["id"])
    superset.call("put", f"database/{found}", json=wanted)
    return found


def dataset(superset: Superset, database: int, table: str) -> str:
    """Creates or refreshes the dataset of one table and describes it; returns one line about it."""
    physical = ("sql", "dataset_is_null_or_empty", True)
    found = superset.find("dataset", ("database", "rel_o_m", database), ("table_name", "eq", table), physical)
    if found is None:
        wanted = {"database": database, "schema": SCHEMA, "table_name": table}
        found = int(superset.call("post", "dataset/", json=wanted)["id"])
    else:
        superset.call("put", f"dataset/{found}/refresh")
    place = {"name": table, "schema": SCHEMA}
    described = superset.call("get", f"database/{database}/table_metadata/", params=place)
    # Superset copies the comments of columns, but not the comment of a table or view
    superset.call("put", f"dataset/{found}", json={"description": described["comment"]})
    query = {"datasource": {"id": found, "type": "table"}, "queries": [{"metrics": ["count"]}]}
    (result,) = superset.call("post", "chart/data", json=query)["result"]
    return f"{table}: {result['data'][0]['count']} rows, {len(described['columns'])} columns"


def main(address: str, path: str, *tables: str) -> None:
    """Connects, then prints one line per table, with the number of rows that a chart query returns."""
    account = (os.environ.get("SUPERSET_USER", "admin"), os.environ.get("SUPERSET_PASSWORD", "admin"))
    superset = Superset(address, *account)
    database = connect(superset, path)
    query = {"q": json.dumps({"schema_name": SCHEMA})}
    known = superset.call("get", f"database/{database}/tables/", params=query)["result"]
    for table in tables or [row["value"] for row in known]:
        sys.stdout.write(dataset(superset, database, table) + "\n")


if __name__ == "__main__":
    if len(sys.argv) < 3 or not sys.argv[2].startswith("/"):
        sys.exit(__doc__)
    main(*sys.argv[1:])
