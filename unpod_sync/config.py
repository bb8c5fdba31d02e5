"""Settings: flags first, then environment, then `unpod-sync.toml`, then defaults.

Plain dataclasses, since every command reads its settings before it does anything else: a
validation library would cost more time than `status` may take in all.
"""
# ruff: noqa: RUF009  # `_setting` makes a dataclass field

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unpod_sync.errors import ConfigurationError
from unpod_sync.model import LEAST_TOKEN

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

FILE_NAME = "unpod-sync.toml"
REDACTED_FIELDS = ("number", "email", "name", "transcript", "recording")
DEFAULT_BASE_URL = "https://unpod.ai"


@dataclass(frozen=True, slots=True, repr=False)
class Secret:
    """A text that is never shown; only `get_secret_value` returns it."""

    _value: str

    def get_secret_value(self) -> str:
        """The text itself."""
        return self._value

    def __repr__(self) -> str:
        """Never the text."""
        return "Secret(***)"

    __str__ = __repr__


# -- readers: each returns a value in its type, or raises ValueError ------------------------------


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("must be a text")
    return value.strip()


def _secret(value: object) -> Secret:
    return value if isinstance(value, Secret) else Secret(_text(value))


def _secrets(value: object) -> tuple[Secret, ...]:
    """Addresses: a list, or one text with blanks between them (commas may be part of one)."""
    words = value.split() if isinstance(value, str) else value
    if not isinstance(words, list | tuple):
        raise ValueError("must be a list of texts, or one text with blanks")
    return tuple(map(_secret, words))


def _path(value: object) -> Path:
    if not isinstance(value, str | Path) or not str(value).strip():
        raise ValueError("must be a path")
    return Path(value).expanduser()


def _real_file(path: Path) -> Path:
    """The file that a link names, so that every command means the same file and its neighbours.

    Other paths stay as they are written. ValueError for a link that names no file.
    """
    if not path.is_symlink():
        return path
    try:
        real = path.resolve(strict=True)
    except (OSError, RuntimeError):  # RuntimeError: links in a circle, before Python 3.13
        raise ValueError(
            f"{path} is a link to {path.readlink()}, which does not exist: name the file itself"
        ) from None
    if not real.is_file():
        raise ValueError(f"{path} is a link to {real}, which is not a file")
    return real


def _words(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        return tuple(word.strip() for word in value.split(",") if word.strip())
    if isinstance(value, list | tuple) and all(isinstance(word, str) for word in value):
        return tuple(value)
    raise ValueError("must be a list of texts, or one text with commas")


def _fields(value: object) -> tuple[str, ...]:
    words = _words(value)
    if unknown := set(words) - set(REDACTED_FIELDS):
        known = ", ".join(sorted(REDACTED_FIELDS))
        raise ValueError(f"unknown field {', '.join(sorted(unknown))}; known: {known}")
    return words


def _hashable(value: object) -> tuple[str, ...]:
    words = _fields(value)
    if whole := {"transcript", "recording"} & set(words):
        raise ValueError(f"{', '.join(sorted(whole))} cannot be hashed; name it in redact_drop")
    return words


def _whole(least: int, most: int | None = None) -> Callable[[object], int]:
    def read(value: object) -> int:
        try:
            if isinstance(value, bool | float):
                raise ValueError
            number = int(str(value))
        except ValueError:
            raise ValueError(f"{value!r} is not a whole number") from None
        if number < least or (most is not None and number > most):
            raise ValueError(f"must be {f'{least} to {most}' if most is not None else f'{least} or more'}")
        return number

    return read


def _span(value: object) -> str:
    text = _text(value).lower()
    if not re.fullmatch(r"0*[1-9]\d{0,5}[mhdw]", text):
        raise ValueError(f"{value!r} is no span of time, such as 90m, 6h or 7d")
    return text


def _positive(value: object) -> float:
    try:
        if isinstance(value, bool):
            raise ValueError
        number = float(str(value))
    except ValueError:
        raise ValueError(f"{value!r} is not a number") from None
    if not 0 < number < float("inf"):
        raise ValueError("must be above 0")
    return number


def _zone(value: object) -> str:
    from zoneinfo import ZoneInfo

    name = _text(value)
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError(
            f"{name!r} is not an IANA time zone, such as Asia/Kolkata or America/New_York{_zones_like(name)}"
        ) from None
    return name


def _zones_like(name: str) -> str:
    """What was probably meant; nothing for abbreviations such as IST, which mean several zones."""
    from zoneinfo import available_timezones

    from unpod_sync.suggest import did_you_mean

    meant = did_you_mean(name, sorted(available_timezones()), most=3) if len(name) > 4 else ""
    return f". {meant}" if meant else ""


def _matching(pattern: str, what: str) -> Callable[[object], str]:
    def read(value: object) -> str:
        text = str(value).strip()
        if not re.fullmatch(pattern, text, re.IGNORECASE):
            raise ValueError(f"{value!r} is not {what}")
        return text

    return read


_memory = _matching(r"(?=.*[1-9])\d+(\.\d+)?\s*[KMGT]i?B", "an amount of memory, such as 300MB or 2GB")
_mode = _matching(r"(0o?)?[4-7][0-7]{2}", 'a file mode, such as "0600" or "0640"')

SPAN_MINUTES = {"m": 1, "h": 60, "d": 1_440, "w": 10_080}
SWEEP_DAYS = 7.0  # of a sweep for which only `sweep_pages` is set


def _setting(default: Any, read: Callable[[object], Any], description: str) -> Any:
    return dataclasses.field(default=default, metadata={"read": read, "description": description})


@dataclass(frozen=True, kw_only=True)
class Account:
    """Whose data is read, and where it goes."""

    api_token: Secret | None = _setting(None, _secret, "API token; never a flag.")
    org_handle: str | None = _setting(None, _text, "Domain handle of the organisation.")
    base_url: str = _setting(DEFAULT_BASE_URL, _text, "Address of the API.")
    spaces: tuple[str, ...] = _setting((), _words, "Space tokens or names; empty means all of them.")
    agents: tuple[str, ...] = _setting((), _words, "Agents whose executions are read; empty means all.")
    database: Path = _setting(Path("data/unpod.duckdb"), _path, "The published DuckDB file.")
    timezone: str = _setting("UTC", _zone, "IANA time zone of the local date and hour columns.")


@dataclass(frozen=True, kw_only=True)
class FreshnessPolicy:
    """How often tasks are read again, by age."""

    page_size: int = _setting(100, _whole(1, 1000), "Rows asked for per request.")
    hot_days: float = _setting(2.0, _positive, "Tasks this young are read at every sync.")
    warm_days: float = _setting(14.0, _positive, "Tasks this young are read once a day.")
    warm_every_hours: float = _setting(24.0, _positive, "How often the warm window is read.")
    unfinished_days: float = _setting(30.0, _positive, "Unfinished tasks this young are read at every sync.")
    verify_within: str = _setting(
        "7d", _span, "Every task is verified this often, as far as the server allows."
    )
    sweep_days: float | None = _setting(None, _positive, "Overrides verify_within, in days.")
    sweep_pages: int | None = _setting(
        None, _whole(1), "Overrides the pages that verify_within needs per sync."
    )

    @property
    def verification_span(self) -> timedelta:
        """Within which every row is to be verified."""
        if self.sweep_days or self.sweep_pages:
            return timedelta(days=self.sweep_days or SWEEP_DAYS)
        return timedelta(minutes=int(self.verify_within[:-1]) * SPAN_MINUTES[self.verify_within[-1]])


@dataclass(frozen=True, kw_only=True)
class Settings(FreshnessPolicy, Account):
    """Every setting, with its default. Raises `ConfigurationError` for an invalid value."""

    workers: int = _setting(8, _whole(1, 32), "Requests in flight at most.")
    requests_per_minute: int | None = _setting(None, _whole(1), "Request budget per minute.")
    requests_per_day: int | None = _setting(None, _whole(1), "Request budget per day (UTC).")
    max_requests: int | None = _setting(None, _whole(1), "Request budget of one sync.")
    max_attempts: int = _setting(8, _whole(1, 20), "Attempts per page before it counts as failed.")
    timeout_seconds: float = _setting(30.0, _positive, "Longest silence of the server within an answer.")
    deadline_seconds: float = _setting(90.0, _positive, "Longest time for one whole answer.")

    # 1,000 changes all over a million tasks need more than 300 MB
    memory_limit: str = _setting("400MB", _memory, "Memory DuckDB may use during a sync.")
    published_mode: str = _setting("0600", _mode, "Mode of the published file, e.g. 0640 for a BI account.")
    views_folder: Path | None = _setting(None, _path, "Folder of your own .sql views, built after ours.")
    ping_url: Secret | None = _setting(None, _secret, "URL called after a sync; /fail is added on failure.")
    alert_urls: tuple[Secret, ...] = _setting(
        (), _secrets, "Where alerts go: webhooks, addresses of Apprise."
    )
    alert_rules: Path | None = _setting(
        None, _path, "TOML file with rules of alerts, besides [[alerts]] here."
    )
    keep_transcripts_days: int | None = _setting(None, _whole(1), "Transcripts older than this are not kept.")
    redact_drop: tuple[str, ...] = _setting(
        (), _fields, "Fields dropped at load: number, email, name, transcript, recording."
    )
    redact_hash: tuple[str, ...] = _setting(
        (), _hashable, "Fields replaced by a salted hash at load: number, email, name."
    )

    def __post_init__(self) -> None:
        """Brings each value into its type."""
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if value is field.default:
                continue
            try:
                object.__setattr__(self, field.name, field.metadata["read"](value))
            except ValueError as error:
                raise InvalidSettingError(field.name, str(error)) from None
        try:
            object.__setattr__(self, "database", _real_file(self.database))
        except ValueError as error:
            raise InvalidSettingError("database", str(error)) from None

    @property
    def zone(self) -> ZoneInfo:
        """The time zone of local columns."""
        from zoneinfo import ZoneInfo

        return ZoneInfo(self.timezone)

    @property
    def token(self) -> str:
        """The API token without the word "Token"; `ConfigurationError` when there is none, or a short one."""
        token = self.api_token.get_secret_value().strip() if self.api_token else ""
        token = re.sub(r"^token\s+", "", token, flags=re.IGNORECASE)
        if not token:
            raise ConfigurationError(
                "no API token",
                "Run `unpod-sync init`, or set UNPOD_API_TOKEN. Tokens are made in Unpod under Settings, "
                "API keys. To try without an account: `unpod-sync demo`.",
            )
        if len(token) < LEAST_TOKEN:
            raise ConfigurationError(
                f"the API token has {len(token)} characters; a token has at least {LEAST_TOKEN}",
                "Copy the whole key from the Unpod settings into UNPOD_API_TOKEN or unpod-sync.toml.",
            )
        return token


class InvalidSettingError(ConfigurationError):
    """One setting's value cannot be."""

    def __init__(self, name: str, reason: str, origin: str = "") -> None:
        """`origin` says where the value was read."""
        super().__init__(f"setting {name}: {reason}", f"Correct it in {origin}." if origin else "")
        self.name, self.reason = name, reason


#: Setting → what it means, in the order of the class.
DESCRIPTIONS: dict[str, str] = {
    field.name: field.metadata["description"] for field in dataclasses.fields(Settings)
}


def config_paths() -> list[Path]:
    """Where the configuration file is looked for: the working directory, then the user's folder."""
    import platformdirs

    return [Path(FILE_NAME), Path(platformdirs.user_config_dir("unpod-sync")) / FILE_NAME]


def find_file() -> Path | None:
    """The configuration file in force, if there is one."""
    return next((path for path in config_paths() if path.is_file()), None)


def load(flags: Mapping[str, Any] | None = None) -> Settings:
    """The settings in force. Raises `ConfigurationError` naming the setting and where it was read."""
    return load_with_origins(flags)[0]


def load_with_origins(flags: Mapping[str, Any] | None = None) -> tuple[Settings, dict[str, str]]:
    """The settings in force and, for each that is not a default, where it was read."""
    path = find_file()
    given = {name: value for name, value in (flags or {}).items() if value is not None and value != ()}
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for found, source in (
        (_read(path) if path else {}, str(path)),
        (_environment(), "the environment variable UNPOD_{upper}"),
        (given, "the flag --{dashed}"),
    ):
        values |= found
        origins |= {
            name: source.replace("{upper}", name.upper()).replace("{dashed}", _flag(name)) for name in found
        }
    try:
        return Settings(**values), origins
    except InvalidSettingError as error:
        origin = origins.get(error.name, "the configuration")
        raise InvalidSettingError(error.name, error.reason, origin) from None


def is_unset(settings: Settings, name: str) -> bool:
    """Whether a setting has its default because neither the environment nor the file names it."""
    return getattr(settings, name) == getattr(Settings, name) and name not in load_with_origins()[1]


def _flag(name: str) -> str:
    """The flag of a setting: those that may be repeated name one thing each."""
    return name.removesuffix("s") if name in ("spaces", "agents") else name.replace("_", "-")


def _environment() -> dict[str, str]:
    found = {name: os.environ.get(f"UNPOD_{name.upper()}", "") for name in DESCRIPTIONS}
    return {name: value for name, value in found.items() if value.strip()}


def _read(path: Path) -> dict[str, Any]:
    import tomllib

    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError(
            f"{path} cannot be read: {error}", "Correct the file, or move it away and run `unpod-sync init`."
        ) from None
    values.pop("alerts", None)  # rules, which `operations.alert_rules` reads
    for name in values:
        if name not in DESCRIPTIONS:
            raise InvalidSettingError(name, _unknown(name), str(path))
    return values


def _unknown(name: str) -> str:
    from unpod_sync.suggest import near

    likely = near(name, DESCRIPTIONS)[:1]
    return f"there is no such setting{f'; did you mean {likely[0]}?' if likely else ''}"
