"""Topology and host to a plan: what has to be done, why, and at what price. Pure; nothing here asks or writes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from netreconcile import codec
from netreconcile.actions import Action, Define, Impact, SetAutostart, Start, Step, Stop, Undefine, Update
from netreconcile.checks import requirements
from netreconcile.diff import Change, changes
from netreconcile.drift import Cause, Drift, drifts
from netreconcile.fill import as_running, filled, mark_of
from netreconcile.leases import hits
from netreconcile.live import OnlyByRestart, site, updates
from netreconcile.order import Claims, Deadlock, ordered, replugs
from netreconcile.policy import Limits, objections

if TYPE_CHECKING:
    from collections.abc import Iterable

    from netreconcile.binding import Section, Version
    from netreconcile.errors import Path
    from netreconcile.mark import Mark
    from netreconcile.model import Network, Topology
    from netreconcile.observed import Guest, Host, Observed
    from netreconcile.order import Sequences

CHEAPER_TO_RESTART = 20
"""So many live updates of a network that nobody is connected to cost more than its restart: on a NAT network libvirt
9.0 re-creates all firewall rules for each, 0.4 s, where a restart takes 0.6 s."""


SECONDS_FOR_RULES = 0.4
"""What it takes libvirt 9.0 to take a network's firewall rules out and put them back, on a quiet machine."""


class Verb(StrEnum):
    """What a plan does to a network as a whole."""

    NOTHING = "nothing"
    ADOPT = "adopt"
    CREATE = "create"
    UPDATE = "update"
    REMOVE = "remove"
    HOLD = "hold"
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True)
class NetworkPlan:
    """One network's part of a plan. `steps` are in its own order; the plan's order is over all networks.

    A refusal is the sentence that says why nothing is done to this network; then there are no steps. `rule` is the
    path of the file's rule that forbids it, if one does. What a rule or a cap forbids is held, not refused for good.
    """

    name: str
    verb: Verb
    drifts: tuple[Drift, ...] = ()
    steps: tuple[Step, ...] = ()
    guests: tuple[Guest, ...] = ()
    notes: tuple[str, ...] = ()
    refusal: str = ""
    rule: Path = ()

    @property
    def impact(self) -> Impact:
        """Return the worst that happens."""
        return max((step.impact for step in self.steps), default=Impact.NONE)

    @property
    def cut(self) -> tuple[Guest, ...]:
        """Return the guests that lose their link."""
        return self.guests if self.impact >= Impact.RESTART else ()


@dataclass(frozen=True, slots=True)
class Plan:
    """What makes the host match the topology: its networks by name, and the steps in the order of their execution."""

    topology: str
    networks: tuple[NetworkPlan, ...]
    steps: tuple[Step, ...]

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


def plan(topology: Topology, host: Host, *, take_over: bool = False, max_impact: Impact = Impact.REMOVE) -> Plan:
    """Return the steps that make the host match the topology.

    Networks that the file doesn't name and that don't carry the topology's mark don't occur in the plan. With
    `take_over` networks with another topology's mark become this topology's. What is above `max_impact` is held back,
    and the rest is planned.
    """
    claims = Claims(topology.networks, host.networks)
    names = concerned(topology, host)
    parts = {name: _network_plan(topology, name, host, claims, take_over=take_over) for name in names}
    if not topology.networks:
        reason = "the file names no network, and an empty file removes nothing: `netreconcile destroy` does"
        parts = {name: _refused(name, host.networks[name], reason, part.drifts) for name, part in parts.items()}
    return _arranged(topology.name, parts, claims, Limits(topology.policy, max_impact))


def removal(topology: Topology, host: Host) -> Plan:
    """Return the plan that removes exactly what carries the topology's mark; its policy counts."""
    parts = {name: _remove(name, host.networks[name]) for name in _owned(topology, host)}
    return _arranged(topology.name, parts, Claims({}, host.networks), Limits(topology.policy))


def concerned(topology: Topology, host: Host) -> tuple[str, ...]:
    """Return the names of the networks that a plan is about: those of the file, and those that carry its mark."""
    return tuple(dict.fromkeys([*topology.networks, *_owned(topology, host)]))


def _owned(topology: Topology, host: Host) -> list[str]:
    return [name for name, item in host.networks.items() if item.mark and item.mark.topology == topology.name]


def _arranged(topology: str, parts: dict[str, NetworkPlan], claims: Claims, limits: Limits) -> Plan:
    """Return the plan with all steps in order; what can't be done, or must not, is taken out of it, with the reason."""
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


def _network_plan(topology: Topology, name: str, host: Host, claims: Claims, *, take_over: bool) -> NetworkPlan:
    desired, there, version = topology.networks.get(name), host.networks.get(name), host.version
    if there is None:
        return _create(topology, name, host)
    if there.trouble:
        return _refused(name, there, there.trouble)
    if there.mark and there.mark.topology != topology.name and not take_over:
        return _refused(name, there, f"it belongs to topology {there.mark.topology!r}; --take-over makes it this one's")
    if desired is None or desired.state == "absent":
        return _remove(name, there, protect=desired is not None and desired.protect)
    if (missing := _unsupported(desired, version)) is not None:
        return _refused(name, there, missing)
    return _update(topology, name, desired, there, claims)


def _refused(name: str, there: Observed | None, reason: str, drifts: Iterable[Drift] = ()) -> NetworkPlan:
    guests = there.connected if there else ()
    return NetworkPlan(name, Verb.REFUSE, tuple(drifts), guests=guests, refusal=reason)


def _unsupported(desired: Network, version: Version) -> str | None:
    for _, since, what in requirements(desired):
        if version < since:
            have, need = ".".join(map(str, version)), ".".join(map(str, since))
            return f"{what} needs libvirt {need}, the host has {have}"
    return None


def _create(topology: Topology, name: str, host: Host) -> NetworkPlan:
    desired = topology.networks.get(name)
    if desired is None or desired.state == "absent":
        return NetworkPlan(name, Verb.NOTHING)
    if (missing := _unsupported(desired, host.version)) is not None:
        return _refused(name, None, missing, [Drift(Cause.MISSING)])
    actions: list[Action] = [Define(codec.new(name, desired, mark_of(topology, desired)))]
    if desired.autostart:
        actions.append(SetAutostart(enabled=True))
    if desired.state == "active":
        actions += (Start(), *replugs(host.waiting.get(name, ())))
    steps = tuple(Step(name, action, Impact.NONE) for action in actions)
    return NetworkPlan(name, Verb.CREATE, (Drift(Cause.MISSING),), steps)


def _remove(name: str, there: Observed, *, protect: bool = False) -> NetworkPlan:
    found = (Drift(Cause.NOT_IN_FILE),)
    if protect or (there.mark and there.mark.protect):
        return _refused(name, there, "it is protected: apply `protect: false` first", found)
    if there.trouble:
        return _refused(name, there, there.trouble, found)
    actions: list[Action] = [Stop()] if there.active else []
    if there.persistent:
        actions.append(Undefine())
    steps = tuple(Step(name, action, Impact.REMOVE) for action in actions)
    notes = () if there.mark else ("nobody owns it; the file names it as absent",)
    return NetworkPlan(name, Verb.REMOVE, found, steps, there.guests, notes)


def _update(topology: Topology, name: str, desired: Network, there: Observed, claims: Claims) -> NetworkPlan:
    chosen_from = there.config or there.running
    assert chosen_from is not None, "readable and there"
    full = filled(desired, chosen_from)
    mark = mark_of(topology, desired)
    edited = changes(there.config, full) if there.config else ()
    stale: tuple[Change, ...] = ()
    if there.running and desired.state == "active":
        stale = changes(there.running, as_running(full, there.running))
    found = drifts(desired, there, mark, edited, stale)

    actions: list[Action] = []
    if there.config_xml is None or edited or not _owns(there.mark, mark):
        actions.append(Define(codec.overlay(there.config_xml or there.running_xml or "", full, mark)))
    if desired.autostart != there.autostart or (there.config_xml is None and desired.autostart):
        actions.append(SetAutostart(desired.autostart))
    try:
        run, why = _run(desired, there, full, stale)
    except _Refusal as refusal:
        return _refused(name, there, str(refusal), found)
    notes = [*_ownership_notes(there, mark, found), *why]
    impact = _impact_of(run, there)
    steps = tuple(_step(name, action, impact, full) for action in [*actions, *run])
    if full.uuid not in (None, there.uuid):
        steps = claims.taken_down(steps)
        notes.append("a UUID can't be changed: the network is undefined and defined anew")
    if not steps:
        return NetworkPlan(name, Verb.NOTHING, found, guests=there.connected)
    verb = Verb.UPDATE if found else Verb.ADOPT
    if protected := _protected(desired, there, impact):
        return _refused(name, there, protected, found)
    return NetworkPlan(name, verb, found, steps, there.connected, tuple(notes))


def _ownership_notes(there: Observed, mark: Mark, found: tuple[Drift, ...]) -> list[str]:
    if there.mark is None:
        return ["adopted" if found else "adopted: it gets this topology's mark, nothing else of it changes"]
    if there.mark.topology != mark.topology:
        return [f"taken over from topology {there.mark.topology!r}"]
    return []


class _Refusal(Exception):
    pass


def _run(desired: Network, there: Observed, full: Network, stale: tuple[Change, ...]) -> tuple[list[Action], list[str]]:
    """Return what brings the running side where it should be, and the notes about it."""
    if desired.state == "inactive":
        return ([Stop()], []) if there.active else ([], [])
    if there.running is None or there.running_xml is None:
        return [Start(), *replugs(there.loose)], []
    if not stale:
        return list(replugs(there.loose)), []
    if there.running.pool and there.connected:
        msg = (
            f"devices of its pool are in use ({_names(there.connected)}), and any live change or restart makes libvirt"
            " forget who uses what: shut the guests down first"
        )
        raise _Refusal(msg)
    leases = [f"lease hit: {sentence}" for sentence in hits(there.leases, there.running, full)]
    if len(stale) > CHEAPER_TO_RESTART and not there.connected and all(site(change.path) for change in stale):
        why = f"restart: nobody is connected, and it is cheaper than {len(stale)} live updates"
        return _restart(there), [why, *leases]
    try:
        calls = updates(there.running_xml, there.running, as_running(full, there.running), stale)
    except OnlyByRestart as reason:
        return _restart(there), [f"restart: {reason}", *_restart_notes(there, full), *leases]
    return [*calls, *replugs(there.loose)], [*_bulk_notes(calls, full), *leases]


def _bulk_notes(calls: tuple[Update, ...], network: Network) -> list[str]:
    """Return how long many live updates take, where libvirt re-creates firewall rules for each."""
    slow = sum(_blinks(call.section, network).startswith("firewall") for call in calls)
    if slow <= CHEAPER_TO_RESTART:
        return []
    seconds = round(slow * SECONDS_FOR_RULES)
    return [f"{slow} live updates with firewall rules re-created: about {seconds} seconds, and nobody is cut off"]


def _restart(there: Observed) -> list[Action]:
    return [Stop(), Start(), *replugs(there.guests)]


def _restart_notes(there: Observed, full: Network) -> list[str]:
    """Return what its guests have to expect of a restart, beyond its being one."""
    notes = []
    if there.connected and full.bridge.stp and full.own_bridge:
        notes.append("with bridge.stp on, a port that is plugged in forwards only after about 4 seconds")
    lost = [guest for guest in there.connected if not guest.reachable]
    if lost:
        notes.append(
            f"{_names(lost)} can't be plugged back in over this connection, which has no domains: connect to qemu:///system"
        )
    return notes


def _protected(desired: Network, there: Observed, impact: Impact) -> str:
    """Return why protection forbids the plan, or nothing."""
    if not desired.protect and not (there.mark and there.mark.protect and desired.state == "inactive"):
        return ""
    if there.active and desired.state == "inactive":
        return "it is protected: `protect: true` refuses to stop it"
    if impact >= Impact.RESTART and there.connected:
        return f"it is protected: `protect: true` refuses a restart with guests connected ({_names(there.connected)})"
    return ""


def _names(guests: Iterable[Guest]) -> str:
    return ", ".join(sorted({guest.domain for guest in guests}))


def _impact_of(run: list[Action], there: Observed) -> Impact:
    """Return what the steps that touch the running network amount to."""
    if not there.active or not run:
        return Impact.NONE
    if not any(isinstance(action, Stop) for action in run):
        return Impact.LIVE
    return Impact.RESTART if any(isinstance(action, Start) for action in run) else Impact.REMOVE


def _step(name: str, action: Action, impact: Impact, network: Network) -> Step:
    if isinstance(action, (Define, SetAutostart)):
        return Step(name, action, Impact.NONE)
    if isinstance(action, Update):
        return Step(name, action, impact, _blinks(action.section, network))
    return Step(name, action, impact)


def _blinks(section: Section, network: Network) -> str:
    """Return what guests may notice of a live update; libvirt has no rules for open networks and macvtap."""
    text = next(found.live.blinks for found in _SITES if found.live.section is section)
    if network.mode == "open" or not network.own_bridge:
        text = ", ".join(part for part in text.split(", ") if not part.startswith("firewall"))
    return text


_SITES = [
    found
    for path in (
        ("ips", "", "dhcp", "hosts", ""),
        ("ips", "", "dhcp", "ranges", ""),
        ("forward", "interfaces", ""),
        ("portgroups", ""),
        ("dns", "hosts", ""),
        ("dns", "txt", ""),
        ("dns", "srv", ""),
    )
    if (found := site(path))
]


def _owns(there: Mark | None, wanted: Mark) -> bool:
    """Return whether the host's mark needs no rewriting; an old digest alone is no reason to write."""
    return there is not None and (there.topology, there.protect) == (wanted.topology, wanted.protect)
