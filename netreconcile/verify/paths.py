"""How the paths between guests, host and outside stand, by what arrived at their receiving ends."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING

from netreconcile.verify.experience import Nothing
from netreconcile.verify.hints import DAEMON, UNHEARD, UNTRIED
from netreconcile.verify.target import DEVICES
from netreconcile.verify.verdict import Remark, Verdict, judged, unseen

if TYPE_CHECKING:
    from collections.abc import Iterator

    from netreconcile.verify.experience import Crossing, Experience
    from netreconcile.verify.target import Target

_IPV4 = 4
_FORWARDING = "does `sysctl net.ipv4.ip_forward net.ipv6.conf.all.forwarding` say 1, and no other firewall drop it?"
_APART = "are their ports isolated? `bridge -d link show` tells; guests keep what they were plugged in with"
_TOGETHER = "does br_netfilter send bridged packets through a firewall that drops them?"


class _Out(Enum):
    """What becomes of what guests send beyond the host.

    | kind                                       | translated | routed | stopped | unsaid |
    |--------------------------------------------|------------|--------|---------|--------|
    | `nat`, IPv4; IPv6 with `forward.nat.ipv6`  | yes        |        |         |        |
    | `nat`, IPv6 without it; `route`; `open`    |            | yes    |         |        |
    | `isolated`, `very-isolated`                |            |        | yes     |        |
    | `nat`, `route` without such an address     |            |        | yes     |        |
    | `open` without such an address             |            |        |         | yes    |
    """

    TRANSLATED = auto()
    ROUTED = auto()
    STOPPED = auto()
    UNSAID = auto()


@dataclass(frozen=True, slots=True)
class _Family:
    """The half of the experience that is about IPv4, or IPv6."""

    version: int
    served: bool
    out: Crossing | None
    into: Crossing | None
    neighbour: Crossing | None
    far_address: str
    guest: str


def paths(target: Target, seen: Experience, *, full: bool) -> Iterator[Verdict | Remark]:
    """Yield how the promises about paths stand."""
    families = (
        _Family(4, bool(target.hosts4), seen.out4, seen.into4, seen.neighbour4, seen.far_address4, seen.guest4),
        _Family(6, bool(target.hosts6), seen.out6, seen.into6, seen.neighbour6, seen.far_address6, seen.guest6),
    )
    yield from _host(target, seen, full=full)
    for family in families:
        yield from _guests(target, family, UNTRIED if seen.forwarding is None else "not tried", full=full)
    if target.lan:
        return
    for family in families:
        yield from _outward(target, family, full=full)
        yield from _inward(target, family, full=full)
    yield from _heard(target, seen)


def _host(target: Target, seen: Experience, *, full: bool) -> Iterator[Verdict]:
    for own in target.hosts:
        code, address = f"host{own.version}", str(own.ip)
        expected = f"the host answers at {address}"
        match seen.host.get(address):
            case None:
                if full:
                    yield unseen(code, expected, "not asked", subject=address)
            case Nothing(why):
                hint = f"is the address on {target.bridge}, and does no firewall of the host's drop it?"
                yield judged(code, expected, why or "no answer", kept=False, subject=address, hint=hint)
            case _:
                yield judged(code, expected, "it answers", kept=True, subject=address)


def _guests(target: Target, family: _Family, untried: str, *, full: bool) -> Iterator[Verdict]:
    """Yield whether guests reach each other.

    | mode                          | promised                                                           |
    |-------------------------------|--------------------------------------------------------------------|
    | with `port.isolated`          | no                                                                 |
    | `private`                     | no (macvlan of the kernel)                                         |
    | `vepa`                        | if the switch sends back what comes from the same port             |
    | `passthrough`, `hostdev`      | that is up to the switch: nothing                                  |
    | any other                     | yes; IPv6 if the network has an address of it, or `ipv6: true`      |
    """
    network, crossing, code = target.network, family.neighbour, f"guests{family.version}"
    if network.mode in DEVICES:
        return
    apart = network.port.isolated or network.mode == "private"
    promised = family.version == _IPV4 or target.lan or family.served or network.ipv6
    if not promised and not apart:
        return
    expected = "guests don't reach each other" if apart else "guests reach each other"
    if crossing is None:
        if full and promised:
            yield unseen(code, expected, untried if target.lan else "not tried")
    elif not crossing.control:
        yield unseen(code, expected, UNHEARD)
    elif network.mode == "vepa" and not crossing.sources:
        yield unseen(code, expected, "nothing arrives: the switch may not send it back")
    else:
        answer = "they do" if crossing.sources else "nothing arrives"
        hint = _APART if apart else _TOGETHER
        yield judged(code, expected, answer, kept=bool(crossing.sources) is not apart, hint=hint)


def _outward(target: Target, family: _Family, *, full: bool) -> Iterator[Verdict]:
    out, code, crossing = _out(target, family), f"out{family.version}", family.out
    devices = target.network.forward.interfaces
    if out is _Out.UNSAID:
        return
    expected = _promised_out(target, family, out)
    if devices and out is not _Out.STOPPED:
        if full:
            yield unseen(code, expected, f"it may leave through {', '.join(devices)} only, where no far end can stand")
    elif crossing is None:
        if full and (family.served or _cut_off(target)):
            yield unseen(code, expected, "not tried")
    elif not crossing.control:
        yield unseen(code, expected, UNHEARD)
    elif not crossing.sources:
        yield judged(code, expected, "nothing arrives", kept=out is _Out.STOPPED, hint=_FORWARDING)
    else:
        kept = all(_as_promised(source, target, family, out) for source in crossing.sources)
        yield judged(code, expected, f"it arrives with {', '.join(crossing.sources)}", kept=kept, hint=DAEMON)


def _inward(target: Target, family: _Family, *, full: bool) -> Iterator[Verdict | Remark]:
    """Yield whether guests can be reached from outside: with routing they can, else not."""
    out, code, crossing = _out(target, family), f"into{family.version}", family.into
    open_nat = out is _Out.ROUTED and target.network.mode == "nat"
    if open_nat and crossing is not None and crossing.control and crossing.sources:
        message = f"IPv{family.version} is routed, not translated, and guests can be reached from outside"
        yield Remark("nat6-routed-open", f"{message}: forward.nat.ipv6: true ends both")
    if open_nat or out is _Out.UNSAID or target.network.mode == "open":
        return
    arrives = out is _Out.ROUTED
    expected = "guests are reached from outside" if arrives else "nothing from outside reaches guests"
    if arrives and target.network.forward.interfaces:
        if full:
            devices = ", ".join(target.network.forward.interfaces)
            yield unseen(code, expected, f"they may come through {devices} only, where no far end can stand")
    elif crossing is None:
        if full and family.served:
            yield unseen(code, expected, "not tried")
    elif not crossing.control:
        yield unseen(code, expected, UNHEARD)
    else:
        answer = "they are" if crossing.sources and arrives else "it arrives" if crossing.sources else "nothing arrives"
        hint = _FORWARDING if arrives else DAEMON
        yield judged(code, expected, answer, kept=bool(crossing.sources) is arrives, hint=hint)


def _heard(target: Target, seen: Experience) -> Iterator[Remark]:
    """Yield what guests that are cut off reach on the host all the same; libvirt has no rule against either."""
    if seen.hears is None or not (seen.hears.control and seen.hears.sources):
        return
    if target.network.mode == "isolated":
        message = "guests reach the host's other addresses, too, not only those on the network: a firewall can stop it"
        yield Remark("isolated-reaches-host", message)
    elif target.network.mode == "very-isolated":
        message = f"the host hears guests at its other addresses: net.ipv4.conf.{target.bridge}.rp_filter=1 stops it"
        yield Remark("host-hears-very-isolated", message)


def _out(target: Target, family: _Family) -> _Out:
    network = target.network
    if _cut_off(target):
        return _Out.STOPPED
    if not family.served:
        return _Out.UNSAID if network.mode == "open" else _Out.STOPPED
    translated = network.mode == "nat" and (family.version == _IPV4 or network.forward.nat.ipv6)
    return _Out.TRANSLATED if translated else _Out.ROUTED


def _cut_off(target: Target) -> bool:
    return target.network.mode in ("isolated", "very-isolated")


def _promised_out(target: Target, family: _Family, out: _Out) -> str:
    if out is _Out.STOPPED:
        return f"no IPv{family.version} of guests gets out"
    if out is _Out.ROUTED:
        return f"guests get out with their own address{f' {family.guest}' if family.guest else ''}"
    public = _public(target, family)
    host = f"the host's address{f' {family.far_address}' if family.far_address else ''}"
    return f"guests get out with {f'an address of {public}' if public else host}"


def _as_promised(source: str, target: Target, family: _Family, out: _Out) -> bool:
    """Return whether a packet that arrived bears the address that it must.

    | promised   | known                     | the source must be                    |
    |------------|---------------------------|---------------------------------------|
    | stopped    |                           | none                                  |
    | routed     | the guest's address       | that                                  |
    | routed     | nothing                   | one of the network's subnets          |
    | translated | `forward.nat.addresses`   | one of these                          |
    | translated | the host's address there  | that                                  |
    | translated | nothing                   | none of the network's subnets         |
    """
    if out is _Out.STOPPED:
        return False
    public = _public(target, family)
    if out is _Out.TRANSLATED and public:
        return _within(source, public)
    known = family.guest if out is _Out.ROUTED else family.far_address
    return source == known if known else _inside(source, target) is (out is _Out.ROUTED)


def _within(source: str, span: str) -> bool:
    first, last = (ipaddress.IPv4Address(end) for end in span.split("-"))
    try:
        return first <= ipaddress.IPv4Address(source) <= last
    except ValueError:
        return False


def _inside(source: str, target: Target) -> bool:
    try:
        return any(ipaddress.ip_address(source) in own.network for own in target.hosts)
    except ValueError:
        return False


def _public(target: Target, family: _Family) -> str:
    """Return the addresses that NAT uses instead of the host's, or nothing; libvirt takes IPv4 ones only."""
    return (target.network.forward.nat.addresses or "") if family.version == _IPV4 else ""
