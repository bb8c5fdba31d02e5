"""Runs as campaigns: their funnel, their costs and the usual of the space beside them."""

import pytest

from tests.views.conftest import Warehouse

STEPS = "tasks, dialed, answered, connected, engaged, interested"


def campaign(warehouse: Warehouse) -> None:
    """R1: four calls, of which one waits, one rings out, one talks briefly and one is interested."""
    warehouse.task(run_id="R1")
    warehouse.call(run_id="R1", cost=1.0)
    warehouse.talk(run_id="R1", cost=2.0, user_turn_count=3, outcome="interested")
    warehouse.talk(run_id="R1", cost=3.0, outcome="interested")


def test_a_run_is_counted_step_by_step(warehouse: Warehouse) -> None:
    """Interest after few turns is connected, but no step of the funnel beyond."""
    campaign(warehouse)
    assert warehouse.row(f"select {STEPS} from run_funnel") == (4, 3, 2, 2, 1, 1)
    assert warehouse.row("select total_cost, cost_per_connect, cost_per_interested from run_funnel") == (
        6,
        3,
        6,
    )
    low, rate, high = warehouse.row(
        "select connect_rate_low, connect_rate, connect_rate_high from run_funnel"
    )
    assert rate == pytest.approx(2 / 3)
    assert (low, high) == (pytest.approx(0.2077, abs=1e-4), pytest.approx(0.9385, abs=1e-4))


def test_the_usual_is_that_of_the_other_calls_of_the_space(warehouse: Warehouse) -> None:
    """Other runs and calls without a run count; the run itself and other spaces do not."""
    campaign(warehouse)
    warehouse.call(run_id="R2", cost=5.0)
    warehouse.talk(run_id=None, cost=1.0)
    warehouse.talk(run_id="R3", space_token="south", cost=100.0)
    usual = (
        "select usual_dialed, usual_connected, usual_engaged, usual_interested, usual_connect_rate,"
        " usual_cost_per_connect, usual_cost_per_interested from run_funnel where run_id ="
    )
    assert warehouse.row(f"{usual} 'R1'") == (2, 1, 1, 0, 0.5, 6, None)
    assert warehouse.row(f"{usual} 'R3'") == (0, 0, 0, 0, None, None, None)
    assert warehouse.rows("select run_id from run_funnel order by 1") == [("R1",), ("R2",), ("R3",)]


def test_what_is_unknown_of_a_run_is_null(warehouse: Warehouse) -> None:
    """No cost sent, nobody dialed: no rate and no price; e-mails and deleted tasks are no calls."""
    warehouse.task(run_id="R1", cost=0.0)
    warehouse.task(run_id="R2", execution_type="email")
    warehouse.insert("runs", run_id="R1", space_token="north", status="pending")
    sql = "select run_id, run_status, connect_rate, connect_rate_low, total_cost, cost_per_connect from run_funnel"
    assert warehouse.row(sql) == ("R1", "pending", None, None, None, None)
