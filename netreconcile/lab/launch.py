"""Starts the PID 1 of a lab in namespaces of its own."""

from __future__ import annotations

import errno
import json
import os
import select
import signal
import socket
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from netreconcile.lab import programs
from netreconcile.lab.errors import LabUnavailable, NameTaken
from netreconcile.lab.running import INIT, Running, python

if TYPE_CHECKING:
    from netreconcile.lab.setup import Setup

NAMESPACES = (
    *("--net", "--mount", "--pid", "--mount-proc", "--ipc", "--uts"),
    *("--fork", "--kill-child", "--propagation", "private"),
)
USER_NAMESPACE = ("--user", "--map-root-user")
CAP_SYS_ADMIN = 1 << 21
ASK = "`netreconcile lab doctor` tells what is missing"
PATIENCE = 60.0
"""Seconds after which a lab that hasn't said anything is given up."""


@dataclass(frozen=True, slots=True)
class Launched:
    """A lab that was started by this process: `parent`, our child, ends with it.

    A lab without a name ends as soon as nobody has `channel` open.
    """

    running: Running
    parent: int
    channel: socket.socket


def privileged() -> bool:
    """Return whether this process can make namespaces without a user namespace around them."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    capabilities = next(line.split()[1] for line in status.splitlines() if line.startswith("CapEff:"))
    return bool(int(capabilities, 16) & CAP_SYS_ADMIN)


def unshare() -> tuple[str, ...]:
    """Return the command that makes a lab's namespaces for this user."""
    return ("unshare", *(() if privileged() else USER_NAMESPACE), *NAMESPACES)


def launch(setup: Setup) -> Launched:
    """Return the lab, once libvirt answers in it. Raises: LabUnavailable, NameTaken; nothing runs then."""
    if setup.guests and not privileged():
        raise LabUnavailable("guests need root: libvirt's QEMU driver doesn't run in an ordinary user's lab; use sudo")
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
    with theirs:
        if setup.name:
            reserve(theirs, setup.name)
        said = os.memfd_create("said")
        number = theirs.fileno()
        command = [*unshare(), "--", *python(INIT, str(number), setup.to_json())]
        parent = os.posix_spawn(
            programs.find(command[0]) or command[0],
            command,
            {**os.environ, "LC_ALL": "C"},
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_DUP2, said, 1),
                (os.POSIX_SPAWN_DUP2, said, 2),
                (os.POSIX_SPAWN_DUP2, number, number),
            ],
            setsid=True,
        )
    try:
        return Launched(Running(first_word(ours, said), setup), parent, ours)
    except BaseException:
        ours.close()
        end(parent)
        raise
    finally:
        os.close(said)


def reserve(end_of_lab: socket.socket, name: str) -> None:
    """The name belongs to whoever has this socket open, and to nobody any more when it is gone. Raises: NameTaken."""
    try:
        end_of_lab.bind(f"\0netreconcile-lab/{os.geteuid()}/{name}")
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        raise NameTaken(
            f"a lab named {name} runs already: stop it with `netreconcile lab stop {name}`, or choose another --name"
        ) from error


def first_word(channel: socket.socket, said: int) -> int:
    """Return the lab's PID 1, as the kernel tells it, when the lab says that it is up. Raises: LabUnavailable."""
    channel.settimeout(PATIENCE)
    try:
        message, ancillary, _, _ = channel.recvmsg(1 << 16, socket.CMSG_SPACE(12))
    except TimeoutError as error:
        raise LabUnavailable(f"the lab said nothing for {PATIENCE:.0f} s; is this machine very busy?") from error
    if not message:
        text = os.pread(said, 1 << 16, 0).decode(errors="replace").strip()
        raise LabUnavailable(f"the lab ended before it was up: {text} ({ASK})")
    problem: str = json.loads(message)["problem"]
    if problem:
        raise LabUnavailable(f"the lab doesn't start: {problem} ({ASK})")
    pid: int = struct.unpack("3i", ancillary[0][2])[0]
    return pid


def end(parent: int, patience: float = 10.0) -> None:
    """Our child is gone, by itself within the seconds of patience, else killed, and with it the lab."""
    descriptor = os.pidfd_open(parent)
    try:
        if not select.select([descriptor], [], [], patience)[0]:
            signal.pidfd_send_signal(descriptor, signal.SIGKILL)
    finally:
        os.close(descriptor)
    os.waitpid(parent, 0)
