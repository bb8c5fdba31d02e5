"""The API over real HTTP: routes, paging, refusals, headers."""

from __future__ import annotations

import dataclasses
import http.client
import time
from typing import Any

import pytest
import requests

from unpod_sync.simulator import RequestRecord, ServerBehaviour, Simulator, World

from .conftest import API, HEADERS, Ask, bench_world


def test_a_page_has_count_and_newest_tasks_first(ask: Ask, world: World, token: str) -> None:
    body = ask(f"spaces/{token}/tasks/").json()
    assert (body["count"], body["status_code"], len(body["data"])) == (95, 200, 20)
    ids = [task["_id"] for task in body["data"]]
    assert ids == sorted(ids, reverse=True)
    assert body["data"] == world.tasks(token)[:20]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"page": 2, "page_size": 30}, 30),
        ({"page": 4, "page_size": 30}, 5),
        ({"page": 9, "page_size": 30}, 0),
        ({"page": "two"}, 20),
        ({"page_size": "many"}, 20),
        ({"page_size": 0, "page": 3}, 95),
        ({"page_size": 1000}, 90),
    ],
)
def test_paging(world: World, token: str, query: dict[str, object], expected: int) -> None:
    """Short last page, nothing past the end, defaults for what is no number, everything for 0, a maximum."""
    with Simulator(world, max_page_size=90) as simulator:
        url = f"{simulator.base_url}{API}spaces/{token}/tasks/"
        body = requests.get(url, params=query, headers=HEADERS, timeout=5).json()
    assert len(body["data"]) == expected
    assert body["count"] == 95


@pytest.mark.parametrize("page", [0, -1])
def test_page_zero_is_a_failure_behind_the_api(ask: Ask, token: str, page: int) -> None:
    answer = ask(f"spaces/{token}/tasks/", page=page)
    assert answer.status_code == 206
    assert answer.json()["errors"]
    assert isinstance(answer.json()["data"], dict)


def test_pages_together_are_the_whole_list(ask: Ask, world: World, token: str) -> None:
    pages = [ask(f"spaces/{token}/tasks/", page=page, page_size=30).json()["data"] for page in range(1, 5)]
    assert [task for page in pages for task in page] == world.tasks(token)


def test_every_list_answers(ask: Ask, world: World, token: str) -> None:
    run_id, agent = world.runs(token)[0]["run_id"], world.agents[-1]["handle"]
    lists = {
        "organizations/": world.organizations,
        "spaces/": world.spaces,
        "agents/": world.agents,
        f"spaces/{token}/runs/": world.runs(token),
        f"agents/{agent}/executions/": world.executions(agent),
    }
    for path, expected in lists.items():
        assert ask(path).json()["data"] == expected, path
    tasks = ask(f"spaces/{token}/runs/{run_id}/tasks/", page_size=100).json()
    assert (tasks["count"], len(tasks["data"])) == (95, 95)


def test_what_nobody_knows(ask: Ask, token: str) -> None:
    """An unknown space is a 206 without errors, an unknown run an empty list, an unknown agent a 404."""
    space = ask("spaces/NOSUCHSPACE/tasks/")
    assert (space.status_code, space.json()["data"], "errors" in space.json()) == (206, {}, False)
    run = ask(f"spaces/{token}/runs/Rnone/tasks/")
    assert (run.status_code, run.json()["data"], run.json()["count"]) == (200, [], 0)
    assert ask("agents/space-agent-none/executions/").status_code == 404
    route = ask("nothing/like/this/")
    assert (route.status_code, route.headers["Content-Type"]) == (404, "text/html; charset=utf-8")


def test_credentials(ask: Ask, token: str) -> None:
    path = f"spaces/{token}/tasks/"
    for headers in ({}, {"Authorization": "Token wrong"}, {"Authorization": "Bearer simulator-token-0"}):
        refused = ask(path, headers=headers)
        assert (refused.status_code, refused.json()["status_code"]) == (401, 401)
    only_token = {"Authorization": "Token simulator-token-0"}
    assert ask(path, headers=only_token).status_code == 200
    assert ask("organizations/", headers=only_token).status_code == 200
    assert ask("spaces/", headers=only_token).status_code == 400
    assert ask("agents/", headers=only_token).status_code == 400
    assert ask("spaces/", headers={**only_token, "Org-Handle": "other"}).status_code == 206


def test_listings_for_a_login_only(simulator: Simulator, ask: Ask, token: str) -> None:
    simulator.behaviour = dataclasses.replace(
        simulator.behaviour, login_only=frozenset({"spaces", "organizations"})
    )
    for path in ("spaces/", "organizations/"):
        refused = ask(path)
        assert (refused.status_code, refused.json()["data"]) == (401, None)
    assert [ask(path).status_code for path in ("agents/", f"spaces/{token}/tasks/")] == [200, 200]
    with pytest.raises(ValueError, match="unknown listings"):
        dataclasses.replace(simulator.behaviour, login_only=frozenset({"tasks"}))


def test_a_route_that_does_not_exist(simulator: Simulator, ask: Ask, world: World) -> None:
    simulator.behaviour = dataclasses.replace(simulator.behaviour, missing_routes=frozenset({"executions"}))
    answer = ask(f"agents/{world.agents[0]['handle']}/executions/")
    assert (answer.status_code, answer.headers["Content-Type"]) == (404, "text/html; charset=utf-8")


def test_spaces_of_others_are_listed_and_refuse(simulator: Simulator, ask: Ask, token: str) -> None:
    simulator.behaviour = dataclasses.replace(simulator.behaviour, foreign=frozenset({token}))
    assert ask("spaces/").json()["data"][0]["token"] == token
    refused = ask(f"spaces/{token}/tasks/")
    assert (refused.status_code, "errors" in refused.json()) == (206, False)


def test_a_space_can_be_left_out_of_the_listing(simulator: Simulator, ask: Ask, token: str) -> None:
    simulator.behaviour = dataclasses.replace(simulator.behaviour, unlisted=frozenset({token}))
    assert (ask("spaces/").json()["data"], ask(f"spaces/{token}/tasks/").status_code) == ([], 200)


def test_a_missing_slash_redirects_and_keeps_the_query(ask: Ask, token: str) -> None:
    answer = ask(f"spaces/{token}/tasks", page=2)
    assert (answer.status_code, answer.headers["Location"]) == (301, f"{API}spaces/{token}/tasks/?page=2")


def test_one_connection_serves_many_requests(simulator: Simulator, token: str) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", simulator.port, timeout=5)
    for _ in range(3):
        connection.request("GET", f"{API}spaces/{token}/tasks/", headers=HEADERS)
        answer = connection.getresponse()
        assert len(answer.read()) == int(answer.headers["Content-Length"])
        assert connection.sock is not None
    connection.close()


def test_requests_are_remembered(simulator: Simulator, ask: Ask, token: str) -> None:
    ask(f"spaces/{token}/runs/", page=3)
    (record,) = simulator.requests
    assert (record.method, record.path, dict(record.query)) == (
        "GET",
        f"{API}spaces/{token}/runs/",
        {"page": "3"},
    )
    assert (record.headers["authorization"], record.status) == ("Token simulator-token-0", 200)
    assert simulator.request_counts == {"runs": 1}


def test_the_world_can_change_between_two_pages(
    simulator: Simulator, ask: Ask, world: World, token: str
) -> None:
    """The hook runs before the answer: a task that is added shifts the second page by one."""

    def add(record: RequestRecord) -> None:
        if record.query.get("page") == "2":
            world.add_task(token)

    simulator.on_request = add
    first = ask(f"spaces/{token}/tasks/", page=1).json()["data"]
    second = ask(f"spaces/{token}/tasks/", page=2).json()["data"]
    assert first[-1] == second[0]


def test_rate_limit(world: World, token: str) -> None:
    with Simulator(world, rate_limit_per_minute=2) as simulator:
        url = f"{simulator.base_url}{API}spaces/{token}/runs/"
        answers = [requests.get(url, headers=HEADERS, timeout=5) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert [answer.headers["X-RateLimit-Remaining"] for answer in answers] == ["1", "0", "0"]
    assert 0 < int(answers[2].headers["Retry-After"]) <= 60
    assert 0 < int(answers[2].headers["X-RateLimit-Reset"]) - time.time() <= 61
    assert set(answers[2].json()["error"]) == {"code", "message"}


@pytest.mark.parametrize(
    ("projection", "missing", "present"),
    [
        ("documented", {"_id", "status", "assignee", "run_mode"}, {"output"}),
        ("minimal", {"output", "created"}, {"_id"}),
    ],
)
def test_run_tasks_may_show_less(
    world: World, token: str, projection: str, missing: set[str], present: set[str]
) -> None:
    run_id = world.runs(token)[0]["run_id"]
    with Simulator(world, projection=projection) as simulator:
        url = f"{simulator.base_url}{API}spaces/{token}"
        of_run = requests.get(f"{url}/runs/{run_id}/tasks/", headers=HEADERS, timeout=5).json()["data"][0]
        of_space = requests.get(f"{url}/tasks/", headers=HEADERS, timeout=5).json()["data"][0]
    assert not missing & set(of_run)
    assert present <= set(of_run)
    assert missing <= set(of_space)


def test_a_list_can_ignore_page_and_count_can_lie(world: World, token: str) -> None:
    with Simulator(world, ignore_page=frozenset({"tasks"}), count_offset=7) as simulator:
        url = f"{simulator.base_url}{API}spaces/{token}/tasks/"
        bodies = [requests.get(url, params={"page": n}, headers=HEADERS, timeout=5).json() for n in (1, 2)]
        assert bodies[0] == bodies[1]
        assert (len(bodies[0]["data"]), bodies[0]["count"]) == (95, 102)
        simulator.behaviour = dataclasses.replace(
            simulator.behaviour, ignore_page=frozenset(), count_offset=0
        )
        assert requests.get(url, headers=HEADERS, timeout=5).json()["count"] == 95


def test_manners_that_nobody_knows_are_refused() -> None:
    with pytest.raises(ValueError, match="projection"):
        ServerBehaviour(projection="other")
    with pytest.raises(ValueError, match="ignore_page"):
        ServerBehaviour(ignore_page=frozenset({"other"}))


def test_gzip(world: World, token: str) -> None:
    with Simulator(world, gzip=True) as simulator:
        url = f"{simulator.base_url}{API}spaces/{token}/tasks/"
        packed = requests.get(url, headers=HEADERS, timeout=5)
        plain = requests.get(url, headers={**HEADERS, "Accept-Encoding": "identity"}, timeout=5)
    assert packed.headers["Content-Encoding"] == "gzip"
    assert "Content-Encoding" not in plain.headers
    assert packed.json() == plain.json()


def test_nothing_can_be_posted(simulator: Simulator) -> None:
    assert requests.post(simulator.base_url + API + "spaces/", timeout=5).status_code == 405


def test_variants_are_served_verbatim_in_file_order(variants: dict[str, list[dict[str, Any]]]) -> None:
    world = bench_world(30)
    token = world.add_space("Variants")
    world.load_variants(token, variants)
    with Simulator(world) as simulator:
        url = f"{simulator.base_url}{API}spaces/{token}"
        tasks = requests.get(f"{url}/tasks/", headers=HEADERS, timeout=5).json()
        runs = requests.get(f"{url}/runs/", headers=HEADERS, timeout=5).json()
        of_run = requests.get(f"{url}/runs/R1/tasks/", headers=HEADERS, timeout=5).json()
    assert tasks["data"] == of_run["data"] == [entry["task"] for entry in variants["tasks"]]
    assert runs["data"] == [entry["run"] for entry in variants["runs"]]
