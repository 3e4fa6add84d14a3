"""Whether addresses are where the topology's own policy allows them, and the policy is about networks of the file."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from netreconcile.checks.addresses import Subnets, interface
from netreconcile.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from netreconcile.model import Topology

_MOST_SHOWN = 10


def problems(topology: Topology) -> Iterator[Problem]:
    """Yield addresses in subnets that the policy doesn't allow, and networks that it names and the file doesn't."""
    for index, accepted in enumerate(topology.policy.accept):
        if accepted.network not in topology.networks:
            message = f"the file has no network {accepted.network!r}"
            yield Problem("unknown-network", message, ("policy", "accept", index, "network"))
    names = topology.policy.allowed_subnets
    if not names:
        return
    allowed = Subnets(map(ipaddress.ip_network, names))
    hint = f"allowed: {', '.join(names[:_MOST_SHOWN])}{', …' if len(names) > _MOST_SHOWN else ''}"
    for name, network in topology.networks.items():
        for index, ip in enumerate(network.ips if network.state != "absent" else ()):
            own = interface(ip)
            if own is None or allowed.hold(own.network):
                continue
            message = f"{own.network} is in none of policy.allowed_subnets"
            yield Problem("subnet-not-allowed", message, ("networks", name, "ips", index, "address"), hint=hint)
