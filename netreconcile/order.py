"""The order of steps over all networks: what lets go of a bridge name, a subnet, an address or a UUID comes first.

libvirt refuses a definition whose bridge name or UUID another network has in its config or running definition
(networkBridgeNameValidate, virNetworkObjListAdd), and a start whose subnet or address is in use
(networkCheckRouteCollision in bridge_driver_linux.c, dnsmasq).
"""

from __future__ import annotations

import graphlib
import heapq
import ipaddress
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from netreconcile.actions import Action, Define, Impact, Replug, SetAutostart, Start, Step, Stop, Undefine, Update
from netreconcile.fill import filled

if TYPE_CHECKING:
    from netreconcile.model import Network
    from netreconcile.observed import Guest, Host, Observed

Resource: TypeAlias = tuple[str, str]
"""A kind and a name: `("bridge", "virbr0")`, `("subnet", "10.0.0.0/24")`, `("address", …)`, `("uuid", …)`."""
Held: TypeAlias = tuple[str, Resource]
"""`config` or `running`, whichever definition holds the resource: each is let go by another step."""
Sequences: TypeAlias = Mapping[str, tuple[Step, ...]]

_RANK: dict[type[Action], int] = {Define: 0, Replug: 1, Update: 2, SetAutostart: 2, Undefine: 2, Start: 3, Stop: 4}
"""Among steps that may come next: first what libvirt can refuse without harm, and no second network is taken down
before the first is up again."""
_IN_THE_WAY = (
    "the host has a device {0} that is no network's: libvirt can't start this one, and from 11 on deletes such a bridge"
    " in trying; choose another bridge.name, or, where libvirt was killed while it started this network, first run"
    " `ip link delete {0}`"
)
"""Seen with 11.3 and 12.8: what a failed start cleans up needn't be its own."""


@dataclass(frozen=True, slots=True)
class Runs:
    """What a network is to run that isn't its config, and the actions that bring that up."""

    network: Network
    actions: tuple[Action, ...]


class Claims:
    """Who holds what on the host before the plan, and which step claims or releases it."""

    def __init__(self, desired: Mapping[str, Network], host: Host, runs: Mapping[str, Runs] | None = None) -> None:
        """Take the networks that are wanted, active or inactive, and all that the host has.

        `runs` has those that are to run something else than their config.
        """
        self._host = host.networks
        running = [there.running for there in host.networks.values() if there.running]
        left = [there.config for name, there in host.networks.items() if there.config and name in host.left_behind]
        self._made = {network.bridge.name for network in (*running, *left) if network.own_bridge}
        self._links = host.links
        self._runs = runs or {}
        self._held = {name: frozenset(_held(there)) for name, there in self._host.items()}
        self._holders: dict[Resource, list[tuple[str, Held]]] = {}
        for name, things in self._held.items():
            for held in things:
                self._holders.setdefault(held[1], []).append((name, held))
        self._wanted = {name: _completed(network, self._host.get(name)) for name, network in desired.items()}

    def wanted(self, name: str) -> Network:
        """Return a network of the topology, with libvirt's own choices where the host has it."""
        return self._wanted[name]

    def blocked(self, sequences: Sequences) -> dict[str, str]:
        """Return the networks that claim what another one or the host itself holds and keeps, each with the reason."""
        claimed = {name: {claim for step in steps for claim in self.claimed(step)} for name, steps in sequences.items()}
        released = {name: {item for step in steps for item in self.released(step)} for name, steps in sequences.items()}
        reasons: dict[str, str] = {}
        for name, claims in claimed.items():
            for resource in sorted(claims, reverse=True):
                for other, held in self._holders.get(resource, ()):
                    kept = held not in released.get(other, ()) or resource in claimed.get(other, ())
                    if other != name and kept:
                        kind, what = resource
                        reasons[name] = f"{kind} {what} is in use by network {other!r}, which keeps it"
                if self._is_the_hosts(resource):
                    reasons[name] = _IN_THE_WAY.format(resource[1])
        return reasons

    def _is_the_hosts(self, resource: Resource) -> bool:
        """Return whether the host has a device of the bridge's name that libvirt hasn't made for a network."""
        kind, what = resource
        return kind == "bridge" and what in self._links - self._made

    def claimed(self, step: Step) -> frozenset[Resource]:
        """Return what nobody else may hold when the step is done."""
        network = self._wanted.get(step.network)
        if network is None:
            return frozenset()
        runs = self._runs[step.network].network if step.network in self._runs else network
        if isinstance(step.action, Define):
            return frozenset({*_bridge(network), *_bridge(runs), *_uuid(network)})
        if isinstance(step.action, Start):
            return frozenset({*_bridge(runs), *_layer3(runs)})
        return frozenset()

    def released(self, step: Step) -> frozenset[Held]:
        """Return what others may take after the step."""
        held = self._held.get(step.network, frozenset())
        there = self._host.get(step.network)
        match step.action:
            case Define():
                kept = {*_bridge(self._wanted[step.network]), ("uuid", there.uuid if there else "")}
                return frozenset((side, item) for side, item in held if side == "config" and item not in kept)
            case Undefine():
                return frozenset((side, item) for side, item in held if side == "config")
            case Stop():
                transient = there is not None and not there.persistent
                return frozenset((side, item) for side, item in held if side == "running" or transient)
            case _:
                return frozenset()

    def guests(self, name: str) -> int:
        """Return how many guests are cut off when the network goes down."""
        there = self._host.get(name)
        return len(there.connected) if there else 0

    def taken_down(self, sequence: tuple[Step, ...]) -> tuple[Step, ...]:
        """Return the steps of a network that undefine it before they define it anew."""
        name = sequence[0].network
        there, wanted = self._host[name], self._wanted[name]
        actions: list[Action] = [Stop()] if there.active else []
        if there.persistent:
            actions.append(Undefine())
        actions.append([step.action for step in sequence if isinstance(step.action, Define)][-1])
        if wanted.autostart:
            actions.append(SetAutostart(enabled=True))
        if wanted.state == "active":
            starts = self._runs[name].actions if name in self._runs else (Start(),)
            actions += (*starts, *replugs(there.guests))
        impact = Impact.RESTART if wanted.state == "active" else Impact.REMOVE
        return tuple(Step(name, action, impact if there.active else Impact.NONE) for action in actions)

    def can_go_down(self, sequence: tuple[Step, ...]) -> bool:
        """Return whether the network may be taken down: it is there, is not down already, and nobody protects it."""
        name = sequence[0].network
        there, wanted = self._host.get(name), self._wanted.get(name)
        if there is None or (there.connected and wanted is not None and wanted.protect):
            return False
        return not isinstance(sequence[0].action, Stop if there.active else Undefine)

    def edges(self, steps: list[Step]) -> Iterator[tuple[int, int]]:
        """Yield pairs of positions: the first step has to be done before the second."""
        claimers: dict[Resource, list[int]] = {}
        for position, step in enumerate(steps):
            for resource in self.claimed(step):
                claimers.setdefault(resource, []).append(position)
        gone: set[tuple[str, Held]] = set()
        for first, step in enumerate(steps):
            given = {(step.network, held) for held in self.released(step)} - gone  # what is gone can't be let go again
            gone |= given
            later = {second for _, (_, resource) in given for second in claimers.get(resource, ())}
            yield from ((first, second) for second in later if steps[second].network != step.network)
        # A bridge name that libvirt picks must not be one that the file gives to another network.
        defines = [position for position, step in enumerate(steps) if isinstance(step.action, Define)]
        picks = {position for position in defines if self._is_picked(steps[position].network)}
        named = [position for position in defines if position not in picks]
        # The position behind the last step stands for "all of these": an edge for each pair would be millions.
        yield from ((first, len(steps)) for first in named)
        yield from ((len(steps), second) for second in picks)
        # libvirt takes a network over another one's bridge after that one, and not before (networkBridgeNameValidate).
        for second in defines:
            over = self._shared(steps[second])
            makers = claimers.get(over, ()) if over else ()
            yield from ((first, second) for first in makers if isinstance(steps[first].action, Define))

    def _shared(self, step: Step) -> Resource | None:
        """Return the bridge that somebody else makes for the network that the step defines."""
        network = self._wanted.get(step.network)
        if network is None or network.own_bridge or not isinstance(step.action, Define):
            return None
        return next(_names_bridge(network), None)

    def _is_picked(self, name: str) -> bool:
        network = self._wanted.get(name)
        return network is not None and network.own_bridge and network.bridge.name is None


class Deadlock(Exception):
    """Networks exchange what they hold, for which one of them must go down, and none may."""

    def __init__(self, names: tuple[str, ...]) -> None:
        super().__init__(names)
        self.names = names


def ordered(sequences: Sequences, claims: Claims) -> tuple[Step, ...]:
    """Return all steps in an order in which each can succeed.

    Networks that exchange bridge names wait for each other: then one of them, with the fewest guests, is taken down
    completely (stopped and undefined, its UUID and all else are in the definition that brings it back).

    Raises Deadlock.
    """
    sequences = dict(sorted(sequences.items()))
    while True:
        steps = [step for sequence in sequences.values() for step in sequence]
        before: dict[int, set[int]] = {position: set() for position in range(len(steps) + 1)}
        for position in range(1, len(steps)):
            if steps[position - 1].network == steps[position].network:
                before[position].add(position - 1)
        for first, second in claims.edges(steps):
            before[second].add(first)
        try:
            graphlib.TopologicalSorter(before).prepare()
        except graphlib.CycleError as error:
            waiting = {steps[position].network for position in error.args[1] if position < len(steps)}
            movable = [name for name in waiting if claims.can_go_down(sequences[name])]
            if not movable:
                raise Deadlock(tuple(sorted(waiting))) from error
            victim = min(movable, key=lambda name: (claims.guests(name), name))
            sequences[victim] = claims.taken_down(sequences[victim])
            continue
        return tuple(steps[position] for position in _sorted(before, steps) if position < len(steps))


def _sorted(before: dict[int, set[int]], steps: list[Step]) -> Iterator[int]:
    """Yield positions so that predecessors come first and, among the possible ones, the lowest rank."""
    waiting = {position: len(firsts) for position, firsts in before.items()}
    after: dict[int, list[int]] = {position: [] for position in before}
    for position, firsts in before.items():
        for first in firsts:
            after[first].append(position)

    def rank(position: int) -> int:
        return _RANK[type(steps[position].action)] if position < len(steps) else -1

    ready = [(rank(position), position) for position, count in waiting.items() if not count]
    heapq.heapify(ready)
    while ready:
        _, position = heapq.heappop(ready)
        yield position
        for later in after[position]:
            waiting[later] -= 1
            if not waiting[later]:
                heapq.heappush(ready, (rank(later), later))


def replugs(guests: tuple[Guest, ...]) -> tuple[Replug, ...]:
    """Return what plugs running guests back in, those of them that the connection reaches."""
    return tuple(
        Replug(guest.domain, guest.mac, guest.target, guest.by_bridge, guest.portgroup)
        for guest in guests
        if guest.running and guest.reachable
    )


def _completed(network: Network, there: Observed | None) -> Network:
    known = (there.config or there.running) if there else None
    return filled(network, known) if known else network


def _held(there: Observed) -> Iterator[Held]:
    yield "config", ("uuid", there.uuid)
    if there.config:
        yield from (("config", item) for item in _names_bridge(there.config))
    if there.running:
        yield from (("running", item) for item in (*_names_bridge(there.running), *_layer3(there.running)))


def _names_bridge(network: Network) -> Iterator[Resource]:
    if network.bridge.name:
        yield "bridge", network.bridge.name


def _bridge(network: Network) -> Iterator[Resource]:
    """Yield the bridge that the network claims for itself; host bridges are shared."""
    if network.own_bridge:
        yield from _names_bridge(network)


def _uuid(network: Network) -> Iterator[Resource]:
    if network.uuid:
        yield "uuid", network.uuid


def _layer3(network: Network) -> Iterator[Resource]:
    """Yield what a start takes: IPv4 subnets and routes may exist once in the host's table, addresses once at all."""
    for cidr in (*(ip.address for ip in network.ips), *(route.to for route in network.routes)):
        try:
            interface = ipaddress.ip_interface(cidr)
        except ValueError:
            continue
        if isinstance(interface, ipaddress.IPv4Interface):
            yield "subnet", str(interface.network)
    yield from (("address", ip.identity) for ip in network.ips)
