"""Messages of DHCPv6 (RFC 8415): what a client sends, and what a server tells it."""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

from netreconcile.verify.experience import Offer6
from netreconcile.verify.wire.addresses import V6, text, texts, words

if TYPE_CHECKING:
    from collections.abc import Iterator

_HEAD = struct.Struct("!B3s")
_OPTION = struct.Struct("!HH")
_ASSOCIATION = struct.Struct("!III")
_ADDRESS = struct.Struct("!16sII")
_LONGEST_LABEL = 63


class Kind(IntEnum):
    """The types of messages (RFC 8415 section 7.3) that are sent or understood."""

    SOLICIT = 1
    ADVERTISE = 2
    REQUEST = 3
    REPLY = 7
    RELEASE = 8
    INFORMATION_REQUEST = 11


class _Option(IntEnum):
    CLIENT = 1
    SERVER = 2
    ASSOCIATION = 3
    ADDRESS = 5
    PARAMETERS = 6
    ELAPSED = 8
    STATUS = 13
    DNS = 23
    DOMAINS = 24


@dataclass(frozen=True, slots=True)
class Heard:
    """What a server has sent; `problem` is why it gives no address ("status 2, no addresses available"), or empty."""

    kind: int
    transaction: bytes
    duid: bytes
    server: bytes
    offer: Offer6
    problem: str


def build(  # noqa: PLR0913 -- what a message may say
    kind: Kind,
    transaction: bytes,
    *,
    duid: bytes = b"",
    server: bytes = b"",
    iaid: int | None = None,
    address: str = "",
) -> bytes:
    """Return a client's message; with an `iaid` about an address, `address` if that is known already."""
    body = _option(_Option.ELAPSED, bytes(2)) + _option(
        _Option.PARAMETERS, struct.pack("!HH", _Option.DNS, _Option.DOMAINS)
    )
    if duid:
        body += _option(_Option.CLIENT, duid)
    if server:
        body += _option(_Option.SERVER, server)
    if iaid is not None:
        inside = socket.inet_pton(socket.AF_INET6, address) if address else b""
        lease = _option(_Option.ADDRESS, inside + bytes(8)) if inside else b""
        body += _option(_Option.ASSOCIATION, _ASSOCIATION.pack(iaid, 0, 0) + lease)
    return _HEAD.pack(kind, transaction) + body


def parse(datagram: bytes, source: str) -> Heard | None:
    """Return what a server at the address `source` has sent; None if it is no such message."""
    if len(datagram) < _HEAD.size:
        return None
    kind, transaction = _HEAD.unpack_from(datagram)
    options = dict(reversed(list(_options(datagram[_HEAD.size :]))))
    if kind not in (Kind.ADVERTISE, Kind.REPLY) or _Option.SERVER not in options:
        return None
    address, problem = _lease(options.get(_Option.ASSOCIATION, b""))
    return Heard(
        kind=kind,
        transaction=transaction,
        duid=options.get(_Option.CLIENT, b""),
        server=options[_Option.SERVER],
        offer=Offer6(
            server=source,
            address=address,
            dns=texts(options.get(_Option.DNS, b""), V6),
            domains=_names(options.get(_Option.DOMAINS, b"")),
        ),
        problem=_problem(options.get(_Option.STATUS, b"")) or problem,
    )


def _option(code: int, value: bytes) -> bytes:
    return _OPTION.pack(code, len(value)) + value


def _options(raw: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the options up to one that is cut off."""
    place = 0
    while place + _OPTION.size <= len(raw):
        code, length = _OPTION.unpack_from(raw, place)
        place += _OPTION.size
        if place + length > len(raw):
            return
        yield code, raw[place : place + length]
        place += length


def _lease(association: bytes) -> tuple[str, str]:
    """Return the first address of an identity association that is valid, or else why there is none."""
    problem = ""
    for code, value in _options(association[_ASSOCIATION.size :]):
        if code == _Option.ADDRESS and len(value) >= _ADDRESS.size:
            address, _, valid = _ADDRESS.unpack_from(value)
            if valid:
                return text(address), ""
        elif code == _Option.STATUS:
            problem = problem or _problem(value)
    return "", problem


def _problem(status: bytes) -> str:
    code, message = int.from_bytes(status[:2]), words(status[2:])
    return f"status {code}, {message}" if code else ""


def _names(raw: bytes) -> tuple[str, ...]:
    """Return names as the DNS encodes them (RFC 1035 section 3.1), up to one that is cut off."""
    names: list[str] = []
    labels: list[str] = []
    place = 0
    while place < len(raw) and raw[place] <= _LONGEST_LABEL:
        start, end = place + 1, place + 1 + raw[place]
        if end > len(raw):
            break
        if start == end:
            names.append(".".join(labels))
            labels.clear()
        else:
            labels.append(words(raw[start:end]))
        place = end
    return tuple(name for name in names if name)
