"""The Singer tap piped into target-duckdb."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import duckdb


def main() -> None:
    """Run both, then count."""
    folder = Path(sys.argv[1])
    database = folder / "singer.duckdb"
    config = folder / "target.json"
    config.write_text(
        json.dumps({"path": str(database), "filepath": str(database), "default_target_schema": "unpod"})
    )
    source = subprocess.Popen(
        [sys.executable, Path(__file__).with_name("singer_tap.py")],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    target = subprocess.run(
        [Path(sys.executable).with_name("target-duckdb"), "--config", config],
        stdin=source.stdout,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        check=False,
    )
    if source.wait() or target.returncode:
        sys.exit(f"tap {source.returncode}, target {target.returncode}: {target.stderr.decode()[-800:]}")
    with duckdb.connect(str(database), read_only=True) as connection:
        row = connection.execute("select count(*) from unpod.tasks").fetchone()
    print(json.dumps({"tasks": row[0] if row else 0}))


main()
