"""Router solicitations and advertisements (RFC 4861 sections 4.1, 4.2 and 4.6; DNS servers: RFC 8106)."""

from __future__ import annotations

import struct
from enum import IntEnum
from ipaddress import IPv6Network
from typing import TYPE_CHECKING

from netreconcile.verify.experience import Advert, Prefix
from netreconcile.verify.wire.addresses import V6, texts

if TYPE_CHECKING:
    from collections.abc import Iterator

SOLICITATION = struct.pack("!BBH4x", 133, 0, 0)
"""The whole of it; the kernel fills in the checksum."""

_HEAD = struct.Struct("!BBHBBHII")
_PREFIX = struct.Struct("!BBBBII4x16s")
_ADVERTISEMENT = 134
_UNIT = 8
_LONGEST_PREFIX = 128
_MANAGED, _OTHER = 0x80, 0x40
_ON_LINK, _AUTONOMOUS = 0x80, 0x40


class _Option(IntEnum):
    PREFIX = 3
    MTU = 5
    DNS = 25


def parse(datagram: bytes, router: str) -> Advert | None:
    """Return what the router at an address advertises; None if it is no advertisement that a guest would accept."""
    if len(datagram) < _HEAD.size:
        return None
    kind, code, _, _, flags, lifetime, _, _ = _HEAD.unpack_from(datagram)
    options = list(_options(datagram[_HEAD.size :]))
    if kind != _ADVERTISEMENT or code or b"" in options:
        return None
    prefixes = (_prefix(option) for option in options if option[0] == _Option.PREFIX)
    mtus = (option[4:8] for option in options if option[0] == _Option.MTU)
    servers = (option for option in options if option[0] == _Option.DNS)
    mtu = next(mtus, b"")
    return Advert(
        router=router,
        lifetime=lifetime,
        managed=bool(flags & _MANAGED),
        other=bool(flags & _OTHER),
        prefixes=tuple(prefix for prefix in prefixes if prefix),
        dns=tuple(address for option in servers if any(option[4:8]) for address in texts(option[8:], V6)),
        mtu=int.from_bytes(mtu) if mtu else None,
    )


def _options(raw: bytes) -> Iterator[bytes]:
    """Yield the options, each with its head; an empty one where the rest can't be read (such a message is void)."""
    place = 0
    while place < len(raw):
        length = raw[place + 1] * _UNIT if place + 1 < len(raw) else 0
        if not length or place + length > len(raw):
            yield b""
            return
        yield raw[place : place + length]
        place += length


def _prefix(option: bytes) -> Prefix | None:
    if len(option) != _PREFIX.size:
        return None
    _, _, length, flags, valid, _, address = _PREFIX.unpack(option)
    if length > _LONGEST_PREFIX or not valid:
        return None
    prefix = IPv6Network((address, length), strict=False)
    return Prefix(str(prefix), on_link=bool(flags & _ON_LINK), autonomous=bool(flags & _AUTONOMOUS))
