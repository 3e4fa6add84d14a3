"""What of a host is mended, and what is left alone: below libvirt, and in the plan of a repair. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from netreconcile.actions import Impact, Stop
from netreconcile.drift import Cause
from netreconcile.networkplan import NetworkPlan, Verb

if TYPE_CHECKING:
    from collections.abc import Iterable

    from netreconcile.below.finding import Finding
    from netreconcile.observed import Host
    from netreconcile.plan import Plan

_FILE = (Cause.FILE_CHANGED, Cause.NOT_IN_FILE)
_OF_THE_HOST = ("forwarding4", "forwarding6")
"""Findings that are no network's own: a restart of one doesn't mend them."""
FILE_CHANGED = "the file says something else than what was applied here: `netreconcile apply` does that"


def bridgeless(host: Host, findings: Iterable[Finding]) -> Host:
    """Return the host with the networks marked that have lost their bridge, and with it their guests."""
    networks = dict(host.networks)
    for name in {finding.network for finding in findings if finding.remedy.restarts}:
        guests = tuple(replace(guest, plugged=False) for guest in networks[name].guests)
        networks[name] = replace(networks[name], bridgeless=True, guests=guests)
    return replace(host, networks=networks)


def mendable(findings: Iterable[Finding], plan: Plan, host: Host, cap: Impact) -> tuple[Finding, ...]:
    """Return the findings that are mended along with the plan, and not by it; nothing of that is above the cap.

    A network that goes down and up gets all of its own anew, and one of another topology is left to that.
    """
    findings = tuple(findings)
    anew = {step.network for step in plan.steps if isinstance(step.action, Stop)}
    anew.update(finding.network for finding in findings if finding.remedy.restarts)
    marks = {name: there.mark.topology for name, there in host.networks.items() if there.mark}
    return tuple(
        finding
        for finding in findings
        if not finding.remedy.by_hand
        and finding.remedy.impact <= cap
        and marks.get(finding.network, plan.topology) == plan.topology
        and (finding.network not in anew or finding.code in _OF_THE_HOST)
        and not finding.remedy.restarts
    )


def mending(plan: Plan, *, disruption: bool) -> Plan:
    """Return the plan of a repair: without what the file has changed, and without adoptions.

    What would cut guests off is held back unless `disruption` is allowed.
    """
    parts = tuple(_part(part, disruption=disruption) for part in plan.networks)
    kept = {part.name for part in parts if part.steps}
    return replace(plan, networks=parts, steps=tuple(step for step in plan.steps if step.network in kept))


def _part(part: NetworkPlan, *, disruption: bool) -> NetworkPlan:
    if part.refusal:
        return part
    if any(drift.cause in _FILE for drift in part.drifts):
        return _held(part, FILE_CHANGED)
    if part.verb is Verb.ADOPT:
        return replace(part, verb=Verb.NOTHING, steps=(), notes=())
    if part.cut and not disruption:
        who = ", ".join(sorted({guest.domain for guest in part.cut}))
        return _held(part, f"a restart would cut off {who}: --allow-disruption permits it")
    return part


def _held(part: NetworkPlan, why: str) -> NetworkPlan:
    return replace(part, verb=Verb.HOLD, steps=(), refusal=why)
