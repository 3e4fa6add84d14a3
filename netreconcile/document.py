"""Plans, reports, hosts and problems as JSON documents for machines; `format_version` says which shape."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from netreconcile.actions import Action, Define, Replug, SetAutostart, Step, Update, sentence
from netreconcile.diff import label
from netreconcile.errors import Problem, dotted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from netreconcile.drift import Drift
    from netreconcile.entry import Entry
    from netreconcile.networkplan import NetworkPlan
    from netreconcile.observed import Guest, Host, Observed
    from netreconcile.plan import Plan
    from netreconcile.results import Report, Result

FORMAT_VERSION = 1


def plan_document(plan: Plan, host: Host) -> dict[str, Any]:
    """Return the plan; `schemas/plan.schema.json` describes it."""
    return {
        "format_version": FORMAT_VERSION,
        "topology": plan.topology,
        "fingerprint": fingerprint(plan),
        "connection": host.uri,
        "libvirt": ".".join(map(str, host.version)),
        "in_sync": not plan.drifted,
        "impact": str(plan.impact),
        "needs_consent": plan.needs_consent,
        "networks": [_network(part) for part in plan.networks],
        "steps": [_step(step) for step in plan.steps],
    }


def fingerprint(plan: Plan) -> str:
    """Return what tells the plan from every other one: its differences, its steps with their XML, whom they cut off.

    Whether the file wants repairs below libvirt counts; what is to be repaired doesn't, as that changes by the minute.
    Where guests have their addresses from, which libvirt and which way to the host make no difference.
    """
    networks = [
        {
            "name": part.name,
            "verb": str(part.verb),
            "drift": [{**_drift(drift), "guest": drift.guest and drift.guest.domain} for drift in part.drifts],
            "cut": [f"{guest.domain} {guest.mac}" for guest in part.cut],
            "refusal": part.refusal,
        }
        for part in plan.networks
    ]
    steps, repair = [_step(step) for step in plan.steps], {"repair": True} if plan.repair else {}
    essence = {"topology": plan.topology, "networks": networks, "steps": steps, **repair}
    return hashlib.sha256(json.dumps(essence, sort_keys=True).encode()).hexdigest()[:20]


def differences(reviewed: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """Return what one plan document has and the other one hasn't, in words; nothing where they say the same."""
    before, after = dict.fromkeys(_sayings(reviewed)), dict.fromkeys(_sayings(now))
    return [
        *(f"no longer: {saying}" for saying in before if saying not in after),
        *(f"new: {saying}" for saying in after if saying not in before),
    ]


def report_document(plan: Plan, report: Report, host: Host, number: int) -> dict[str, Any]:
    """Return the plan with the result of each step, whether the host matches now, and what was taken back."""
    undone = report.undone
    return {
        **plan_document(plan, host),
        "entry": number,
        "verified": report.verified,
        "steps": [_result(result) for result in report.results],
        "remaining": [_network(part) for part in report.remaining.drifted],
        "rolled_back": undone
        and {
            "why": report.why,
            "everything": report.everything,
            "complete": undone.complete,
            "steps": [_result(result) for result in undone.results],
            "remaining": [_network(part) for part in undone.left.drifted],
        },
    }


def history_document(entries: tuple[Entry, ...]) -> dict[str, Any]:
    """Return the entries of the journal, the newest first, without their snapshots and plans."""
    return {"format_version": FORMAT_VERSION, "entries": [_entry(entry) for entry in entries]}


def entry_document(entry: Entry) -> dict[str, Any]:
    """Return an entry of the journal with everything that it holds."""
    return {
        "format_version": FORMAT_VERSION,
        **_entry(entry),
        "files": list(entry.header.files),
        "plan": entry.header.plan,
        "before": entry.header.model_dump(mode="json")["before"],
        "steps": [
            {
                "network": begun.network,
                "step": begun.step,
                "undo": begun.undo,
                "outcome": done.outcome if done else None,
                "message": done.message if done else "",
            }
            for begun, done in entry.steps
        ],
        "mended": [
            {
                "network": each.network,
                "finding": each.finding,
                "actions": list(each.actions),
                "done": each.done,
                "message": each.message,
            }
            for each in entry.mended
        ],
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


def _sayings(document: dict[str, Any]) -> Iterator[str]:
    """Yield what a plan document says that matters, a sentence each."""
    for network in document["networks"]:
        name = network["name"]
        if network["refusal"]:
            yield f"{name}: refused: {network['refusal']}"
        for drift in network["drift"]:
            yield f"{name}: {drift['cause']}{_saying(drift)}"
        if network["impact"] in ("restart", "remove"):
            yield from (f"{name}: cuts off {guest['domain']} {guest['mac']}" for guest in network["guests"])
    for step in document["steps"]:
        xml = f" ({hashlib.sha256(step['xml'].encode()).hexdigest()[:8]})" if "xml" in step else ""
        yield f"{step['network']}: {step['sentence']}{xml}"


def _saying(drift: dict[str, Any]) -> str:
    if "path" not in drift:
        return ""
    before, after = drift["before"], drift["after"]
    if before is None or after is None:
        return f": {'+' if before is None else '-'} {drift['path']}: {_brief(after if before is None else before)}"
    return f": {drift['path']}: {_brief(before)} → {_brief(after)}"


def _brief(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _result(result: Result) -> dict[str, Any]:
    return {
        **_step(result.step),
        "outcome": str(result.outcome),
        "message": result.message,
        "cut_seconds": None if result.cut is None else round(result.cut, 3),
    }


def _entry(entry: Entry) -> dict[str, Any]:
    header, ended = entry.header, entry.ended
    return {
        "entry": entry.number,
        "status": str(entry.status),
        "command": header.command,
        "topology": header.topology,
        "connection": header.connection,
        "fingerprint": header.fingerprint,
        "began": header.when,
        "ended": ended.when if ended else None,
        "message": ended.message if ended else "",
        "who": header.who,
        "networks": list(entry.networks),
        "impact": header.plan.get("impact"),
        "undoes": header.undoes,
        "confirm_until": ended.confirm_until if ended else None,
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
