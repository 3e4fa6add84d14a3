"""Echo requests are as RFC 792 and 4443 say, only their answers are taken for answers, and no bytes surprise."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netreconcile.verify.wire import icmp

HEAD = b"\x45" + bytes(19)
"""An IPv4 header without options."""


def test_a_request_of_ipv4_sums_up_to_nothing() -> None:
    assert icmp.echo4(7, b"token")[:2] == b"\x08\0"
    assert icmp.checksum(icmp.echo4(7, b"token")) == 0


def test_the_checksum_is_that_of_rfc_1071() -> None:
    assert icmp.checksum(bytes.fromhex("0001f203f4f5f6f7")) == 0xFFFF ^ 0xDDF2


def test_the_answer_bears_what_was_sent() -> None:
    assert icmp.answer4(HEAD + b"\0\0" + icmp.echo4(7, b"token")[2:]) == b"token"
    assert icmp.answer4(b"\x46" + bytes(23) + b"\0\0" + icmp.echo4(7, b"token")[2:]) == b"token"
    assert icmp.answer6(b"\x81\0" + icmp.echo6(7, b"token")[2:]) == b"token"


@pytest.mark.parametrize("packet", [b"", HEAD, HEAD + icmp.echo4(7, b"token"), b"\x60" + HEAD[1:] + bytes(8)])
def test_a_request_is_no_answer(packet: bytes) -> None:
    assert icmp.answer4(packet) is None
    assert icmp.answer6(icmp.echo6(7, b"token")) is None


@given(st.binary(max_size=80))
def test_no_bytes_surprise_the_reader(noise: bytes) -> None:
    icmp.answer4(noise)
    icmp.answer6(noise)
    assert 0 <= icmp.checksum(noise) <= 0xFFFF
