"""Carries out plans on the copy as on a host, and sees what that does to the stand-ins."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from netreconcile.document import fingerprint, plan_document
from netreconcile.entry import Header, snapshot_records
from netreconcile.kernel.read import read
from netreconcile.observed import state_of
from netreconcile.plan import concerned
from netreconcile.rehearse.outcome import Act, Gap, Taken
from netreconcile.results import Outcome
from netreconcile.transaction import Transaction
from netreconcile.verify.target import Level, targets
from netreconcile.verify.verify import verify
from netreconcile.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from netreconcile.actions import Step
    from netreconcile.journal import Journal
    from netreconcile.model import Topology
    from netreconcile.observed import Host
    from netreconcile.plan import Plan
    from netreconcile.rehearse.outcome import Planner
    from netreconcile.rehearse.stage import Stage
    from netreconcile.rehearse.stand import StandIns
    from netreconcile.results import Report, Result
    from netreconcile.verify.verdict import NetworkVerdict


@dataclass(frozen=True, slots=True)
class Look:
    """What the copy was at some time: the state of each network, and the bridge that each guest's link hung on."""

    host: Host
    states: Mapping[str, str]
    masters: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Copy:
    """A copy that is made, the topology for it, and what is called out during the play."""

    topology: Topology
    stage: Stage
    stand_ins: StandIns
    make: Planner
    tell: Callable[[str], None]

    def planned(self) -> tuple[Plan, Host]:
        """Return the plan for what the copy has now, and the copy with its guests."""
        there = self.stage.read()
        there = self.stage.read_guests(there, concerned(self.topology, there))
        return self.make(self.topology, there), there

    def look(self) -> Look:
        """Return what the copy is now."""
        host = self.stage.read_guests(self.stage.read())
        masters = self.stand_ins.masters()
        # Nobody can plug in again who is known by a port only.
        reached = {each.device: masters[each.device] for each in self.stand_ins.stand_ins if each.guest.reachable}
        return Look(host, {name: there.state for name, there in host.networks.items()}, reached)

    def verified(self, *, full: bool) -> tuple[NetworkVerdict, ...]:
        """Return what the networks do for guests now; of those that the plan leaves as they are nothing is expected.

        Behind the copy's NICs there is nobody, so nothing is plugged into what leads there.
        """
        plan, there = self.planned()
        left = {part.name for part in plan.refused}
        chosen = tuple(target for target in targets(self.topology, there) if target.name not in left)
        state = read([target.name for target in chosen])
        return verify(chosen, level=Level.FULL if full else Level.QUICK, lan=False, state=state)

    def act(self, name: str, journal: Journal, planned: Callable[[], tuple[Plan, Host]]) -> Act:
        """Carry the plan out, or take it back where it fails, and return how it went."""
        plan, host = planned()
        total, clock = len(plan.steps), _Clock(self.tell, len(plan.steps))
        snapshot = {step.network: host.networks.get(step.network) for step in plan.steps}
        known = {network: state_of(there) for network, there in snapshot.items()}
        entry = journal.begin(_header(self.topology.name, plan, host))
        self.tell(f"{name}: {total} {'step' if total == 1 else 'steps'}")
        self.stand_ins.begin()
        worker = Worker(self.stage, known, clock.watch, lambda: "")
        transaction = Transaction(self.topology.name, plan, host, snapshot, frozenset(), {}, planned)
        report = transaction.carry_out(worker, entry)
        self.stand_ins.settle()
        return Act(
            name,
            clock.timed(report.results),
            clock.timed(report.undone.results if report.undone else ()),
            tuple(Gap(each.network, each.guest, *self.stand_ins.lost(each)) for each in self.stand_ins.stand_ins),
            _problem(report),
            self.stand_ins.missed(),
        )


@dataclass
class _Clock:
    """How long each step took, in the order in which they were taken; of steps at the same time, how much longer."""

    tell: Callable[[str], None]
    total: int
    begun: int = 0
    since: float = 0.0
    seconds: list[float] = field(default_factory=list[float])

    def watch(self, step: Step, result: Result | None, undo: bool) -> None:  # noqa: FBT001 -- a watcher's
        """Take note of a step before and after it."""
        now = time.monotonic()
        if result:
            self.seconds.append(now - self.since)
            self.since = now
            return
        if self.begun == len(self.seconds):  # nothing else is under way
            self.since = now
        self.begun += 1
        self.tell(f"[back] {step}" if undo else f"[{self.begun}/{self.total}] {step}")

    def timed(self, results: tuple[Result, ...]) -> tuple[Taken, ...]:
        """Return the next results, each with its time; to be asked once, in the order of the steps."""
        return tuple(
            Taken(result, 0.0 if result.outcome is Outcome.SKIPPED else self.seconds.pop(0)) for result in results
        )


def difference(before: Look, now: Look) -> str:
    """Return what is not as it was before, or nothing; nobody unplugs guests again that had no link then."""
    changed = [
        name for name in sorted({*before.states, *now.states}) if before.states.get(name) != now.states.get(name)
    ]
    loose = [name for name, bridge in sorted(before.masters.items()) if bridge and now.masters.get(name) != bridge]
    parts = [
        f"{what} {', '.join(names)}" for what, names in (("networks", changed), ("links of guests", loose)) if names
    ]
    return f"after it was taken back, the copy is not as it was before: {'; '.join(parts)}" if parts else ""


def _header(topology: str, plan: Plan, host: Host) -> Header:
    return Header(
        command="rehearse",
        topology=topology,
        digest="",
        files=(),
        connection=host.uri,
        when=time.time(),
        who="rehearsal",
        fingerprint=fingerprint(plan),
        text=(),
        plan=plan_document(plan, host),
        before=snapshot_records({step.network: host.networks.get(step.network) for step in plan.steps}),
    )


def _problem(report: Report) -> str:
    """Return what went wrong, or nothing; what was planned to be left as it is doesn't count."""
    if report.undone:
        taken_back = "it was taken back" if report.undone.complete else "it could not be taken back as a whole"
        return f"{report.why}; {taken_back}"
    if report.failed:
        return f"{report.failed[0].step}: {report.failed[0].message}"
    left = [part.name for part in report.remaining.networks if part.steps]
    return f"the copy does not match the file afterwards: {', '.join(left)}" if left else ""
