"""Static routes of the host into the network."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from netreconcile.checks.addresses import Subnets, interface
from netreconcile.checks.finding import Finding, Stage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from netreconcile.model import Network


def findings(_: str, network: Network) -> Iterator[Finding]:
    """Yield what is wrong with the routes; libvirt asks for a gateway in a subnet (virNetworkDefParseXML)."""
    owns = [own for own in map(interface, network.ips) if own is not None]
    subnets, addresses = {own.network for own in owns}, {own.ip for own in owns}
    reached = Subnets(subnets)
    seen: dict[str, int] = {}
    for index, route in enumerate(network.routes):
        to, via = ipaddress.ip_network(route.to), ipaddress.ip_address(route.via)
        path = ("routes", index)
        if to.version != via.version:
            message = f"{via} is IPv{via.version} and can't lead to {to}"
            yield Finding(Stage.DEFINE, "route-family", (*path, "via"), message, f"give an IPv{to.version} address")
        elif not reached.hold(via):
            message = f"{via} is in none of the network's subnets"
            yield Finding(
                Stage.DEFINE, "route-gateway", (*path, "via"), message, "give a guest's address in one of them"
            )
        elif via in addresses:
            message = f"{via} is the host's own address: the route leads nowhere"
            yield Finding(
                Stage.NEVER, "route-to-self", (*path, "via"), message, "give the address of the routing guest"
            )
        if to in subnets:
            message = f"{to} is the network's own subnet, which needs no route"
            yield Finding(Stage.NEVER, "route-to-own-subnet", (*path, "to"), message, "remove the route")
        if not to.prefixlen:
            message = (
                f"{to} sends all of the host's traffic to a guest; where the host has a default route, start fails"
            )
            yield Finding(Stage.NEVER, "route-default", (*path, "to"), message, "name the destinations")
        if route.to in seen:
            message = f"routes[{seen[route.to]}] leads to {to} already"
            yield Finding(Stage.NEVER, "route-duplicate", (*path, "to"), message, "keep the one that is meant")
        seen.setdefault(route.to, index)
