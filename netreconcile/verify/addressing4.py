"""How DHCPv4 stands: who answers, and whether guests are told what the file says.

dnsmasq offers the host as router unless the network is isolated (dhcp-option=3), itself as DNS server unless DNS is
off (port=0), and a domain and an MTU only where the file has them (networkDnsmasqConfContents in bridge_driver.c).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from netreconcile.checks.addresses import interface
from netreconcile.verify.dhcp import reserved, told
from netreconcile.verify.experience import Nothing, Offer
from netreconcile.verify.hints import CONTENTS, DAEMON, LEASES, UNTRIED
from netreconcile.verify.options import excused
from netreconcile.verify.questions import lent_by_range, reservations4
from netreconcile.verify.target import DEVICES
from netreconcile.verify.verdict import Remark, Verdict, judged, unseen

if TYPE_CHECKING:
    from collections.abc import Iterator

    from netreconcile.model import Ip
    from netreconcile.verify.experience import Experience
    from netreconcile.verify.target import Target


@dataclass(frozen=True, slots=True)
class _Seen:
    """What DHCP servers said: all answers, those of the network's own, and whether anybody was asked."""

    asked: bool
    own: tuple[Offer, ...]
    others: tuple[str, ...]


def addressing4(target: Target, seen: Experience, *, full: bool) -> Iterator[Verdict | Remark]:
    """Yield how the promises about DHCPv4 stand."""
    if target.lan:
        yield from _of_the_lan(target, seen, full=full)
    elif target.dhcp4 is None:
        yield from _unserved(target, seen, full=full)
    else:
        yield from excused(_served(target, target.dhcp4, seen, full=full), target.network)


def _of_the_lan(target: Target, seen: Experience, *, full: bool) -> Iterator[Verdict]:
    expected = "an address from the LAN's own DHCP server, if it has one"
    said = _said(seen, own=())
    if target.network.mode in DEVICES:
        if full:
            yield unseen("dhcp4", expected, "not tried: it would take a device that a guest may need")
    elif said.others:
        yield judged("dhcp4", expected, _listed("from", said.others), kept=True)
    elif said.asked:
        yield unseen("dhcp4", expected, "no DHCP server answers: the LAN may have none")
    elif full:
        yield unseen("dhcp4", expected, UNTRIED if seen.forwarding is None else "not tried")


def _unserved(target: Target, seen: Experience, *, full: bool) -> Iterator[Verdict | Remark]:
    """Yield whether the host keeps silent; a guest may serve DHCP where the host doesn't."""
    expected = "no DHCP from the host"
    hosts = {str(own.ip) for own in target.hosts4}
    said = _said(seen, own=())
    from_host = tuple(server for server in said.others if server in hosts)
    if not said.asked:
        if full:
            yield unseen("dhcp4", expected, "not asked")
    elif from_host:
        hint = f"the file has no DHCP here: what serves UDP port 67 on {target.bridge}?"
        yield judged("dhcp4", expected, _listed("from", from_host), kept=False, hint=hint)
    elif said.others and not hosts:
        why = f"{_listed('from', said.others)}: a guest's, or the host's by an address that the file doesn't give it"
        yield unseen("dhcp4", expected, why)
    else:
        yield judged("dhcp4", expected, _listed("only from", said.others) if said.others else "none", kept=True)
        if said.others:
            yield Remark("dhcp4-from-a-guest", f"a DHCP server that isn't the host answers: {', '.join(said.others)}")


def _served(target: Target, ip: Ip, seen: Experience, *, full: bool) -> Iterator[Verdict]:
    said = _said(seen, own=(ip.identity, *(str(own.ip) for own in target.hosts4)))
    yield from _server(ip, seen, said, full=full)
    yield from _foreign(ip, seen, said, full=full)
    yield from _range(ip, seen, said, full=full)
    if said.asked or full:
        yield from _told(target, ip, said)
    wanted = reservations4(target.network)
    yield from reserved("dhcp4.reserved", wanted, seen.reserved, answers=bool(said.own), full=full)


def _server(ip: Ip, seen: Experience, said: _Seen, *, full: bool) -> Iterator[Verdict]:
    expected = f"DHCP from {ip.identity}"
    if not said.asked:
        if full:
            yield unseen("dhcp4", expected, "not asked")
    elif not said.own and not (ip.dhcp.ranges or seen.reserved or seen.informs is not None):
        yield unseen(
            "dhcp4", expected, "without a range it answers reserved clients only, and none of them was asked for"
        )
    elif not said.own:
        answer = _listed("only from", said.others) if said.others else "no answer"
        yield judged("dhcp4", expected, answer, kept=False, hint=DAEMON)
    elif ip.dhcp.ranges and _refused(seen, said):
        why = f": {seen.lease.why}" if isinstance(seen.lease, Nothing) and seen.lease.why else ""
        yield judged("dhcp4", expected, f"it answers, but lends no address{why}", kept=False, hint=LEASES)
    else:
        yield judged("dhcp4", expected, f"{said.own[0].server} answers", kept=True)


def _refused(seen: Experience, said: _Seen) -> bool:
    """Return whether a guest without a reservation asked for an address, and got none."""
    if isinstance(seen.lease, Offer):
        return False
    offered = any(offer in said.own and offer.address for offer in seen.offers or ())
    return isinstance(seen.lease, Nothing) or (seen.offers is not None and not offered)


def _foreign(ip: Ip, seen: Experience, said: _Seen, *, full: bool) -> Iterator[Verdict]:
    expected = "no DHCP server but the host"
    if said.others:
        hint = f"guests may get addresses and a way out from it instead of {ip.identity}: find the guest that serves"
        yield judged("dhcp4.foreign-server", expected, _listed("also", said.others), kept=False, hint=hint)
    elif seen.informs is not None or seen.offers is not None:
        yield judged("dhcp4.foreign-server", expected, "no other", kept=True)
    elif full:
        yield unseen("dhcp4.foreign-server", expected, "not asked")


def _range(ip: Ip, seen: Experience, said: _Seen, *, full: bool) -> Iterator[Verdict]:
    own = interface(ip)
    assert own is not None
    lent = [seen.lease] if isinstance(seen.lease, Offer) else list(seen.offers or ())
    lent = [offer for offer in lent if offer in said.own and offer.address]
    if not ip.dhcp.ranges:
        if seen.offers is not None:
            answer = _listed("", tuple(offer.address for offer in lent)) if lent else "none"
            yield judged("dhcp4.range", "no address without a reservation", answer, kept=not lent)
        elif full:
            yield unseen("dhcp4.range", "no address without a reservation", "not asked")
        return
    expected = f"an address of {', '.join(span.identity for span in ip.dhcp.ranges)}, /{own.network.prefixlen}"
    if lent:
        offer = lent[0]
        kept = lent_by_range(ip, offer.address) and offer.prefix in (None, own.network.prefixlen)
        answer = offer.address if offer.prefix is None else f"{offer.address}/{offer.prefix}"
        yield judged("dhcp4.range", expected, answer, kept=kept, hint=CONTENTS)
    elif full:
        yield unseen("dhcp4.range", expected, "no address was offered")


def _told(target: Target, ip: Ip, said: _Seen) -> Iterator[Verdict]:
    """Yield what the server tells besides an address; an answer with a lease says most, and comes first."""
    network = target.network
    offer = said.own[0] if said.own else None
    router = () if network.mode == "isolated" else (ip.identity,)
    yield told("dhcp4.router", "router", router, offer.routers if offer else None)
    dns = (ip.identity,) if target.serves_dns else ()
    yield told("dhcp4.dns", "DNS server", dns, offer.dns if offer else None)
    if network.domain.name is not None:
        domain = _one(offer.domain.rstrip(".").lower()) if offer else None
        yield told("dhcp4.domain", "domain", (network.domain.name.lower(),), domain)
    if network.mtu is not None:
        yield told("dhcp4.mtu", "MTU", (str(network.mtu),), _one(offer.mtu) if offer else None)


def _said(seen: Experience, *, own: tuple[str, ...]) -> _Seen:
    """Return the answers, those from the first own address, and those that say most, first.

    dnsmasq answers a DHCPINFORM from another subnet of the host's with that address, and without a router.
    """
    lease = (seen.lease,) if isinstance(seen.lease, Offer) else ()
    to_reserved = (offer for offer in seen.reserved.values() if isinstance(offer, Offer))
    answers = (*lease, *(seen.offers or ()), *(seen.informs or ()), *to_reserved)
    asked = any(item is not None for item in (seen.lease, seen.offers, seen.informs)) or bool(seen.reserved)
    others = dict.fromkeys(offer.server for offer in answers if offer.server not in own)
    mine = sorted((offer for offer in answers if offer.server in own), key=lambda offer: own.index(offer.server))
    return _Seen(asked, tuple(mine), tuple(others))


def _one(value: object) -> tuple[str, ...]:
    return (str(value),) if value else ()


def _listed(before: str, values: tuple[str, ...]) -> str:
    return f"{before} {', '.join(values)}".strip()
