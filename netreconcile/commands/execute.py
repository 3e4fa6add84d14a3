"""What the commands that change a host share: one at a time, the plan shown, consent, the journal, how it went."""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from netreconcile.commands.output import show, show_json, tell
from netreconcile.commands.session import Session, session
from netreconcile.commands.signals import interruptions
from netreconcile.document import fingerprint, plan_document, report_document
from netreconcile.entry import Closed, Header, Status, snapshot_records
from netreconcile.errors import Refused
from netreconcile.journal import who
from netreconcile.metrics import Ending
from netreconcile.observed import state_of
from netreconcile.render import Line, fingerprint_lines, guest_names, plan_lines, report_lines
from netreconcile.results import Outcome, Result
from netreconcile.transaction import Transaction
from netreconcile.worker import Worker

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Generator

    from netreconcile.actions import Step
    from netreconcile.commands.mend import Mended
    from netreconcile.commands.repairs import Repairs
    from netreconcile.entry import Entry
    from netreconcile.errors import Path, Position
    from netreconcile.observed import Host
    from netreconcile.plan import Plan
    from netreconcile.results import Report
    from netreconcile.worker import Watcher

FAILED = 1
ROLLED_BACK = 4
"""The exit code of a change that failed and was taken back as a whole."""


@dataclass(frozen=True, slots=True)
class Change:
    """What is to be done to the host, and on whose word; `replan` reads and plans again.

    `pending` is a change of the same topology that broke off, and that this one takes further; `undoes` the entry that
    this one takes back. `repairs` is what is mended below libvirt before the plan is carried out, None where nobody
    asked for that.
    """

    command: str
    topology: str
    digest: str
    files: tuple[str, ...]
    plan: Plan
    host: Host
    replan: Callable[[], tuple[Plan, Host]]
    where: Callable[[Path], Position | None] = lambda _: None
    pending: Entry | None = None
    undoes: int | None = None
    repairs: Repairs | None = None


@contextmanager
def writing(options: argparse.Namespace, command: str) -> Generator[Session]:
    """Connect for writing as the only one that changes this host from here. Raises Busy, JournalFailed, Unreachable."""
    with session(options, readonly=False) as here:
        waiting: Callable[[str], None] = lambda holder: tell(f"waiting for another run: {holder}")  # noqa: E731
        with here.journal.folder.locked(options.lock_timeout, f"netreconcile {command}", waiting):
            yield here


def execute(options: argparse.Namespace, here: Session, change: Change) -> Ending:
    """Show the change, get consent, carry it out and tell how it went.

    Raises Refused, before anything is done, where consent is missing.
    """
    as_json, plan, repairs = options.output == "json", change.plan, change.repairs
    lines = [*(repairs.lines if repairs else ()), *plan_lines(plan, change.host, change.where)]
    if not as_json:
        show([*lines, *fingerprint_lines(plan)])
    if plan.needs_consent and not options.allow_disruption:
        ask(plan)
    if not plan.steps and not (repairs and repairs.ours):
        if as_json:
            show_json({**plan_document(plan, change.host), **(repairs.document if repairs else {})})
        return Ending(worst(Refused.exit_code if plan.refused else 0, repairs.code if repairs else 0), in_sync=False)
    number, mended, report = _carried_out(options, here, change, tuple(line.text for line in lines))
    repaired = repairs.looked_again(options, here, mended) if repairs else None
    if as_json:
        show_json({**report_document(plan, report, change.host, number), **(repaired.document if repaired else {})})
    else:
        show(report_lines(report, number) if plan.steps or not report.verified else (), aside=True)
        show(repaired.lines if repaired else (), aside=True)
    if confirmation(options, plan) is not None and not report.everything:
        tell(f"`netreconcile confirm` within {options.confirm:g} seconds keeps this; else everything is taken back")
    code = worst(_exit_code(report), repaired.code if repaired else 0)
    in_sync = report.verified and not (repaired and repaired.left.findings)
    return Ending(code, in_sync, report.guests_cut(plan))


def worst(*codes: int) -> int:
    """Return the exit code that says most: what failed before what was taken back, and that before what is left."""
    return next((code for code in (FAILED, ROLLED_BACK, Refused.exit_code) if code in codes), 0)


def _carried_out(
    options: argparse.Namespace, here: Session, change: Change, text: tuple[str, ...]
) -> tuple[int, tuple[Mended, ...], Report]:
    plan, host, pending = change.plan, change.host, change.pending
    names = {step.network for step in plan.steps}
    snapshot = {name: host.networks.get(name) for name in names}
    inherited = pending.left_alone_since(host) if pending else {}
    stopped = {name: guests for name, guests in pending.stopped.items() if name in inherited} if pending else {}
    known = {name: state_of(host.networks.get(name)) for name in names.union(inherited)}
    header = Header(
        command=change.command,
        topology=change.topology,
        digest=change.digest,
        files=change.files,
        connection=host.uri,
        when=time.time(),
        who=who(),
        fingerprint=fingerprint(plan),
        text=text,
        plan=plan_document(plan, host),
        before=snapshot_records({**snapshot, **inherited}),
        continues=pending.number if pending else None,
        left={name: known[name] for name in inherited},
        stopped=tuple(stopped),
        undoes=change.undoes,
    )
    with interruptions() as interrupted:
        entry = here.journal.begin(header)
        if pending:
            closed = Closed(status=Status.CONTINUED, when=time.time(), by=entry.number)
            here.journal.reopened(pending).add(closed)
        mended = change.repairs.mend(here, entry) if change.repairs else ()
        confirm = confirmation(options, plan)
        if confirm is not None:
            from netreconcile.commands.watchdog import watch_over

            watch_over(here, entry.number)
        worker = Worker(here.connection, known, progress(len(plan.steps)), interrupted)
        transaction = Transaction(
            change.topology, plan, host, {**snapshot, **inherited}, frozenset(inherited), stopped, change.replan
        )
        keep_going = options.on_error == "keep-going"
        report = transaction.carry_out(worker, entry, keep_going=keep_going, confirm_within=confirm)
    return entry.number, mended, report


def confirmation(options: argparse.Namespace, plan: Plan) -> float | None:
    """Return how long a confirmation is waited for, None where nobody asked, or nothing could be taken back."""
    return getattr(options, "confirm", None) if plan.steps else None


def _exit_code(report: Report) -> int:
    if report.verified:
        return 0
    if report.undone:
        return ROLLED_BACK if report.undone.complete and report.everything else FAILED
    left = {part.name for part in report.remaining.networks if part.steps}
    return FAILED if report.failed or left else Refused.exit_code


def ask(plan: Plan) -> None:
    """Return if the user agrees to what the plan does to guests. Raises Refused."""
    cut = tuple(guest for part in plan.networks for guest in part.cut)
    who_is_cut = guest_names(cut)
    if not sys.stdin.isatty() or not sys.stderr.isatty():
        msg = f"this plan cuts off {who_is_cut}; --allow-disruption permits it. Nothing was changed."
        raise Refused(msg)
    tell(f"This cuts off {who_is_cut}.")
    print("Go on? [y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        msg = "nothing was changed"
        raise Refused(msg)


def progress(total: int) -> Watcher:
    """Return a watcher that tells each of so many steps on stderr, and those that take something back."""
    number = 0

    def watch(step: Step, result: Result | None, undo: bool) -> None:  # noqa: FBT001 -- a watcher's
        nonlocal number
        if result is None:
            number += 1
            line = Line(f"[back] {step}" if undo else f"[{number}/{total}] {step}")
        elif result.outcome is Outcome.FAILED:
            line = Line(f"        {step}: failed: {result.message}", "bold red")
        elif result.message:
            line = Line(f"        {step}: {result.message}", "yellow")
        else:
            return
        with suppress(OSError):  # the terminal may be gone; that must not tear the change
            show([line], aside=True)

    return watch
