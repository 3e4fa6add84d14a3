"""Networks that can't, or shouldn't, live on one host together."""

from __future__ import annotations

import ipaddress
from itertools import combinations
from typing import TYPE_CHECKING

from netreconcile.checks.addresses import interface
from netreconcile.checks.finding import Finding, Stage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from netreconcile.errors import Problem
    from netreconcile.model import Network, Topology


def problems(topology: Topology) -> Iterator[Problem]:
    """Yield what is wrong between networks, at the later one."""
    present = [(name, network) for name, network in topology.networks.items() if network.state != "absent"]
    for (first, one), (second, other) in combinations(present, 2):
        active = one.state == other.state == "active"
        for finding in (*_identities(first, one, other), *_subnets(first, one, other)):
            yield finding.problem(second, active=active)


def _identities(first: str, one: Network, other: Network) -> Iterator[Finding]:
    if one.uuid is not None and one.uuid == other.uuid:
        yield Finding(Stage.DEFINE, "uuid-shared", ("uuid",), f"{first} has this uuid already", "leave it out")
    bridge = other.bridge.name
    if bridge is not None and one.bridge.name == bridge and (one.own_bridge or other.own_bridge):
        both = one.own_bridge and other.own_bridge
        yield Finding(
            Stage.DEFINE if both else Stage.NEVER,
            "bridge-shared",
            ("bridge", "name"),
            f"{first} has the bridge {bridge!r} already",
            "choose another name" if both else "libvirt refuses to define the network that makes the bridge again",
        )
    if one.mac is not None and one.mac == other.mac:
        yield Finding(Stage.NEVER, "mac-shared", ("mac",), f"{first} has this MAC already", "leave it out")


def _subnets(first: str, one: Network, other: Network) -> Iterator[Finding]:
    taken = [own.network for own in map(interface, one.ips) if own is not None]
    taken += [ipaddress.ip_network(route.to) for route in one.routes]
    addresses = {ip.identity for ip in one.ips}
    for index, ip in enumerate(other.ips):
        own = interface(ip)
        if own is None:
            continue
        path = ("ips", index, "address")
        if own.network in taken:
            yield Finding(
                Stage.START if own.version == 4 else Stage.NEVER,  # noqa: PLR2004 -- IPv6 isn't checked
                "subnet-shared",
                path,
                f"{own.network} is a subnet or a route of {first} already",
                "choose another subnet",
            )
        elif ip.identity in addresses:
            yield Finding(
                Stage.START, "address-shared", path, f"{ip.identity} is an address of {first}", "choose another one"
            )
        else:
            clash = next((net for net in taken if net.version == own.version and net.overlaps(own.network)), None)
            if clash is not None:
                yield Finding(
                    Stage.NEVER,
                    "subnet-overlaps",
                    path,
                    f"{own.network} overlaps {clash} of {first}: the longer prefix wins on the host",
                    "choose another subnet",
                )
