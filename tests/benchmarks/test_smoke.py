"""The benchmarks still run, and what they measure is right. Nothing here asserts a time."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from tests.benchmarks import harness, later_sync, memory, merge, publish, startup, views
from tests.benchmarks.__main__ import BENCHMARKS, main
from tests.benchmarks.harness import Options, Run


@pytest.fixture
def options(tmp_path: Path) -> Options:
    return Options(size=600, folder=tmp_path, repeats=1, latency_ms=1, peers=())


def test_first_load_compares_equal_work(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--only", "first_load", "--size", "450", "--repeats", "1", "--latency-ms", "1", "--peers", ""]
    assert main([*words, "--folder", str(tmp_path)]) == 0
    table = capsys.readouterr().out
    for name in ("floor", "plain script", "unpod-sync", "unpod-sync, 4 workers"):
        assert f", {name} |" in table


def test_later_syncs(tmp_path: Path) -> None:
    """Every change and deletion is found; an idle sync publishes nothing and asks for what it planned."""
    options = Options(size=450, folder=tmp_path, repeats=1, latency_ms=1, peers=())
    later = {figure.case: figure for figure in later_sync.run(options)}
    assert later["1 % changed, unpod-sync"].is_met, later["1 % changed, unpod-sync"].detail
    assert later["--full, unpod-sync"].is_met, later["--full, unpod-sync"].detail
    idle = later["nothing new, CPU"].detail
    assert "not published" in idle
    assert re.search(r" [01] beyond the plan", idle)


def test_memory_reports_peak_and_growth(options: Options) -> None:
    figures = memory.run(options)
    assert figures[0].case == "first load of 600, peak"
    assert (figures[-1].value or 0) >= 1


def test_merge_writes_every_change_at_every_size(options: Options) -> None:
    sizes = {figure.case.split(",")[0] for figure in merge.run(options)}
    assert sizes == {"100 changed of 100", "600 changed of 600"}


def test_startup_views_and_publish_run(options: Options) -> None:
    assert len(startup.run(options)) == 3
    names = {figure.case for figure in views.run(options)}
    assert {"calls", "call_durations", "daily_outcomes"} <= names
    assert len(publish.run(options)) == 2


def test_a_run_that_fails_is_no_figure(tmp_path: Path) -> None:
    with pytest.raises(harness.FailedRunError, match="ended with 3"):
        harness.run([sys.executable, "-c", "raise SystemExit(3)"], folder=tmp_path)


def test_run_measures_processor_time_and_memory(tmp_path: Path) -> None:
    code = "x = bytearray(60_000_000); print(sum(range(3_000_000)))"
    done: Run = harness.run([sys.executable, "-c", code], folder=tmp_path)
    assert done.peak_mb > 50
    assert done.cpu_seconds > 0
    assert done.output.strip() == "4499998500000"


def test_curve_gives_the_pace_of_each_tenth() -> None:
    samples = [memory.Sample(second, second * 100, 50) for second in range(101)]
    assert memory.curve(samples, 10_000) == [100.0] * 10


def test_every_benchmark_has_a_module() -> None:
    folder = Path(__file__).parent
    assert all((folder / f"{name}.py").is_file() for name in BENCHMARKS)
