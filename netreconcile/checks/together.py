"""Networks that can't, or shouldn't, live on one host together: each finding stands at the later one of the file."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from netreconcile.checks.addresses import Interface, interface, is_ipv6
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
    holders: dict[tuple[str, object], list[_Claim]] = {}
    subnets: list[tuple[Interface, _Claim]] = []
    for place, (name, network) in enumerate(topology.networks.items()):
        if network.state == "absent":
            continue
        for kind, value, path in _claims(network):
            claim = _Claim(kind, value, path, place, name, network)
            earlier = [other for other in holders.get((kind, value), ()) if other.place != place]
            clash = _worst(earlier, claim)
            if clash is not None:
                yield clash
            holders.setdefault((kind, value), []).append(claim)
        for index, own in _owns(network):
            path = ("ips", index, "address")
            subnets.append((own, _Claim("subnet", own.network, path, place, name, network)))
    yield from _overlaps(subnets)


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
    found: list[Problem] = []
    for other in earlier:
        finding = _RULES[claim.kind](other, claim)
        if finding is not None:
            active = claim.network.state == other.network.state == "active"
            found.append(finding.problem(claim.name, active=active))
    return min(found, key=lambda problem: problem.severity == "warning", default=None)


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
    """Yield subnets that lie in a larger one of another network: enclosing ones come first in this order."""
    order = sorted(subnets, key=_outermost_first)
    enclosing: list[tuple[Interface, _Claim]] = []
    for own, claim in order:
        while enclosing and own.network.broadcast_address not in enclosing[-1][0].network:
            enclosing.pop()
        for outer, other in enclosing:
            apart = other.place != claim.place and outer.ip != own.ip
            if apart and outer.network.prefixlen < own.network.prefixlen:
                later, first = (claim, other) if claim.place > other.place else (other, claim)
                message = f"{later.value} overlaps {first.value} of {first.name}"
                hint = "the host sends to the longer prefix; choose subnets apart"
                yield Finding(Stage.NEVER, "subnet-overlaps", later.path, message, hint).problem(
                    later.name, active=later.network.state == "active"
                )
        enclosing.append((own, claim))


def _outermost_first(item: tuple[Interface, _Claim]) -> tuple[bool, int, int]:
    network = item[0].network
    return is_ipv6(item[0]), int(network.network_address), network.prefixlen
