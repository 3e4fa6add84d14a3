"""Topology and host to a plan: what has to be done, why, and at what price. Pure; nothing here asks or writes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from netreconcile.actions import Impact, Step
from netreconcile.allowance import NOTHING
from netreconcile.fill import filled
from netreconcile.networkplan import NetworkPlan, Verb, network_plan, refused, remove
from netreconcile.order import Claims, Deadlock, ordered
from netreconcile.policy import Limits, objections

if TYPE_CHECKING:
    from collections.abc import Mapping

    from netreconcile.allowance import Allowance
    from netreconcile.model import Network, Topology
    from netreconcile.observed import Host
    from netreconcile.order import Sequences

NONE: Final[Mapping[str, NetworkPlan]] = MappingProxyType({})
"""No parts of an earlier plan."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What makes the host match the topology: its networks by name, and the steps in the order of their execution.

    `repair` says that the topology wants what is below libvirt mended along with them.
    """

    topology: str
    networks: tuple[NetworkPlan, ...]
    steps: tuple[Step, ...]
    repair: bool = False

    @property
    def drifted(self) -> tuple[NetworkPlan, ...]:
        """Return the networks that differ from the file; adoption alone is no difference."""
        return tuple(item for item in self.networks if item.drifts or item.refusal)

    @property
    def refused(self) -> tuple[NetworkPlan, ...]:
        """Return the networks that the plan leaves as they are although they differ."""
        return tuple(item for item in self.networks if item.refusal)

    @property
    def impact(self) -> Impact:
        """Return the worst impact of all steps."""
        return max((step.impact for step in self.steps), default=Impact.NONE)

    @property
    def needs_consent(self) -> bool:
        """Return whether a connected guest loses its link."""
        return any(item.cut for item in self.networks)


def plan(  # noqa: PLR0913 -- one argument a fact
    topology: Topology,
    host: Host,
    *,
    take_over: bool = False,
    max_impact: Impact = Impact.REMOVE,
    allowed: Allowance = NOTHING,
    known: Mapping[str, NetworkPlan] = NONE,
) -> Plan:
    """Return the steps that make the host match the topology.

    Networks that the file doesn't name and that don't carry the topology's mark don't occur in the plan. With
    `take_over` networks with another topology's mark become this topology's. What is above `max_impact` is held back, a
    network that adds what needs permission and isn't `allowed` is refused, and the rest is planned. `known` are parts
    of an earlier plan that still hold, as `still` finds them.
    """
    claims = Claims({**topology.networks, **_brought_back(topology, host)}, host)
    names = concerned(topology, host)
    parts = {
        name: known.get(name) or network_plan(topology, name, host, claims, take_over=take_over, allowed=allowed)
        for name in names
    }
    if not topology.networks:
        reason = "the file names no network, and an empty file removes nothing: `netreconcile destroy` does"
        parts = {name: refused(name, host.networks[name], reason, part.drifts) for name, part in parts.items()}
    arrangement = arranged(topology.name, parts, claims, Limits(topology.policy, max_impact))
    return replace(arrangement, repair=topology.policy.repair)


def still(plan: Plan, before: Host, now: Host) -> dict[str, NetworkPlan]:
    """Return the parts of a plan for the host before that hold for the host now: of networks that were and are in sync.

    Each is the very object in both hosts: it wasn't read anew.
    """
    return {
        part.name: part
        for part in plan.networks
        if part.verb is Verb.NOTHING
        and (there := now.networks.get(part.name)) is not None
        and there is before.networks.get(part.name)
    }


def differing(plan: Plan) -> set[str]:
    """Return the networks that the plan changes, or would if it could."""
    return {part.name for part in plan.networks if part.verb is not Verb.NOTHING}


def _brought_back(topology: Topology, host: Host) -> dict[str, Network]:
    """Return the wanted networks that a change has lost, with what libvirt had chosen for them."""
    return {
        name: filled(topology.networks[name], there.defined)
        for name, there in host.lost.items()
        if name in topology.networks and there.defined
    }


def removal(topology: Topology, host: Host, *, known: Mapping[str, NetworkPlan] = NONE) -> Plan:
    """Return the plan that removes exactly what carries the topology's mark; policy and `known` count as in `plan`."""
    parts = {name: known.get(name) or remove(name, host.networks[name]) for name in _owned(topology, host)}
    return arranged(topology.name, parts, Claims({}, host), Limits(topology.policy))


def concerned(topology: Topology, host: Host) -> tuple[str, ...]:
    """Return the names of the networks that a plan is about: those of the file, and those that carry its mark."""
    return tuple(dict.fromkeys([*topology.networks, *_owned(topology, host)]))


def _owned(topology: Topology, host: Host) -> list[str]:
    """Return the names in an order of their own: libvirt lists its networks in any, another one after a restart."""
    return sorted(name for name, item in host.networks.items() if item.mark and item.mark.topology == topology.name)


def arranged(topology: str, parts: dict[str, NetworkPlan], claims: Claims, limits: Limits) -> Plan:
    """Return the plan with all steps in order; what can't be done, or must not, is taken out of it, with the reason.

    `parts` are changed.
    """
    while True:
        blocked, steps = _in_order({name: part.steps for name, part in parts.items() if part.steps}, claims)
        for name, reason in blocked.items():
            parts[name] = replace(parts[name], verb=Verb.REFUSE, steps=(), refusal=reason)
        if blocked:
            continue
        by_name: dict[str, list[Step]] = {}
        for step in steps:
            by_name.setdefault(step.network, []).append(step)
        done = tuple(replace(part, steps=tuple(by_name.get(name, ()))) for name, part in parts.items())
        against = {item.network: item for item in reversed(list(objections(done, limits)))}
        if not against:
            return Plan(topology, done, steps)
        for name, item in against.items():
            parts[name] = replace(parts[name], verb=Verb.HOLD, steps=(), refusal=item.reason, rule=item.rule)


def _in_order(sequences: Sequences, claims: Claims) -> tuple[dict[str, str], tuple[Step, ...]]:
    """Return the networks that stand in each other's way, with the reasons, or else all steps in order."""
    blocked = claims.blocked(sequences)
    if blocked:
        return blocked, ()
    try:
        return {}, ordered(sequences, claims)
    except Deadlock as error:
        reason = f"{' and '.join(error.names)} exchange what they hold: one must go down, and all are protected"
        return dict.fromkeys(error.names, reason), ()
