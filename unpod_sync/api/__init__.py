"""The API's client: one page at a time or many in flight, with one limiter for all."""

from unpod_sync.api.client import Client, ClientConfig, Job, RequestEvent
from unpod_sync.api.rate_limit import RequestBudget
from unpod_sync.api.retry import RetryPolicy

__all__ = ["Client", "ClientConfig", "Job", "RequestBudget", "RequestEvent", "RetryPolicy"]
