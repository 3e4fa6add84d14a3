"""How each network of a host stands, on one screen: what libvirt says, what a file wants, what is below. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from netreconcile.below.report import finding_document, finding_lines
from netreconcile.document import FORMAT_VERSION
from netreconcile.networkplan import Verb
from netreconcile.render import Line, drift_lines, table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from netreconcile.below.finding import Finding
    from netreconcile.networkplan import NetworkPlan
    from netreconcile.observed import Host, Observed
    from netreconcile.plan import Plan

_HEAD = ("network", "mode", "state", "owner", "guests", "leases", "file", "below")


@dataclass(frozen=True, slots=True)
class Standing:
    """How a network stands: as the host has it, None where it is missing, and to the file, None without one."""

    name: str
    there: Observed | None
    part: NetworkPlan | None
    findings: tuple[Finding, ...]

    @property
    def in_order(self) -> bool:
        """Return whether nothing is to be done about it."""
        return not self.findings and not (self.part and (self.part.drifts or self.part.refusal))

    @property
    def state(self) -> str:
        """Return what it does, in a word."""
        if self.there is None:
            return "missing"
        return "active" if self.there.active else "inactive"


@dataclass(frozen=True, slots=True)
class Overview:
    """How all networks stand; `plan` is None without a file, `unknown` why what is below can't be seen, or empty."""

    host: Host
    networks: tuple[Standing, ...]
    plan: Plan | None
    unknown: str

    @property
    def in_order(self) -> bool:
        """Return whether nothing is to be done, as far as can be told."""
        return all(network.in_order for network in self.networks)


def overview(host: Host, plan: Plan | None, findings: tuple[Finding, ...], unknown: str) -> Overview:
    """Return how the networks of the plan stand, without one all of the host."""
    parts = {part.name: part for part in plan.networks} if plan else {}
    names = [part.name for part in plan.networks if _there(part, host)] if plan else sorted(host.networks)
    networks = tuple(
        Standing(
            name,
            host.networks.get(name),
            parts.get(name),
            tuple(finding for finding in findings if finding.network == name),
        )
        for name in names
    )
    return Overview(host, networks, plan, unknown)


def _there(part: NetworkPlan, host: Host) -> bool:
    """Return whether there is anything to say: not of what is to be absent, and is."""
    return part.name in host.networks or part.verb is not Verb.NOTHING


def overview_lines(seen: Overview) -> Iterator[Line]:
    """Yield a row for each network, below that what isn't in order and what mends it, and a line that sums up."""
    yield from table(_HEAD, [_row(network, seen) for network in seen.networks])
    wrong = [network for network in seen.networks if not network.in_order]
    if wrong:
        yield Line("")
    if seen.plan:
        yield from drift_lines(seen.plan)
    yield from (line for network in wrong for line in finding_lines(network.findings))
    yield Line("")
    number = len(seen.networks)
    total = f"{number} network{'' if number == 1 else 's'}"
    if wrong:
        names = ", ".join(network.name for network in wrong)
        yield Line(f"{total}, {len(wrong)} not in order: {names}", "bold red")
    else:
        unseen = "; what is below libvirt isn't seen" if seen.unknown else ""
        yield Line(f"{total}, all in order{unseen}", "bold green")


def overview_document(seen: Overview) -> dict[str, Any]:
    """Return the same for machines; `schemas/status.schema.json` describes it."""
    return {
        "format_version": FORMAT_VERSION,
        "topology": seen.plan.topology if seen.plan else None,
        "connection": seen.host.uri,
        "libvirt": ".".join(map(str, seen.host.version)),
        "in_order": seen.in_order,
        "networks": [_document(network) for network in seen.networks],
        "below_unknown": seen.unknown or None,
    }


def _row(network: Standing, seen: Overview) -> tuple[str, ...]:
    there = network.there
    known = there.defined if there else None
    return (
        network.name,
        known.mode if known else "unreadable" if there else "-",
        network.state + ("" if there is None or there.persistent else ", transient"),
        there.mark.topology if there and there.mark else "-",
        _guests(there) if there else "-",
        str(len(there.leases)) if there else "-",
        _to_the_file(network.part),
        _below(network, seen),
    )


def _guests(there: Observed) -> str:
    plugged, loose = len(there.connected), len(there.loose)
    return f"{plugged} of {plugged + loose}" if loose else str(plugged)


def _to_the_file(part: NetworkPlan | None) -> str:
    if part is None:
        return "-"
    if part.refusal:
        return "refused"
    number = len(part.drifts)
    return f"{number} difference{'' if number == 1 else 's'}" if number else "in sync"


def _below(network: Standing, seen: Overview) -> str:
    if network.there is None or not network.there.active:
        return "-"
    number = len(network.findings)
    if number:
        return f"{number} finding{'' if number == 1 else 's'}"
    return "not seen" if seen.unknown else "in order"


def _document(network: Standing) -> dict[str, Any]:
    there, part = network.there, network.part
    known = there.defined if there else None
    return {
        "name": network.name,
        "mode": known.mode if known else None,
        "state": network.state,
        "persistent": bool(there and there.persistent),
        "autostart": bool(there and there.autostart),
        "owner": there.mark.topology if there and there.mark else None,
        "guests": len(there.connected) if there else 0,
        "unplugged": len(there.loose) if there else 0,
        "leases": len(there.leases) if there else 0,
        "drift": [str(drift.cause) for drift in part.drifts] if part else None,
        "refusal": (part.refusal or None) if part else None,
        "below": [finding_document(finding) for finding in network.findings],
    }
