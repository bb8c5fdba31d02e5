"""Makes the generated parts of the documents anew: `make docs`, after `make demo`.

`docs/commands.md` from the commands' help, and the answers under the recipes of `sql/README.md`
from the demo's file.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
DEMO = ROOT / "data" / "demo.duckdb"
RECIPE = re.compile(r"(```sql\n(?P<sql>(?:(?!```).)*)```\n+```text\n)(?:(?!```).)*(```)", re.DOTALL)


def answer(sql: str) -> str:
    """What `unpod-sync query` prints for this SQL on the demo's file."""
    command = [sys.executable, "-m", "unpod_sync", "query", sql, "--database", str(DEMO), "--max-rows", "8"]
    ran = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    return "\n".join(line.rstrip() for line in ran.stdout.splitlines()) + "\n"


def main() -> None:
    reference = [sys.executable, "-m", "unpod_sync.cli.reference"]
    commands = subprocess.run(reference, capture_output=True, text=True, check=True, cwd=ROOT).stdout
    (ROOT / "docs" / "commands.md").write_text(commands, encoding="utf-8")
    guide = ROOT / "sql" / "README.md"
    text = guide.read_text(encoding="utf-8")
    text = RECIPE.sub(lambda found: found[1] + answer(found["sql"]) + found[3], text)
    guide.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
