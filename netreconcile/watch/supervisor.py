"""Tells systemd how a service does, as sd_notify(3) has it; where nobody listens, nothing is told."""

from __future__ import annotations

import os
import socket
import time
from contextlib import suppress

READY, STOPPING, ALIVE = "READY=1", "STOPPING=1", "WATCHDOG=1"
SOCKET, SECONDS, PROCESS = "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"
"""The variables with which systemd says where it listens, and from which process it wants how often a sign of life."""
_MICRO = 1_000_000


def notify(*lines: str) -> None:
    """The service's supervisor knows this of it; lines are variables with their values."""
    address = os.environ.get(SOCKET, "")
    if address.startswith("@"):
        address = f"\0{address[1:]}"  # an abstract one (unix(7))
    if address:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as here, suppress(OSError):
            here.settimeout(1.0)
            here.sendto("\n".join(lines).encode(errors="replace"), address)


def status(text: str) -> str:
    """Return the line that says how the service does."""
    return f"STATUS={' '.join(text.split())}"


def reloading() -> str:
    """Return the lines that say that the service looks at its files again, until it says that it is ready."""
    return f"RELOADING=1\nMONOTONIC_USEC={int(time.monotonic() * _MICRO)}"


def patience() -> float | None:
    """Return after how many seconds without a sign of life the service is taken for hung, None where it never is."""
    seconds, process = os.environ.get(SECONDS, ""), os.environ.get(PROCESS, str(os.getpid()))
    if not seconds.isdecimal() or process != str(os.getpid()):
        return None
    return int(seconds) / _MICRO


def without(environment: dict[str, str]) -> dict[str, str]:
    """Return the environment for a process that isn't the service."""
    return {name: value for name, value in environment.items() if name not in (SOCKET, SECONDS, PROCESS)}
