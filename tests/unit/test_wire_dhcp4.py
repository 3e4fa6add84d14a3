"""What DHCPv4 servers send is read as RFC 2131 and 2132 say, and no bytes surprise the reader."""

from __future__ import annotations

import socket
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netreconcile.verify.experience import Offer
from netreconcile.verify.wire import dhcp4

MAC = dhcp4.packed("52:54:00:00:00:10")
HOST = "10.0.0.1"
FULL = {
    53: b"\x02",
    54: socket.inet_aton(HOST),
    51: struct.pack("!I", 3600),
    1: socket.inet_aton("255.255.255.0"),
    3: socket.inet_aton(HOST),
    6: socket.inet_aton(HOST) + socket.inet_aton("10.0.0.2"),
    15: b"lab.test",
    26: struct.pack("!H", 1400),
}


def reply(options: bytes, *, op: int = 2, yours: str = "10.0.0.50", cookie: int = 0x63825363) -> bytes:
    head = struct.pack("!4BIHH4x4s8x", op, 1, 6, 0, 42, 0, 0, socket.inet_aton(yours))
    return head + MAC.ljust(16, b"\0") + bytes(192) + struct.pack("!I", cookie) + options


def written(options: dict[int, bytes]) -> bytes:
    return b"".join(bytes((code, len(value))) + value for code, value in options.items()) + b"\xff"


def offered(options: dict[int, bytes]) -> Offer:
    heard = dhcp4.parse(reply(written({53: b"\x02", **options})), "10.0.0.9")
    assert heard
    return heard.offer


def test_everything_that_an_offer_says_is_read() -> None:
    heard = dhcp4.parse(reply(written(FULL)), HOST)
    assert heard
    assert (heard.kind, heard.transaction, heard.mac) == (dhcp4.Kind.OFFER, 42, MAC)
    assert heard.offer == Offer(
        server=HOST,
        address="10.0.0.50",
        prefix=24,
        routers=(HOST,),
        dns=(HOST, "10.0.0.2"),
        domain="lab.test",
        mtu=1400,
        seconds=3600,
    )


def test_a_server_that_names_itself_nowhere_is_the_one_that_it_came_from() -> None:
    assert offered({}).server == "10.0.0.9"


def test_an_acknowledgement_to_an_inform_has_no_address() -> None:
    heard = dhcp4.parse(reply(written(FULL), yours="0.0.0.0"), HOST)
    assert heard
    assert not heard.offer.address


def test_a_refusal_says_why() -> None:
    heard = dhcp4.parse(reply(written({53: b"\x06", 56: b"wrong network"})), HOST)
    assert heard
    assert (heard.kind, heard.message) == (dhcp4.Kind.NAK, "wrong network")


def test_an_option_in_pieces_is_put_together() -> None:
    addresses = socket.inet_aton(HOST) + socket.inet_aton("10.0.0.2")
    pieces = written(FULL | {6: addresses[:3]})[:-1] + written({6: addresses[3:]})
    heard = dhcp4.parse(reply(pieces), HOST)
    assert heard
    assert heard.offer.dns == (HOST, "10.0.0.2")


@pytest.mark.parametrize(
    "odd",
    [{1: b"\xff\xff"}, {1: b"\xff\x00\xff\x00"}, {3: b"\x0a"}, {6: bytes(5)}, {26: b"\x05"}, {51: b""}, {54: b"\x01"}],
    ids=str,
)
def test_an_option_of_an_odd_length_or_value_says_nothing(odd: dict[int, bytes]) -> None:
    assert offered(odd) == offered({})


def test_what_is_cut_off_is_left_out_and_what_came_before_counts() -> None:
    whole = written({53: b"\x02", 15: b"lab.test", 6: socket.inet_aton(HOST)})[:-1]
    heard = dhcp4.parse(reply(whole[:-2]), HOST)
    assert heard
    assert (heard.offer.domain, heard.offer.dns) == ("lab.test", ())


def test_fillers_between_options_are_skipped_and_nothing_after_the_end_counts() -> None:
    heard = dhcp4.parse(reply(b"\0\0" + written({53: b"\x02"}) + written({15: b"lab.test"})), HOST)
    assert heard
    assert not heard.offer.domain


def test_text_that_is_none_is_escaped() -> None:
    assert offered({15: b"lab\xff\0"}).domain == "lab\\xff"


@pytest.mark.parametrize(
    "message",
    [reply(written(FULL), op=1), reply(written(FULL), cookie=1), reply(written({15: b"x"})), reply(b""), b"", b"hello"],
)
def test_what_is_no_answer_of_a_server_is_none(message: bytes) -> None:
    assert dhcp4.parse(message, HOST) is None


def test_a_client_without_an_address_asks_for_a_broadcast_and_says_who_it_is() -> None:
    message = dhcp4.build(dhcp4.Kind.DISCOVER, 42, MAC)
    assert message[:4] == bytes((1, 1, 6, 0))
    assert message[4:8] == struct.pack("!I", 42)
    assert message[10:16] == b"\x80\0" + bytes(4)
    assert message[28:34] == MAC
    assert message[236:243] == b"\x63\x82\x53\x63" + bytes((53, 1, 1))
    assert bytes((61, 7, 1)) + MAC in message
    assert len(message) >= 300


def test_a_client_with_an_address_is_answered_there() -> None:
    message = dhcp4.build(dhcp4.Kind.INFORM, 42, MAC, own="10.0.0.50")
    assert message[10:16] == b"\0\0" + socket.inet_aton("10.0.0.50")


def test_a_request_names_the_address_and_the_server() -> None:
    message = dhcp4.build(dhcp4.Kind.REQUEST, 42, MAC, wanted="10.0.0.50", server=HOST)
    assert bytes((50, 4)) + socket.inet_aton("10.0.0.50") in message
    assert bytes((54, 4)) + socket.inet_aton(HOST) in message


@given(st.binary(max_size=400))
def test_no_bytes_surprise_the_reader(noise: bytes) -> None:
    dhcp4.parse(noise, HOST)
    dhcp4.parse(reply(noise), HOST)
    dhcp4.parse(reply(written({53: b"\x02"})[:-1] + noise), HOST)
