"""Waiting for what another process does: ask again until a deadline; nothing in the tests sleeps blindly."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

DEADLINE = 30.0


def eventually(condition: Callable[[], object]) -> bool:
    """Return whether the condition comes true before the deadline."""
    end = time.monotonic() + DEADLINE
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True
