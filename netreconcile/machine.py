"""The machine below a libvirt host, as values: what a copy of it in a lab needs to look like it. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from netreconcile.kernel.state import Link, Route  # noqa: TC001 -- pydantic reads the annotations of Machine

if TYPE_CHECKING:
    from collections.abc import Iterable

    from netreconcile.kernel.state import Settings
    from netreconcile.model import Network
    from netreconcile.observed import Host

_NAME: Final = re.compile(r"(?!\.{1,2}\Z)[^/:\s]{1,15}")
"""What the kernel takes for a link's name (dev_valid_name in net/core/dev.c)."""
_MAC: Final = re.compile(r"[0-9a-f:.]{,60}")
"""What the kernel has for a link's own address: of tunnels that is an IP address."""
_NAMEABLE: Final = ("", "bridge", "bond", "vlan")
"""The kinds of links, NICs first, that a topology may come to name."""
_MTUS: Final = range(68, 65536 + 1)


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine without what libvirt makes on it."""

    hostname: str
    """Its name."""
    links: tuple[Link, ...]
    """NICs, bridges and other links that networks may name, those that have addresses, and what these hang on."""
    routes: tuple[Route, ...]
    """The routes over these links."""
    forwarding4: bool | None
    """Whether it forwards IPv4 (net.ipv4.ip_forward), null where that can't be read."""
    forwarding6: bool | None
    """Whether it forwards IPv6 (net.ipv6.conf.all.forwarding), null where that can't be read."""


def machine(hostname: str, links: Iterable[Link], routes: Iterable[Route], settings: Settings, host: Host) -> Machine:
    """Return the machine without the bridges that libvirt makes for the host's networks, and without guests' taps."""
    networks = [each for there in host.networks.values() for each in (there.running, there.config) if each]
    made = {there.running.bridge.name for there in host.networks.values() if there.running and there.running.own_bridge}
    own = [link for link in links if link.name not in {"lo", *made} and link.master not in made]
    named = {name for network in networks for name in named_links(network)}
    kept = {link.name for link in own if link.name in named or link.kind in _NAMEABLE or _has_addresses(link)}
    while more := {link.name for link in own if link.name not in kept and _belongs(link, own, kept)}:
        kept |= more
    return Machine(
        hostname,
        tuple(link for link in own if link.name in kept),
        tuple(route for route in routes if route.device in kept),
        settings.forwarding4,
        settings.forwarding6,
    )


def named_links(network: Network) -> tuple[str, ...]:
    """Return the links of the host that the network names: its bridge if that is the host's, and its way out."""
    bridge = () if network.own_bridge else (network.bridge.name,)
    found = (*bridge, network.forward.pf, *network.forward.interfaces)
    return tuple(name for name in found if name)


def oddity(found: Machine) -> str:
    """Return why no kernel has such a machine, or nothing; what comes from a file could be anything."""
    names = {link.name for link in found.links}
    for link in found.links:
        if link.name not in names:
            return f"two links are called {link.name!r}"
        names.remove(link.name)
        if not _NAME.fullmatch(link.name) or not link.name.isprintable():
            return f"{link.name!r} is no name of a link"
        if not _MAC.fullmatch(link.mac):
            return f"{link.mac!r} is no MAC address"
        if link.mtu not in _MTUS:
            return f"{link.mtu} is no MTU"
    return ""


def _has_addresses(link: Link) -> bool:
    return any(not each.link_local for each in link.addresses)


def _belongs(link: Link, links: list[Link], kept: set[str]) -> bool:
    """Return whether one that is kept hangs on the link, or the other way round; guests' taps don't count."""
    if link.kind == "tun":
        return False
    if link.master in kept:
        return True
    near = (each for each in links if each.name in kept)
    return any(each.master == link.name or (link.number and each.peer == link.number) for each in near)
