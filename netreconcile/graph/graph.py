"""What is connected to what: the ways out, the networks behind them, and the guests on these. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from netreconcile.networkplan import Verb
from netreconcile.printable import printable

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from netreconcile.model import Ip, Network, Topology
    from netreconcile.networkplan import NetworkPlan
    from netreconcile.observed import Guest, Host
    from netreconcile.plan import Plan

MOST_GUESTS = 16
"""So many guests of a network are drawn; the others are counted."""
_MOST = 4
_HOST_ROUTES = "the host's routes"
_HOST_ONLY = "the host only"
_NOTHING = "no way out"


class Tone(StrEnum):
    """How a network of the file and the host's stand to each other, in a word; empty where nothing was compared."""

    PLAIN = ""
    SAME = "in sync"
    MISSING = "missing"
    DIFFERS = "differs"
    REMOVED = "to be removed"
    REFUSED = "refused"
    BROKEN = "broken"


COLOURS = {
    Tone.PLAIN: "#57606a",
    Tone.SAME: "#1a7f37",
    Tone.MISSING: "#0969da",
    Tone.DIFFERS: "#9a6700",
    Tone.REMOVED: "#cf222e",
    Tone.REFUSED: "#8250df",
    Tone.BROKEN: "#bc4c00",
}
"""Of a network's outline, on white; the word itself stands in its text."""

_TONES = {
    Verb.NOTHING: Tone.SAME,
    Verb.ADOPT: Tone.SAME,
    Verb.CREATE: Tone.MISSING,
    Verb.UPDATE: Tone.DIFFERS,
    Verb.REMOVE: Tone.REMOVED,
    Verb.HOLD: Tone.REFUSED,
    Verb.REFUSE: Tone.REFUSED,
}


@dataclass(frozen=True, slots=True)
class Way:
    """Where a network's traffic can go: a device of the host's, its routes, or nowhere."""

    title: str
    detail: str


@dataclass(frozen=True, slots=True)
class Plug:
    """A guest on a network; `linked` is false where no traffic can reach it."""

    title: str
    detail: str
    linked: bool = True


@dataclass(frozen=True, slots=True)
class Node:
    """A network with the ways that it has, and the guests on it; `more` of these aren't listed."""

    name: str
    mode: str
    details: tuple[str, ...]
    ways: tuple[Way, ...]
    tone: Tone = Tone.PLAIN
    guests: tuple[Plug, ...] = ()
    more: int = 0

    @property
    def lines(self) -> tuple[str, ...]:
        """Return what is written in its box."""
        return (self.name, f"{self.mode}: {self.tone}" if self.tone else self.mode, *self.details)


@dataclass(frozen=True, slots=True)
class Graph:
    """A picture's content; every text in it is on one line, and drives no terminal."""

    title: str
    networks: tuple[Node, ...]

    @property
    def ways(self) -> tuple[Way, ...]:
        """Return the ways out of all networks, each once, in the order of the networks."""
        return tuple(dict.fromkeys(way for node in self.networks for way in node.ways))


def of_topology(topology: Topology) -> Graph:
    """Return what the file wants."""
    networks = {name: network for name, network in topology.networks.items() if network.state != "absent"}
    nodes = (_node(name, network, active=network.state == "active") for name, network in networks.items())
    return Graph(printable(f"topology {topology.name}"), tuple(nodes))


def of_host(host: Host) -> Graph:
    """Return what the host has."""
    nodes = (
        _node(name, there.running or there.config, there.guests, active=there.active)
        for name, there in sorted(host.networks.items())
    )
    return Graph(printable(f"libvirt {'.'.join(map(str, host.version))} at {host.uri}"), tuple(nodes))


def of_plan(plan: Plan, topology: Topology, host: Host, broken: Collection[str] = ()) -> Graph:
    """Return the networks that the plan is about: as the file wants them, or as they are where it wants none.

    `broken` are those that are in sync, and not as libvirt set them up.
    """
    nodes = (_planned(part, topology, host, tone(part, broken=part.name in broken)) for part in plan.networks)
    return Graph(printable(f"topology {plan.topology} on {host.uri}"), tuple(node for node in nodes if node))


def tone(part: NetworkPlan, *, broken: bool) -> Tone:
    """Return how a network of a plan stands; `broken` says that it isn't as libvirt set it up."""
    found = _TONES[part.verb] if part.steps or part.refusal or not part.drifts else Tone.DIFFERS
    return Tone.BROKEN if broken and found is Tone.SAME else found


def _planned(part: NetworkPlan, topology: Topology, host: Host, tone: Tone) -> Node | None:
    desired, there = topology.networks.get(part.name), host.networks.get(part.name)
    if desired is None or desired.state == "absent":
        if there is None:
            return None
        return _node(part.name, there.defined, part.guests, active=there.active, tone=tone)
    # What the file leaves to libvirt is what libvirt has.
    chosen = there.defined.bridge.name if there and there.defined and desired.own_bridge else None
    active = desired.state == "active"
    return _node(part.name, desired, part.guests, active=active, tone=tone, bridge=chosen)


def _node(  # noqa: PLR0913 -- one argument a fact
    name: str,
    network: Network | None,
    guests: tuple[Guest, ...] = (),
    *,
    active: bool,
    tone: Tone = Tone.PLAIN,
    bridge: str | None = None,
) -> Node:
    """Return the network; `bridge` is what libvirt calls its bridge where the network itself doesn't say."""
    first, more = guests[:MOST_GUESTS], max(len(guests) - MOST_GUESTS, 0)
    plugs = tuple(_plug(guest) for guest in first)
    if network is None:
        unreadable = ("libvirt's description of it can't be read",)
        return Node(printable(name), "unreadable", unreadable, (), tone, plugs, more)
    details = tuple(printable(text) for text in _details(network, bridge, active=active))
    ways = tuple(Way(printable(way.title), way.detail) for way in _ways(network))
    return Node(printable(name), network.mode, details, ways, tone, plugs, more)


def _details(network: Network, bridge: str | None, *, active: bool) -> Iterator[str]:
    if not active:
        yield "inactive"
    own = network.own_bridge and (network.bridge.name or bridge)
    if head := [part for part in (own, f"MTU {network.mtu}" if network.mtu else "") if part]:
        yield ", ".join(head)
    yield from _some([_address(ip) for ip in network.ips])
    if network.domain.name:
        yield f"domain {network.domain.name}"
    if network.vlan.tags:
        yield f"VLAN {', '.join(str(tag.id) for tag in network.vlan.tags)}"
    if network.portgroups:
        yield f"port groups {', '.join(_some([group.name for group in network.portgroups]))}"


def _address(ip: Ip) -> str:
    serves = [word for word, said in (("DHCP", ip.dhcp.ranges), ("TFTP", ip.tftp.root)) if said]
    if number := len(ip.dhcp.hosts):
        serves.append(f"{number} reserved")
    return ", ".join([ip.address or "", *serves])


def _ways(network: Network) -> Iterator[Way]:
    """Yield where traffic can go."""
    forward = network.forward
    if network.mode in ("nat", "route", "open"):
        yield from _interfaces(forward.interfaces or (_HOST_ROUTES,))
    elif network.mode == "isolated":
        yield Way(_HOST_ONLY, "guests and host talk, nobody gets out")
    elif network.mode == "very-isolated":
        yield Way(_NOTHING, "guests talk to each other only")
    elif network.bridge.name:
        yield Way(network.bridge.name, "bridge of the host, and its LAN")
    else:
        yield from _interfaces(forward.interfaces)
        if forward.pf:
            yield Way(forward.pf, "its SR-IOV functions")
        if number := len(forward.addresses):
            yield Way(forward.addresses[0] if number == 1 else f"{number} PCI functions", "SR-IOV functions")


def _interfaces(names: Iterable[str]) -> Iterator[Way]:
    for name in names:
        yield Way(name, "whichever way out it has" if name is _HOST_ROUTES else "interface of the host")


def _plug(guest: Guest) -> Plug:
    state = "" if guest.running and guest.plugged else "no link" if guest.running else "off"
    detail = ", ".join(part for part in (guest.target or guest.mac, guest.address, state) if part)
    return Plug(printable(guest.domain), printable(detail), linked=not state)


def _some(texts: list[str]) -> list[str]:
    return texts if len(texts) <= _MOST else [*texts[: _MOST - 1], f"and {len(texts) - _MOST + 1} more"]
