"""`netreconcile repair`: put right what the host has made of the networks, at the least cost, and verify it."""

from __future__ import annotations

import io
import json
from contextlib import redirect_stdout
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from netreconcile.below.mending import mending
from netreconcile.below.remedy import sentence
from netreconcile.below.report import CAUSE, finding_document, finding_lines
from netreconcile.commands.apply import apply_loaded
from netreconcile.commands.below import Below, look, look_once
from netreconcile.commands.execute import writing
from netreconcile.commands.mend import Mended, judged, mend
from netreconcile.commands.output import show, show_json, tell, warn
from netreconcile.commands.session import permissions
from netreconcile.document import FORMAT_VERSION
from netreconcile.errors import Refused
from netreconcile.kernel.here import hindrance
from netreconcile.loader import load
from netreconcile.plan import concerned, plan
from netreconcile.render import Line
from netreconcile.verify.target import targets

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator

    from netreconcile.below.finding import Finding
    from netreconcile.below.remedy import Action
    from netreconcile.commands.session import Session
    from netreconcile.loader import Loaded
    from netreconcile.model import Topology
    from netreconcile.observed import Host
    from netreconcile.plan import Plan

FAILED = 1


def run(options: argparse.Namespace) -> int:
    """Mend what is below libvirt, then what libvirt has; return 0 if all is as it should be.

    1: something could not be mended, or not be seen; 3: something is left for somebody else, or held back.
    """
    loaded = load(options.topology, strict=options.strict)
    if options.verbose:
        warn(loaded.warnings)
    with writing(options, "repair") as here:
        there = _read(here, loaded.topology)
        below = look(targets(loaded.topology, there), there)
        if below.unknown:
            tell(f"not looked at, and not repaired: what is below libvirt ({below.unknown})")
        if options.output == "json":
            return _in_json(options, here, loaded, there, below)
        show(finding_lines(below.findings))
        mended = _mended(here, loaded.topology, there, below)
        show(_lines(mended), aside=True)
        code = apply_loaded(options, here, loaded, _planner(options))
        left = _left(here, loaded.topology, below)
        show(_left_lines(left, below), aside=True)
        return _exit_code(code, left, below)


def _in_json(options: argparse.Namespace, here: Session, loaded: Loaded, there: Host, below: Below) -> int:
    mended = _mended(here, loaded.topology, there, below)
    printed = io.StringIO()
    with redirect_stdout(printed):
        code = apply_loaded(options, here, loaded, _planner(options))
    left = _left(here, loaded.topology, below)
    show_json(_document(loaded.topology, there, below, mended, left, json.loads(printed.getvalue())))
    return _exit_code(code, left, below)


@dataclass(frozen=True, slots=True)
class _Planner:
    """Plans the repair of what libvirt has: anew after each change, with what is below it then."""

    options: argparse.Namespace

    def __call__(self, topology: Topology, host: Host) -> Plan:
        whole = plan(topology, host, allowed=permissions(self.options))
        seen = Below() if hindrance(host.uri) else look_once(targets(topology, host), host)
        gone = {finding.network for finding in seen.findings if finding.remedy.restarts}
        return mending(whole, gone, disruption=self.options.allow_disruption)


def _planner(options: argparse.Namespace) -> Callable[[Topology, Host], Plan]:
    return _Planner(options)


def _read(here: Session, topology: Topology) -> Host:
    there = here.connection.read()
    return here.connection.read_guests(there, concerned(topology, there))


def _mended(here: Session, topology: Topology, there: Host, below: Below) -> tuple[Mended, ...]:
    """Mend what needs no restart; a network that is restarted gets its rules and its dnsmasq by that."""
    restarted = {finding.network for finding in below.findings if finding.remedy.restarts}
    ours = [
        finding
        for finding in below.findings
        if not finding.remedy.by_hand
        and (finding.network not in restarted or finding.code in ("forwarding4", "forwarding6"))
    ]
    if not ours:
        return ()
    failures = mend(here.connection, ours, _progress)
    return judged(ours, failures, targets(topology, there), there)[0]


def _progress(finding: Finding, action: Action) -> None:
    show([Line(f"{finding.network}: {sentence(action)}")], aside=True)


def _left(here: Session, topology: Topology, below: Below) -> tuple[Finding, ...]:
    """Return what is below libvirt after all was done."""
    if below.unknown and not below.findings:
        return ()
    there = _read(here, topology)
    return look(targets(topology, there), there).findings


def _lines(mended: tuple[Mended, ...]) -> list[Line]:
    lines: list[Line] = []
    for each in mended:
        what = f"{each.finding.network}: {CAUSE}: {each.finding.code} {each.finding.subject}".rstrip()
        if each.done:
            lines.append(Line(f"mended: {what}", "green"))
        else:
            lines.append(Line(f"failed: {what}: {each.message}", "bold red"))
    return lines


def _left_lines(left: tuple[Finding, ...], before: Below) -> Iterator[Line]:
    """Yield what is left, and in full what wasn't told before."""
    told = {finding.key for finding in before.findings}
    if left:
        names = ", ".join(" ".join(filter(None, finding.key)) for finding in left)
        yield Line(f"still to be done below libvirt: {names}", "bold red")
        yield from finding_lines(finding for finding in left if finding.key not in told)


def _exit_code(code: int, left: tuple[Finding, ...], below: Below) -> int:
    """Return the worst of what became of the plan and of what is below."""
    codes = [code] if code else []
    if below.unknown or any(not finding.remedy.by_hand and not finding.remedy.restarts for finding in left):
        codes.append(FAILED)
    if left:
        codes.append(Refused.exit_code)
    return min(codes, default=0)


def _document(  # noqa: PLR0913, PLR0917 -- one argument a part
    topology: Topology,
    there: Host,
    below: Below,
    mended: tuple[Mended, ...],
    left: tuple[Finding, ...],
    report: dict[str, Any],
) -> dict[str, Any]:
    outcomes = {each.finding.key: each for each in mended}
    return {
        "format_version": FORMAT_VERSION,
        "topology": topology.name,
        "connection": there.uri,
        "below": [_finding(finding, outcomes.get(finding.key), left) for finding in below.findings],
        "below_unknown": below.unknown or None,
        "left": [finding_document(finding) for finding in left],
        "report": report,
    }


def _finding(finding: Finding, became: Mended | None, left: tuple[Finding, ...]) -> dict[str, Any]:
    there = finding.key in {each.key for each in left}
    failed = became is not None and not became.done
    outcome = ("failed" if failed else "left") if there else "mended"
    return {**finding_document(finding), "outcome": outcome, "message": became.message if became else ""}
