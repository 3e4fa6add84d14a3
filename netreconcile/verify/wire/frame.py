"""Frames as they are sent, and packets as a sniffer sees them: Ethernet, IPv4 and IPv6 headers."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from netreconcile.verify.wire.addresses import text

IPV4, IPV6 = 0x0800, 0x86DD
"""The types of Ethernet frames that are understood."""
UDP = 17

_HEAD = struct.Struct("!6s6s")
_TAG = struct.Struct("!HH")
_TAGGED = 0x8100
"""The type of frames that bear the tag of a VLAN (IEEE 802.1Q)."""
_HEAD4 = struct.Struct("!BBHHHBBH4s4s")
_HEAD6 = struct.Struct("!IHBB16s16s")
_HEAD_UDP = 8
_UNIT4 = 4
_UNIT6 = 8
_OFFSET4, _OFFSET6 = 0x1FFF, 0xFFF8
_FRAGMENT = 44
_EXTENSIONS = frozenset((0, 43, _FRAGMENT, 60))
"""Headers between IPv6's own and the message (RFC 8200 section 4): hop-by-hop, routing, fragment, destination."""


@dataclass(frozen=True, slots=True)
class Packet:
    """A packet; its payload is what follows the IP headers, for UDP what follows the UDP header."""

    source: str
    destination: str
    protocol: int
    payload: bytes


def ethernet(to: bytes, source: bytes, ethertype: int, payload: bytes, *, vlan: int = 0) -> bytes:
    """Return a frame between two MAC addresses, with the tag of the VLAN if it isn't 0."""
    tag = _TAG.pack(_TAGGED, vlan) if vlan else b""
    return _HEAD.pack(to, source) + tag + ethertype.to_bytes(2) + payload


def parse(packet: bytes, ethertype: int) -> Packet | None:
    """Return what follows an Ethernet header of that type; None if it is no IP, or cut off within its headers."""
    if ethertype == IPV4:
        return _ipv4(packet)
    return _ipv6(packet) if ethertype == IPV6 else None


def _ipv4(packet: bytes) -> Packet | None:
    if len(packet) < _HEAD4.size:
        return None
    first, _, total, _, fragment, _, protocol, _, source, destination = _HEAD4.unpack_from(packet)
    head = (first & 0xF) * _UNIT4
    if first >> 4 != 4 or head < _HEAD4.size:  # noqa: PLR2004 -- the version
        return None
    # Ethernet pads short packets: they end where they say.
    return _packet(source, destination, protocol, packet[head:total], later=bool(fragment & _OFFSET4))


def _ipv6(packet: bytes) -> Packet | None:
    if len(packet) < _HEAD6.size:
        return None
    first, length, protocol, _, source, destination = _HEAD6.unpack_from(packet)
    if first >> 28 != 6:  # noqa: PLR2004 -- the version
        return None
    rest = packet[_HEAD6.size : _HEAD6.size + length]
    later = False
    while protocol in _EXTENSIONS:
        if len(rest) < _UNIT6:
            return None
        later = later or (protocol == _FRAGMENT and bool(int.from_bytes(rest[2:4]) & _OFFSET6))
        size = _UNIT6 if protocol == _FRAGMENT else (rest[1] + 1) * _UNIT6
        protocol, rest = rest[0], rest[size:]
        if later:
            break
    return _packet(source, destination, protocol, rest, later=later)


def _packet(source: bytes, destination: bytes, protocol: int, payload: bytes, *, later: bool) -> Packet | None:
    """Return the packet; a `later` fragment has no header of UDP."""
    if protocol == UDP and not later:
        if len(payload) < _HEAD_UDP:
            return None
        payload = payload[_HEAD_UDP:]
    return Packet(text(source), text(destination), protocol, payload)
