"""A local server that behaves like the Unpod API, over a world that looks real. Imports nothing of ours."""

from __future__ import annotations

from unpod_sync.simulator.faults import KINDS, RETRYABLE, Fault
from unpod_sync.simulator.routes import ServerBehaviour
from unpod_sync.simulator.secrets import SECRETS
from unpod_sync.simulator.server import RequestRecord, Simulator
from unpod_sync.simulator.world import World

__all__ = ["KINDS", "RETRYABLE", "SECRETS", "Fault", "RequestRecord", "ServerBehaviour", "Simulator", "World"]
