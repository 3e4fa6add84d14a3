"""The rules that look at more than one value of a topology: would libvirt and dnsmasq take it, and is it meant.

Pure: nothing here asks a host. What depends on the host's libvirt is a requirement, not a problem.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from netreconcile.checks import addresses, allowed, dhcp, dns, dnsmasq, modes, names, routes, switches, together
from netreconcile.checks.needs import requirements

if TYPE_CHECKING:
    from collections.abc import Iterator

    from netreconcile.errors import Problem
    from netreconcile.model import Topology

__all__ = ["check", "requirements"]

_RULES = (names, modes, switches, addresses, dhcp, routes, dns, dnsmasq)


def check(topology: Topology) -> Iterator[Problem]:
    """Yield what is wrong with each network, then with networks together; a network that must not exist is free."""
    for name, network in topology.networks.items():
        if network.state != "absent":
            for rules in _RULES:
                for finding in rules.findings(name, network):
                    yield finding.problem(name, active=network.state == "active")
    yield from together.problems(topology)
    yield from allowed.problems(topology)
