"""A world that lives: what is due happens as its clock moves."""

from __future__ import annotations

from datetime import datetime, timedelta

from unpod_sync.simulator.generate import Planner, fill
from unpod_sync.simulator.state import WorldState


class World(WorldState):
    """A seeded world. Build one with `World.generate` or, empty, with `World(...)`."""

    _planner: Planner | None = None

    @classmethod
    def generate(
        cls, seed: int = 7, *, tasks: int = 1500, spaces: int = 2, now: datetime | None = None, days: int = 60
    ) -> World:
        """A business that has called people for `days` days. The same arguments, the same world to the byte.

        Without `now` the world ends at this moment.
        """
        world = cls(seed=seed, now=now)
        world._planner = fill(world, tasks=tasks, spaces=spaces, days=days)
        return world

    def advance(self, duration: timedelta) -> None:
        """Move the clock and let everything happen that is due by then."""
        with self.lock:
            target = self.now + duration
            if self._planner is not None:
                self._planner.run_until(target)
            self.set_now(target)
