"""Every error a user can meet: what happened, what to do, and the exit status.

The tree::

    UnpodSyncError              1
    ├── ConfigurationError     78   a setting is missing or cannot be read
    ├── UsageError              2   the command was called wrongly
    ├── ApiError                1
    │   ├── CredentialsError   77   401: the token or the organisation was refused
    │   ├── AccessError         1   403, 404, 206 without `errors`: this one thing cannot be read
    │   │   └── NoRouteError    1   404 without JSON: the server has no such path at all
    │   ├── RateLimitedError    1   429 after every retry
    │   ├── UnavailableError    1   5xx, time-outs, cut connections, DNS, TLS, after every retry
    │   ├── ResponseError       1   an answer that is not what the API documents, after every retry
    │   └── BudgetError         1   the user's own request budget is used up
    ├── WarehouseError          1   a database file cannot be read or written
    │   ├── LockedError        75   another sync holds the lock
    │   ├── DiskFullError       1   no room left
    │   └── MigrationError      1   the file was made by a newer version
    └── CheckError              1   a claim in sql/checks does not hold

Only `cli` turns them into text and an exit status.
"""

from __future__ import annotations

EXIT_DONE = 0
EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_PARTIAL = 3
EXIT_LOCKED = 75
EXIT_CREDENTIALS = 77
EXIT_CONFIGURATION = 78
EXIT_INTERRUPTED = 130


class UnpodSyncError(Exception):
    """The root: `message` says what happened, `hint` what to do about it."""

    exit_status = EXIT_FAILED

    def __init__(self, message: str, hint: str = "") -> None:
        """`message` and `hint` are shown as they are: no secret may be in them."""
        super().__init__(message)
        self.message = message
        self.hint = hint


class ConfigurationError(UnpodSyncError):
    """A setting is missing, contradictory or unreadable."""

    exit_status = EXIT_CONFIGURATION


class UsageError(UnpodSyncError):
    """The command line asks for something that cannot be done."""

    exit_status = EXIT_USAGE


class ApiError(UnpodSyncError):
    """The API could not give what was asked for. `status`: the HTTP status, 0 where no answer came."""

    status = 0


class CredentialsError(ApiError):
    """The API refused the token (401)."""

    exit_status = EXIT_CREDENTIALS


class AccessError(ApiError):
    """One resource is refused or unknown (403, 404, 206 without `errors`); others may be fine."""


class NoRouteError(AccessError):
    """The server has no such path: a 404 that is a web page and not the API's JSON."""


class RateLimitedError(ApiError):
    """429 after every retry."""


class UnavailableError(ApiError):
    """The server could not be reached or kept failing (5xx, time-outs, cut connections)."""


class ResponseError(ApiError):
    """An answer that is no JSON, has no list in `data`, or carries `errors`, after every retry."""


class BudgetError(ApiError):
    """The user's own budget of requests is used up; what was read is kept."""


class WarehouseError(UnpodSyncError):
    """A database file cannot be read or written."""


class LockedError(WarehouseError):
    """Another sync holds the lock."""

    exit_status = EXIT_LOCKED


class DiskFullError(WarehouseError):
    """No room left on the device."""


class MigrationError(WarehouseError):
    """The file was made by a newer version of unpod-sync, or a migration failed."""


class CheckError(UnpodSyncError):
    """A claim in `sql/checks` does not hold."""
