"""`netreconcile rollback`: take back what was done to a host."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from netreconcile.commands.cron import change
from netreconcile.commands.execute import Change, ask, execute, progress, writing
from netreconcile.commands.output import show, show_json, tell
from netreconcile.commands.signals import interruptions
from netreconcile.document import entry_document, history_document
from netreconcile.entry import Closed, Ended, Entry, Status
from netreconcile.errors import LibvirtFailed, Refused, Unfinished, Unreachable, UsageError
from netreconcile.metrics import Ending
from netreconcile.observed import state_of
from netreconcile.render import plan_lines, undone_lines
from netreconcile.restore import in_doubt, restoration
from netreconcile.transaction import read, undo
from netreconcile.worker import Worker

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from netreconcile.commands.session import Session
    from netreconcile.observed import Host
    from netreconcile.plan import Plan
    from netreconcile.restore import Snapshot


def run(options: argparse.Namespace) -> int:
    """Bring the networks of an entry back to what they were before it."""
    if options.unless_confirmed is not None:
        from netreconcile.commands.watchdog import wait

        return wait(options)
    return change(options, _rollback)


def _rollback(options: argparse.Namespace) -> Ending:
    with writing(options, "rollback") as here:
        entry = _chosen(options, here)
        if entry and entry.mended:
            what = ", ".join(f"{each.network} ({each.finding})" for each in entry.mended)
            tell(f"what entry {entry.number} has mended below libvirt stays: {what}")
        if entry is None or (entry.mended and not entry.states):
            tell("there is nothing to take back")
            if options.output == "json":
                show_json(history_document(()))
            return Ending(0)
        return _undo_pending(options, here, entry) if entry.needs_somebody else _undo_earlier(options, here, entry)


def take_back(here: Session, entry: Entry, host: Host, *, discard: bool) -> bool:
    """Return whether the networks are what they were before an entry that nobody confirmed, or that broke off.

    What somebody else has changed since stays, unless it is to be discarded. Raises Unfinished.
    """
    snapshot = touched(entry)
    if not discard:
        ours = entry.left_alone_since(host)
        if theirs := sorted(snapshot.keys() - ours.keys()):
            tell(f"changed since by somebody else, and left alone: {', '.join(theirs)}")
        snapshot = ours
    known = {name: state_of(host.networks.get(name)) for name in snapshot}
    with interruptions():
        worker = Worker(here.connection, known, progress(0), lambda: "")
        writing_on = here.journal.reopened(entry)
        try:
            undone = undo(worker, entry.header.topology, snapshot, entry.stopped, writing_on)
        except (Unreachable, LibvirtFailed) as error:
            raise Unfinished(entry.number, str(error)) from error
        show(undone_lines(undone), aside=True)
        if undone.complete:
            end = Closed if entry.ended else Ended
            writing_on.add(end(status=Status.UNDONE, when=time.time()))
    return undone.complete


def _chosen(options: argparse.Namespace, here: Session) -> Entry | None:
    """Return the entry that the user means: a pending one, else the newest that can be taken back.

    Raises UsageError, Refused.
    """
    if options.entry is None:
        return here.journal.pending() or next(filter(_can_be_undone, here.journal.each()), None)
    entry = here.journal.entry(options.entry)
    pending = here.journal.pending()
    if entry.status is Status.CONTINUED:
        later = next((other.number for other in here.journal.each() if other.header.continues == entry.number), 0)
        msg = f"entry {entry.number} broke off, and entry {later} went on from there: `netreconcile rollback {later}`"
        raise UsageError(msg)
    if pending and pending.number != entry.number:
        msg = f"entry {pending.number} is {pending.status}: finish, confirm or roll back that one first"
        raise Refused(msg)
    if entry.status in (Status.ROLLED_BACK, Status.UNDONE):
        tell(f"entry {entry.number} is {entry.status} already")
        return None
    return entry


def _can_be_undone(entry: Entry) -> bool:
    """Return whether a rollback without a number means it, and not what it itself has done, or what only mends."""
    return entry.header.undoes is None and entry.status in (Status.APPLIED, Status.PARTLY) and bool(entry.states)


def _undo_pending(options: argparse.Namespace, here: Session, entry: Entry) -> Ending:
    snapshot = touched(entry)
    host = read(here.connection, snapshot)
    plan = restoration(entry.header.topology, snapshot, in_doubt(host, entry.stopped), {})
    tell(f"taking back entry {entry.number}: {entry.header.command} of {entry.header.topology}, {entry.status}")
    _agree(options, plan, host, _foreign(options, entry, host, snapshot))
    complete = take_back(here, entry, host, discard=options.discard_changes)
    if options.output == "json":
        show_json(entry_document(here.journal.entry(entry.number)))
    return Ending(0 if complete else 1, in_sync=complete)


def _undo_earlier(options: argparse.Namespace, here: Session, entry: Entry) -> Ending:
    snapshot, topology = touched(entry), entry.header.topology

    def planned() -> tuple[Plan, Host]:
        host = read(here.connection, snapshot)
        return restoration(topology, snapshot, host, {}, guarded=True), host

    plan, host = planned()
    _refuse_foreign(_foreign(options, entry, host, snapshot))
    closed = Closed(status=Status.UNDONE, when=time.time())
    if not plan.steps and not plan.refused:
        here.journal.reopened(entry).add(closed)
        tell("the networks are what they were before already")
        if options.output == "json":
            show_json(entry_document(here.journal.entry(entry.number)))
        return Ending(0, in_sync=True)
    wanted = Change(f"rollback {entry.number}", topology, "", (), plan, host, planned, undoes=entry.number)
    ending = execute(options, here, wanted)
    if ending.code == 0:
        here.journal.reopened(entry).add(closed)
    return ending


def touched(entry: Entry) -> Snapshot:
    """Return, as they were, the networks that the change got to."""
    snapshot = entry.snapshot
    return {name: snapshot[name] for name in entry.states}


def _foreign(options: argparse.Namespace, entry: Entry, host: Host, snapshot: Snapshot) -> list[str]:
    """Return the networks that were changed after the entry, unless that is to be lost."""
    if options.discard_changes:
        return []
    ours: Mapping[str, object] = entry.left_alone_since(host)
    return sorted(name for name in snapshot if name not in ours)


def _refuse_foreign(names: list[str]) -> None:
    if names:
        msg = (
            f"changed since by somebody else, or by a later apply: {', '.join(names)}. Nothing was done; "
            "--discard-changes takes that back too"
        )
        raise Refused(msg)


def _agree(options: argparse.Namespace, plan: Plan, host: Host, foreign: list[str]) -> None:
    """Show the plan, and return if it may be carried out. Raises Refused."""
    show(plan_lines(plan, host), aside=options.output == "json")
    _refuse_foreign(foreign)
    if plan.needs_consent and not options.allow_disruption:
        ask(plan)
