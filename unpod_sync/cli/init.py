"""`unpod-sync init`."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from unpod_sync.cli.common import BASE_URL, ORG_HANDLE, SPACES, output_options
from unpod_sync.cli.output import Output, ask, confirm
from unpod_sync.config import DEFAULT_BASE_URL, FILE_NAME, Secret, Settings, find_file
from unpod_sync.errors import (
    EXIT_DONE,
    EXIT_INTERRUPTED,
    ApiError,
    ConfigurationError,
    CredentialsError,
    UsageError,
)
from unpod_sync.formatting import plural

if TYPE_CHECKING:
    from unpod_sync.operations.account import SpaceChoice

T = TypeVar("T")
TRIES = 5


@click.command(
    epilog="Example without questions:  UNPOD_API_TOKEN=… unpod-sync init --yes --timezone Asia/Kolkata",
)
@click.option(
    "--file", type=click.Path(path_type=Path), default=FILE_NAME, show_default=True, help="File to write."
)
@ORG_HANDLE
@SPACES
@click.option("--timezone", help="IANA time zone of local dates and hours, such as Asia/Kolkata.")
@click.option("--database", help="The published DuckDB file.")
@BASE_URL
@click.option(
    "--yes", is_flag=True, help="Ask nothing: use flags, environment and defaults; token from stdin if piped."
)
@click.option("--overwrite", is_flag=True, help="Replace an existing file.")
@output_options
def command(output: Output, *, file: Path, yes: bool, overwrite: bool, **flags: Any) -> int:
    """Set up: token, organisation, spaces, time zone, database. Each answer is checked.

    Writes unpod-sync.toml (mode 0600), then runs doctor. The token is entered at the prompt, or read
    from UNPOD_API_TOKEN or stdin. There is no flag for it.
    """
    from unpod_sync.cli import doctor
    from unpod_sync.operations.config_file import write

    if not yes and not sys.stdin.isatty():
        raise UsageError(
            "`init` asks questions, and its input is no terminal",
            "Answer by flags and pipe the token in, or set UNPOD_API_TOKEN: "
            "`unpod-sync init --yes --timezone Asia/Kolkata`",
        )
    try:
        _may_write(file, ask=not yes, overwrite=overwrite)
        values = _Interview(output, flags, ask=not yes).values()
    except (click.Abort, KeyboardInterrupt):
        output.complain("stopped", "Nothing was written.")
        return EXIT_INTERRUPTED
    write(file, values)
    output.say(f"Wrote {file} (mode 0600).")
    _warn_of_git(file, output)
    output.say()
    in_force = find_file()
    is_in_force = in_force is not None and in_force.resolve() == file.resolve()
    status = doctor.run({}, output) if is_in_force else EXIT_DONE
    output.say()
    _next_steps(output, file)
    return status


class _Interview:
    """Questions and checks; without `ask`, the answers are flags, environment and defaults."""

    def __init__(self, output: Output, flags: dict[str, Any], *, ask: bool) -> None:
        import os

        self._output, self._ask = output, ask
        self._given = {name: value for name, value in flags.items() if value}
        for name in ("api_token", "org_handle", "timezone", "database", "base_url", "spaces"):
            text = os.environ.get(f"UNPOD_{name.upper()}", "").strip()
            if text:
                self._given.setdefault(name, text)

    def values(self) -> dict[str, Any]:
        """All answers, as settings."""
        base_url = self._given.get("base_url", DEFAULT_BASE_URL)
        token, organizations = self._until(lambda: self._token(base_url), "api_token")
        settings, offers = self._until(
            lambda: self._organization(base_url, token, organizations), "org_handle"
        )

        def chosen() -> tuple[str, ...]:
            return self._unlisted_spaces(settings) if offers is None else self._spaces(offers)

        return {
            "api_token": token,
            "org_handle": settings.org_handle,
            "base_url": base_url if base_url != DEFAULT_BASE_URL else None,
            "spaces": self._until(chosen, "spaces") or None,
            "timezone": self._until(self._timezone, "timezone"),
            "database": self._until(self._database, "database"),
        }

    def _until(self, question: Callable[[], T], name: str) -> T:
        """Asks until the answer is valid. A given answer that is not is asked for, or without `ask` is an error."""
        for left in reversed(range(TRIES)):
            try:
                return question()
            except (ApiError, ConfigurationError) as error:
                if not self._ask or not left:
                    raise
                self._output.warn(f"  {error.message}")
                if error.hint:
                    self._output.say(f"  {error.hint}")
                if not isinstance(error, CredentialsError | ConfigurationError) and name not in self._given:
                    confirm("  Try again?", default=True, abort=True)
                self._given.pop(name, None)
        raise AssertionError

    def _token(self, base_url: str) -> tuple[str, list[str]]:
        from unpod_sync.operations.account import organizations

        token = self._given.get("api_token") or self._typed_token()
        if not token:
            raise ConfigurationError(
                "no API token",
                "Set UNPOD_API_TOKEN, or pipe it in. Tokens are made in Unpod under Settings, API keys.",
            )
        settings = Settings(
            api_token=Secret(token),
            base_url=base_url,
            org_handle=self._given.get("org_handle"),
            spaces=self._given.get("spaces", ()),
        )
        try:
            found = organizations(settings)
        except CredentialsError:
            space = self._asked_space()
            if not space:
                raise
            found = organizations(replace(settings, spaces=(space,)))
            self._given["spaces"] = space
        self._output.say("  The token is accepted.")
        return token, found

    def _asked_space(self) -> str:
        """A space in which to try a token that the listings refuse; empty where one is given or without `ask`."""
        if not self._ask or "spaces" in self._given:
            return ""
        self._output.say(
            "  The API's listings refuse the token (401). They may want a login, or it is wrong."
        )
        text = "Token of a space, to try it there (empty: another API token)"
        return ask(text, default="")

    def _typed_token(self) -> str:
        if self._ask:
            return ask("API token (hidden)", hidden=True)
        return "" if sys.stdin.isatty() else sys.stdin.readline().strip()

    def _answer(self, name: str, question: str, default: str | None = None) -> str:
        """What was given for a setting; else what is typed or, without questions, the default."""
        given = self._given.get(name)
        if given is None:
            given = ask(question, default=default) if self._ask else default or ""
        return given if isinstance(given, str) else ",".join(given)

    def _organization(
        self, base_url: str, token: str, known: list[str]
    ) -> tuple[Settings, list[SpaceChoice] | None]:
        from unpod_sync.operations.account import spaces

        if self._ask and len(known) > 1 and "org_handle" not in self._given:
            self._output.say(f"  The token belongs to: {', '.join(known)}")
        default = known[0] if known and (self._ask or len(known) == 1) else ""
        handle = self._answer("org_handle", "Organisation handle", default)
        if known and handle not in known:
            raise ConfigurationError(
                f"the token does not belong to {handle or 'no organisation'}",
                f"It belongs to {', '.join(known)}.",
            )
        settings = Settings(api_token=Secret(token), base_url=base_url, org_handle=handle or None)
        offers = spaces(settings)
        count = (
            "no list of spaces is shown to this token (401)"
            if offers is None
            else plural(len(offers), "space")
        )
        self._output.say(f"  {handle or 'The organisation'}: {count}.")
        return settings, offers

    def _unlisted_spaces(self, settings: Settings) -> tuple[str, ...]:
        """Tokens of spaces, tried one by one since there is no listing to choose from."""
        from unpod_sync.operations.account import check_space

        answer: Any = self._answer("spaces", "Tokens of the spaces, with commas")
        tokens = Settings(spaces=answer).spaces
        if not tokens:
            raise ConfigurationError(
                "the API accepts the token, but shows it no list of spaces (401)",
                "Name the token of a space: --space or UNPOD_SPACES.",
            )
        for token in tokens:
            check_space(settings, token)
        return tokens

    def _spaces(self, offers: list[SpaceChoice]) -> tuple[str, ...]:
        from unpod_sync.operations.account import choose

        if self._ask and "spaces" not in self._given:
            for number, offer in enumerate(offers, start=1):
                note = "" if offer.holds_calls else "  (holds no calls)"
                self._output.say(f"  {number:3}  {offer.name}  {offer.token}{note}")
        return choose(self._answer("spaces", "Spaces: all, or numbers or names with commas", "all"), offers)

    def _timezone(self) -> str:
        from unpod_sync.operations.config_file import guess_zone

        zone = self._answer("timezone", "Time zone of local dates and hours", guess_zone())
        return Settings(timezone=zone).timezone

    def _database(self) -> str:
        from unpod_sync.operations.doctor_files import folder_finding

        path = self._answer("database", "Database file", str(Settings().database))
        finding = folder_finding(Path(path).expanduser().parent)
        if finding.level == "fail":
            raise ConfigurationError(finding.text, finding.remedy)
        return path


def _may_write(file: Path, *, ask: bool, overwrite: bool) -> None:
    from unpod_sync.analytics.writers import refuse_database

    refuse_database(file)
    if not file.exists() or overwrite:
        return
    if not ask:
        raise ConfigurationError(f"{file} is there already", "Add --overwrite to replace it.")
    confirm(f"{file} is there already. Replace it?", abort=True)


def _warn_of_git(file: Path, output: Output) -> None:
    folder = file.resolve().parent
    if any((parent / ".git").exists() for parent in (folder, *folder.parents)):
        output.say(f"This folder is under version control: add {file.name} and data/ to .gitignore.")


def _next_steps(output: Output, file: Path) -> None:
    import shutil

    from unpod_sync.operations.config_file import cron_line

    found = shutil.which("unpod-sync")
    program = shlex.quote(found) if found else f"{shlex.quote(sys.executable)} -m unpod_sync"
    output.say("Next: `unpod-sync sync`, then `unpod-sync report`. For cron (crontab -e), every 15 minutes:")
    output.data(cron_line(program, file.resolve().parent))
