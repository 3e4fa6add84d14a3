"""Messages of DHCPv4 (RFC 2131, options of RFC 2132): what a client sends, and what a server tells it."""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass
from enum import IntEnum

from netreconcile.verify.experience import Offer
from netreconcile.verify.wire.addresses import V4, text, texts, words

_HEAD = struct.Struct("!4BIHH4s4s4s4s16s64s128sI")
_REQUEST, _REPLY, _ETHERNET, _MAC = 1, 2, 1, 6
_COOKIE = 0x63825363
_BROADCAST = 0x8000
_NOWHERE = bytes(V4)
_SHORTEST = 300
"""BOOTP's length (RFC 1542 section 2.1), which some relays and servers insist on."""


class Kind(IntEnum):
    """The types of messages (RFC 2132 section 9.6) that are sent or understood."""

    DISCOVER = 1
    OFFER = 2
    REQUEST = 3
    ACK = 5
    NAK = 6
    RELEASE = 7
    INFORM = 8


class _Option(IntEnum):
    PAD = 0
    MASK = 1
    ROUTERS = 3
    DNS = 6
    DOMAIN = 15
    MTU = 26
    WANTED = 50
    SECONDS = 51
    KIND = 53
    SERVER = 54
    PARAMETERS = 55
    MESSAGE = 56
    CLIENT = 61
    END = 255


_PARAMETERS = bytes((_Option.MASK, _Option.ROUTERS, _Option.DNS, _Option.DOMAIN, _Option.MTU, _Option.SECONDS))


@dataclass(frozen=True, slots=True)
class Heard:
    """What a server has sent; `message` is what it says to a NAK."""

    kind: int
    transaction: int
    mac: bytes
    offer: Offer
    message: str


def packed(mac: str) -> bytes:
    """Return the bytes of a MAC address."""
    return bytes(int(part, 16) for part in mac.split(":"))


def build(  # noqa: PLR0913 -- what a message may say
    kind: Kind, transaction: int, mac: bytes, *, own: str = "", wanted: str = "", server: str = ""
) -> bytes:
    """Return a client's message; it has the address that is its `own`, and asks `server` for the `wanted` one."""
    options = [(_Option.KIND, bytes((kind,))), (_Option.CLIENT, bytes((_ETHERNET,)) + mac)]
    if wanted:
        options.append((_Option.WANTED, socket.inet_aton(wanted)))
    if server:
        options.append((_Option.SERVER, socket.inet_aton(server)))
    if kind != Kind.RELEASE:
        options.append((_Option.PARAMETERS, _PARAMETERS))
    # Who has an address is answered there (RFC 2131 section 4.1); who has none can't be, before it has taken one.
    flags = 0 if own else _BROADCAST
    address = socket.inet_aton(own) if own else _NOWHERE
    head = _HEAD.pack(
        *(_REQUEST, _ETHERNET, _MAC, 0, transaction, 0, flags),
        *(address, _NOWHERE, _NOWHERE, _NOWHERE, mac, b"", b"", _COOKIE),
    )
    body = b"".join(bytes((code, len(value))) + value for code, value in options)
    return (head + body + bytes((_Option.END,))).ljust(_SHORTEST, b"\0")


def parse(datagram: bytes, source: str) -> Heard | None:
    """Return what a server at the address `source` has sent; None if it is no such message."""
    if len(datagram) < _HEAD.size:
        return None
    op, _, length, _, transaction, _, _, _, yours, _, _, hardware, _, _, cookie = _HEAD.unpack_from(datagram)
    options = _options(datagram[_HEAD.size :])
    kind = options.get(_Option.KIND, b"")
    if op != _REPLY or cookie != _COOKIE or length != _MAC or len(kind) != 1:
        return None
    return Heard(
        kind=kind[0],
        transaction=transaction,
        mac=hardware[:_MAC],
        offer=Offer(
            server=next(iter(texts(options.get(_Option.SERVER, b""), V4)), source),
            address="" if yours == _NOWHERE else text(yours),
            prefix=_prefix(options.get(_Option.MASK, b"")),
            routers=texts(options.get(_Option.ROUTERS, b""), V4),
            dns=texts(options.get(_Option.DNS, b""), V4),
            domain=words(options.get(_Option.DOMAIN, b"")),
            mtu=_number(options.get(_Option.MTU, b""), 2),
            seconds=_number(options.get(_Option.SECONDS, b""), 4),
        ),
        message=words(options.get(_Option.MESSAGE, b"")),
    )


def _options(raw: bytes) -> dict[int, bytes]:
    """Return the options up to one that is cut off; an option that comes again goes on with the first (RFC 3396)."""
    options: dict[int, bytes] = {}
    place = 0
    while place < len(raw) and raw[place] != _Option.END:
        if raw[place] == _Option.PAD:
            place += 1
            continue
        start = place + 2
        end = start + raw[place + 1] if start <= len(raw) else start
        if end > len(raw):
            break
        options[raw[place]] = options.get(raw[place], b"") + raw[start:end]
        place = end
    return options


def _prefix(mask: bytes) -> int | None:
    if len(mask) != V4:
        return None
    bits = f"{int.from_bytes(mask):032b}"
    return None if "01" in bits else bits.count("1")


def _number(raw: bytes, size: int) -> int | None:
    return int.from_bytes(raw) if len(raw) == size else None
