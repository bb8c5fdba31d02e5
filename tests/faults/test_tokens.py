"""A token that is too short, and lists whose rows cannot be keyed: never exit 0."""

from __future__ import annotations

import pytest

from tests.faults.kit import Site
from unpod_sync.config import Secret, Settings
from unpod_sync.errors import ConfigurationError


def test_a_short_token_is_refused_before_anything_is_read(site: Site) -> None:
    """A text of a few letters stands in payloads by chance: 78, and no request."""
    for short in ("t", "Token fifteen-letters"):
        with pytest.raises(ConfigurationError, match="at least 16") as caught:
            _ = Settings(api_token=Secret(short)).token
        assert caught.value.exit_status == 78
    assert Settings(api_token=Secret("token  0123456789abcdef")).token == "0123456789abcdef"


def test_a_list_of_rows_without_a_key_is_partial(site: Site) -> None:
    """The rows are stored under another key, but most of the list is rejected: exit 3, every time."""
    space = site.spaces[0]
    for task_id in site.world.task_ids(space)[2:]:
        site.world.edit_task(task_id, {"task_id": ...})
    for _ in range(2):
        result = site.sync(page_size=100)
        assert result.exit_status == 3
        assert any("most of its 12 rows were rejected" in failure for failure in result.failures)
    assert site.ask("select count(*) from tasks") == [(24,)]


def test_a_few_rows_without_a_key_are_counted_and_no_failure(site: Site) -> None:
    """One odd row at the end of a list: a reject, exit 0."""
    oldest = site.world.task_ids(site.spaces[0])[-1]
    site.world.edit_task(oldest, {"task_id": ...})
    assert site.sync(page_size=11).exit_status == 0
    assert site.ask("select count(*) from meta.rejects where field = 'task_id'") == [(1,)]
