"""One network's part of a plan: the differences, the steps in the network's own order, or why nothing is done. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from netreconcile import allowance, codec
from netreconcile.actions import Action, Define, Impact, SetAutostart, Start, Step, Stop, Undefine
from netreconcile.checks import requirements
from netreconcile.diff import changes
from netreconcile.drift import Cause, Drift, drifts
from netreconcile.fill import as_running, filled, mark_of
from netreconcile.order import Claims, replugs
from netreconcile.running import Untouchable, impact_of, moves, names_of, priced

if TYPE_CHECKING:
    from collections.abc import Iterable

    from netreconcile.allowance import Allowance
    from netreconcile.binding import Version
    from netreconcile.diff import Change
    from netreconcile.errors import Path
    from netreconcile.mark import Mark
    from netreconcile.model import Network, Topology
    from netreconcile.observed import Guest, Host, Observed

_LEFT_BEHIND = "libvirt was killed while it started this: the bridge, dnsmasq and rules that it left are cleared away"


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
        """Return the guests that lose their link; of a network that goes, also those whose next start would fail."""
        if self.impact is Impact.REMOVE:
            return self.guests
        if self.impact is Impact.RESTART:
            return tuple(guest for guest in self.guests if guest.running and guest.plugged)
        return ()


def network_plan(  # noqa: PLR0913 -- one argument a fact
    topology: Topology, name: str, host: Host, claims: Claims, *, take_over: bool, allowed: Allowance
) -> NetworkPlan:
    """Return what makes one network match the topology, seen without the others; they are in `claims`."""
    found = _network_plan(topology, name, host, claims, take_over=take_over)
    if name in host.left_behind and found.steps:
        found = replace(found, notes=(*found.notes, _LEFT_BEHIND))
    desired, there = topology.networks.get(name), host.networks.get(name, host.lost.get(name))
    if desired is None or desired.state == "absent" or not found.steps:
        return found
    objection = allowance.objection(desired, there, allowed)
    return refused(name, there, objection, found.drifts) if objection else found


def _network_plan(topology: Topology, name: str, host: Host, claims: Claims, *, take_over: bool) -> NetworkPlan:
    desired, there, version = topology.networks.get(name), host.networks.get(name), host.version
    if there is None:
        return _create(topology, name, host)
    if there.trouble:
        return refused(name, there, there.trouble)
    if there.mark and there.mark.topology != topology.name and not take_over:
        return refused(name, there, f"it belongs to topology {there.mark.topology!r}; --take-over makes it this one's")
    if desired is None or desired.state == "absent":
        return remove(name, there, protect=desired is not None and desired.protect)
    if (missing := _unsupported(desired, version)) is not None:
        return refused(name, there, missing)
    return _update(topology, name, desired, there, claims)


def refused(name: str, there: Observed | None, reason: str, drifts: Iterable[Drift] = ()) -> NetworkPlan:
    """Return the plan that leaves the network as it is, for a reason."""
    guests = there.guests if there else ()
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
        return refused(name, None, missing, [Drift(Cause.MISSING)])
    mark, lost = mark_of(topology, desired), host.lost.get(name)
    notes: tuple[str, ...] = ()
    xml = codec.new(name, desired, mark)
    if lost and lost.defined:
        xml = codec.overlay(lost.config_xml or lost.running_xml or "", filled(desired, lost.defined), mark)
        notes = ("brought back: an earlier change took it away and broke off",)
    actions: list[Action] = [Define(xml)]
    if desired.autostart:
        actions.append(SetAutostart(enabled=True))
    if desired.state == "active":
        actions += (Start(), *replugs(host.waiting.get(name, ())))
    steps = tuple(Step(name, action, Impact.NONE) for action in actions)
    return NetworkPlan(name, Verb.CREATE, (Drift(Cause.MISSING),), steps, notes=notes)


def remove(name: str, there: Observed, *, protect: bool = False) -> NetworkPlan:
    """Return the plan that stops and undefines the network, unless it is protected or can't be read."""
    found = (Drift(Cause.NOT_IN_FILE),)
    if protect or (there.mark and there.mark.protect):
        return refused(name, there, "it is protected: apply `protect: false` first", found)
    if there.trouble:
        return refused(name, there, there.trouble, found)
    actions: list[Action] = [Stop()] if there.active else []
    if there.persistent:
        actions.append(Undefine())
    steps = tuple(Step(name, action, Impact.REMOVE) for action in actions)
    notes = () if there.mark else ("nobody owns it; the file names it as absent",)
    return NetworkPlan(name, Verb.REMOVE, found, steps, there.guests, notes)


def _update(topology: Topology, name: str, desired: Network, there: Observed, claims: Claims) -> NetworkPlan:
    full = claims.wanted(name)
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
        run, why = moves(desired, there, full, stale)
    except Untouchable as refusal:
        return refused(name, there, str(refusal), found)
    notes = [*_ownership_notes(there, mark, found), *why]
    impact = impact_of(run, there)
    steps = tuple(priced(name, action, impact, full) for action in [*actions, *run])
    if full.uuid not in (None, there.uuid):
        steps = claims.taken_down(steps)
        notes.append("a UUID can't be changed: the network is undefined and defined anew")
    if not steps:
        return NetworkPlan(name, Verb.NOTHING, found, guests=there.guests)
    verb = Verb.UPDATE if found else Verb.ADOPT
    if protected := _protected(desired, there, max(step.impact for step in steps)):
        return refused(name, there, protected, found)
    return NetworkPlan(name, verb, found, steps, there.guests, tuple(notes))


def _ownership_notes(there: Observed, mark: Mark, found: tuple[Drift, ...]) -> list[str]:
    if there.mark is None:
        return ["adopted" if found else "adopted: it gets this topology's mark, nothing else of it changes"]
    if there.mark.topology != mark.topology:
        return [f"taken over from topology {there.mark.topology!r}"]
    return []


def _protected(desired: Network, there: Observed, impact: Impact) -> str:
    """Return why protection forbids the plan, or nothing."""
    if not desired.protect and not (there.mark and there.mark.protect and desired.state == "inactive"):
        return ""
    if there.active and desired.state == "inactive":
        return "it is protected: `protect: true` refuses to stop it"
    if impact >= Impact.RESTART and there.connected:
        return f"it is protected: `protect: true` refuses a restart with guests connected ({names_of(there.connected)})"
    return ""


def _owns(there: Mark | None, wanted: Mark) -> bool:
    """Return whether the host's mark needs no rewriting; an old digest alone is no reason to write."""
    return there is not None and (there.topology, there.protect) == (wanted.topology, wanted.protect)
