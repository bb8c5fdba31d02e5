"""The floor: download and decode every page with 8 connections, and throw it away."""

from __future__ import annotations

import json
import math
import os
import threading
from concurrent.futures import ThreadPoolExecutor

import orjson
import requests

BASE = f"{os.environ['UNPOD_BASE_URL']}/api/v2/platform"
HEADERS = {
    "Authorization": f"Token {os.environ['UNPOD_API_TOKEN']}",
    "Org-Handle": os.environ["UNPOD_ORG_HANDLE"],
}
SIZE = int(os.environ["BENCH_PAGE_SIZE"])
CONNECTIONS = 8

local = threading.local()


def fetch(job: tuple[str, int]) -> tuple[int, int]:
    """Rows on the page and in the whole list."""
    space, page = job
    if not hasattr(local, "session"):
        local.session = requests.Session()
        local.session.trust_env = False
        local.session.headers.update(HEADERS)
    answer = local.session.get(f"{BASE}/spaces/{space}/tasks/?page={page}&page_size={SIZE}", timeout=60)
    answer.raise_for_status()
    body = orjson.loads(answer.content)
    return len(body["data"]), body["count"]


def main() -> None:
    """Read every page of every space."""
    tasks = pages = 0
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        for space in os.environ["BENCH_SPACES"].split(","):
            rows, count = fetch((space, 1))
            tasks, pages = tasks + rows, pages + 1
            for rows, _ in pool.map(fetch, ((space, page) for page in range(2, math.ceil(count / SIZE) + 1))):
                tasks, pages = tasks + rows, pages + 1
    print(json.dumps({"tasks": tasks, "requests": pages}))


main()
