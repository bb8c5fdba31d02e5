"""How many requests fly at once: more when it pays, fewer when it hurts."""

from __future__ import annotations

from unpod_sync.api.lanes import Lanes


def fly(lanes: Lanes, pages: int, wait: float, cpu: float) -> int:
    for _ in range(pages):
        lanes.answered(wait)
        lanes.worked(cpu)
    return lanes.limit


def test_waiting_opens_lanes_up_to_the_workers() -> None:
    """30 ms of waiting for 4 ms of work keeps eight busy."""
    lanes = Lanes(8)
    assert lanes.limit == 4
    assert fly(lanes, 60, 0.030, 0.004) == 8


def test_no_latency_needs_one_lane() -> None:
    """Threads that only take turns at the interpreter cost; a server's own work is worth a second lane."""
    assert fly(Lanes(8), 60, 0.0005, 0.005) == 1
    assert fly(Lanes(8), 60, 0.004, 0.005) == 2


def test_lanes_come_back_when_latency_does() -> None:
    """A listing answered from a cache does not settle it."""
    lanes = Lanes(8)
    assert fly(lanes, 30, 0.0, 0.005) == 1
    assert fly(lanes, 120, 0.050, 0.005) == 8


def test_trouble_halves_once_per_round() -> None:
    """Failures of one moment count once, and one lane always stays."""
    lanes = Lanes(16)
    fly(lanes, 200, 0.1, 0.005)
    assert lanes.limit == 16
    for _ in range(5):
        lanes.troubled()
    assert lanes.limit == 8
    for _ in range(10):
        lanes.answered(0.1)
        lanes.troubled()
    assert lanes.limit == 1
    assert fly(lanes, 200, 0.1, 0.005) == 16


def test_a_growing_queue_at_the_server_opens_no_lane() -> None:
    """Waits that grow with the lanes mean that the server, not the network, is the limit."""
    lanes = Lanes(32)
    for _ in range(300):
        lanes.answered(0.02 * lanes.limit)
        lanes.worked(0.001)
    assert lanes.limit < 32


def test_one_worker_is_one_lane() -> None:
    """Whatever happens."""
    lanes = Lanes(1)
    lanes.troubled()
    assert fly(lanes, 50, 1.0, 0.001) == 1
