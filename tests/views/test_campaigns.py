"""Runs as campaigns: their funnel, their costs and the usual of the space beside them."""

import pytest

from tests.views.conftest import Warehouse, day

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


# -- caller numbers -------------------------------------------------------------------------------


def test_a_number_is_compared_with_the_others_of_its_days(warehouse: Warehouse) -> None:
    """Monday: A connects 1 of 4, B 3 of 4; on Tuesday only B dials, which says nothing about A."""
    warehouse.set("caller_number_min_n", "4")
    for number, connected, dialed in (("A", 1, 4), ("B", 3, 4)):
        for place in range(dialed):
            (warehouse.talk if place < connected else warehouse.call)(caller_number=number)
    warehouse.talk(caller_number="B", started_local_date=day(3))
    warehouse.talk(caller_number="A", call_type="inbound")
    warehouse.talk(caller_number="A", space_token="south")
    warehouse.talk()
    sql = (
        "select week_start, dialed_count, connected_count, connect_rate, other_dialed_count, other_connected_count,"
        " other_connect_rate, expected_count, is_low from caller_number_health where space_token = 'north' and"
    )
    assert warehouse.row(f"{sql} caller_number = 'A'") == (day(2), 4, 1, 0.25, 4, 3, 0.75, 2, False)
    # 4 * 4 * 4 * 4 / (8 * 8 * 7): the variance of a hypergeometric number
    (deviation,) = warehouse.row(
        "select deviation from caller_number_health where caller_number = 'A' and space_token = 'north'"
    )
    assert deviation == pytest.approx(-1 / (256 / 448) ** 0.5)
    alone = "select other_dialed_count, other_connect_rate, deviation, is_low from caller_number_health"
    assert warehouse.row(f"{alone} where space_token = 'south'") == (0, None, None, None)


def test_a_number_that_falls_is_flagged_and_quiet_ones_are_not(warehouse: Warehouse) -> None:
    """600 spaces of six numbers with 150 dials each in a week; in every third one number has 15 points less."""
    warehouse.connection.execute(
        "insert into tasks by name select 'T' || row_number() over () as task_id, 'call' as execution_type,"
        " true as is_dialed, if(space % 3 = 0, 'fall ', 'quiet ') || space as space_token, 'N' || number as caller_number,"
        " date '2026-03-02' + (dial % 5)::integer as started_local_date,"
        " (hash(space, number, dial) % 1000000 / 1e6 < 0.5 + (dial % 5 - 2) * 0.04"
        " - if(space % 3 = 0 and number = 0, 0.15, 0))::bigint as user_message_count"
        " from range(600) spaces(space), range(6) numbers(number), range(150) dials(dial)"
    )
    flagged = "select count(*) filter (where is_low) / count(*) from caller_number_health where space_token"
    (found,) = warehouse.row(f"{flagged} like 'fall%' and caller_number = 'N0'")
    (false,) = warehouse.row(f"{flagged} like 'quiet%'")
    assert found >= 0.8
    assert false <= 0.01
