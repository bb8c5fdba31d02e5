"""What a token can see: its organisations and their spaces, as `init` offers them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from unpod_sync.config import Settings
from unpod_sync.errors import (
    AccessError,
    ConfigurationError,
    CredentialsError,
    ResponseError,
)
from unpod_sync.model import ORGANIZATIONS, SPACES, is_plausible_id, space_tasks
from unpod_sync.operations.doctor_api import accepting_answer, handles, objects, open_probe
from unpod_sync.suggest import find_keys, name_hint

MOST_PAGES = 20


@dataclass(frozen=True, slots=True)
class SpaceChoice:
    """A space one may choose."""

    token: str
    name: str
    holds_calls: bool


def organizations(settings: Settings) -> list[str]:
    """Handles of the organisations of the token; empty when the API does not tell.

    The listings may want a login and refuse (401) a token that all else accepts: then the settings' spaces
    and the agents decide. Raises CredentialsError when these refuse it too, UnavailableError and others as they come.
    """
    with open_probe(settings) as client:
        try:
            return handles(client.fetch(ORGANIZATIONS, 1, 100, attempts=2), settings)
        except (AccessError, ResponseError):
            return []
        except CredentialsError as error:
            if accepting_answer(client, settings) is None:
                raise error from None
            return []


def check_space(settings: Settings, token: str) -> None:
    """Raises the ApiError of a space whose tasks cannot be read, ConfigurationError for what can be no token."""
    if not is_plausible_id(token):
        raise ConfigurationError(f"{token!r} can be no space's token", "Copy it from the space's settings.")
    with open_probe(settings) as client:
        client.fetch(space_tasks(token), 1, 1, attempts=2)


def spaces(settings: Settings) -> list[SpaceChoice] | None:
    """The spaces that token and organisation can see, by name; None when the API shows no listing (401)."""
    found: dict[str, SpaceChoice] = {}
    with open_probe(settings) as client:
        for number in range(1, MOST_PAGES + 1):
            try:
                page = client.fetch(SPACES, number, 100, attempts=2)
            except CredentialsError:
                return None
            before = len(found)
            for row in objects(page, settings):
                if row.get("token"):
                    token, content = str(row["token"]), str(row.get("content_type") or "contact")
                    found[token] = SpaceChoice(
                        token, str(row.get("name") or token), "contact" in content.lower()
                    )
            if len(found) == before or len(found) >= (page.count or 0):
                break
    return sorted(found.values(), key=lambda space: (not space.holds_calls, space.name.lower()))


def choose(answer: str, offers: Sequence[SpaceChoice]) -> tuple[str, ...]:
    """Tokens of the spaces an answer names by number, name or token; none for `all`.

    Raises ConfigurationError for words that name none.
    """
    words = [word.strip() for word in answer.split(",") if word.strip()]
    if not words or [word.lower() for word in words] == ["all"]:
        return ()
    known = [(offer.token, offer.name, str(number)) for number, offer in enumerate(offers, start=1)]
    found = {word: find_keys(word, known) for word in words}
    unknown = [word for word, tokens in found.items() if not tokens]
    if unknown:
        hint = name_hint(unknown[0], [(offer.token, offer.name) for offer in offers])
        raise ConfigurationError(f"there is no space {', '.join(unknown)}", hint)
    return tuple(dict.fromkeys(token for tokens in found.values() for token in tokens))
