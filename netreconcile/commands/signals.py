"""Signals that ask to stop: noted while the host is being changed, so that no step is torn."""

from __future__ import annotations

import os
import signal
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from types import FrameType

_ASKING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def interruptions() -> Generator[Callable[[], str]]:
    """Yield what tells, as a sentence, by which signal somebody asked to stop since; nothing while nobody has."""
    received: list[str] = []

    def note(number: int, _: FrameType | None) -> None:
        name = signal.Signals(number).name
        if not received:
            # Not print: the signal may have come in the middle of one. The terminal may be gone, too.
            with suppress(OSError):
                os.write(2, f"{name}: finishing the step under way, then taking everything back\n".encode())
        received.append(f"{name} asked to stop")

    before = {number: signal.signal(number, note) for number in _ASKING}
    try:
        yield lambda: received[0] if received else ""
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
