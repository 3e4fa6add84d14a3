"""libvirt's daemon inside the lab: its configuration, its listening sockets, and the process."""

from __future__ import annotations

import fcntl
import os
import socket
import struct
from pathlib import Path
from typing import NoReturn

from netreconcile.lab.inside.mounts import write
from netreconcile.lab.setup import LOG, NETWORK_DRIVER, Setup

CONFIGURATION = """\
auth_unix_rw = "none"
auth_unix_ro = "none"
unix_sock_rw_perms = "0700"
unix_sock_ro_perms = "0700"
max_clients = 200
max_client_requests = 20
"""
QEMU = """\
user = "root"
group = "root"
dynamic_ownership = 0
remember_owner = 0
security_driver = "none"
namespaces = []
cgroup_controllers = []
stdio_handler = "file"
"""
"""Nothing in here reaches for what a lab doesn't have: other users, AppArmor, cgroups, virtlogd."""
DRIVERS = "/run/lab/drivers"
ERRORS = "/run/lab/daemon.err"
GREETING = struct.pack("!7I", 28, 0x20008086, 1, 66, 0, 0, 0)
"""The call REMOTE_PROC_AUTH_LIST (libvirt's remote_protocol.x): needs no log-in, is answered once all drivers run."""


def configure(setup: Setup) -> None:
    """The configuration files of the daemon and its drivers are in place."""
    text = CONFIGURATION
    if setup.log:
        # 1 = debug; libvirt's public functions log their name and arguments under this source name.
        text += f'log_filters = "1:libvirt"\nlog_outputs = "1:file:{LOG}"\n'
    write(f"/run/lab/{setup.kind}.conf", text)
    if setup.guests:
        write("/etc/libvirt/qemu.conf", QEMU)
    else:
        # The others want what an ordinary user's lab doesn't have, and nobody asked for them.
        os.mkdir(DRIVERS)
        os.symlink(f"{setup.drivers}/{NETWORK_DRIVER}", f"{DRIVERS}/{NETWORK_DRIVER}")


class Daemon:
    """The daemon of one lab and its sockets, which outlive it: whoever connects while it is down starts it again.

    `pid` is 0 while it doesn't run; `greeting` is open from its start to its first answer.
    """

    def __init__(self, setup: Setup) -> None:
        self.setup = setup
        self.listeners = [listen(setup.socket), listen(f"{setup.socket}-ro")]
        self.pid = 0
        self.greeting: socket.socket | None = None

    def start(self) -> None:
        """The daemon starts, and `greeting` becomes readable when it answers."""
        self.pid = os.fork()
        if self.pid == 0:
            self._become()
        self.greeting = socket.socket(socket.AF_UNIX)
        self.greeting.connect(self.setup.socket)
        self.greeting.send(GREETING)

    def answers(self) -> bool:
        """Return whether the daemon answers the greeting, which has become readable and is over then."""
        if not self.greeting:
            return False
        with self.greeting:
            answer = self.greeting.recv(512)
        self.greeting = None
        return bool(answer)

    def _become(self) -> NoReturn:
        """This process is the daemon, started as systemd starts it: with sockets that already take connections."""
        kind = self.setup.kind
        environment = {
            "PATH": self.setup.path,
            "HOME": "/root",
            "LC_ALL": "C",
            "LISTEN_PID": str(os.getpid()),
            "LISTEN_FDS": str(len(self.listeners)),
            "LISTEN_FDNAMES": f"{kind}.socket:{kind}-ro.socket",
        }
        if not self.setup.guests:
            environment["LIBVIRT_DRIVER_DIR"] = DRIVERS
        try:
            os.dup2(os.open(ERRORS, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), 2)
            os.dup2(2, 1)
            # To numbers out of the way first: a listener may itself have one of those that systemd's convention wants.
            aside = [fcntl.fcntl(listener, fcntl.F_DUPFD_CLOEXEC, 100) for listener in self.listeners]
            for place, number in enumerate(aside):
                os.dup2(number, 3 + place)
            arguments = [self.setup.daemon, "-f", f"/run/lab/{kind}.conf", "-p", f"/run/lab/{kind}.pid"]
            os.execve(self.setup.daemon, arguments, environment)
        except OSError as error:
            os.write(2, f"{self.setup.daemon}: {error.strerror}\n".encode())
        finally:
            # Never back into the code of PID 1.
            os._exit(1)


def listen(path: str) -> socket.socket:
    """Return a socket that listens at the path, for the lab's own root only."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    os.chmod(path, 0o700)
    listener.listen(128)
    return listener


def complaint() -> str:
    """Return the last things that the daemon complained about."""
    path = Path(ERRORS)
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines() if path.exists() else []
    # libvirt's lines: "2024-01-31 12:00:00.000+0000: 18: error : function:1234 : sentence".
    errors = [line.partition(": error : ")[2] for line in lines if ": error : " in line]
    return "; ".join((errors or lines or ["it said nothing"])[-3:])
