"""Packets are read whatever options and extensions they have, and no bytes surprise the reader."""

from __future__ import annotations

import socket
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netreconcile.verify.wire import frame
from netreconcile.verify.wire.frame import IPV4, IPV6, UDP, Packet

DATAGRAM = struct.pack("!HHHH", 1000, 7777, 13, 0) + b"token"


def ipv4(payload: bytes, *, protocol: int = UDP, fragment: int = 0, options: bytes = b"") -> bytes:
    length = 20 + len(options)
    addresses = socket.inet_aton("10.0.0.2") + socket.inet_aton("198.18.0.1")
    first = 0x40 | length // 4
    head = struct.pack("!BBHHHBBH", first, 0, length + len(payload), 0, fragment, 64, protocol, 0)
    return head + addresses + options + payload


def ipv6(payload: bytes, *, protocol: int = UDP) -> bytes:
    addresses = (socket.inet_pton(socket.AF_INET6, address) for address in ("fd00::2", "fd99::1"))
    return struct.pack("!IHBB", 6 << 28, len(payload), protocol, 64) + b"".join(addresses) + payload


def test_a_frame_bears_the_tag_of_its_vlan() -> None:
    plain = frame.ethernet(b"\2" * 6, b"\4" * 6, 0x88B5, b"token")
    assert plain == b"\2" * 6 + b"\4" * 6 + b"\x88\xb5token"
    assert frame.ethernet(b"\2" * 6, b"\4" * 6, 0x88B5, b"token", vlan=42) == (
        plain[:12] + b"\x81\x00\x00\x2a" + plain[12:]
    )


@pytest.mark.parametrize(
    "packet", [ipv4(DATAGRAM), ipv4(DATAGRAM, options=bytes(8)), ipv4(DATAGRAM) + bytes(20)], ids=["", "options", "pad"]
)
def test_a_datagram_of_ipv4_is_read(packet: bytes) -> None:
    assert frame.parse(packet, IPV4) == Packet("10.0.0.2", "198.18.0.1", UDP, b"token")


@pytest.mark.parametrize(
    "packet",
    [
        ipv6(DATAGRAM),
        ipv6(bytes((UDP, 0)) + bytes(6) + DATAGRAM, protocol=0),
        ipv6(bytes((60, 1)) + bytes(14) + bytes((UDP, 0)) + bytes(6) + DATAGRAM, protocol=43),
        ipv6(bytes((UDP, 99)) + bytes(6) + DATAGRAM, protocol=44),
        ipv6(DATAGRAM) + bytes(20),
    ],
    ids=["", "hop by hop", "routing, destination", "first fragment", "pad"],
)
def test_a_datagram_of_ipv6_is_read(packet: bytes) -> None:
    assert frame.parse(packet, IPV6) == Packet("fd00::2", "fd99::1", UDP, b"token")


def test_another_protocol_has_its_header_in_the_payload() -> None:
    assert frame.parse(ipv4(b"\x08\0echo", protocol=1), IPV4) == Packet("10.0.0.2", "198.18.0.1", 1, b"\x08\0echo")


def test_a_later_fragment_has_no_header_to_be_taken_off() -> None:
    four = frame.parse(ipv4(b"the rest of it", fragment=5), IPV4)
    six = frame.parse(ipv6(bytes((UDP, 0, 0, 80)) + bytes(4) + b"the rest of it", protocol=44), IPV6)
    assert four
    assert six
    assert four.payload == six.payload == b"the rest of it"


@pytest.mark.parametrize(
    ("packet", "ethertype"),
    [
        (ipv4(DATAGRAM), 0x0806),
        (ipv4(DATAGRAM), IPV6),
        (ipv6(DATAGRAM), IPV4),
        (ipv4(DATAGRAM)[:19], IPV4),
        (ipv4(DATAGRAM)[:24], IPV4),
        (b"\x44" + ipv4(DATAGRAM)[1:], IPV4),
        (ipv6(DATAGRAM)[:39], IPV6),
        (ipv6(b"\0\0", protocol=0), IPV6),
        (ipv6(bytes((UDP, 200)) + bytes(6) + DATAGRAM, protocol=0), IPV6),
        (b"", IPV4),
        (b"", IPV6),
    ],
)
def test_what_is_cut_off_or_no_ip_is_none(packet: bytes, ethertype: int) -> None:
    assert frame.parse(packet, ethertype) is None


@given(st.binary(max_size=120), st.sampled_from([IPV4, IPV6]), st.sampled_from([0, 1, UDP, 43, 44, 58, 60]))
def test_no_bytes_surprise_the_reader(noise: bytes, ethertype: int, protocol: int) -> None:
    frame.parse(noise, ethertype)
    frame.parse(ipv4(noise, protocol=protocol), IPV4)
    frame.parse(ipv6(noise, protocol=protocol), IPV6)
