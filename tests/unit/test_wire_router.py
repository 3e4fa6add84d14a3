"""Router advertisements are read as RFC 4861 and 8106 say, and no bytes surprise the reader."""

from __future__ import annotations

import socket
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netreconcile.verify.experience import Advert, Prefix
from netreconcile.verify.wire import router

ROUTER = "fe80::1"


def packed(address: str) -> bytes:
    return socket.inet_pton(socket.AF_INET6, address)


def advert(options: bytes = b"", *, kind: int = 134, flags: int = 0, lifetime: int = 0) -> bytes:
    return struct.pack("!BBHBBHII", kind, 0, 0, 64, flags, lifetime, 0, 0) + options


def prefix(address: str, length: int, flags: int, valid: int = 3600) -> bytes:
    return struct.pack("!BBBBII4x16s", 3, 4, length, flags, valid, valid, packed(address))


def servers(lifetime: int, *addresses: str) -> bytes:
    head = struct.pack("!BBHI", 25, 1 + 2 * len(addresses), 0, lifetime)
    return head + b"".join(packed(address) for address in addresses)


def test_everything_that_an_advertisement_says_is_read() -> None:
    options = (
        prefix("fd00:1::", 64, 0xC0)
        + prefix("fd00:2::", 64, 0x80)
        + struct.pack("!BBHI", 5, 1, 0, 1400)
        + servers(600, "fd00:1::1", "fd00:2::1")
        + struct.pack("!BB6s", 1, 1, b"RT\0\0\0\x01")
    )
    assert router.parse(advert(options, flags=0xC0, lifetime=1800), ROUTER) == Advert(
        router=ROUTER,
        lifetime=1800,
        managed=True,
        other=True,
        prefixes=(
            Prefix("fd00:1::/64", on_link=True, autonomous=True),
            Prefix("fd00:2::/64", on_link=True, autonomous=False),
        ),
        dns=("fd00:1::1", "fd00:2::1"),
        mtu=1400,
    )


def test_one_that_promises_nothing_is_one_all_the_same() -> None:
    assert router.parse(advert(), ROUTER) == Advert(ROUTER, lifetime=0, managed=False, other=False)


def test_what_is_taken_back_is_left_out() -> None:
    options = prefix("fd00:1::", 64, 0xC0, valid=0) + servers(0, "fd00:1::1")
    assert router.parse(advert(options), ROUTER) == router.parse(advert(), ROUTER)


def test_a_prefix_longer_than_an_address_is_left_out() -> None:
    assert router.parse(advert(prefix("fd00:1::", 129, 0xC0)), ROUTER) == router.parse(advert(), ROUTER)


@pytest.mark.parametrize(
    "message",
    [
        b"",
        advert()[:-1],
        advert(kind=133),
        advert(b"\x05\x00\x00\x00"),
        advert(b"\x05"),
        advert(prefix("fd00:1::", 64, 0xC0)[:-1]),
    ],
)
def test_what_a_guest_would_not_accept_is_none(message: bytes) -> None:
    assert router.parse(message, ROUTER) is None


@given(st.binary(max_size=120))
def test_no_bytes_surprise_the_reader(noise: bytes) -> None:
    router.parse(noise, ROUTER)
    router.parse(advert(noise), ROUTER)
    for code in (3, 5, 25):
        whole = noise[: len(noise) // 8 * 8]
        router.parse(advert(bytes((code, 1 + len(whole) // 8)) + bytes(6) + whole), ROUTER)
