"""The notebook in `examples/` runs, and both libraries give what SQL gives."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import duckdb
import pytest

pytestmark = pytest.mark.filterwarnings("default")
NOTEBOOK = Path(__file__).parents[2] / "examples" / "notebook.py"
SAID = """
select agent_name, outcome, count(distinct task_id) as calls, count(*) as messages, sum(length(content)) as characters
from calls join transcript_messages using (task_id)
where is_connected and role = 'user' and agent_name is not null and outcome is not null
group by all
"""


def test_the_notebook_runs(warehouse_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every cell, from top to bottom; calls and messages are joined without losing or doubling any."""
    for name in ("marimo", "pandas", "polars"):
        pytest.importorskip(name, reason=f"the notebook needs {name}")
    monkeypatch.setenv("UNPOD_DATABASE", str(warehouse_file))
    spec = importlib.util.spec_from_file_location("notebook", NOTEBOOK)
    assert spec and spec.loader
    module: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    _, found = module.app.run()
    with duckdb.connect(str(warehouse_file), read_only=True) as connection:
        expected = sorted(connection.execute(SAID).fetchall())
        agents = connection.execute("select count(distinct agent_handle) from agent_hours").fetchall()
    assert sorted(found["by_agent_pandas"].itertuples(index=False, name=None)) == expected and expected
    assert sorted(found["by_agent_polars"].rows()) == expected
    assert [(len(found["best_hours"]),)] == agents
    found["warehouse"].close()
