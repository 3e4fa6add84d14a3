"""What the host itself gets to hear on a network when it asks as a guest would, with nothing plugged in.

What the host broadcasts on a bridge of its own, dnsmasq hears, too. No question makes a lease or is passed on: an
address is only told (DHCPINFORM), or offered to MAC addresses with a reservation, for which dnsmasq looks up nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from netreconcile.errors import ProbeFailed
from netreconcile.kernel.state import Unread
from netreconcile.verify.experience import Experience, Nothing, Offer, Reply
from netreconcile.verify.resolver import alive
from netreconcile.verify.talk import Dhcp4, Dhcp6

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from netreconcile.kernel.state import KernelState, Link
    from netreconcile.verify.experience import Offer6
    from netreconcile.verify.questions import Inquiry
    from netreconcile.verify.target import Target

SHORT = 0.6
"""Seconds for an answer, which takes milliseconds otherwise."""
DEAF = 3.4
"""Seconds for the answer of a dnsmasq that runs: for 3 it hears nothing, while it makes sure that an address which a
guest has just asked for is free (do_icmp_ping in its dnsmasq.c)."""
UNKNOWN = 1.0
"""Seconds for an answer by DHCPv6, before which dnsmasq looks half a second for the MAC address of who asks: the host
itself is none of its neighbours (get_client_mac in its dhcp6.c)."""
ROGUE = 0.3
"""Seconds for the answer of a server that shouldn't be there."""


def glance(target: Target, inquiry: Inquiry, state: KernelState) -> Experience:
    """Return what the network's servers tell the host. Raises ProbeFailed, or OSError, where that can't be asked."""
    if target.lan or not target.hosts:
        return Experience()
    link = state.link(target.bridge)
    if link is None or not link.up:
        raise ProbeFailed(f"{target.bridge} is down" if link else f"there is no {target.bridge}")
    patience = DEAF if _may_be_deaf(target, state) else 0.0
    resolvers = _resolvers(target, link, patience)
    informs, reserved = _told4(target, inquiry.reserved, patience)
    return Experience(
        resolvers=resolvers,
        informs=informs,
        reserved=reserved,
        inform6=_told6(target, link, patience),
    )


def _may_be_deaf(target: Target, state: KernelState) -> bool:
    """Return whether a server that doesn't answer may do so later."""
    if isinstance(state.servers, Unread):
        return True
    server = state.servers.get(target.name)
    return server is not None and server.alive


def _resolvers(target: Target, link: Link, patience: float) -> Mapping[str, Reply | Nothing]:
    """Return which of the host's addresses answers DNS.

    One that isn't there, or can't be used yet, isn't asked: the question could leave the host.
    """
    usable = {address.interface for address in link.addresses if not address.tentative}
    answers = {str(own.ip): alive(str(own.ip), SHORT) for own in target.hosts if own in usable}
    for address, answer in answers.items():
        if isinstance(answer, Nothing) and target.serves_dns and patience:
            answers[address] = alive(address, patience)
            patience = SHORT  # it is the same server at all of them
    return answers


def _told4(
    target: Target, macs: Sequence[str], patience: float
) -> tuple[tuple[Offer, ...] | None, Mapping[str, Offer | Nothing]]:
    """Return what DHCP servers tell the host, and what the network's own one offers to each MAC address."""
    if not target.hosts4:
        return None, {}
    own = target.dhcp4.identity if target.dhcp4 else ""
    with Dhcp4(target.bridge) as client:
        if not own:
            return client.inform(str(target.hosts4[0].ip), ROGUE), {}
        informs = client.inform(own, SHORT)
        if patience and not _from(own, informs):
            informs = client.inform(own, patience) or informs
        if not _from(own, informs):
            return informs, {}
        offers = dict(client.discover(macs, SHORT, server=own))
        silent = [mac for mac, offered in offers.items() if not _from(own, offered)]
        if silent and patience:
            offers.update(client.discover(silent, patience, server=own))
    none = Nothing(f"no offer within {SHORT + patience:g} s")
    return informs, {mac: next(iter((*_from(own, offered), *offered)), none) for mac, offered in offers.items()}


def _from(server: str, offers: Sequence[Offer]) -> tuple[Offer, ...]:
    return tuple(offer for offer in offers if offer.server == server)


def _told6(target: Target, link: Link, patience: float) -> Offer6 | Nothing | None:
    """Return what DHCPv6 tells the host; None where it can't ask: a bridge without ports has no address for that."""
    ready = any(address.link_local and not address.tentative for address in link.addresses)
    if not ready or not target.serves_dhcp6:
        return None
    try:
        with Dhcp6(target.bridge) as client:
            return client.inform(max(UNKNOWN, patience))
    except OSError:
        return None  # the host's own DHCPv6 client has the port
