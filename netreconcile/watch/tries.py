"""Which differences an apply has been tried for: the same aren't tried again and again. Pure."""

from __future__ import annotations

from typing import NamedTuple

LONGEST = 3600.0
"""Seconds after which the same is tried again at the latest."""


class Tried(NamedTuple):
    """The differences that an apply was for, when it is tried again if they stay, and the seconds until then."""

    differences: frozenset[str] = frozenset()
    again: float = 0.0
    pause: float = 0.0

    def left(self, differences: tuple[str, ...]) -> Tried:
        """Return what is left of it; what is gone, and comes back, is tried at once."""
        return self._replace(differences=self.differences.intersection(differences))

    def covers(self, differences: tuple[str, ...], now: float) -> bool:
        """Return whether these have been tried already, and not so long ago that it is time for another try."""
        return self.differences.issuperset(differences) and now < self.again

    def tried(self, differences: tuple[str, ...], now: float, interval: float) -> Tried:
        """Return the next try; the pause after it grows from one try to the next of the same."""
        pause = min(2 * self.pause, LONGEST) if self.differences.issuperset(differences) else interval
        return Tried(frozenset(differences), now + pause, pause)


NOTHING = Tried()
"""Nothing has been tried."""
