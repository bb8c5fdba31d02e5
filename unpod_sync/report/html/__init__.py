"""The report as one page: HTML, styles, script and data in a single file that asks nothing of any network.

Drawn by hand in SVG rather than with a chart library: the filters must act on every chart and
table at once, and a library would be most of the file. The page's own policy forbids it to load
anything, and to run any script but the one whose hash it names.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

from unpod_sync.analytics.writers import write_text
from unpod_sync.report.html.data import read
from unpod_sync.report.model import Request
from unpod_sync.warehouse.storage import Storage

SCRIPTS = ("model.js", "charts.js", "app.js")


def write(target: Path, storage: Storage, request: Request, hint: Callable[[str], str] = str) -> int:
    """Writes the page about what `storage` has published to `target`; returns its size in bytes.

    `hint` makes the commands that the page proposes such as work here.

    The file appears whole or not at all, in a folder that is made when it is missing.
    """
    page = build(read(storage, request, hint))
    write_text(page, target)
    return len(page.encode())


def build(content: dict[str, Any]) -> str:
    """The page about `content`, as `rows.read` gives it."""
    script = "\n" + "\n".join(_part(name) for name in SCRIPTS)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return Template(_part("page.html")).substitute(
        style=_part("page.css"), script=script, script_hash=f"sha256-{digest}", data=as_script(content)
    )


def as_script(content: dict[str, Any]) -> str:
    """JSON that nothing in it can lead out of a script element."""
    text = json.dumps(content, separators=(",", ":"), ensure_ascii=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _part(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")
