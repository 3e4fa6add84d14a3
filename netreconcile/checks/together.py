"""Networks that can't, or shouldn't, live on one host together: each finding stands at the later one of the file."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from netreconcile.checks.addresses import Interface, interface, is_ipv6, overlapping
from netreconcile.checks.finding import Finding, Stage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from netreconcile.errors import Path, Problem
    from netreconcile.model import Forward, Network, Topology


@dataclass(frozen=True, slots=True)
class _Claim:
    """What a network wants for itself: a value of a kind (`uuid`, `bridge`, …), given at a path."""

    kind: str
    value: object
    path: Path
    place: int
    name: str
    network: Network


def problems(topology: Topology) -> Iterator[Problem]:
    """Yield what is wrong between networks."""
    holders: dict[tuple[str, object], _Holders] = {}
    subnets: list[tuple[Interface, _Claim]] = []
    for place, (name, network) in enumerate(topology.networks.items()):
        if network.state == "absent":
            continue
        for kind, value, path in _claims(network):
            claim = _Claim(kind, value, path, place, name, network)
            held = holders.setdefault((kind, value), _Holders())
            clash = _worst(held.before(claim), claim)
            if clash is not None:
                yield clash
            held.add(claim)
        for index, own in _owns(network):
            path = ("ips", index, "address")
            subnets.append((own, _Claim("subnet", own.network, path, place, name, network)))
    yield from _overlaps(subnets)


class _Holders:
    """The claims of one value. Kept are the first ones of those that any rule would judge alike: it can be many."""

    def __init__(self) -> None:
        self._alike: dict[tuple[object, ...], list[_Claim]] = {}

    def add(self, claim: _Claim) -> None:
        """Keep the claim, unless it says nothing new: of addresses, two different subnets do."""
        network = claim.network
        alike = self._alike.setdefault((network.state, network.own_bridge, network.dns.enable, claim.path[0]), [])
        if len(alike) < 2 and all(_subnet_of(each) != _subnet_of(claim) for each in alike):  # noqa: PLR2004
            alike.append(claim)

    def before(self, claim: _Claim) -> list[_Claim]:
        """Return those of other networks."""
        return [other for alike in self._alike.values() for other in alike if other.place != claim.place]


def _subnet_of(claim: _Claim) -> object:
    own = interface(claim.network.ips[_index(claim)]) if claim.kind == "address" else None
    return own and own.network


def _claims(network: Network) -> Iterator[tuple[str, object, Path]]:
    if network.uuid is not None:
        yield "uuid", network.uuid, ("uuid",)
    if network.bridge.name is not None and (network.own_bridge or network.mode == "bridge"):
        yield "bridge", network.bridge.name, ("bridge", "name")
    if network.mac is not None:
        yield "mac", network.mac, ("mac",)
    if network.mode in ("passthrough", "hostdev"):
        yield from _devices(network.forward)
    for index, own in _owns(network):
        yield "address", own.ip, ("ips", index, "address")
        # The kernel's table has no line for a single address, and libvirt overlooks a line for 0.0.0.0.
        if own.network.prefixlen != own.max_prefixlen and int(own.network.network_address):
            yield "subnet", own.network, ("ips", index, "address")
    for index, route in enumerate(network.routes):
        yield "subnet", ipaddress.ip_network(route.to), ("routes", index, "to")


def _devices(forward: Forward) -> Iterator[tuple[str, object, Path]]:
    for name, devices in (("interfaces", forward.interfaces), ("addresses", forward.addresses)):
        for index, device in enumerate(devices):
            yield "device", device, ("forward", name, index)
    if forward.pf is not None:
        yield "device", forward.pf, ("forward", "pf")


def _owns(network: Network) -> Iterator[tuple[int, Interface]]:
    """Yield the addresses with their index, without IPv6 link-local ones, which every link may have."""
    for index, ip in enumerate(network.ips):
        own = interface(ip)
        if own is not None and not (is_ipv6(own) and own.ip.is_link_local):
            yield index, own


def _worst(earlier: list[_Claim], claim: _Claim) -> Problem | None:
    """Return the problem with one of the claims' holders, an error if there is one."""
    mildest: Problem | None = None
    for other in earlier:
        finding = _RULES[claim.kind](other, claim)
        if finding is not None:
            active = claim.network.state == other.network.state == "active"
            found = finding.problem(claim.name, active=active)
            if found.severity == "error":
                return found
            mildest = mildest or found
    return mildest


def _uuid(other: _Claim, claim: _Claim) -> Finding | None:
    message = f"{claim.value} is the uuid of {other.name} already"
    return Finding(Stage.DEFINE, "uuid-shared", claim.path, message, "leave it out and libvirt makes one")


def _bridge(other: _Claim, claim: _Claim) -> Finding | None:
    """Find two makers, which libvirt refuses at define (networkBridgeNameValidate), or a user besides the maker."""
    makers = [holder.name for holder in (other, claim) if holder.network.own_bridge]
    message = f"{other.name} has the bridge {claim.value!r} already"
    if len(makers) == 2:  # noqa: PLR2004 -- both
        return Finding(Stage.DEFINE, "bridge-shared", claim.path, message, "choose another name, or leave it out")
    if makers:
        hint = f"libvirt refuses every change to {makers[0]} as long as the other network is defined"
        return Finding(Stage.NEVER, "bridge-shared", claim.path, message, hint)
    return None


def _mac(other: _Claim, claim: _Claim) -> Finding | None:
    message = f"{claim.value} is the MAC of {other.name} already"
    return Finding(Stage.NEVER, "mac-shared", claim.path, message, "leave it out and libvirt makes one")


def _device(other: _Claim, claim: _Claim) -> Finding | None:
    message = f"{other.name} hands out {claim.value} too: libvirt counts its users for each network alone"
    return Finding(Stage.NEVER, "device-shared", claim.path, message, "give each device to one network")


def _subnet(other: _Claim, claim: _Claim) -> Finding | None:
    """Find a line of the kernel's IPv4 routes with which libvirt refuses to start (networkCheckRouteCollision)."""
    what = "a route" if other.path[0] == "routes" else "a subnet"
    message = f"{claim.value} is {what} of {other.name} already"
    stage = Stage.START if isinstance(claim.value, ipaddress.IPv4Network) else Stage.NEVER
    return Finding(stage, "subnet-shared", claim.path, message, "choose another one")


def _address(other: _Claim, claim: _Claim) -> Finding | None:
    """Find an IPv4 address at which a second dnsmasq can't listen for DNS; IPv6 is no obstacle (both seen)."""
    subnets = [own.network for holder in (other, claim) if (own := interface(holder.network.ips[_index(holder)]))]
    if subnets[0] == subnets[1] and subnets[0].prefixlen != subnets[0].max_prefixlen:
        return None  # said of the subnet
    both = other.network.dns.enable and claim.network.dns.enable
    stage = Stage.START if both and isinstance(claim.value, ipaddress.IPv4Address) else Stage.NEVER
    message = f"{claim.value} is an address of {other.name} already"
    return Finding(stage, "address-shared", claim.path, message, "choose another one")


def _index(claim: _Claim) -> int:
    return int(claim.path[1])


_RULES: dict[str, Callable[[_Claim, _Claim], Finding | None]] = {
    "uuid": _uuid,
    "bridge": _bridge,
    "mac": _mac,
    "device": _device,
    "subnet": _subnet,
    "address": _address,
}


def _overlaps(subnets: list[tuple[Interface, _Claim]]) -> Iterator[Problem]:
    """Yield subnets that overlap an earlier one of another network, each with the first of them."""
    overlaps = overlapping([own.network for own, _ in subnets])
    for place, (own, claim) in enumerate(subnets):
        first, other = subnets[overlaps.get(place, place)]
        if other.place < claim.place and first.ip != own.ip:
            message = f"{claim.value} overlaps {other.value} of {other.name}"
            hint = "the host sends to the longer prefix; choose subnets apart"
            finding = Finding(Stage.NEVER, "subnet-overlaps", claim.path, message, hint)
            yield finding.problem(claim.name, active=claim.network.state == "active")
