"""A change of the host as a whole: on record before anything is done, and then finished, or taken back.

| what happens                                        | by default                 | with `keep_going`          |
|-----------------------------------------------------|----------------------------|----------------------------|
| a step fails, or has not the wanted effect          | all is taken back          | its network is taken back  |
| a signal asks to stop                               | all is taken back          | all is taken back          |
| somebody else changes a network before a step on it | all else is taken back     | all else is done           |
| a guest can't be plugged back in                    | nothing is taken back      | nothing is taken back      |
| the connection is gone and doesn't come back        | the entry stays unfinished | the entry stays unfinished |

A guest that can't be plugged back in is no reason to cut off the others once more.
"""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from netreconcile.actions import Define, Replug, SetAutostart, Stop, Undefine
from netreconcile.entry import Begun, Done, Ended, Status
from netreconcile.errors import JournalFailed, LibvirtFailed, Unfinished, Unreachable
from netreconcile.observed import state_of
from netreconcile.restore import in_doubt, restoration
from netreconcile.results import Outcome, Report, Result, Undone
from netreconcile.worker import Worker, patiently

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from netreconcile.actions import Step
    from netreconcile.host import Connection
    from netreconcile.journal import Writing
    from netreconcile.observed import Guest, Host
    from netreconcile.plan import Plan
    from netreconcile.restore import Snapshot

    Stopped = Mapping[str, tuple[Guest, ...]]
    """Networks that were taken down, each with the guests that it had."""

ROUNDS = 3
"""So often it is tried to take everything back."""


@dataclass(frozen=True, slots=True)
class Lines:
    """The record of steps in the journal. What is taken back is taken back also where nothing can be written.

    What a power cut undoes by itself needn't be on disk before it is done: guests wait for a network that is down.
    """

    entry: Writing
    undo: bool = False

    def begin(self, step: Step) -> None:
        """The step is on disk. Raises JournalFailed."""
        stops = isinstance(step.action, (Stop, Replug))
        try:
            line = Begun(network=step.network, step=str(step), stops=stops, undo=self.undo)
            self.entry.add(line, durable=isinstance(step.action, (Define, Undefine, SetAutostart)))
        except JournalFailed:
            if not self.undo:
                raise

    def done(self, result: Result, state: str) -> None:
        """The result is on record. Raises JournalFailed."""
        outcome, message = str(result.outcome), result.message
        try:
            line = Done(network=result.step.network, outcome=outcome, message=message, state=state)
            self.entry.add(line, durable=False)
        except JournalFailed:
            if not self.undo:
                raise


@dataclass(frozen=True, slots=True)
class Transaction:
    """What is to be done, and the snapshot that it may be taken back to.

    `inherited` are networks that an interrupted run has touched, `stopped` those of them that it took down.
    `replan` reads the host and plans again.
    """

    topology: str
    plan: Plan
    host: Host
    snapshot: Snapshot
    inherited: frozenset[str]
    stopped: Stopped
    replan: Callable[[], tuple[Plan, Host]]

    def carry_out(
        self, worker: Worker, entry: Writing, *, keep_going: bool = False, confirm_within: float | None = None
    ) -> Report:
        """Do the plan, and verify it or take it back. Raises Unfinished where neither can be had."""
        try:
            return self._carry_out(worker, entry, keep_going=keep_going, confirm_within=confirm_within)
        except (Unreachable, LibvirtFailed, JournalFailed) as error:
            raise Unfinished(entry.number, str(error)) from error

    def _carry_out(self, worker: Worker, entry: Writing, *, keep_going: bool, confirm_within: float | None) -> Report:
        results = worker.perform(self.plan.steps, Lines(entry), keep_going=keep_going)
        remaining, host = patiently(worker.connection, self.replan)
        report = Report(results, remaining)
        names, why = _failures(report, host, worker)
        everything = bool(why) and (not keep_going or bool(worker.interrupted()))
        if everything:
            names = worker.touched | self.inherited
        elif not names:
            entry.add(_ending(report, confirm_within))
            return report
        back = {name: was for name, was in self.snapshot.items() if name in names}
        stopped = {**self.stopped, **_stopped(results, self.host)}
        undone = undo(worker, self.topology, back, stopped, entry)
        remaining, _ = patiently(worker.connection, self.replan)
        if undone.complete and everything:
            with suppress(JournalFailed):  # the host is as it was, whether or not that can be written
                entry.add(Ended(status=Status.ROLLED_BACK, when=time.time(), message=why))
        elif undone.complete:
            entry.add(_ending(report, confirm_within, why))
        return Report(results, remaining, undone, why, everything=everything)


def undo(worker: Worker, topology: str, snapshot: Snapshot, stopped: Stopped, entry: Writing) -> Undone:
    """Make the snapshot's networks what they were, whatever signal comes; what somebody else has changed stays theirs.

    Raises LibvirtFailed, Unreachable.
    """
    worker = replace(worker, interrupted=lambda: "", undo=True)
    done: tuple[Result, ...] = ()
    last: tuple[Result, ...] = ()
    for _ in range(ROUNDS):
        plan = _taking_back(worker, topology, snapshot, stopped)
        if not plan.steps:
            last = ()  # what failed is done nevertheless
            break
        last = worker.perform(plan.steps, Lines(entry, undo=True), keep_going=True)
        done += last
        if not any(result.failed for result in last):
            stopped = {}
    left = _taking_back(worker, topology, snapshot, {})
    return Undone(done, left, complete=not left.steps and not left.refused and not any(each.failed for each in last))


def read(connection: Connection, names: Snapshot) -> Host:
    """Return the host with the guests of the networks. Raises LibvirtFailed, Unreachable."""
    return patiently(connection, lambda: connection.read_guests(connection.read(), names))


def _taking_back(worker: Worker, topology: str, snapshot: Snapshot, stopped: Stopped) -> Plan:
    host = read(worker.connection, snapshot)
    theirs = {
        name: "somebody else has changed it meanwhile; it stays as it is"
        for name in snapshot
        if state_of(host.networks.get(name)) != worker.known[name]
    }
    return restoration(topology, snapshot, in_doubt(host, stopped), theirs)


def _failures(report: Report, host: Host, worker: Worker) -> tuple[set[str], str]:
    """Return the networks for which what was done has to be taken back, and why; no reason where nothing has to be."""
    if report.verified:
        return set(), ""
    failed = {result.step.network for result in report.failed if not isinstance(result.step.action, Replug)}
    if reason := worker.interrupted():
        return set(), reason
    if failed:
        first = next(result for result in report.failed if result.step.network in failed)
        return failed & worker.touched, f"{first.step}: {first.message}"
    # What somebody else has changed since is no failure of ours; a guest without its link is no reason to cut off more.
    idle = {
        step.network
        for step in report.remaining.steps
        if step.network in worker.touched
        and not isinstance(step.action, Replug)
        and state_of(host.networks.get(step.network)) == worker.known[step.network]
    }
    return idle, f"{', '.join(sorted(idle))}: every step was done, and libvirt has something else" if idle else ""


def _stopped(results: tuple[Result, ...], host: Host) -> dict[str, tuple[Guest, ...]]:
    tried = (result.step for result in results if result.outcome is not Outcome.SKIPPED)
    names = {step.network for step in tried if isinstance(step.action, (Stop, Replug))}
    return {name: host.networks[name].guests for name in names if name in host.networks}


def _ending(report: Report, confirm_within: float | None, why: str = "") -> Ended:
    now = time.time()
    if confirm_within is not None:
        return Ended(status=Status.UNCONFIRMED, when=now, message=why, confirm_until=now + confirm_within)
    clean = not report.failed and not report.remaining.steps
    return Ended(status=Status.APPLIED if clean else Status.PARTLY, when=now, message=why)
