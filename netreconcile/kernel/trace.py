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

PID_FILES = Path("/run/libvirt/network")
CONF_FILES = Path("/var/lib/libvirt/dnsmasq")
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
_BUFFER = 2**20
_NESTED = 0x3FFF
"""Without NLA_F_NESTED and NLA_F_NET_BYTEORDER, which may be set in an attribute's type."""

_LINK, _INFO, _INFO_OF_BRIDGE, _INFO_OF_PORT = (1, 3, 4, 5, 10), 18, 2, 5
"""A link's address, name, MTU, other end and master (linux/if_link.h); all else changes by itself, or is nested."""
_KIND, _BRIDGE, _PORT = (1, 4), (1, 5, 7), (1, 33)
"""What kind of link it is; a bridge's delay, spanning tree and VLAN filtering; a port's state and isolation."""
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
            found = dict(_attributes(message[16:]))
            yield number, flags & 1, _of(found, _LINK), tuple(_nested(found.get(_INFO, b"")))
        for message in _dump(kernel, _GET_ADDRESS, struct.pack("=BBBBI", 0, 0, 0, 0, 0)):
            family, prefix, _, _, number = struct.unpack_from("=BBBBI", message)
            yield family, prefix, number, _of(dict(_attributes(message[8:])), _ADDRESS)
        for message in _dump(kernel, _GET_ROUTE, struct.pack("=BBBBBBBBI", *[0] * 9)):
            if message[4] == _MAIN:
                yield message[:8], _of(dict(_attributes(message[12:])), _WAY)
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


def _attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    place = 0
    while place + 4 <= len(data):
        length, kind = struct.unpack_from("=HH", data, place)
        if length < 4:  # noqa: PLR2004 -- an attribute's own header
            return
        yield kind & _NESTED, data[place + 4 : place + length]
        place += (length + 3) & ~3


def _of(found: dict[int, bytes], kinds: Collection[int]) -> tuple[bytes | None, ...]:
    return tuple(map(found.get, kinds))


def _nested(info: bytes) -> Iterator[object]:
    """Yield what stays as it is of a bridge, or of the port of one: timers run in both."""
    found = dict(_attributes(info))
    yield _of(found, _KIND)
    yield _of(dict(_attributes(found.get(_INFO_OF_BRIDGE, b""))), _BRIDGE)
    yield _of(dict(_attributes(found.get(_INFO_OF_PORT, b""))), _PORT)


def _generation() -> object:
    """Return the number of the last change of nftables, or why there is none."""
    with _netlink(_NETFILTER) as kernel:
        kernel.send(struct.pack("=IHHIIBBH", 20, _GET_GENERATION, _REQUEST, 1, 0, 0, 0, 0))
        answer = kernel.recv(_BUFFER)
    _, kind = struct.unpack_from("=IH", answer)
    if kind == _ERROR:
        return struct.unpack_from("=i", answer, 16)
    return dict(_attributes(answer[20:])).get(_GENERATION_ID)


def _servers() -> Iterator[object]:
    """Yield the DNS servers that libvirt has started: the process of each, and what it runs."""
    try:
        names = sorted(entry.name for entry in os.scandir(PID_FILES) if entry.name.endswith(".pid"))
    except FileNotFoundError:
        return
    for name in names:
        pid = _text(PID_FILES / name).strip()
        yield name, pid, _text(f"/proc/{pid}/cmdline") if pid.isdigit() else ""
        yield _changed(PID_FILES / name), _changed(CONF_FILES / f"{name.removesuffix('.pid')}.conf")


def _changed(path: Path) -> int:
    """Return when the file was changed; 0 where there is none."""
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return 0


def _text(path: str | Path) -> str:
    """Return what the file holds; nothing where there is none."""
    with suppress(FileNotFoundError, ProcessLookupError):
        return Path(path).read_bytes().decode(errors="replace")
    return ""
