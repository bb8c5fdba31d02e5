"""Makes the generated parts of the documents anew: `make docs`.

`docs/commands.md` from the commands' help; the report in `README.md` and the answers under the
recipes of `sql/README.md` from the demo of `tests.demo_file`.
"""

from __future__ import annotations

import contextlib
import re
import tempfile
from pathlib import Path

from click.testing import CliRunner

from tests.demo_file import changed_copy
from tests.reference import reference
from unpod_sync.cli import group

ROOT = Path(__file__).parent.parent
RECIPE = re.compile(r"(```sql\n(?P<sql>(?:(?!```).)*)```\n+```text\n)(?:(?!```).)*(```)", re.DOTALL)
REPORT = re.compile(r"(writes data/demo\.html.*?```text\n)(?:(?!```).)*(```)", re.DOTALL)


def documents() -> dict[Path, str]:
    """The generated documents as they should be.

    The file stands where `--database` is not needed, so that no path of this machine is printed.
    """
    readme, guide = ROOT / "README.md", ROOT / "sql" / "README.md"
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        Path("data").mkdir()
        changed_copy(Path("data", "unpod.duckdb"))
        return {
            ROOT / "docs" / "commands.md": reference(),
            readme: REPORT.sub(lambda found: found[1] + first_screen() + found[2], _text(readme)),
            guide: RECIPE.sub(lambda found: found[1] + answer(found["sql"]) + found[3], _text(guide)),
        }


def answer(sql: str) -> str:
    """What `unpod-sync query` prints for this SQL."""
    return _output("query", sql, "--max-rows", "8")


def first_screen() -> str:
    """What `unpod-sync report` prints between its dates and the spaces."""
    text = _output("report")
    return text[text.index("\n\n") + 2 : text.index("\n\nSpaces") + 1]


def _output(*arguments: str) -> str:
    home = str(Path.cwd())
    runner = CliRunner(env={"COLUMNS": "110", "HOME": home, "XDG_CONFIG_HOME": home, "UNPOD_DATABASE": None})
    result = runner.invoke(group, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return "\n".join(line.rstrip() for line in result.stdout.splitlines()) + "\n"


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


if __name__ == "__main__":
    for path, text in documents().items():
        path.write_text(text, encoding="utf-8")
