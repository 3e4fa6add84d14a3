"""Echo requests and their answers (RFC 792, RFC 4443 section 4)."""

from __future__ import annotations

import struct

_HEAD = struct.Struct("!BBHHH")
_REQUEST4, _ANSWER4 = 8, 0
_REQUEST6, _ANSWER6 = 128, 129
_VERSION4 = 4


def echo4(identifier: int, payload: bytes) -> bytes:
    """Return an echo request of IPv4."""
    bare = _HEAD.pack(_REQUEST4, 0, 0, identifier, 1) + payload
    return _HEAD.pack(_REQUEST4, 0, checksum(bare), identifier, 1) + payload


def echo6(identifier: int, payload: bytes) -> bytes:
    """Return an echo request of IPv6; the kernel fills in the checksum."""
    return _HEAD.pack(_REQUEST6, 0, 0, identifier, 1) + payload


def answer4(packet: bytes) -> bytes | None:
    """Return the payload of an echo answer, as a raw socket hears it with its IPv4 header; None for anything else."""
    if not packet or packet[0] >> 4 != _VERSION4:
        return None
    return _answer(packet[(packet[0] & 0xF) * 4 :], _ANSWER4)


def answer6(message: bytes) -> bytes | None:
    """Return the payload of an echo answer; None for anything else."""
    return _answer(message, _ANSWER6)


def checksum(message: bytes) -> int:
    """Return the Internet checksum (RFC 1071)."""
    even = message + bytes(len(message) % 2)
    total: int = sum(struct.unpack(f"!{len(even) // 2}H", even))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF


def _answer(message: bytes, kind: int) -> bytes | None:
    return message[_HEAD.size :] if len(message) >= _HEAD.size and message[:2] == bytes((kind, 0)) else None
