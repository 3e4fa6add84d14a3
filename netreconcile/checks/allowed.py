"""Whether addresses are where the topology's own policy allows them."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from netreconcile.checks.addresses import interface
from netreconcile.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from netreconcile.model import Topology


def problems(topology: Topology) -> Iterator[Problem]:
    """Yield each address in a subnet that the policy doesn't allow."""
    allowed = [ipaddress.ip_network(subnet) for subnet in topology.policy.allowed_subnets]
    if not allowed:
        return
    for name, network in topology.networks.items():
        for index, ip in enumerate(network.ips if network.state != "absent" else ()):
            own = interface(ip)
            if own is None or any(_within(own.network, subnet) for subnet in allowed):
                continue
            message = f"{own.network} is in none of policy.allowed_subnets"
            hint = f"allowed: {', '.join(topology.policy.allowed_subnets)}"
            yield Problem("subnet-not-allowed", message, ("networks", name, "ips", index, "address"), hint=hint)


def _within(
    inner: ipaddress.IPv4Network | ipaddress.IPv6Network, outer: ipaddress.IPv4Network | ipaddress.IPv6Network
) -> bool:
    if isinstance(inner, ipaddress.IPv4Network):
        return isinstance(outer, ipaddress.IPv4Network) and inner.subnet_of(outer)
    return isinstance(outer, ipaddress.IPv6Network) and inner.subnet_of(outer)
