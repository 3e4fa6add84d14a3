"""How router advertisements and DHCPv6 stand.

| the file                                 | advertised (dnsmasq's ra-only, enable-ra and ra-param=*,0,0)       |
|------------------------------------------|--------------------------------------------------------------------|
| no IPv6 address, or no dnsmasq           | nothing                                                            |
| IPv6 subnets without DHCP                | every /64, for guests to make addresses of                         |
| an IPv6 subnet with ranges or hosts      | that subnet only, with addresses by DHCPv6                         |
| mode `isolated`                          | the same, and no default router (lifetime 0)                       |
| any other mode                           | the same, and the host as default router                           |
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from netreconcile.verify.dhcp import reserved, told
from netreconcile.verify.experience import Nothing, Offer6
from netreconcile.verify.hints import CONTENTS, DAEMON, LEASES
from netreconcile.verify.options import excused
from netreconcile.verify.questions import lent_by_range, reservations6
from netreconcile.verify.verdict import Remark, Verdict, judged, unseen

if TYPE_CHECKING:
    from collections.abc import Iterator

    from netreconcile.model import Ip
    from netreconcile.verify.experience import Advert, Experience, Prefix
    from netreconcile.verify.target import Target


def addressing6(target: Target, seen: Experience, *, full: bool) -> Iterator[Verdict | Remark]:
    """Yield how the promises about router advertisements and DHCPv6 stand."""
    if target.lan:
        return
    if target.advertises:
        yield from excused(_advertised(target, seen, full=full), target.network)
    else:
        yield from _silent(target, seen, full=full)
    if target.dhcp6 is not None:
        yield from excused(_leased(target, target.dhcp6, seen, full=full), target.network)


def _silent(target: Target, seen: Experience, *, full: bool) -> Iterator[Verdict | Remark]:
    expected = "no router advertisement of the host"
    if seen.adverts is None:
        if full:
            yield unseen("ra", expected, "not asked")
        return
    own, others = _apart(target, seen.adverts)
    hint = f"what advertises on {target.bridge}? libvirt doesn't here"
    yield judged("ra", expected, f"from {own[0].router}" if own else "none", kept=not own, hint=hint)
    if others:
        yield Remark("ra-from-a-guest", f"a router that isn't the host advertises itself: {', '.join(others)}")


def _advertised(target: Target, seen: Experience, *, full: bool) -> Iterator[Verdict]:
    expected = "router advertisements of the host"
    own, others = _apart(target, seen.adverts or ())
    if seen.adverts is not None:
        answer = f"from {own[0].router}" if own else f"only from {', '.join(others)}" if others else "none"
        yield judged("ra", expected, answer, kept=bool(own), hint=DAEMON)
        hint = "guests may take it for their way out: find the guest that advertises"
        answer = f"also {', '.join(others)}" if others else "no other"
        yield judged("ra.foreign-router", "no router but the host", answer, kept=not others, hint=hint)
    elif full:
        yield unseen("ra", expected, "not asked")
        yield unseen("ra.foreign-router", "no router but the host", "not asked")
    if seen.adverts is not None or full:
        yield from _contents(target, own)


def _contents(target: Target, own: tuple[Advert, ...]) -> Iterator[Verdict]:
    missing = "there is no advertisement to look at"
    cut_off = target.network.mode == "isolated"
    expected = "no default router" if cut_off else "the host is default router"
    if own:
        lifetime = max(advert.lifetime for advert in own)
        answer = f"default router for {lifetime} s" if lifetime else "no default router"
        yield judged("ra.default-router", expected, answer, kept=bool(lifetime) is not cut_off, hint=CONTENTS)
    else:
        yield unseen("ra.default-router", expected, missing)
    expected = "DNS server is the host" if target.serves_dns else "no DNS server"
    if own:
        servers = sorted({server for advert in own for server in advert.dns})
        hosts = {advert.router for advert in own} | {str(host.ip) for host in target.hosts6}
        kept = bool(servers) is target.serves_dns and hosts.issuperset(servers)
        yield judged("ra.dns", expected, ", ".join(servers) or "no DNS server", kept=kept, hint=CONTENTS)
    else:
        yield unseen("ra.dns", expected, missing)
    for prefix in target.advertised:
        expected = f"{prefix}, addresses by {'DHCPv6' if target.serves_dhcp6 else 'SLAAC'}"
        if own:
            yield _prefix(target, prefix, expected, own)
        else:
            yield unseen("ra.prefix", expected, missing, subject=str(prefix))


def _prefix(target: Target, wanted: ipaddress.IPv6Network, expected: str, own: tuple[Advert, ...]) -> Verdict:
    found = [(advert, item) for advert in own for item in advert.prefixes if _same(item, wanted)]
    kept = any(
        item.on_link and (advert.managed if target.serves_dhcp6 else item.autonomous and not advert.managed)
        for advert, item in found
    )
    if found:
        advert, item = found[0]
        ways = (("DHCPv6", advert.managed), ("SLAAC", item.autonomous))
        said = " and ".join(way for way, there in ways if there) or "neither DHCPv6 nor SLAAC"
        answer = f"{wanted}, addresses by {said}{'' if item.on_link else ', not on link'}"
    else:
        answer = ", ".join(item.prefix for advert in own for item in advert.prefixes) or "no prefix"
    return judged("ra.prefix", expected, answer, kept=kept, subject=str(wanted), hint=CONTENTS)


def _leased(target: Target, ip: Ip, seen: Experience, *, full: bool) -> Iterator[Verdict]:
    answers = _answers(seen)
    asked = seen.lease6 is not None or seen.inform6 is not None or bool(seen.reserved6)
    expected = f"DHCPv6 for {ipaddress.ip_interface(ip.address).network}"
    if not asked:
        if full:
            yield unseen("dhcp6", expected, "not asked")
    elif not answers and not (ip.dhcp.ranges or seen.reserved6 or seen.inform6 is not None):
        yield unseen("dhcp6", expected, "without a range it lends to reserved clients only, and none was asked for")
    elif not answers:
        yield judged("dhcp6", expected, _why(seen), kept=False, hint=DAEMON)
    elif ip.dhcp.ranges and seen.lease6 is not None and not _address(seen.lease6):
        answer = f"it answers, but lends no address{f': {_why(seen)}' if isinstance(seen.lease6, Nothing) else ''}"
        yield judged("dhcp6", expected, answer, kept=False, hint=LEASES)
    else:
        yield judged("dhcp6", expected, f"{answers[0].server or 'the host'} answers", kept=True)
    yield from _range(ip, seen, full=full)
    if asked or full:
        dns = (ip.identity,) if target.serves_dns else ()
        yield told("dhcp6.dns", "DNS server", dns, answers[0].dns if answers else None)
    wanted = reservations6(target.network)
    yield from reserved("dhcp6.reserved", wanted, seen.reserved6, answers=bool(answers), full=full)


def _range(ip: Ip, seen: Experience, *, full: bool) -> Iterator[Verdict]:
    address = _address(seen.lease6)
    if not ip.dhcp.ranges:
        expected = "no address without a reservation"
        if seen.lease6 is not None:
            yield judged("dhcp6.range", expected, address or "none", kept=not address)
        elif full:
            yield unseen("dhcp6.range", expected, "not asked")
        return
    expected = f"an address of {', '.join(span.identity for span in ip.dhcp.ranges)}"
    if address:
        yield judged("dhcp6.range", expected, address, kept=lent_by_range(ip, address), hint=CONTENTS)
    elif full:
        yield unseen("dhcp6.range", expected, "no address was offered")


def _apart(target: Target, adverts: tuple[Advert, ...]) -> tuple[tuple[Advert, ...], tuple[str, ...]]:
    """Return the host's advertisements, and the routers of the others.

    Where the bridge's MAC address isn't known, those are the host's that have a prefix of the network's.
    """
    own = target.router6
    if own:
        mine = tuple(advert for advert in adverts if advert.router == own)
    else:
        mine = tuple(
            advert
            for advert in adverts
            if any(_same(item, net) for item in advert.prefixes for net in target.advertised)
        )
    return mine, tuple(dict.fromkeys(advert.router for advert in adverts if advert not in mine))


def _same(item: Prefix, wanted: ipaddress.IPv6Network) -> bool:
    return item.prefix == str(wanted)


def _answers(seen: Experience) -> tuple[Offer6, ...]:
    """Return the answers, those that say most first: a server that refuses an address may tell nothing else."""
    candidates = (seen.lease6, *seen.reserved6.values(), seen.inform6)
    answers = (answer for answer in candidates if isinstance(answer, Offer6))
    return tuple(sorted(answers, key=lambda answer: not answer.address))


def _address(answer: Offer6 | Nothing | None) -> str:
    return answer.address if isinstance(answer, Offer6) else ""


def _why(seen: Experience) -> str:
    candidates = (seen.lease6, seen.inform6, *seen.reserved6.values())
    return next((answer.why for answer in candidates if isinstance(answer, Nothing) and answer.why), "no answer")
