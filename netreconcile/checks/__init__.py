"""The rules that look at more than one value of a topology: would libvirt take it, and dnsmasq, and is it meant?

Pure: nothing here asks a host. Rules that depend on the host's libvirt are `requirements`, not problems.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from netreconcile.checks import addresses, dns, modes, names, together
from netreconcile.checks.needs import requirements

if TYPE_CHECKING:
    from collections.abc import Iterator

    from netreconcile.errors import Problem
    from netreconcile.model import Topology

__all__ = ["check", "requirements"]

_RULES = (names.findings, modes.findings, addresses.findings, dns.findings)


def check(topology: Topology) -> Iterator[Problem]:
    """Yield everything that is wrong with the networks, each alone and then together; a network to remove is free."""
    for name, network in topology.networks.items():
        if network.state == "absent":
            continue
        for rule in _RULES:
            for finding in rule(name, network):
                yield finding.problem(name, active=network.state == "active")
    yield from together.problems(topology)
