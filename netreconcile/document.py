"""Plans, reports, hosts and problems as JSON documents for machines; `format_version` says which shape."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from netreconcile.actions import Action, Define, Replug, SetAutostart, Step, Update, sentence
from netreconcile.diff import label
from netreconcile.errors import Problem, dotted

if TYPE_CHECKING:
    from netreconcile.apply import Report
    from netreconcile.drift import Drift
    from netreconcile.networkplan import NetworkPlan
    from netreconcile.observed import Guest, Host, Observed
    from netreconcile.plan import Plan

FORMAT_VERSION = 1


def plan_document(plan: Plan, host: Host) -> dict[str, Any]:
    """Return the plan; `schemas/plan.schema.json` describes it."""
    return {
        "format_version": FORMAT_VERSION,
        "topology": plan.topology,
        "connection": host.uri,
        "libvirt": ".".join(map(str, host.version)),
        "in_sync": not plan.drifted,
        "impact": str(plan.impact),
        "needs_consent": plan.needs_consent,
        "networks": [_network(part) for part in plan.networks],
        "steps": [_step(step) for step in plan.steps],
    }


def report_document(plan: Plan, report: Report, host: Host) -> dict[str, Any]:
    """Return the plan with the result of each step, and whether the host matches now."""
    return {
        **plan_document(plan, host),
        "verified": report.verified,
        "steps": [
            {
                **_step(result.step),
                "outcome": str(result.outcome),
                "message": result.message,
                "cut_seconds": None if result.cut is None else round(result.cut, 3),
            }
            for result in report.results
        ],
        "remaining": [_network(part) for part in report.remaining.drifted],
    }


def problems_document(problems: tuple[Problem, ...], *, valid: bool) -> dict[str, Any]:
    """Return what `validate` found."""
    return {"format_version": FORMAT_VERSION, "valid": valid, "problems": [_problem(item) for item in problems]}


def host_document(host: Host) -> dict[str, Any]:
    """Return the host's networks with their guests and leases."""
    return {
        "format_version": FORMAT_VERSION,
        "connection": host.uri,
        "libvirt": ".".join(map(str, host.version)),
        "networks": [_observed(there) for _, there in sorted(host.networks.items())],
    }


def _network(part: NetworkPlan) -> dict[str, Any]:
    return {
        "name": part.name,
        "verb": str(part.verb),
        "impact": str(part.impact),
        "drift": [_drift(drift) for drift in part.drifts],
        "guests": [_guest(guest) for guest in part.guests],
        "notes": list(part.notes),
        "refusal": part.refusal or None,
        "rule": dotted(part.rule) or None,
    }


def _drift(drift: Drift) -> dict[str, Any]:
    document: dict[str, Any] = {"cause": str(drift.cause)}
    if drift.change:
        document |= {"path": label(drift.change.path), "before": drift.change.before, "after": drift.change.after}
    if drift.guest:
        document["guest"] = _guest(drift.guest)
    return document


def _step(step: Step) -> dict[str, Any]:
    return {
        "network": step.network,
        "action": type(step.action).__name__,
        "sentence": sentence(step.action),
        "impact": str(step.impact),
        "blinks": step.blinks,
        **_details(step.action),
    }


def _details(action: Action) -> dict[str, Any]:
    match action:
        case Define(xml):
            return {"xml": xml}
        case Update(command, section, parent_index, xml, item):
            return {
                "command": command.name,
                "section": section.name,
                "parent_index": parent_index,
                "item": item,
                "xml": xml,
            }
        case SetAutostart(enabled):
            return {"enabled": enabled}
        case Replug(domain, mac, target, by_bridge):
            return {"domain": domain, "mac": mac, "target": target or None, "by_bridge": by_bridge}
        case _:
            return {}


def _guest(guest: Guest) -> dict[str, Any]:
    return {
        "domain": guest.domain,
        "mac": guest.mac,
        "target": guest.target or None,
        "running": guest.running,
        "by_bridge": guest.by_bridge,
        "plugged": guest.plugged,
        "reachable": guest.reachable,
        "address": guest.address or None,
    }


def _problem(problem: Problem) -> dict[str, Any]:
    place = problem.position
    return {
        "severity": str(problem.severity),
        "code": problem.code,
        "path": dotted(problem.path),
        "message": problem.message,
        "hint": problem.hint or None,
        "file": place.file if place else None,
        "line": place.line if place else None,
        "column": place.column if place else None,
    }


def _observed(there: Observed) -> dict[str, Any]:
    network = there.running or there.config
    return {
        "name": there.name,
        "uuid": there.uuid,
        "mode": network.mode if network else None,
        "active": there.active,
        "persistent": there.persistent,
        "autostart": there.autostart,
        "owner": there.mark.topology if there.mark else None,
        "bridge": network.bridge.name if network else None,
        "addresses": [ip.address for ip in network.ips] if network else [],
        "guests": [_guest(guest) for guest in there.guests],
        "leases": [
            {"ip": lease.ip, "mac": lease.mac, "name": lease.name, "expires": lease.expires} for lease in there.leases
        ],
        "trouble": there.trouble or None,
    }
