"""Kills the libvirt daemon of a lab."""

from __future__ import annotations

import os
import select
import signal
import socket
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from netreconcile.lab.inside.daemon import GREETING
from tests.waiting import DEADLINE, eventually

if TYPE_CHECKING:
    from netreconcile.lab import Lab

SOCKETS = 3
"""What PID 1 of a lab has open: the channel to its owner, and the two that the daemon listens on."""


def kill_daemon(lab: Lab) -> None:
    """The daemon has ended by SIGKILL; the next connection starts it again, while networks go on.

    One that isn't up yet is killed when it is: a lab ends whose daemon ends before PID 1 has seen it answer.
    """
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(DEADLINE)
        connection.connect(lab.uri.partition("?socket=")[2])
        connection.send(GREETING)
        assert connection.recv(512)
    assert eventually(lambda: _sockets(lab.pid) == SOCKETS)
    descriptor = _open(lab)
    try:
        signal.pidfd_send_signal(descriptor, signal.SIGKILL)
        assert select.select([descriptor], [], [], DEADLINE)[0]
    finally:
        os.close(descriptor)


def _sockets(pid: int) -> int:
    """Return how many sockets a process has open."""
    found = 0
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed meanwhile
            found += str(entry.readlink()).startswith("socket:")
    return found


def _open(lab: Lab) -> int:
    """Return a descriptor for the process of the lab's daemon; its number could be another process's meanwhile."""
    for pid in Path(f"/proc/{lab.pid}/task/{lab.pid}/children").read_text().split():
        with suppress(ProcessLookupError):  # ended meanwhile
            descriptor = os.pidfd_open(int(pid))
            if _is_daemon(lab, pid):
                return descriptor
            os.close(descriptor)
    raise ProcessLookupError("the lab's daemon doesn't run")


def _is_daemon(lab: Lab, pid: str) -> bool:
    """Return whether the process is a child of the lab's PID 1, and the one of whose number the daemon took note.

    A dnsmasq is a child of PID 1, too, and looks like the daemon until it has become dnsmasq.
    """
    with suppress(OSError):
        status = Path(f"/proc/{pid}/status").read_text().splitlines()
        values = {key: value.split() for key, _, value in (line.partition(":") for line in status)}
        noted = Path(f"/proc/{lab.pid}/root/run/lab/{lab.running.setup.kind}.pid").read_text()
        return values["PPid"] == [str(lab.pid)] and values["NSpid"][-1] == noted.strip()
    return False
