"""A snapshot as the desired side: the plan that makes networks again what they were. Pure.

What a network ran needn't be its config. libvirt could start it from a definition of its own (virNetworkCreateXML), but
forgets a defined network when such a start fails; so its config is written twice instead.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from netreconcile.actions import Action, Define, Impact, SetAutostart, Start, Step, Stop, Undefine
from netreconcile.definitions import essence
from netreconcile.diff import changes
from netreconcile.drift import Cause, Drift
from netreconcile.fill import as_running, filled
from netreconcile.model import Policy
from netreconcile.networkplan import NetworkPlan, Verb, refused
from netreconcile.order import Claims, Runs, replugs
from netreconcile.plan import Plan, arranged
from netreconcile.policy import Limits
from netreconcile.running import Untouchable, impact_of, moves, names_of, priced

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import TypeAlias

    from netreconcile.diff import Change
    from netreconcile.model import Network
    from netreconcile.observed import Guest, Host, Observed

    Snapshot: TypeAlias = Mapping[str, Observed | None]
    """Networks as they were, by name; None for those that weren't there."""


def restoration(
    topology: str, snapshot: Snapshot, host: Host, kept: Mapping[str, str], *, guarded: bool = False
) -> Plan:
    """Return the steps that make the snapshot's networks what they were; all others are left alone.

    `kept` are networks of the snapshot that must stay as they are, each with the reason. With `guarded`, protected ones
    are not taken from connected guests either; that is for later, when others may rely on what was done.
    """
    wanted = {name: _wanted(was) for name, was in snapshot.items() if was and _readable(was)}
    runs = {name: Runs(_runs(was), _start(was)) for name, was in snapshot.items() if was and was.running}
    parts = {name: _part(topology, name, was, host, kept.get(name, "")) for name, was in snapshot.items()}
    if guarded:
        parts = {name: _guarded(part, host.networks.get(name)) for name, part in parts.items()}
    return arranged(topology, parts, Claims(wanted, host, runs), Limits(Policy()))


def in_doubt(host: Host, stopped: Mapping[str, tuple[Guest, ...]]) -> Host:
    """Return the host with guests taken for unplugged that may be, where their network was stopped under them.

    libvirt doesn't tell which taps hang on a bridge; to plug one in that does hang there disturbs nobody. One that
    names the network, or the bridge, and didn't before, is halfway back. `stopped` has the guests that each such
    network had.
    """
    networks = dict(host.networks)
    for name, guests in stopped.items():
        before = {(guest.domain, guest.mac): guest for guest in guests}
        if there := networks.get(name):
            doubtful = (_doubtful(guest, before.get((guest.domain, guest.mac))) for guest in there.guests)
            networks[name] = replace(there, guests=tuple(doubtful))
    return replace(host, networks=networks)


def _doubtful(guest: Guest, was: Guest | None) -> Guest:
    if was is None or not was.reachable or (guest.by_bridge == was.by_bridge and not was.by_bridge):
        return guest
    return replace(guest, plugged=False, by_bridge=was.by_bridge, portgroup=was.portgroup)


def broken_off(host: Host, before: Snapshot, stopped: Mapping[str, tuple[Guest, ...]]) -> Host:
    """Return the host as a change that broke off has left it: guests in doubt, and networks that it took away, lost.

    `before` are networks as they were before that change.
    """
    lost = {name: was for name, was in before.items() if was and name not in host.networks}
    return replace(in_doubt(host, stopped), lost=lost)


def _part(  # noqa: PLR0911 -- one return a case
    topology: str, name: str, was: Observed | None, host: Host, kept: str
) -> NetworkPlan:
    there = host.networks.get(name)
    if kept:
        return refused(name, there, kept, [Drift(Cause.ROLLED_BACK)])
    if was is None:
        return _gone_again(topology, name, there)
    if there and there.state == was.state and not (was.active and there.loose):
        return NetworkPlan(name, Verb.NOTHING, guests=there.guests)
    unreadable = was.trouble or (there.trouble if there else "")
    if unreadable:
        return refused(name, there, unreadable, [Drift(Cause.ROLLED_BACK)])
    if there is None:
        return _there_again(name, was, host.waiting.get(name, ()))
    if there.uuid != was.uuid:
        return _as_itself_again(topology, name, was, there)
    return _as_before(name, was, there)


def _guarded(part: NetworkPlan, there: Observed | None) -> NetworkPlan:
    if part.impact < Impact.RESTART or not there or not there.connected or not there.mark or not there.mark.protect:
        return part
    reason = f"it is protected, and this would cut off its guests ({names_of(there.connected)})"
    return refused(part.name, there, reason, part.drifts)


def _gone_again(topology: str, name: str, there: Observed | None) -> NetworkPlan:
    """Return the plan that takes away what wasn't there before."""
    if there is None:
        return NetworkPlan(name, Verb.NOTHING)
    found = (Drift(Cause.NOT_BEFORE),)
    if there.mark is None or there.mark.topology != topology:
        return refused(name, there, "it wasn't there before, and somebody else has made it since", found)
    steps = tuple(Step(name, action, Impact.REMOVE) for action in _removal(there))
    return NetworkPlan(name, Verb.REMOVE, found, steps, there.guests)


def _there_again(name: str, was: Observed, waiting: tuple[Guest, ...]) -> NetworkPlan:
    steps = tuple(Step(name, action, Impact.NONE) for action in _creation(was, waiting))
    return NetworkPlan(name, Verb.CREATE, (Drift(Cause.MISSING),), steps, waiting)


def _as_itself_again(topology: str, name: str, was: Observed, there: Observed) -> NetworkPlan:
    """Return the plan for a network that was made anew with another UUID."""
    found = (Drift(Cause.ROLLED_BACK),)
    if there.mark is None or there.mark.topology != topology:
        return refused(name, there, "somebody else has made another network of this name since", found)
    impact = (Impact.RESTART if was.active else Impact.REMOVE) if there.active else Impact.NONE
    actions = [*_removal(there), *_creation(was, there.guests)]
    return NetworkPlan(name, Verb.UPDATE, found, tuple(Step(name, each, impact) for each in actions), there.guests)


def _as_before(name: str, was: Observed, there: Observed) -> NetworkPlan:
    """Return the plan for a network whose definition, state or guests have changed."""
    full = _runs(was)
    stale: tuple[Change, ...] = ()
    if there.running and was.running:
        full = filled(full, there.running)
        stale = changes(there.running, as_running(full, there.running))
    try:
        run, notes = moves(_runs(was), there, full, stale)
    except Untouchable as refusal:
        return refused(name, there, str(refusal), [Drift(Cause.ROLLED_BACK)])
    impact = impact_of(run, there)
    starting = next((position for position, action in enumerate(run) if isinstance(action, Start)), None)
    if starting is not None:
        run[starting : starting + 1] = _start(was)
    actions: list[Action] = []
    if essence(was.config_xml) != essence(there.config_xml) and not any(
        isinstance(action, (Define, Undefine)) for action in run
    ):
        actions.append(Define(was.config_xml) if was.config_xml else Undefine())
    actions += run
    if was.persistent and was.autostart != (there.autostart and there.persistent):
        actions.append(SetAutostart(was.autostart))
    steps = tuple(priced(name, action, impact, full) for action in actions)
    drifts = _drifts(was, there, stale)
    if not steps:
        return NetworkPlan(name, Verb.NOTHING, guests=there.guests)
    return NetworkPlan(name, Verb.UPDATE, drifts, steps, there.guests, tuple(notes))


def _drifts(was: Observed, there: Observed, stale: tuple[Change, ...]) -> tuple[Drift, ...]:
    """Return what will be different: each change once, and the network as a whole."""
    found: list[Drift] = []
    if was.active != there.active:
        found.append(Drift(Cause.STOPPED if was.active else Cause.RUNNING))
    if was.autostart != there.autostart:
        found.append(Drift(Cause.AUTOSTART_LOST if was.autostart else Cause.AUTOSTART_GAINED))
    edited = changes(there.config, was.config) if there.config and was.config else ()
    found += (Drift(Cause.ROLLED_BACK, change) for change in {each.path: each for each in (*edited, *stale)}.values())
    found += (Drift(Cause.UNPLUGGED, guest=guest) for guest in there.loose if was.active)
    return tuple(found) or (Drift(Cause.ROLLED_BACK),)


def _removal(there: Observed) -> list[Action]:
    return [*([Stop()] if there.active else []), *([Undefine()] if there.persistent else [])]


def _creation(was: Observed, guests: tuple[Guest, ...]) -> list[Action]:
    """Return what brings a network back that isn't there."""
    starts = _start(was) if was.active else ()
    actions: list[Action] = []
    if was.config_xml and not any(isinstance(action, Define) for action in starts):
        actions.append(Define(was.config_xml))
    actions += starts
    if was.autostart:
        actions.append(SetAutostart(enabled=True))
    return [*actions, *(replugs(guests) if was.active else ())]


def _start(was: Observed) -> tuple[Action, ...]:
    """Return what brings up what the network ran, and leaves its config as it was."""
    assert was.running is not None, "it ran"
    assert was.running_xml is not None, "it ran"
    if was.runs_config:
        return (Start(),)
    return Define(was.running_xml), Start(), Define(was.config_xml) if was.config_xml else Undefine()


def _readable(was: Observed) -> bool:
    return not was.trouble


def _wanted(was: Observed) -> Network:
    """Return the config that the network had, or what it ran without one."""
    network = was.defined
    assert network is not None, "readable"
    return network.model_copy(update={"state": "active" if was.active else "inactive", "autostart": was.autostart})


def _runs(was: Observed) -> Network:
    """Return what the network ran, or the config where it didn't run."""
    network = was.running or was.config
    assert network is not None, "readable"
    return network.model_copy(update={"state": "active" if was.active else "inactive", "autostart": was.autostart})
