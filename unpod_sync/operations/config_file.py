"""Writing `unpod-sync.toml`: every setting with its meaning, those in use filled in."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from unpod_sync.config import DESCRIPTIONS, Settings
from unpod_sync.warehouse.files import disk_errors, write_atomically

HEAD = """\
# Configuration of unpod-sync, written by `unpod-sync init`. Flags and UNPOD_* variables go before it.
# It holds the API token: keep it private (mode 0600) and out of version control.
"""


def render(values: Mapping[str, Any]) -> str:
    """The file's text: `values` as settings, all others as comments with their defaults."""
    lines = [HEAD]
    defaults = Settings()
    for name, description in DESCRIPTIONS.items():
        lines.append(f"# {description}")
        if values.get(name) is not None:
            lines.append(f"{name} = {_toml(values[name])}")
        else:
            default = getattr(defaults, name)
            lines.append(f"# {name} = {_toml(default) if default is not None else '…'}")
        lines.append("")
    return "\n".join(lines)


def write(path: Path, values: Mapping[str, Any]) -> None:
    """Writes the file whole or not at all, readable for its owner alone."""
    with disk_errors(path.absolute()):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, render(values).encode(), mode=0o600)


def guess_zone() -> str:
    """The machine's IANA time zone, as far as it can be told; else UTC."""
    candidates = [os.environ.get("TZ", "").lstrip(":")]
    with contextlib.suppress(OSError, UnicodeDecodeError):
        candidates.append(Path("/etc/timezone").read_text(encoding="utf-8").strip())
    link = os.path.realpath("/etc/localtime")
    if "zoneinfo/" in link:
        candidates.append(link.split("zoneinfo/", 1)[1].removeprefix("posix/"))
    found = next((name for name in candidates if name and is_zone(name)), "UTC")
    return "UTC" if found in ("Etc/UTC", "Etc/UCT", "UCT", "Zulu") else found


def is_zone(name: str) -> bool:
    """Whether it is an IANA time zone known here."""
    from zoneinfo import ZoneInfo

    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return False
    return True


def cron_line(command: str, folder: Path, minutes: int = 15) -> str:
    """A crontab line that syncs quietly; `%` would end the command there, so it is escaped."""
    import shlex

    text = f"cd {shlex.quote(str(folder))} && {command} sync --quiet"
    return f"*/{minutes} * * * * {text.replace('%', chr(92) + '%')}"


def _toml(value: Any) -> str:
    if isinstance(value, tuple | list):
        return f"[{', '.join(_toml(item) for item in value)}]"
    if isinstance(value, str | Path):
        return json.dumps(str(value), ensure_ascii=False)
    return repr(value)
