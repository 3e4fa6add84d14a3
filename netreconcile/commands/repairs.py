"""What a change of the host mends below libvirt along with it: shown before, done, looked at again, and told."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from netreconcile.below.mending import bridgeless, mendable
from netreconcile.below.remedy import sentence
from netreconcile.below.report import CAUSE, below_document, finding_document, finding_lines, prospect
from netreconcile.commands.below import Below, examine, look_once
from netreconcile.commands.execute import FAILED
from netreconcile.commands.mend import Mended, mend
from netreconcile.commands.output import show, tell
from netreconcile.commands.session import cap
from netreconcile.entry import Mending
from netreconcile.errors import Refused
from netreconcile.policy import Limits
from netreconcile.render import Line
from netreconcile.verify.target import targets
from netreconcile.worker import patiently

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from netreconcile.below.finding import Finding
    from netreconcile.below.remedy import Action
    from netreconcile.commands.session import Planner, Session
    from netreconcile.journal import Writing
    from netreconcile.model import Topology
    from netreconcile.observed import Host
    from netreconcile.plan import Plan


@dataclass(frozen=True, slots=True)
class Repairs:
    """A plan that is made with what is below libvirt in view, what was found there, and what of it is ours to mend.

    `needed` says that it is a failure if something can't be seen.
    """

    topology: Topology
    host: Host
    plan: Plan
    below: Below
    ours: tuple[Finding, ...]
    needed: bool

    @property
    def code(self) -> int:
        """Return the exit code if nothing is done: 3 if there is something to do, 1 if that can't be told, else 0."""
        if self.needed and self.below.unknown:
            return FAILED
        return Refused.exit_code if self.below.findings else 0

    @property
    def lines(self) -> Iterator[Line]:
        """Yield what was found, with the price of each, and what becomes of it; nothing where nothing was."""
        if self.below.findings:
            yield from finding_lines(self.below.findings)
            yield Line(prospect(self.below.findings, self.ours, self.plan), "bold")
            yield Line("")

    @property
    def document(self) -> dict[str, Any]:
        """Return what was found, for machines."""
        return below_document(self.below.findings, self.below.unknown, self.below.accepted)

    def mend(self, here: Session, entry: Writing) -> tuple[Mended, ...]:
        """Mend what is ours to mend, and return what became of it, which is on record then. Raises JournalFailed."""
        if not self.ours:
            return ()
        aims = targets(self.topology, self.host)
        mended = mend(here.connection, self.ours, _progress, lambda: look_once(aims, self.host))
        for each in mended:
            entry.add(_record(each), durable=False)
        show(map(_line, mended), aside=True)
        return mended

    def looked_again(self, options: argparse.Namespace, here: Session, mended: tuple[Mended, ...]) -> Repaired:
        """Return what became of it all, with what is below libvirt now. Raises LibvirtFailed, Unreachable."""
        if self.below.unknown and not self.below.findings:
            return Repaired(self, mended, self.below)
        now = patiently(here.connection, lambda: here.read(self.topology))
        return Repaired(self, mended, examine(options, self.topology, now))


@dataclass(frozen=True, slots=True)
class Repaired:
    """What became of repairs, and what is below libvirt after all was done."""

    repairs: Repairs
    mended: tuple[Mended, ...]
    left: Below

    @property
    def code(self) -> int:
        """Return 1 if something could not be mended, or not be seen; 3 if something is left, or held back; else 0."""
        if not all(each.done for each in self.mended):
            return FAILED
        return replace(self.repairs, below=self.left).code

    @property
    def lines(self) -> Iterator[Line]:
        """Yield what is left, and in full what wasn't told before."""
        told = {finding.key for finding in self.repairs.below.findings}
        if left := self.left.findings:
            names = ", ".join(" ".join(filter(None, finding.key)) for finding in left)
            yield Line(f"still to be done below libvirt: {names}", "bold red")
            yield from finding_lines(finding for finding in left if finding.key not in told)

    @property
    def document(self) -> dict[str, Any]:
        """Return what was found and what became of it, for machines; `schemas/plan.schema.json` describes it."""
        became = {each.finding.key: each for each in self.mended}
        left = {finding.key for finding in self.left.findings}
        found = [_outcome(each, became.get(each.key), left) for each in self.repairs.below.findings]
        return {**self.repairs.document, "below": found, "left": list(map(finding_document, self.left.findings))}


def prepared(options: argparse.Namespace, topology: Topology, make: Planner, host: Host) -> Repairs:
    """Return what is wrong below libvirt, and what would be mended along with which plan; nothing is done yet."""
    below = examine(options, topology, host)
    if below.unknown:
        tell(f"not looked at, and not repaired: what is below libvirt ({below.unknown})")
    plan = make(topology, bridgeless(host, below.findings))
    ours = mendable(below.findings, plan, host, Limits(topology.policy, cap(options)).cap)
    return Repairs(topology, host, plan, below, ours, needed=options.command == "repair")


def _progress(finding: Finding, action: Action) -> None:
    show([Line(f"{finding.network}: {sentence(action)}")], aside=True)


def _line(each: Mended) -> Line:
    what = f"{each.finding.network}: {CAUSE}: {each.finding.name}"
    return Line(f"mended: {what}", "green") if each.done else Line(f"failed: {what}: {each.message}", "bold red")


def _record(each: Mended) -> Mending:
    finding = each.finding
    actions = finding.remedy.sentences
    return Mending(network=finding.network, finding=finding.name, actions=actions, done=each.done, message=each.message)


def _outcome(finding: Finding, became: Mended | None, left: set[tuple[str, str, str]]) -> dict[str, Any]:
    failed = became is not None and not became.done
    outcome = "failed" if failed else "left" if finding.key in left else "mended"
    return {**finding_document(finding), "outcome": outcome, "message": became.message if became else ""}
