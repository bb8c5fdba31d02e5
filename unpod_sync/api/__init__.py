"""The API's client: one page at a time or many in flight, with one pace and one set of manners."""

from unpod_sync.api.client import Client, Counters, Job, RequestEvent
from unpod_sync.api.rate_limit import RequestBudget

__all__ = ["Client", "Counters", "Job", "RequestBudget", "RequestEvent"]
