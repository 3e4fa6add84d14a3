"""Whether to apply once more what an apply has left: not the same again and again. Pure."""

from __future__ import annotations

from typing import NamedTuple

LONGEST = 3600.0
"""Seconds after which the same is tried again at the latest."""


class Left(NamedTuple):
    """The differences that an apply has left, when they are to be tried again, and how long that is from the apply."""

    differences: tuple[str, ...]
    again: float
    pause: float


def left(before: Left | None, differences: tuple[str, ...], now: float, interval: float) -> Left:
    """Return what is left; the pause before the same is tried again grows from one time to the next."""
    pause = min(2 * before.pause, LONGEST) if before and before.differences == differences else interval
    return Left(differences, now + pause, pause)


def is_worth_trying(before: Left | None, differences: tuple[str, ...], now: float) -> bool:
    """Return whether to apply: the differences are others than those left, or these have waited long enough."""
    return before is None or before.differences != differences or now >= before.again
