"""The API's client: one page at a time or many in flight, with one pace and one set of manners."""

from unpod_sync.api.client import Client, Counters, Event, Job
from unpod_sync.api.rate_limit import Budget

__all__ = ["Budget", "Client", "Counters", "Event", "Job"]
