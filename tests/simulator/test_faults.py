"""Every kind of fault, seen by a real client."""

from __future__ import annotations

import json
import socket
import threading
import time

import pytest
import requests
from requests.exceptions import ChunkedEncodingError, ConnectionError, ReadTimeout

from unpod_sync.simulator import KINDS, RETRYABLE, Fault, Simulator, World

from .conftest import API, HEADERS, Ask

TESTED: set[str] = set()


def one(simulator: Simulator, kind: str, **options: object) -> None:
    """Switch on a single fault."""
    TESTED.add(kind)
    simulator.faults = [Fault(kind, **options)]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("kind", "status"), [("500", 500), ("502", 502), ("503", 503), ("401", 401), ("403", 403), ("404", 404)]
)
def test_refusals(simulator: Simulator, ask: Ask, kind: str, status: int) -> None:
    one(simulator, kind, times=1)
    assert ask("spaces/").status_code == status
    assert ask("spaces/").status_code == 200
    assert simulator.fault_hits == [1]
    assert [record.fault for record in simulator.requests] == [kind, None]


def test_429_with_and_without_retry_after(simulator: Simulator, ask: Ask) -> None:
    one(simulator, "429")
    assert "Retry-After" not in ask("spaces/").headers
    one(simulator, "429", retry_after=1.5)
    answer = ask("spaces/")
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "1.5")
    assert answer.json()["error"]["code"]


def test_reset_breaks_the_connection(simulator: Simulator, ask: Ask) -> None:
    one(simulator, "reset", times=1)
    with pytest.raises(ConnectionError):
        ask("spaces/")
    assert simulator.requests[0].status is None
    assert ask("spaces/").status_code == 200


def test_truncate_announces_more_than_it_sends(simulator: Simulator, ask: Ask) -> None:
    one(simulator, "truncate")
    with pytest.raises((ChunkedEncodingError, ConnectionError)):
        ask("spaces/")


@pytest.mark.parametrize("chunked", [False, True])
def test_truncate_silent_looks_whole_to_http(simulator: Simulator, ask: Ask, chunked: bool) -> None:
    one(simulator, "truncate_silent", chunked=chunked)
    answer = ask("spaces/")
    assert answer.status_code == 200
    with pytest.raises(json.JSONDecodeError):
        json.loads(answer.text)


@pytest.mark.parametrize("kind", ["bad_json", "html_200", "empty_200"])
def test_bodies_that_are_no_json(simulator: Simulator, ask: Ask, kind: str) -> None:
    one(simulator, kind)
    answer = ask("spaces/")
    assert answer.status_code == 200
    with pytest.raises(json.JSONDecodeError):
        json.loads(answer.text)


def test_206_errors_comes_in_two_forms(simulator: Simulator, ask: Ask) -> None:
    one(simulator, "206_errors")
    bodies = [ask("spaces/") for _ in range(2)]
    assert [answer.status_code for answer in bodies] == [206, 206]
    assert sorted("data" in answer.json() for answer in bodies) == [False, True]
    assert all(answer.json()["errors"] for answer in bodies)
    one(simulator, "206_errors", form="object")
    assert isinstance(ask("spaces/").json()["data"], dict)


def test_206_access_has_no_errors(simulator: Simulator, ask: Ask) -> None:
    one(simulator, "206_access")
    body = ask("spaces/").json()
    assert (body["status_code"], body["data"]) == (206, {})
    assert "errors" not in body


def test_hang_ends_with_its_time_or_with_the_simulator(world: World) -> None:
    with Simulator(world) as simulator:
        one(simulator, "hang")
        with pytest.raises(ReadTimeout):
            requests.get(simulator.base_url + API + "spaces/", headers=HEADERS, timeout=0.2)
        one(simulator, "hang", seconds=0.1)
        with pytest.raises(ConnectionError):
            requests.get(simulator.base_url + API + "spaces/", headers=HEADERS, timeout=5)
        one(simulator, "hang")
        waiting = threading.Thread(target=_ignore_failure, args=(simulator.base_url + API + "spaces/",))
        waiting.start()
        time.sleep(0.1)
    waiting.join(timeout=2)
    assert not waiting.is_alive()


def _ignore_failure(url: str) -> None:
    with pytest.raises(ConnectionError):
        requests.get(url, headers=HEADERS, timeout=5)


def test_drip_sends_a_byte_now_and_then(simulator: Simulator, ask: Ask) -> None:
    one(simulator, "drip", seconds=0.5)
    begin = time.monotonic()
    assert ask("spaces/").json()["count"] == 1
    assert time.monotonic() - begin > 0.4


def test_redirect_to_another_host(simulator: Simulator, ask: Ask, token: str) -> None:
    one(simulator, "redirect_host", location="http://elsewhere.example")
    answer = ask(f"spaces/{token}/tasks/", page=2)
    assert answer.status_code == 302
    assert answer.headers["Location"] == f"http://elsewhere.example{API}spaces/{token}/tasks/?page=2"


def test_poison_fails_its_page_at_every_size(
    simulator: Simulator, ask: Ask, world: World, token: str
) -> None:
    """Halving pages leads to the one bad row; every page without it is served."""
    bad = world.task_ids(token)[37]
    one(simulator, "poison", task_id=bad)
    path = f"spaces/{token}/tasks/"
    assert [ask(path, page=page, page_size=20).status_code for page in (1, 2, 3)] == [200, 206, 200]
    assert ask(path, page=38, page_size=1).json()["errors"]
    assert ask(path, page=37, page_size=1).status_code == 200
    run_id = world.task(bad)["run_id"]
    assert ask(f"spaces/{token}/runs/{run_id}/tasks/", page_size=100).status_code == 206


@pytest.mark.parametrize(("status", "has_errors"), [(206, True), (500, False), (403, False)])
def test_dead_space(
    simulator: Simulator, ask: Ask, world: World, token: str, status: int, has_errors: bool
) -> None:
    other = world.add_space("Alive")
    one(simulator, "dead_space", match=token, status=status)
    for path in (f"spaces/{token}/tasks/", f"spaces/{token}/runs/"):
        answer = ask(path)
        assert answer.status_code == status
        assert ("errors" in answer.text) is has_errors
    assert ask(f"spaces/{other}/tasks/").status_code == 200


def test_data_that_is_no_list(simulator: Simulator, ask: Ask) -> None:
    one(simulator, "data_not_list")
    answer = ask("spaces/")
    assert (answer.status_code, type(answer.json()["data"])) == (200, dict)


def test_bent_pages(simulator: Simulator, ask: Ask, world: World, token: str) -> None:
    path, ids = f"spaces/{token}/tasks/", world.task_ids(token)[:20]
    one(simulator, "missing_count")
    assert "count" not in ask(path).json()
    one(simulator, "wrong_count", amount=-5)
    assert ask(path).json()["count"] == 90
    one(simulator, "short_page", amount=3)
    short = [task["task_id"] for task in ask(path).json()["data"]]
    assert len(short) == 17
    assert set(short) < set(ids)
    one(simulator, "duplicate_rows", amount=2)
    assert [task["task_id"] for task in ask(path).json()["data"]] == ids + ids[:2]


def test_random_faults_are_retryable_and_repeat_with_the_seed(simulator: Simulator, world: World) -> None:
    TESTED.add("random")
    seen = []
    for _ in range(2):
        simulator.faults = [Fault.random(0.5, seed=4)]
        simulator.requests.clear()
        for _ in range(40):
            try:
                requests.get(simulator.base_url + API + "spaces/", headers=HEADERS, timeout=5)
            except (ConnectionError, ChunkedEncodingError):
                continue
        seen.append([record.fault for record in simulator.requests])
    assert seen[0] == seen[1]
    kinds = {kind for kind in seen[0] if kind}
    assert len(kinds) > 5
    assert kinds <= set(RETRYABLE)


def test_match_is_a_substring_or_a_pattern(simulator: Simulator, ask: Ask, token: str) -> None:
    simulator.faults = [Fault("500", match=r"tasks/\?.*page=2(&|$)"), Fault("503", match="/runs/")]
    path = f"spaces/{token}/tasks/"
    assert [ask(path, page=page).status_code for page in (1, 2, 22)] == [200, 500, 200]
    assert ask(f"spaces/{token}/runs/").status_code == 503


def test_a_fault_that_could_never_strike_is_refused() -> None:
    for kind in ("nonsense", "poison", "redirect_host"):
        with pytest.raises(ValueError):
            Fault(kind)


def test_latency_is_waited_for(world: World) -> None:
    with Simulator(world, latency_seconds=0.15) as simulator:
        begin = time.monotonic()
        requests.get(simulator.base_url + API + "spaces/", headers=HEADERS, timeout=5)
        assert time.monotonic() - begin >= 0.15


def test_the_port_is_free_after_the_end(world: World) -> None:
    with Simulator(world) as simulator:
        requests.get(simulator.base_url + API + "spaces/", headers=HEADERS, timeout=5)
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", simulator.port), timeout=1)


def test_every_kind_is_tested() -> None:
    assert TESTED == KINDS
