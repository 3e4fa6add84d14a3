"""Whether anything has changed in the kernel below libvirt, told without a look at what it means.

It asks the kernel itself (rtnetlink(7), and nftables for the number of its last change), which takes a few ms where
reading everything takes many times that. It sees the network namespace of the calling thread.
"""

from __future__ import annotations

import hashlib
import os
import socket
import struct
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

PID_FILES = "/run/libvirt/network"
CONF_FILES = "/var/lib/libvirt/dnsmasq"
SETTINGS = (
    "ipv4/ip_forward",
    "ipv6/conf/all/forwarding",
    "bridge/bridge-nf-call-iptables",
    "bridge/bridge-nf-call-ip6tables",
)
LEGACY_TABLES = "/proc/net/ip_tables_names", "/proc/net/ip6_tables_names"
PATIENCE = 10.0

_ROUTE, _NETFILTER = 0, 12
_REQUEST, _DUMP = 0x1, 0x300
_ERROR, _DONE = 2, 3
_GET_LINK, _GET_ADDRESS, _GET_ROUTE = 18, 22, 26
_GET_GENERATION = 10 << 8 | 16
"""NFNL_SUBSYS_NFTABLES and NFT_MSG_GETGEN."""
_GENERATION_ID = 1
_MAIN = 254
_BUFFER, _LONGEST = 2**20, 2**16
_NESTED = 0x3FFF
"""Without NLA_F_NESTED and NLA_F_NET_BYTEORDER, which may be set in an attribute's type."""

_HEADER = struct.Struct("=HH")
_LINK, _INFO = (1, 3, 4, 5, 10), 18
"""A link's address, name, MTU, other end and master (linux/if_link.h); all else changes by itself, or is nested."""
_KINDS, _BRIDGE, _PORT = (1, 4, 2, 5), (1, 5, 7), (1, 33)
"""What kind of link it is, and of port, with what these have; a bridge's delay, spanning tree and VLAN filtering; a
port's state and isolation."""
_ADDRESS = (1, 2)
_WAY = (1, 4, 5, 6, 7, 9, 18)
"""A route's target, link, gateway, metric, source, several of these, and gateway of another family."""


def trace() -> str:
    """Return a digest of what findings depend on; the same one, the same findings. Raises: OSError."""
    digest = hashlib.sha256()
    for fact in _facts():
        digest.update(repr(fact).encode(errors="surrogateescape"))
    return digest.hexdigest()


def _facts() -> Iterator[object]:
    # The numbers of changes begin anew with each boot, and in each network namespace.
    yield _text("/proc/sys/kernel/random/boot_id"), Path("/proc/thread-self/ns/net").stat().st_ino
    with _netlink(_ROUTE) as kernel:
        for message in _dump(kernel, _GET_LINK, struct.pack("=BxHiII", 0, 0, 0, 0, 0)):
            _, number, flags = struct.unpack_from("=BxHiI", message)[1:]
            *link, info = _chosen(message[16:], (*_LINK, _INFO))
            yield number, flags & 1, link, list(_nested(info or b""))
        for message in _dump(kernel, _GET_ADDRESS, struct.pack("=BBBBI", 0, 0, 0, 0, 0)):
            family, prefix, _, _, number = struct.unpack_from("=BBBBI", message)
            yield family, prefix, number, _chosen(message[8:], _ADDRESS)
        for message in _dump(kernel, _GET_ROUTE, struct.pack("=BBBBBBBBI", *[0] * 9)):
            if message[4] == _MAIN:
                yield message[:8], _chosen(message[12:], _WAY)
    yield _generation()
    yield [_text(f"/proc/sys/net/{name}") for name in SETTINGS]
    yield from _servers()
    if any(_text(tables).strip() for tables in LEGACY_TABLES):
        from netreconcile.kernel.read import read_rules  # the old iptables counts no changes

        yield read_rules()


def _netlink(protocol: int) -> socket.socket:
    opened = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, protocol)
    opened.settimeout(PATIENCE)
    return opened


def _dump(kernel: socket.socket, kind: int, header: bytes) -> Iterator[bytes]:
    """Yield the messages that the kernel answers with, each without its own header."""
    flags = _REQUEST | _DUMP
    kernel.send(struct.pack("=IHHII", 16 + len(header), kind, flags, 1, 0) + header)
    while True:
        answer = kernel.recv(_BUFFER)
        while len(answer) >= 16:  # noqa: PLR2004 -- a message's own header
            length, kind, _ = struct.unpack_from("=IHH", answer)
            if kind == _DONE:
                return
            if kind == _ERROR:
                code = -struct.unpack_from("=i", answer, 16)[0]
                raise OSError(code, os.strerror(code))
            yield answer[16:length]
            answer = answer[(length + 3) & ~3 :]


def _chosen(data: bytes, kinds: Collection[int]) -> list[bytes | None]:
    """Return the values of the attributes of these kinds, None for each that isn't there."""
    found: dict[int, bytes | None] = dict.fromkeys(kinds)
    place, last, missing = 0, len(data) - _HEADER.size, len(found)
    while missing and place <= last:
        length, kind = _HEADER.unpack_from(data, place)
        if length < _HEADER.size:
            break
        kind &= _NESTED
        if kind in found:
            found[kind] = data[place + 4 : place + length]
            missing -= 1
        place += (length + 3) & ~3
    return list(found.values())


def _nested(info: bytes) -> Iterator[object]:
    """Yield what stays as it is of a bridge, or of the port of one: timers run in both."""
    kind, port_of, of_bridge, of_port = _chosen(info, _KINDS)
    yield kind, port_of
    yield _chosen(of_bridge or b"", _BRIDGE)
    yield _chosen(of_port or b"", _PORT)


def _generation() -> object:
    """Return the number of the last change of nftables, or why there is none."""
    with _netlink(_NETFILTER) as kernel:
        kernel.send(struct.pack("=IHHIIBBH", 20, _GET_GENERATION, _REQUEST, 1, 0, 0, 0, 0))
        answer = kernel.recv(_BUFFER)
    _, kind = struct.unpack_from("=IH", answer)
    if kind == _ERROR:
        return struct.unpack_from("=i", answer, 16)
    return _chosen(answer[20:], (_GENERATION_ID,))


def _servers() -> Iterator[object]:
    """Yield the DNS servers that libvirt has started: the process of each, and what it runs."""
    yield sorted(_changed(CONF_FILES, ".conf"))
    for name, changed in sorted(_changed(PID_FILES, ".pid")):
        pid = _text(f"{PID_FILES}/{name}").strip()
        yield name, changed, pid, _text(f"/proc/{pid}/cmdline") if pid.isdigit() else ""


def _changed(folder: str, end: str) -> Iterator[tuple[str, int]]:
    """Yield the names of the files in the folder that end like this, and when each was changed."""
    with suppress(FileNotFoundError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.endswith(end):
                yield entry.name, entry.stat().st_mtime_ns


def _text(path: str) -> str:
    """Return what the file holds; nothing where there is none."""
    with suppress(FileNotFoundError, ProcessLookupError):
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            return os.read(descriptor, _LONGEST).decode(errors="replace")
        finally:
            os.close(descriptor)
    return ""
