"""One object in the lists of two spaces: one copy is chosen, once."""

from __future__ import annotations

from tests.faults.kit import Site, private_task

COPY = "select space_token, call_id from tasks where task_id = '{}'"


def test_a_task_in_two_spaces_with_different_content_does_not_flip(synced: None, site: Site) -> None:
    """The copy that was stored first stays, whichever list is read last."""
    first, second = site.spaces
    task_id = site.world.task_ids(first)[0]
    before = site.ask(COPY.format(task_id))
    twin = private_task(77) | {"task_id": task_id}
    site.world.add_task(second, twin)
    results = [site.sync() for _ in range(3)]
    assert [result.exit_status for result in results] == [0, 0, 0]
    assert [result.tasks_changed for result in results] == [0, 0, 0]
    noted = [sum(task_id in note for note in result.notes) for result in results]
    assert noted == [1, 0, 0]
    assert site.ask(COPY.format(task_id)) == before


def test_two_copies_met_by_the_first_sync_do_not_flip(site: Site) -> None:
    first, second = site.spaces
    task_id = site.world.task_ids(first)[0]
    site.world.add_task(second, private_task(77) | {"task_id": task_id})
    results = [site.sync() for _ in range(3)]
    assert [result.exit_status for result in results] == [0, 0, 0]
    assert [result.tasks_changed for result in results] == [24, 0, 0]
    assert sum(task_id in note for result in results for note in result.notes) == 1


def test_a_task_that_has_left_one_space_is_taken_from_the_other(synced: None, site: Site) -> None:
    first, second = site.spaces
    task_id = site.world.task_ids(first)[0]
    task = site.world.delete_task(task_id)
    site.world.add_task(second, task | {"status": "failed"})
    for _ in range(2):
        assert site.sync().exit_status == 0
    assert site.ask(f"select space_token, status, deleted_at from tasks where task_id = '{task_id}'") == [
        (second, "failed", None)
    ]
