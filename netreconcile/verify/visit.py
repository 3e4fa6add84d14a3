"""What two guests live through on a network whose bridge is libvirt's: all of it, with a far end beyond the host.

One lives by IPv4, the other by IPv6. dnsmasq answers no DHCP client while it makes sure that an address that it is
about to lend is free, 3 seconds (delay_dhcp in its dnsmasq.c): only one such address is asked for, before all else.
"""

from __future__ import annotations

import ipaddress
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from netreconcile.errors import ProbeFailed
from netreconcile.verify import errands
from netreconcile.verify.address import candidates, own_address, pair, unclaimed
from netreconcile.verify.experience import Experience, Nothing, Offer, Offer6
from netreconcile.verify.farend import FarEnd, far_end
from netreconcile.verify.guest import Guest, Switch, forwarding, made_of_mac, plugged, seed, switch
from netreconcile.verify.neighbours import acquainted, neighbours
from netreconcile.verify.releaser import Releaser
from netreconcile.verify.sniffer import Ears, Try, crossings
from netreconcile.verify.talk import ask_routers, knock

if TYPE_CHECKING:
    from collections.abc import Iterator

    from netreconcile.verify.experience import Advert, Crossing
    from netreconcile.verify.questions import Inquiry
    from netreconcile.verify.target import Target

ADVERT, ROGUE = 4.5, 3.0
"""Seconds for a router's advertisement, as the bridge first looks whether its own addresses are free; the second where
none is promised and dnsmasq lends an address meanwhile, which takes as long."""
_SMALLEST6 = 1280
"""Bytes that a packet of IPv6 may always have."""
_NO_WAY_OUT = ("isolated", "very-isolated")
_PROMISE_NOTHING = "open"
"""Where libvirt sets up nothing about a version of IP of which it has no address there."""
_STRANGER = ipaddress.IPv6Network("fd99:6e72:77::/64")
"""Where a guest pretends to be from that has no IPv6 address."""


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a visit takes place, and who is there: the guests by IPv4 and by IPv6, and the far end."""

    target: Target
    inquiry: Inquiry
    there: Switch
    four: Guest
    six: Guest
    far: FarEnd
    made_of: bytes
    traces: set[str]


def visit(target: Target, inquiry: Inquiry) -> Experience:
    """Return what guests live through on a network with a bridge of libvirt's own; nothing is left of them.

    A run that is killed takes its guests along, and what gives its lease back outlives it. Takes turns with other runs.
    Raises ProbeFailed.
    """
    there = switch(target.bridge)
    if there is None:
        return Experience(forwarding=Nothing(f"the host has no bridge {target.bridge}"))
    made_of, traces = seed(target.name), set[str]()
    try:
        # The guests go before what gives their leases back: they can't take another one behind its back.
        with (
            Releaser(there.name) as releaser,
            plugged(there, target.running or target.network, made_of, traces) as (four, six),
        ):
            since = time.monotonic()
            with far_end(there.name, there.index) as far:
                forwards = forwarding(there, (four, six), since)
                if isinstance(forwards, Nothing):
                    return Experience(forwarding=forwards)
                return _lived(_Place(target, inquiry, there, four, six, far, made_of, traces), forwards, releaser)
    except OSError as error:
        raise ProbeFailed(f"the network {target.name} can't be probed: {error}") from error


def _lived(place: _Place, forwards: float, releaser: Releaser) -> Experience:
    target, four, six, traces = place.target, place.four, place.six, place.traces
    near = pair(place.made_of)
    acquainted(four, six, near)
    traces |= {four.link_local, six.link_local}
    with ExitStack() as stack:
        ears4, ears6 = (stack.enter_context(guest.namespace.run(partial(Ears, device="eth0"))) for guest in (four, six))
        leasing = four.namespace.start(lambda: errands.leased(four.mac, target, releaser))
        neighbour4, neighbour6 = neighbours(four, six, near[0], ears4)
        # Each question that dnsmasq gets meanwhile makes it wait longer (delay_dhcp).
        later = target.advertises and target.serves_dhcp4
        asking = None if later else six.namespace.start(lambda: _adverts(place, silent=False))
        offers, lease = leasing.result()
        silent = isinstance(lease, Nothing) and not offers
        traces |= {offer.address for offer in offers}
        asking = asking or six.namespace.start(lambda: _adverts(place, silent=silent))
        living4 = four.namespace.start(lambda: _by_ipv4(place, lease))
        living6 = six.namespace.start(lambda: _by_ipv6(place, asking.result() or (), releaser))
        by4, by6 = living4.result(), living6.result()
        traces |= {by4.guest4, by6.guest6}
        crossed = _crossed(place, by4.guest4, by6.guest6, ears4, ears6)
    reserved = six.namespace.run(lambda: errands.reserved(place.inquiry.reserved, target, silent=silent))
    return Experience(
        forwarding=forwards,
        offers=offers,
        lease=lease,
        reserved=reserved,
        adverts=asking.result(),
        lease6=by6.lease6,
        inform6=by6.inform6,
        reserved6=by6.reserved6,
        host={**by4.host, **by6.host},
        resolvers={**by4.resolvers, **by6.resolvers},
        records={**by6.records, **by4.records},
        neighbour4=neighbour4,
        neighbour6=neighbour6,
        out4=crossed.get("out4"),
        out6=crossed.get("out6"),
        into4=crossed.get("into4"),
        into6=crossed.get("into6"),
        hears=crossed.get("hears"),
        far_address4=place.far.near4,
        far_address6=place.far.near6,
        guest4=by4.guest4,
        guest6=by6.guest6,
    )


def _adverts(place: _Place, *, silent: bool) -> tuple[Advert, ...] | None:
    """Return what routers advertise, less patiently where the host's DHCP server has been silent before."""
    if not _speaks_ipv6(place):
        return None
    patient = not place.target.serves_dhcp4 or (place.target.advertises and not silent)
    return ask_routers("eth0", ADVERT if patient else ROGUE)


def _by_ipv4(place: _Place, lease: Offer | Nothing | None) -> Experience:
    """Return what a guest sees of the host by IPv4, after it has settled down."""
    target, far = place.target, place.far
    own = lease.address if isinstance(lease, Offer) else _unclaimed(place)
    if not own:
        return Experience()
    errands.settle(own, target.hosts4, (far.far4, far.near4), place.there.mac)
    resolvers = errands.resolving(target.hosts4)
    return Experience(
        guest4=own,
        host=errands.met(target.hosts4),
        resolvers=resolvers,
        records=errands.told(resolvers, place.inquiry.records) if target.hosts4 else {},
    )


def _unclaimed(place: _Place) -> str:
    """Return an address for a guest that isn't given one; where the host has none, one for guests among themselves."""
    subnets = [one for one in place.target.network.ips if "." in (one.address or "")]
    if not subnets:
        return pair(place.made_of)[0] if place.target.network.mode != _PROMISE_NOTHING else ""
    return unclaimed("eth0", place.four.mac, candidates(place.target.dhcp4 or subnets[0], place.made_of))


def _by_ipv6(place: _Place, adverts: tuple[Advert, ...], releaser: Releaser) -> Experience:
    """Return what a guest sees of the host by IPv6, after it has settled down."""
    target, far = place.target, place.far
    if not _speaks_ipv6(place):
        return Experience()
    lease6 = inform6 = None
    if target.serves_dhcp6:
        lease6, inform6 = errands.leased6(place.six.mac, releaser, silent=not adverts)
    reserved6 = errands.reserved6(place.inquiry.reserved6, silent=not adverts)
    told = Experience(lease6=lease6, inform6=inform6, reserved6=reserved6)
    own = _ipv6_address(place, adverts, lease6)
    if not own:
        return told
    errands.settle(own, target.hosts6, (far.far6,), place.there.mac)
    host = errands.met(target.hosts6)
    resolvers = errands.resolving(target.hosts6)
    return replace(
        told,
        guest6=own,
        host=host,
        resolvers=resolvers,
        records=errands.told(resolvers, place.inquiry.records) if target.hosts6 and not target.hosts4 else {},
    )


def _speaks_ipv6(place: _Place) -> bool:
    """Return whether the host has IPv6, and the bridge's MTU is large enough for it (RFC 8200 section 5)."""
    return bool(place.far.far6) and place.there.mtu >= _SMALLEST6


def _ipv6_address(place: _Place, adverts: tuple[Advert, ...], lease: Offer6 | Nothing | None) -> str:
    """Return the address that the guest is lent, or makes itself, or takes."""
    if isinstance(lease, Offer6):
        return lease.address
    prefixes = [prefix.prefix for advert in adverts for prefix in advert.prefixes if prefix.autonomous]
    subnets = [ipaddress.IPv6Network(prefix, strict=False) for prefix in prefixes]
    # Where somebody else advertises, too, a guest has addresses of both; promises are about the network's own.
    for subnet in sorted(subnets, key=lambda subnet: subnet not in [host.network for host in place.target.hosts6]):
        return str(made_of_mac(subnet, place.six.mac))
    for host in place.target.hosts6:
        return own_address(host.network, place.made_of)
    return own_address(_STRANGER, place.made_of) if place.target.network.mode != _PROMISE_NOTHING else ""


def _crossed(place: _Place, own4: str, own6: str, ears4: Ears, ears6: Ears) -> dict[str, Crossing]:
    """Return what came of the ways between guests, host and far end, by their names in the experience."""
    with ExitStack() as stack:
        far = stack.enter_context(place.far.namespace.run(partial(Ears, device="eth0")))
        host = None
        with suppress(OSError):  # another program may have the port at all addresses
            host = stack.enter_context(Ears(address=place.far.near4))
        tries = dict(_tries(place, (own4, own6), (ears4, ears6), far, host))
        return dict(zip(tries, crossings(tuple(tries.values())), strict=True))


def _tries(
    place: _Place, own: tuple[str, str], ears: tuple[Ears, Ears], far: Ears, host: Ears | None
) -> Iterator[tuple[str, Try]]:
    beyond, target = place.far, place.target

    def sends(guest: Guest, source: str, to: str, token: bytes) -> None:
        guest.namespace.run(lambda: knock(to, token, source=source))

    def enters(to: str, token: bytes) -> None:
        beyond.namespace.run(lambda: knock(to, token))

    if own[0]:
        yield "out4", Try(far, partial(knock, beyond.far4), partial(sends, place.four, own[0], beyond.far4))
        if target.hosts4:
            yield "into4", Try(ears[0], partial(knock, own[0]), partial(enters, own[0]))
        if host and target.network.mode in _NO_WAY_OUT:
            yield "hears", Try(host, partial(knock, beyond.near4), partial(sends, place.four, own[0], beyond.near4))
    if own[1]:
        yield "out6", Try(far, partial(knock, beyond.far6), partial(sends, place.six, own[1], beyond.far6))
        if target.hosts6:
            yield "into6", Try(ears[1], partial(knock, own[1]), partial(enters, own[1]))
