"""The plan of a repair: what the host has changed is put right; what the file has changed is left to `apply`. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from netreconcile.actions import Impact, Start, Step, Stop
from netreconcile.drift import Cause
from netreconcile.networkplan import NetworkPlan, Verb
from netreconcile.order import replugs

if TYPE_CHECKING:
    from collections.abc import Collection

    from netreconcile.actions import Action
    from netreconcile.plan import Plan

_FILE = (Cause.FILE_CHANGED, Cause.NOT_IN_FILE)
FILE_CHANGED = "the file says something else than what was applied here: `netreconcile apply` does that"
GONE = "its bridge is gone, and only a restart makes it again"


def mending(plan: Plan, gone: Collection[str], *, disruption: bool) -> Plan:
    """Return the plan without what the file has changed, and with restarts of the networks whose bridge is `gone`.

    What would cut guests off is held back unless `disruption` is allowed.
    """
    parts = [_part(part, gone=part.name in gone, disruption=disruption) for part in plan.networks]
    before = {part.name: part.steps for part in plan.networks}
    kept = {part.name for part in parts if part.steps and before[part.name]}
    steps = [step for step in plan.steps if step.network in kept]
    steps += [step for part in parts for step in part.steps[len(before[part.name]) :]]
    return replace(plan, networks=tuple(parts), steps=tuple(steps))


def _part(part: NetworkPlan, *, gone: bool, disruption: bool) -> NetworkPlan:
    if part.refusal:
        return part
    if any(drift.cause in _FILE for drift in part.drifts):
        return _held(part, FILE_CHANGED)
    if part.verb is Verb.ADOPT:
        part = replace(part, verb=Verb.NOTHING, steps=(), notes=())
    if gone:
        part = _restarted(part)
    if part.cut and not disruption:
        who = ", ".join(sorted({guest.domain for guest in part.cut}))
        return _held(part, f"a restart would cut off {who}: --allow-disruption permits it")
    return part


def _restarted(part: NetworkPlan) -> NetworkPlan:
    """Return the part with a restart; of a network without a bridge it cuts nobody off."""
    guests = tuple(replace(guest, plugged=False) for guest in part.guests)
    part = replace(part, guests=guests, notes=(*part.notes, GONE))
    if any(isinstance(step.action, Start) for step in part.steps):
        return part
    actions: tuple[Action, ...] = (Stop(), Start(), *replugs(guests))
    steps = tuple(Step(part.name, action, Impact.RESTART) for action in actions)
    return replace(part, verb=Verb.UPDATE, steps=(*part.steps, *steps))


def _held(part: NetworkPlan, why: str) -> NetworkPlan:
    return replace(part, verb=Verb.HOLD, steps=(), refusal=why)
