"""What people install is the wheel: built, put into an empty environment, run away from here."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parent.parent


def run(*command: str | Path, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("UNPOD_", "PYTHON"))}
    return subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=clean | environment,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def test_the_wheel_works_away_from_the_checkout(tmp_path: Path) -> None:
    built = run(
        sys.executable, "-m", "pip", "wheel", "--no-deps", "--wheel-dir", tmp_path, ROOT, cwd=tmp_path
    )
    assert built.returncode == 0, built.stderr
    (wheel,) = tmp_path.glob("unpod_sync-*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    for path in (ROOT / "sql").rglob("*.sql"):
        assert f"unpod_sync/sql/{path.relative_to(ROOT / 'sql')}" in names
    for path in (ROOT / "unpod_sync" / "simulator" / "texts").glob("*.toml"):
        assert str(path.relative_to(ROOT)) in names
    # The dependencies come from the environment that runs the tests; ours from the wheel alone.
    made = run(sys.executable, "-m", "venv", "--system-site-packages", tmp_path / "venv", cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    python = tmp_path / "venv" / "bin" / "python"
    site = run(
        sys.executable,
        "-c",
        "import duckdb, pathlib; print(pathlib.Path(duckdb.__file__).parent.parent)",
        cwd=tmp_path,
    )
    linked = next((tmp_path / "venv" / "lib").glob("python*")) / "site-packages" / "of_the_tests.pth"
    installed = run(python, "-m", "pip", "install", "--no-deps", "--no-index", wheel, cwd=tmp_path)
    assert installed.returncode == 0, installed.stderr
    linked.write_text(site.stdout.strip() + "\n", encoding="utf-8")
    command = tmp_path / "venv" / "bin" / "unpod-sync"
    where = run(python, "-c", "import unpod_sync; print(unpod_sync.__file__)", cwd=tmp_path)
    assert str(tmp_path) in where.stdout
    demo = run(command, "demo", cwd=tmp_path, HOME=str(tmp_path))
    assert demo.returncode == 0, demo.stderr
    asked = run(
        command, "query", "select count(*) > 1000 as many from calls", "--database", "data/demo.duckdb",
        "--format", "csv", cwd=tmp_path, HOME=str(tmp_path),
    )  # fmt: skip
    assert asked.stdout.split() == ["many", "true"], asked.stderr
