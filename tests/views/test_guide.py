"""sql/README.md: its recipes run, its list of views is complete."""

import re

import pytest

from tests.views.conftest import Warehouse
from unpod_sync.warehouse import schema

GUIDE = (schema.sql_folder() / "README.md").read_text(encoding="utf-8")
RECIPES = re.findall(r"### (.+?)\n\n```sql\n(.*?)```\n\n```text\n.*?```", GUIDE, re.DOTALL)


def test_there_are_ten_questions() -> None:
    """Each with its SQL and a place for its output."""
    assert len(RECIPES) == 10


@pytest.mark.parametrize(("question", "sql"), RECIPES)
def test_each_recipe_runs(question: str, sql: str, warehouse: Warehouse) -> None:
    """On an empty file and on one with a call."""
    warehouse.rows(sql)
    warehouse.talk(outcome="interested", duration_seconds=60.0, contact_key="k", cost=1.0)
    warehouse.rows(sql)


def test_the_guide_names_every_view_and_only_views(warehouse: Warehouse) -> None:
    """A view that is not in the guide does not exist for a newcomer."""
    table = GUIDE.split("## The views, in reading order")[1].split("Rules:")[0]
    assert set(re.findall(r"`(\w+)`", table)) == set(warehouse.views())
