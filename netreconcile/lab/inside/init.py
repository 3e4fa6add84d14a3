"""PID 1 of a lab: sets the lab up, tells when libvirt answers, reaps, and ends when nobody needs the lab any more.

When it ends, the kernel ends every process of the lab, and with them go its mounts, links and firewall rules.
"""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import select
import signal
import socket
import struct
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, NoReturn

from netreconcile.lab.inside import accounts, daemon, mounts, scenery
from netreconcile.lab.setup import Setup

if TYPE_CHECKING:
    from types import FrameType

PR_SET_PDEATHSIG = 1
SIOCSIFFLAGS, IFF_UP = 0x8914, 0x1


def main() -> NoReturn:
    """Run as PID 1: `argv[2]` is the number of the channel to the lab's owner, `argv[3]` the setup."""
    channel = socket.socket(fileno=int(sys.argv[2]))
    channel.set_inheritable(False)
    setup = Setup.from_json(sys.argv[3])
    # If somebody kills `unshare`, whose child this is.
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    signals = wake_up()
    try:
        os.environ["PATH"] = setup.path
        socket.sethostname(setup.name or "lab")
        loopback_up()
        mounts.hide_host(setup.root)
        accounts.provide(guests=setup.guests)
        daemon.configure(setup)
        libvirt = daemon.Daemon(setup)
        libvirt.start()
        if setup.scenery:
            scenery.build()
    except OSError as error:
        end(channel, str(error))
    serve(channel, signals, libvirt, stays=bool(setup.name))


def serve(channel: socket.socket, signals: int, libvirt: daemon.Daemon, *, stays: bool) -> NoReturn:
    """Keep the lab going until SIGTERM, or until its owner hangs up; one that stays has none once it is up."""
    up = False
    while True:
        watched: list[int | socket.socket] = [signals]
        watched += [] if up and stays else [channel]
        watched += [libvirt.greeting] if libvirt.greeting else []
        watched += [] if libvirt.pid else libvirt.listeners
        ready, _, _ = select.select(watched, [], [])
        if signals in ready:
            hear(signals, libvirt)
        if libvirt.greeting in ready:
            if not libvirt.answers():
                end(channel, f"{libvirt.setup.daemon} hung up: {daemon.complaint()}")
            if not up:
                tell(channel, "")
            up = True
        if libvirt.greeting and not libvirt.pid:
            end(channel, f"{libvirt.setup.daemon} ended before it answered: {daemon.complaint()}")
        if channel in ready:
            os._exit(0)
        if not libvirt.pid and any(listener in ready for listener in libvirt.listeners):
            libvirt.start()


def hear(signals: int, libvirt: daemon.Daemon) -> None:
    """Obey SIGTERM, and take note if the daemon has ended."""
    if signal.SIGTERM in os.read(signals, 512):
        os._exit(0)
    if libvirt.pid in reap():
        libvirt.pid = 0


def wake_up() -> int:
    """Return a descriptor that yields the number of each SIGCHLD and SIGTERM as it comes."""
    reader, writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    for number in (signal.SIGCHLD, signal.SIGTERM):
        signal.signal(number, ignore)
    return reader


def ignore(_number: int, _frame: FrameType | None) -> None:
    """Do nothing: a signal without a handler of Python's doesn't wake up."""


def reap() -> set[int]:
    """Return the processes that have ended since the last call; none of them is a zombie any more.

    libvirtd waits for a dnsmasq that it has stopped to vanish: with a PID 1 that dawdles, each restart takes 15 s.
    """
    ended: set[int] = set()
    while True:
        try:
            pid, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return ended
        if pid == 0:
            return ended
        ended.add(pid)


def tell(channel: socket.socket, problem: str) -> None:
    """The lab's owner, if it is still there, knows that the lab is up, or what the problem is."""
    with suppress(BrokenPipeError):
        channel.send(json.dumps({"problem": problem}).encode())


def end(channel: socket.socket, problem: str) -> NoReturn:
    """The lab is over, and its owner knows why."""
    tell(channel, problem)
    os._exit(1)


def loopback_up() -> None:
    """The lab's `lo` is up."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", IFF_UP))
