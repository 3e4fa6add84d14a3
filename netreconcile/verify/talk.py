"""Talk with what is on a network: DHCP, routers, pings; over sockets in the network namespace of the calling thread.

Nothing waits longer than it is told to. Where a device isn't there or isn't up, or may not be used, OSError is raised.
"""

from __future__ import annotations

import errno
import ipaddress
import secrets
import socket
from itertools import repeat
from typing import TYPE_CHECKING, Self

from netreconcile.verify import exchange
from netreconcile.verify.experience import Nothing, Reply
from netreconcile.verify.wire import dhcp4, dhcp6, icmp, router

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from netreconcile.verify.experience import Advert, Offer, Offer6

KNOCK = 7777
"""The port that `knock` sends to."""

GRACE = 0.1
"""Seconds that rivals have to answer after the one that was waited for."""

_SERVERS4, _CLIENT4 = ("<broadcast>", 67), 68
_SERVERS6, _CLIENT6 = ("ff02::1:2", 547), 546
_ROUTERS = "ff02::2"
_OFTEN = 0.5
"""Seconds between questions over IPv6, where a bridge has its addresses only after a while, and then its server."""
_IAID = int.from_bytes(b"nrv0")


class Dhcp4:
    """A DHCPv4 client on a device that speaks for any MAC address; a context manager, in one thread."""

    def __init__(self, device: str) -> None:
        self._device = device
        self._transactions: dict[bytes, int] = {}

    def __enter__(self) -> Self:
        self._talk = exchange.opened(socket.AF_INET, socket.SOCK_DGRAM, 0, self._device, ("", _CLIENT4))
        return self

    def __exit__(self, *_: object) -> None:
        self._talk.close()

    def inform(self, own_address: str, seconds: float) -> tuple[Offer, ...]:
        """Return what servers tell a client that has an address; no lease is made.

        Ends soon after the server at that very address has answered: the network's own, where the client is its host.
        """
        mac = exchange.hardware(self._talk, self._device)
        message = dhcp4.build(dhcp4.Kind.INFORM, self._transaction(mac), mac, own=own_address)
        offers: dict[Offer, None] = {}

        def take(heard: dhcp4.Heard) -> bool:
            if heard.kind == dhcp4.Kind.ACK:
                offers[heard.offer] = None
            return any(offer.server == own_address for offer in offers)

        self._ask(lambda: [message], take, seconds, grace=GRACE)
        return tuple(offers)

    def discover(self, macs: Sequence[str], seconds: float, *, server: str = "") -> Mapping[str, tuple[Offer, ...]]:
        """Return what servers offer to each of the clients; an offer is no lease.

        Ends soon after each has an offer of the server at an address, or of any server where that is empty.
        """
        offers: dict[bytes, dict[Offer, None]] = {dhcp4.packed(mac): {} for mac in macs}
        without = dict.fromkeys(offers)

        def take(heard: dhcp4.Heard) -> bool:
            if heard.kind == dhcp4.Kind.OFFER and heard.mac in offers:
                offers[heard.mac][heard.offer] = None
                if server in ("", heard.offer.server):
                    without.pop(heard.mac, None)
            return not without

        def messages() -> list[bytes]:
            return [dhcp4.build(dhcp4.Kind.DISCOVER, self._transaction(mac), mac) for mac in without]

        if macs:
            self._ask(messages, take, seconds, grace=GRACE)
        return {mac: tuple(offers[dhcp4.packed(mac)]) for mac in macs}

    def request(self, mac: str, offer: Offer, seconds: float) -> Offer | Nothing:
        """The client has a lease of what it was offered; returns what the server says to that."""
        message = self._about(dhcp4.Kind.REQUEST, mac, server=offer.server, wanted=offer.address)
        answers: list[Offer | Nothing] = []

        def take(heard: dhcp4.Heard) -> bool:
            if heard.mac == dhcp4.packed(mac) and heard.offer.server == offer.server:
                if heard.kind == dhcp4.Kind.ACK:
                    answers.append(heard.offer)
                elif heard.kind == dhcp4.Kind.NAK:
                    answers.append(
                        Nothing(f"the server refuses {offer.address}: {heard.message or 'without a reason'}")
                    )
            return bool(answers)

        nothing = self._ask(lambda: [message], take, seconds)
        return nothing or answers[0]

    def release(self, mac: str, offer: Offer) -> None:
        """The server has been told that the client gives its lease back; it never answers to that."""
        # To everybody: the address may be gone from the device, and then nothing leads to the server alone.
        self._talk.sendto(self._about(dhcp4.Kind.RELEASE, mac, server=offer.server, own=offer.address), _SERVERS4)

    def _about(self, kind: dhcp4.Kind, mac: str, *, server: str, own: str = "", wanted: str = "") -> bytes:
        client = dhcp4.packed(mac)
        return dhcp4.build(kind, self._transaction(client), client, own=own, wanted=wanted, server=server)

    def _transaction(self, mac: bytes) -> int:
        return self._transactions.setdefault(mac, secrets.randbits(32))

    def _ask(
        self,
        messages: Callable[[], Iterable[bytes]],
        take: Callable[[dhcp4.Heard], bool],
        seconds: float,
        *,
        grace: float = 0.0,
    ) -> Nothing | None:
        def hear(datagram: bytes, source: str) -> bool:
            heard = dhcp4.parse(datagram, source)
            return bool(heard and heard.transaction == self._transactions.get(heard.mac) and take(heard))

        return exchange.ask(self._talk, _SERVERS4, messages, hear, seconds, grace=grace)


class Dhcp6:
    """A DHCPv6 client on a device that speaks for any DUID; a context manager, in one thread.

    `iaid` tells leases of one DUID apart: while a guest has its reserved address under one, dnsmasq offers whoever asks
    with the same DUID under another an address of the range (`check_address` in its rfc3315.c). Only one client at a
    time on a device hears its answers.
    """

    def __init__(self, device: str, *, iaid: int = _IAID) -> None:
        self._device = device
        self._iaid = iaid
        self._servers: dict[str, bytes] = {}

    def __enter__(self) -> Self:
        self._talk = exchange.opened(socket.AF_INET6, socket.SOCK_DGRAM, 0, self._device, ("", _CLIENT6))
        return self

    def __exit__(self, *_: object) -> None:
        self._talk.close()

    def solicit(self, duid: bytes, seconds: float) -> Offer6 | Nothing:
        """Return what a server offers to the client; an offer is no lease."""
        return self._lease(dhcp6.Kind.SOLICIT, dhcp6.Kind.ADVERTISE, duid, seconds)

    def request(self, duid: bytes, offer: Offer6, seconds: float) -> Offer6 | Nothing:
        """The client has a lease of what it was offered; returns what the server says to that."""
        return self._lease(dhcp6.Kind.REQUEST, dhcp6.Kind.REPLY, duid, seconds, offer)

    def release(self, duid: bytes, offer: Offer6) -> None:
        """The server has been told that the client gives its lease back, and had a second to say that it knows."""
        if offer.server not in self._servers:  # another run's lease; a server wants to be addressed by its DUID
            self.solicit(duid, 1)
        self._lease(dhcp6.Kind.RELEASE, dhcp6.Kind.REPLY, duid, 1, offer)

    def inform(self, seconds: float) -> Offer6 | Nothing:
        """Return what a server tells a client that makes itself an address."""
        return self._ask(dhcp6.Kind.INFORMATION_REQUEST, dhcp6.Kind.REPLY, seconds)

    def _lease(
        self, kind: dhcp6.Kind, answer: dhcp6.Kind, duid: bytes, seconds: float, offer: Offer6 | None = None
    ) -> Offer6 | Nothing:
        server, address = (self._servers.get(offer.server, b""), offer.address) if offer else (b"", "")
        said = self._ask(kind, answer, seconds, duid=duid, server=server, iaid=self._iaid, address=address)
        if isinstance(said, Nothing) or said.address:
            return said
        return Nothing("the server gives no address")

    def _ask(  # noqa: PLR0913 -- what a message may say
        self,
        kind: dhcp6.Kind,
        answer: dhcp6.Kind,
        seconds: float,
        *,
        duid: bytes = b"",
        server: bytes = b"",
        iaid: int | None = None,
        address: str = "",
    ) -> Offer6 | Nothing:
        transaction = secrets.token_bytes(3)
        message = dhcp6.build(kind, transaction, duid=duid, server=server, iaid=iaid, address=address)
        answers: list[Offer6 | Nothing] = []

        def hear(datagram: bytes, source: str) -> bool:
            heard = dhcp6.parse(datagram, source)
            if heard and (heard.kind, heard.transaction) == (answer, transaction):
                self._servers[source] = heard.server
                refused = heard.problem and not heard.offer.address
                answers.append(Nothing(f"the server refuses: {heard.problem}") if refused else heard.offer)
            return bool(answers)

        to = (*_SERVERS6, 0, socket.if_nametoindex(self._device))
        nothing = exchange.ask(self._talk, to, lambda: [message], hear, seconds, pauses=repeat(_OFTEN))
        return nothing or answers[0]


def ask_routers(device: str, seconds: float, *, enough: str = "") -> tuple[Advert, ...]:
    """Return what routers advertise; ends soon after the one at the address `enough`, or any where that is empty."""
    adverts: dict[Advert, None] = {}

    def hear(datagram: bytes, source: str) -> bool:
        advert = router.parse(datagram, source)
        # Guests believe neighbours only (RFC 4861 section 6.1.2), and nobody else can send from such an address.
        if advert and ipaddress.ip_address(source).is_link_local:
            adverts[advert] = None
        return any(enough in ("", known.router) for known in adverts)

    with exchange.opened(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6, device) as talk:
        talk.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
        to = (_ROUTERS, 0, 0, socket.if_nametoindex(device))
        exchange.ask(talk, to, lambda: [router.SOLICITATION], hear, seconds, grace=GRACE, pauses=repeat(_OFTEN))
    return tuple(adverts)


def ping(address: str, seconds: float, *, tries: int = 2, device: str = "") -> Reply | Nothing:
    """Return whether the address answers; `device` where several could lead there, as to a link-local address."""
    try:
        family, to = exchange.target(address, 0, device)
    except ValueError as error:
        return Nothing(str(error))
    token = secrets.token_bytes(16)
    identifier = int.from_bytes(token[:2])
    if family == socket.AF_INET:
        protocol, message = socket.IPPROTO_ICMP, icmp.echo4(identifier, token)
    else:
        protocol, message = socket.IPPROTO_ICMPV6, icmp.echo6(identifier, token)

    def hear(packet: bytes, source: str) -> bool:
        answer = icmp.answer4(packet) if family == socket.AF_INET else icmp.answer6(packet)
        return source == to[0] and answer == token

    with exchange.opened(family, socket.SOCK_RAW, protocol, device) as talk:
        pauses = repeat(seconds / tries, tries)
        return exchange.ask(talk, to, lambda: [message], hear, seconds, pauses=pauses) or Reply()


def knock(address: str, token: bytes, *, source: str = "", device: str = "") -> None:
    """One datagram with the token is on its way to the port `KNOCK` of the address, from the source if there is one.

    Raises OSError, where nothing leads to the address or the source isn't ours, too.
    """
    try:
        family, to = exchange.target(address, KNOCK, device)
    except ValueError as error:
        raise OSError(errno.EADDRNOTAVAIL, str(error)) from error
    with exchange.opened(family, socket.SOCK_DGRAM, 0, device, (source, 0)) as talk:
        talk.sendto(token, to)
