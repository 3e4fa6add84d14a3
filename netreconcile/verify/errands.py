"""What a guest does by itself on its network, in its own namespace: takes addresses, asks the host's servers, settles.

Everything here runs in the thread of the guest's namespace.
"""

from __future__ import annotations

import ipaddress
import time
from typing import TYPE_CHECKING

from netreconcile.verify.experience import Nothing, Offer6, Reply
from netreconcile.verify.namespace import ip
from netreconcile.verify.resolver import alive, ask
from netreconcile.verify.talk import Dhcp4, Dhcp6, ping

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from netreconcile.verify.experience import Answer, Offer, Question
    from netreconcile.verify.releaser import Releaser
    from netreconcile.verify.target import Target

Addresses = tuple[ipaddress.IPv4Interface, ...] | tuple[ipaddress.IPv6Interface, ...]

OFFER = 7.0
"""Seconds for an offer: dnsmasq takes 3 to look whether the address is free, and as long for another client before."""
ROGUE = 4.5
"""Seconds for the offer of a server that shouldn't be there; it may be a dnsmasq on a busy host."""
ACK, SILENT = 2.0, 1.0
"""Seconds for what a server answers at once; the second is for one that has been silent before."""
RESERVED = 4.0
PING4, PING6 = 1.0, 3.0
"""Seconds for a ping; an IPv6 address of the host is none for so long as the bridge looks whether it is free."""
DNS = 1.0


def leased(mac: str, target: Target, releaser: Releaser) -> tuple[tuple[Offer, ...], Offer | Nothing | None]:
    """Return who offers the guest an IPv4 address, and its lease where the network is to have one for everybody."""
    if target.dhcp4 and target.dhcp4.dhcp.ranges:
        return leased_from(serving(target), mac, releaser)
    with Dhcp4("eth0") as client:
        return client.discover([mac], ROGUE)[mac], None


def leased_from(server: str, mac: str, releaser: Releaser) -> tuple[tuple[Offer, ...], Offer | Nothing]:
    """Return who offers the guest an IPv4 address, and its lease: of the server at the address if that offers any.

    Where `server` is empty, nobody in particular is waited for.
    """
    with Dhcp4("eth0") as client:
        offers = client.discover([mac], OFFER, server=server)[mac]
        offer = next((offer for offer in offers if offer.server == server), offers[0] if offers else None)
        if offer is None:
            return (), Nothing(f"no offer within {OFFER:g} s")
        releaser.lent(mac, offer)
        return offers, client.request(mac, offer, ACK)


def serving(target: Target) -> str:
    """Return the address of the host at which its DHCPv4 server is; empty where there should be none."""
    return str(ipaddress.ip_interface(target.dhcp4.address).ip) if target.dhcp4 else ""


def reserved(macs: Collection[str], target: Target, *, silent: bool) -> Mapping[str, Offer | Nothing]:
    """Return what is offered to each of the MAC addresses, by the network's own server where that does.

    Servers that have been `silent` before aren't waited for as long again.
    """
    server, seconds = serving(target), SILENT if silent else RESERVED
    with Dhcp4("eth0") as client:
        found = client.discover(tuple(macs), seconds, server=server) if macs else {}
    missing = Nothing(f"no offer within {seconds:g} s")
    return {
        mac: next((offer for offer in offers if offer.server == server), offers[0] if offers else missing)
        for mac, offers in found.items()
    }


def leased6(mac: str, releaser: Releaser, *, silent: bool) -> tuple[Offer6 | Nothing, Offer6 | Nothing]:
    """Return the IPv6 lease that the guest had, and what a guest is told that wants none.

    It is given back at once: when the host does that, dnsmasq looks half a second for the host's MAC address, in vain
    (get_client_mac in its dhcp6.c).
    """
    duid, seconds = f"00030001{mac.replace(':', '')}", SILENT if silent else ACK
    with Dhcp6("eth0") as client:
        informed = client.inform(seconds)
        offer = client.solicit(bytes.fromhex(duid), seconds)
        if isinstance(offer, Nothing):
            return offer, informed
        releaser.lent(duid, offer)
        lease = client.request(bytes.fromhex(duid), offer, ACK)
        if isinstance(lease, Offer6):
            client.release(bytes.fromhex(duid), lease)
            releaser.returned(duid)
        return lease, informed


def reserved6(duids: Iterable[str], *, silent: bool) -> Mapping[str, Offer6 | Nothing]:
    """Return what is offered to each of the DUIDs; after one that no server answers, the others aren't tried."""
    seconds = SILENT if silent else ACK
    found: dict[str, Offer6 | Nothing] = {}
    with Dhcp6("eth0") as client:
        for duid in duids:
            start = time.monotonic()
            found[duid] = client.solicit(bytes(int(part, 16) for part in duid.split(":")), seconds)
            if time.monotonic() - start > seconds:
                break
    return found


def settle(own: str, hosts: Addresses, forced: Iterable[str], bridge: str) -> None:
    """The guest has its own address, and sends what is for the `forced` addresses to the bridge's MAC address.

    The host is asked for its addresses in the usual way.
    """
    whole = 32 if "." in own else 128
    commands = [f"addr add {own}/{whole} dev eth0{'' if '.' in own else ' nodad'}"]
    commands += [f"route replace {host.ip}/{whole} dev eth0 src {own}" for host in hosts]
    for address in forced:
        commands.append(f"neigh replace {address} lladdr {bridge} dev eth0 nud permanent")
        commands.append(f"route replace {address}/{whole} dev eth0 src {own}")
    ip(commands)
    if "." not in own:
        # The kernel takes an IPv6 address into use a little later (addrconf_dad_work); until then nobody finds it.
        ping(own, PING6, tries=60)


def met(hosts: Addresses) -> Mapping[str, Reply | Nothing]:
    """Return which of the host's addresses answer."""
    return {str(host.ip): ping(str(host.ip), PING4 if host.version == 4 else PING6) for host in hosts}  # noqa: PLR2004


def resolving(hosts: Addresses) -> Mapping[str, Reply | Nothing]:
    """Return at which of the host's addresses there is a DNS server."""
    return {str(host.ip): alive(str(host.ip), DNS) for host in hosts}


def told(
    resolvers: Mapping[str, Reply | Nothing], questions: Collection[Question]
) -> Mapping[Question, Answer | Nothing]:
    """Return the answers of the first DNS server that is there."""
    server = next((address for address, reply in resolvers.items() if isinstance(reply, Reply)), "")
    if not server:
        return {question: Nothing("there is no DNS server") for question in questions}
    return ask(server, questions, DNS) if questions else {}
