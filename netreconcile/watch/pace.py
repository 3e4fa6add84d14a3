"""When to look at a host: soon after something has happened, seldom while nothing does, never without a rest. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace

SETTLE = 0.5
"""Seconds of quiet that a look waits for, so that what happens together is seen together."""
PATIENCE = 3.0
"""Seconds after which a look waits for quiet no longer."""
REST = 4.0
"""After a look comes a rest so many times as long as the processor was busy with it, whatever happens meanwhile."""

RETRY = 10.0
"""Seconds from a look that didn't reach libvirt to the next one, at most."""


@dataclass(frozen=True, slots=True)
class Wait:
    """What the next look waits for, in seconds of one clock.

    The last look `ended`, and took so much of a processor's time (`cost`); since it began, something has happened
    `first` and `last`, or nothing.
    """

    ended: float
    cost: float = 0.0
    first: float | None = None
    last: float | None = None

    def woken(self, now: float) -> Wait:
        """Return the wait after something has happened."""
        return replace(self, first=now if self.first is None else self.first, last=now)

    def rested(self, now: float, cost: float) -> Wait:
        """Return the wait after a look; what has happened since that look began is still to be looked at."""
        return replace(self, ended=now, cost=cost)

    def due(self, interval: float) -> float:
        """Return when to look; `interval` is the longest time between two looks."""
        if self.first is None or self.last is None:
            return self.ended + interval
        return max(min(self.last + SETTLE, self.first + PATIENCE), self.ended + min(REST * self.cost, interval))
