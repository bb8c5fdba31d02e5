"""Other tools, each in a virtual environment of its own, made when first needed."""

from __future__ import annotations

import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.harness import Options

CONTESTANTS = Path(__file__).parent / "contestants"


@dataclass(frozen=True, slots=True)
class Peer:
    """A tool to compare with: what to install and what to run."""

    name: str
    requirements: tuple[str, ...]
    script: str
    shown: tuple[str, ...]

    def command(self, python: Path, folder: Path) -> list[str | Path]:
        """Runs it, writing into `folder`."""
        return [python, CONTESTANTS / self.script, folder]


PEERS = (
    Peer("dlt", ("dlt[duckdb,parquet]",), "dlt_pipeline.py", ("dlt", "duckdb")),
    Peer(
        "singer",
        ("singer-sdk", "target-duckdb"),
        "singer_pipeline.py",
        ("singer-sdk", "target-duckdb", "duckdb"),
    ),
    Peer("airbyte", ("airbyte",), "airbyte_pipeline.py", ("airbyte", "airbyte-cdk", "duckdb")),
)
ENVIRONMENT = {
    "RUNTIME__DLTHUB_TELEMETRY": "false",
    "RUNTIME__LOG_LEVEL": "CRITICAL",
    "DO_NOT_TRACK": "1",
    "AIRBYTE_OFFLINE_MODE": "1",
    "AIRBYTE_NO_UV": "1",
}


class MissingPeerError(Exception):
    """The tool cannot be had here; the message says why."""


def prepare(peer: Peer, options: Options) -> tuple[Path, str]:
    """The peer's Python, installed now if need be, and its versions. Raises `MissingPeerError`."""
    home = options.peers_folder / peer.name
    python = home / "bin" / "python"
    done = home / ".installed"
    if not done.is_file():
        options.say(f"installing {', '.join(peer.requirements)} into {home}")
        try:
            venv.create(home, with_pip=True)
            _call(
                [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *peer.requirements]
            )
        except (OSError, subprocess.SubprocessError) as error:
            text = getattr(error, "stderr", None) or str(error)
            lines = [line for line in text.strip().splitlines() if "WARNING" not in line]
            raise MissingPeerError(f"cannot be installed: {lines[-1] if lines else error}") from None
        done.touch()
    code = (
        "import sys, importlib.metadata as m; print(', '.join(f'{n} {m.version(n)}' for n in sys.argv[1:]))"
    )
    return python, _call([python, "-c", code, *peer.shown]).strip()


def _call(command: list[str | Path]) -> str:
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=1200)
    return done.stdout


def chosen(options: Options) -> list[tuple[Peer, Path, str]]:
    """The peers that are wanted and can be had; for the others a line says why not."""
    found = []
    for peer in PEERS:
        if peer.name not in options.peers:
            continue
        if sys.platform == "win32":
            options.say(f"{peer.name}: skipped on Windows")
            continue
        try:
            python, versions = prepare(peer, options)
        except MissingPeerError as error:
            options.say(f"{peer.name}: skipped, {error}")
            continue
        found.append((peer, python, versions))
    return found
