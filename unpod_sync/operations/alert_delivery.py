"""Messages of alerts, and how they reach people: a webhook, or what Apprise knows.

An address is a secret: it is neither shown nor stored. A message holds no row: neither contacts nor transcripts.
"""

from __future__ import annotations

import hashlib
import logging
from dataclasses import asdict, dataclass
from datetime import datetime

from unpod_sync.config import Secret
from unpod_sync.errors import ConfigurationError
from unpod_sync.operations.ping import check_ping_url

TIMEOUT_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Message:
    """What is sent. `event` is begun or over; times are UTC; `show` is the command that shows the rows."""

    event: str
    rule: str
    view: str
    subject: str
    count: int
    since: datetime
    until: datetime | None

    @property
    def show(self) -> str:
        """The command that shows the matching rows."""
        return f"unpod-sync alert --show {self.rule}"

    @property
    def title(self) -> str:
        """One line for people."""
        subject = f" ({self.subject})" if self.subject else ""
        return f"unpod-sync: {self.rule}{subject} {'is over' if self.event == 'over' else 'began'}"

    @property
    def text(self) -> str:
        """The whole for people."""
        since = f"since {self.since:%Y-%m-%d %H:%M} UTC"
        if self.until is not None:
            return f"{self.title}. No longer in {self.view}; it lasted {since} until {self.until:%Y-%m-%d %H:%M} UTC."
        rows = f"{self.count:,} row{'' if self.count == 1 else 's'} of {self.view}"
        return f"{self.title}. {rows} {since}. To see them: {self.show}"

    def as_json(self) -> dict[str, object]:
        """The body of a webhook."""
        times = {
            name: value and f"{value:%Y-%m-%dT%H:%M:%SZ}"
            for name, value in (("since", self.since), ("until", self.until))
        }
        return asdict(self) | times | {"show": self.show, "text": self.text}


def fingerprint(destination: Secret) -> str:
    """What stands for an address in the file."""
    return hashlib.sha256(destination.get_secret_value().encode()).hexdigest()[:16]


def deliver(destination: Secret, message: Message) -> str:
    """Sends a message; gives what went wrong in words, empty when nothing did."""
    address = destination.get_secret_value()
    if address.partition(":")[0].lower() in ("http", "https"):
        return _post(address, message)
    return _notify(address, message)


def _post(address: str, message: Message) -> str:
    import requests

    try:
        check_ping_url(address)
    except ConfigurationError:
        return "a webhook needs an https:// address (http:// only to this machine)"
    try:
        # Redirects are not followed: they could lead to plain http.
        answer = requests.post(
            address, json=message.as_json(), timeout=TIMEOUT_SECONDS, allow_redirects=False
        )
    except (requests.RequestException, OSError, ValueError) as error:
        return f"the webhook could not be called ({type(error).__name__})"
    return "" if answer.status_code // 100 == 2 else f"the webhook answers with status {answer.status_code}"


def _notify(address: str, message: Message) -> str:
    try:
        from apprise import Apprise
    except ModuleNotFoundError:
        return "this address needs Apprise: pip install 'unpod-sync[alerts]'"
    logging.getLogger("apprise").disabled = True  # it may name the address
    service = Apprise()
    if not service.add(address):
        return "Apprise does not know such an address"
    return "" if service.notify(title=message.title, body=message.text) else "Apprise could not deliver"
