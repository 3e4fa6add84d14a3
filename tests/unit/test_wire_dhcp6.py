"""What DHCPv6 servers send is read as RFC 8415 says, and no bytes surprise the reader."""

from __future__ import annotations

import socket
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netreconcile.verify.experience import Offer6
from netreconcile.verify.wire import dhcp6

ROUTER = "fe80::1"
SERVER = b"\0\x03\0\x01RT\0\0\0\x01"
CLIENT = b"\0\x03\0\x01RT\0\0\0\x10"


def packed(address: str) -> bytes:
    return socket.inet_pton(socket.AF_INET6, address)


def option(code: int, value: bytes) -> bytes:
    return struct.pack("!HH", code, len(value)) + value


def association(inside: bytes) -> bytes:
    return option(3, struct.pack("!III", 1, 0, 0) + inside)


def address(text: str, valid: int = 3600) -> bytes:
    return option(5, packed(text) + struct.pack("!II", valid, valid))


def reply(options: bytes, *, kind: int = 2) -> bytes:
    return bytes((kind,)) + b"abc" + option(1, CLIENT) + option(2, SERVER) + options


def heard(options: bytes) -> dhcp6.Heard:
    found = dhcp6.parse(reply(options), ROUTER)
    assert found
    return found


def test_everything_that_an_advertisement_says_is_read() -> None:
    names = option(24, b"\x03lab\x04test\0\x02lo\0")
    found = heard(association(address("fd00::50")) + option(23, packed("fd00::1") + packed("fd00::2")) + names)
    assert (found.kind, found.transaction, found.duid, found.server) == (dhcp6.Kind.ADVERTISE, b"abc", CLIENT, SERVER)
    assert found.offer == Offer6(ROUTER, "fd00::50", ("fd00::1", "fd00::2"), ("lab.test", "lo"))
    assert not found.problem


def test_an_address_that_is_no_longer_valid_is_none() -> None:
    assert heard(association(address("fd00::50", 0) + address("fd00::51"))).offer.address == "fd00::51"


@pytest.mark.parametrize("place", ["top", "lease"])
def test_a_refusal_says_why(place: str) -> None:
    status = option(13, b"\0\x02no addresses available")
    assert heard(status if place == "top" else association(status)).problem == "status 2, no addresses available"


def test_success_is_no_problem() -> None:
    assert not heard(association(option(13, b"\0\0success"))).problem


@pytest.mark.parametrize(
    "odd", [association(b"")[:-5], option(23, bytes(15)), option(3, b"x"), option(24, b"\x05lab"), option(24, b"\xc0")]
)
def test_what_has_an_odd_length_says_nothing(odd: bytes) -> None:
    assert heard(odd) == heard(b"")


@pytest.mark.parametrize("message", [b"", b"\x02abc", b"\x01abc" + option(2, SERVER), b"\x02abc" + option(1, CLIENT)])
def test_what_is_no_answer_of_a_server_is_none(message: bytes) -> None:
    assert dhcp6.parse(message, ROUTER) is None


def test_a_request_names_client_server_and_address() -> None:
    message = dhcp6.build(dhcp6.Kind.REQUEST, b"abc", duid=CLIENT, server=SERVER, iaid=7, address="fd00::50")
    assert message[:4] == b"\x03abc"
    assert option(1, CLIENT) in message
    assert option(2, SERVER) in message
    assert option(3, struct.pack("!III", 7, 0, 0) + option(5, packed("fd00::50") + bytes(8))) in message


def test_who_only_wants_to_know_asks_for_no_address() -> None:
    message = dhcp6.build(dhcp6.Kind.INFORMATION_REQUEST, b"abc")
    assert message == b"\x0babc" + option(8, bytes(2)) + option(6, struct.pack("!HH", 23, 24))


@given(st.binary(max_size=200))
def test_no_bytes_surprise_the_reader(noise: bytes) -> None:
    dhcp6.parse(noise, ROUTER)
    for code in (3, 5, 13, 23, 24):
        dhcp6.parse(reply(option(code, noise)), ROUTER)
    dhcp6.parse(reply(association(noise)), ROUTER)
    dhcp6.parse(reply(noise), ROUTER)
