"""Whether the libvirt behind a connection URI runs on this machine, in this network namespace."""

from __future__ import annotations

import os
import re
import socket
import struct
from contextlib import suppress
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

SOCKET = "/run/libvirt/libvirt-sock"
SOCKETS = {
    "qemu": ("/run/libvirt/virtqemud-sock", SOCKET),
    "network": ("/run/libvirt/virtnetworkd-sock", SOCKET),
}
"""Where libvirt's daemons listen (remote_sockets.c): the modular ones first, as libvirt does."""
DAEMON = re.compile(r"libvirtd|virt[a-z]+d")
"""What libvirt's daemons are called, the modular ones among them."""
INIT = 1
"""Who listens for a daemon that is started when somebody calls."""
PATIENCE = 2.0


def on_this_host(uri: str) -> str:
    """Return why the networks behind the URI can't be looked at from here; empty where they can."""
    if elsewhere := _by_name(uri):
        return elsewhere
    paths = _sockets(uri)
    for path in paths:
        with suppress(FileNotFoundError, ConnectionRefusedError):
            return _elsewhere(path, _listener(path))
    return f"nobody listens at {' or '.join(paths)}"


def hindrance(uri: str) -> str:
    """Return why what lies below libvirt can't be seen from here, and what to do; empty where it can be."""
    if elsewhere := _by_name(uri):
        return elsewhere
    if os.geteuid():
        return "bridges, firewall rules and servers are for root to see: run it with sudo"
    return on_this_host(uri)


def links_beside(uri: str) -> frozenset[str]:
    """Return the names of the network devices of the host behind the URI; none where they can't be seen from here."""
    return frozenset() if on_this_host(uri) else frozenset(name for _, name in socket.if_nameindex())


def _by_name(uri: str) -> str:
    """Return why the URI itself says that it leads elsewhere; empty where it doesn't."""
    parts = urlsplit(uri or "qemu:///system")
    driver, _, transport = parts.scheme.partition("+")
    if driver == "test":
        return "libvirt's test driver has its networks in memory only"
    if parts.hostname or transport not in ("", "unix"):
        return f"{parts.hostname or uri} is another host: run this there"
    if parts.path == "/session":
        return "a session has no networks of the host's"
    return ""


def _sockets(uri: str) -> tuple[str, ...]:
    """Return where the daemon may listen."""
    parts = urlsplit(uri or "qemu:///system")
    given = tuple(parse_qs(parts.query).get("socket", ()))
    return given or SOCKETS.get(parts.scheme.partition("+")[0], (SOCKET,))


def _elsewhere(path: str, pid: int) -> str:
    """Return why the process that listens at the socket isn't in this network namespace."""
    here = Path("/proc/thread-self/ns/net").stat().st_ino
    try:
        there = Path(f"/proc/{pid}/ns/net").stat().st_ino if pid else 0  # 0: none of this pid namespace
        name = Path(f"/proc/{pid}/comm").read_text(encoding="utf-8", errors="replace").strip() if pid else ""
    except OSError as error:
        return f"where process {pid} runs, which listens at {path}, can't be found out: {error.strerror}"
    if there == here and (pid == INIT or DAEMON.fullmatch(name)):
        return ""
    if there == here:  # as ssh -L does
        return f"{name}, and not libvirt, listens at {path}: where that leads to can't be told from here"
    return "libvirt runs in another network namespace (outside of this container, or in a lab): run this there"


def _listener(path: str) -> int:
    """Return the process that made the socket (SO_PEERCRED in unix(7)). Raises: OSError where nobody listens."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(PATIENCE)
        client.connect(path)
        pid, _, _ = struct.unpack("3i", client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    return int(pid)
