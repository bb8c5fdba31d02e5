"""Settings: flags first, then environment, then `unpod-sync.toml`, then defaults."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import platformdirs
from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from unpod_sync.errors import ConfigurationError
from unpod_sync.plan import Policy

FILE_NAME = "unpod-sync.toml"

Words = Annotated[tuple[str, ...], NoDecode]


class Settings(BaseSettings):
    """Every setting, with its default. Environment variables carry the prefix `UNPOD_`."""

    model_config = SettingsConfigDict(env_prefix="UNPOD_", extra="forbid", frozen=True, env_ignore_empty=True)

    api_token: SecretStr | None = Field(None, description="API token; never a flag.")
    org_handle: str | None = Field(None, description="Domain handle of the organisation.")
    base_url: str = Field("https://unpod.ai", description="Address of the API.")
    spaces: Words = Field((), description="Space tokens, comma-separated; empty means all the token can see.")
    agents: Words = Field((), description="Agent handles whose executions are read; empty means all.")
    database: Path = Field(Path("data/unpod.duckdb"), description="The published DuckDB file.")
    timezone: str = Field("UTC", description="IANA time zone of the local date and hour columns.")

    workers: int = Field(4, ge=1, le=32, description="Requests in flight at most.")
    page_size: int = Field(100, ge=1, le=1000, description="Rows asked for per request.")
    requests_per_minute: int | None = Field(None, ge=1, description="Request budget per minute.")
    requests_per_day: int | None = Field(None, ge=1, description="Request budget per day (UTC).")
    max_requests: int | None = Field(None, ge=1, description="Request budget of one sync.")
    max_attempts: int = Field(8, ge=1, le=20, description="Attempts per page before it counts as failed.")
    timeout_seconds: float = Field(30, gt=0, description="Longest silence of the server within an answer.")
    deadline_seconds: float = Field(90, gt=0, description="Longest time for one whole answer.")

    hot_days: float = Field(2, gt=0, description="Tasks this young are read at every sync.")
    warm_days: float = Field(14, gt=0, description="Tasks this young are read once a day.")
    warm_every_hours: float = Field(24, gt=0, description="How often the warm window is read.")
    unfinished_days: float = Field(30, gt=0, description="Unfinished tasks this young are read at every sync.")
    sweep_days: float = Field(7, gt=0, description="Everything is verified at least this often.")
    sweep_pages: int = Field(50, ge=1, description="Pages of the sweep per sync, more when needed.")

    memory_limit: str = Field("400MB", description="Memory DuckDB may use during a sync.")
    published_mode: str = Field("0600", description="Mode of the published file, e.g. 0640 for a BI account.")
    views_folder: Path | None = Field(None, description="Folder of your own .sql views, built after ours.")
    ping_url: SecretStr | None = Field(None, description="URL called after each sync; /fail is added on failure.")
    keep_transcripts_days: int | None = Field(None, ge=1, description="Transcripts older than this are not kept.")
    redact_drop: Words = Field((), description="Fields dropped at load: number, email, name, transcript, recording.")
    redact_hash: Words = Field((), description="Fields replaced by a salted hash at load: number, email, name.")

    @field_validator("spaces", "agents", "redact_drop", "redact_hash", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(word.strip() for word in value.split(",") if word.strip())
        return value

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (KeyError, ValueError, OSError):
            raise ValueError(f"{value!r} is no IANA time zone, such as Asia/Kolkata or America/New_York") from None
        return value

    @field_validator("published_mode")
    @classmethod
    def _octal(cls, value: str) -> str:
        try:
            mode = int(value, 8)
        except ValueError:
            raise ValueError(f"{value!r} is no file mode, such as 0600 or 0640") from None
        if not 0o400 <= mode <= 0o777:
            raise ValueError(f"{value!r} is no file mode, such as 0600 or 0640")
        return value

    @field_validator("redact_drop", "redact_hash")
    @classmethod
    def _known_field(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        known = {"number", "email", "name", "transcript", "recording"}
        if unknown := set(value) - known:
            raise ValueError(f"unknown field {', '.join(sorted(unknown))}; known: {', '.join(sorted(known))}")
        return value

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what `load` passes and the environment; the file is merged below them there."""
        return (init_settings, env_settings)

    @property
    def policy(self) -> Policy:
        """The freshness policy."""
        return Policy(
            hot_days=self.hot_days,
            warm_days=self.warm_days,
            warm_every_hours=self.warm_every_hours,
            unfinished_days=self.unfinished_days,
            sweep_days=self.sweep_days,
            sweep_pages=self.sweep_pages,
            page_size=self.page_size,
        )

    @property
    def zone(self) -> ZoneInfo:
        """The time zone of local columns."""
        return ZoneInfo(self.timezone)

    @property
    def token(self) -> str:
        """The API token; `ConfigurationError` when there is none."""
        token = self.api_token.get_secret_value().strip() if self.api_token else ""
        if not token:
            raise ConfigurationError(
                "no API token",
                "Run `unpod-sync init`, or set UNPOD_API_TOKEN. Tokens are made in Unpod under Settings, API keys.",
            )
        return token


def config_paths() -> list[Path]:
    """Where the configuration file is looked for: the working directory, then the user's folder."""
    return [Path(FILE_NAME), Path(platformdirs.user_config_dir("unpod-sync")) / FILE_NAME]


def find_file() -> Path | None:
    """The configuration file in force, if there is one."""
    return next((path for path in config_paths() if path.is_file()), None)


def load(flags: Mapping[str, Any] | None = None) -> Settings:
    """The settings in force. Raises `ConfigurationError` naming the setting and where it was read."""
    path = find_file()
    stored = _read(path) if path else {}
    given = {name: value for name, value in (flags or {}).items() if value is not None and value != ()}
    environment = {name for name in Settings.model_fields if os.environ.get(f"UNPOD_{name.upper()}")}
    merged = {name: value for name, value in stored.items() if name not in environment} | given
    try:
        return Settings(**merged)
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0]) if first["loc"] else "?"
        raise ConfigurationError(
            f"setting {name}: {first['msg'].removeprefix('Value error, ')}",
            f"Mend it in {_origin(name, given, environment, path)}.",
        ) from None


def _origin(name: str, given: Mapping[str, Any], environment: set[str], path: Path | None) -> str:
    if name in given:
        return f"the flag --{name.replace('_', '-')}"
    if name in environment:
        return f"the environment variable UNPOD_{name.upper()}"
    return str(path) if path else "the environment"


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError(
            f"{path} cannot be read: {error}", "Mend the file, or move it away and run `unpod-sync init`."
        ) from None
