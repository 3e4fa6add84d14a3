"""`netreconcile apply`: make the host match."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from netreconcile.commands.cron import change
from netreconcile.commands.execute import Change, execute, writing
from netreconcile.commands.output import show, show_json, tell, warn
from netreconcile.commands.saved import SavedPlan, saved
from netreconcile.commands.session import planner, remind
from netreconcile.document import differences, fingerprint, plan_document
from netreconcile.entry import Ended, Status
from netreconcile.errors import Refused
from netreconcile.fill import topology_digest
from netreconcile.journal import held
from netreconcile.loader import load
from netreconcile.metrics import Ending
from netreconcile.plan import differing
from netreconcile.render import plan_lines, summary

if TYPE_CHECKING:
    import argparse

    from netreconcile.commands.session import Planner, Session
    from netreconcile.loader import Loaded
    from netreconcile.observed import Host
    from netreconcile.plan import Plan


def run(options: argparse.Namespace) -> int:
    """Plan, ask where guests are cut off, perform, verify; a saved plan is carried out as it is, or not at all."""
    return change(options, _apply)


def _apply(options: argparse.Namespace) -> Ending:
    reviewed = saved(options.topology)
    if reviewed:
        reviewed.prepare(options)
    loaded = load(options.topology, strict=options.strict)
    warn(loaded.warnings)
    with writing(options, "apply") as here:
        repair = loaded.topology.policy.repair
        return apply_loaded(options, here, loaded, planner(options), reviewed, repair=repair)


def apply_loaded(  # noqa: PLR0913 -- one argument a fact
    options: argparse.Namespace,
    here: Session,
    loaded: Loaded,
    make: Planner,
    reviewed: SavedPlan | None = None,
    *,
    repair: bool = False,
) -> Ending:
    """Carry out what `make` plans for the topology, and with `repair` mend what is below libvirt before that.

    Raises Refused, before anything is done.
    """
    topology, digest = loaded.topology, topology_digest(loaded.topology)
    remind(here)
    pending = here.journal.pending(topology.name)
    plan, there = before = here.planned(topology, make, pending)
    repairs = None
    if repair:
        from netreconcile.commands.repairs import prepared

        repairs = prepared(options, topology, make, there)
        plan = repairs.plan
    if reviewed:
        _check_reviewed(reviewed, plan, there, digest)
    if not plan.steps and pending and pending.status is Status.UNFINISHED:
        status = Status.PARTLY if plan.refused else Status.APPLIED
        message = "a later run found nothing left that it could do"
        here.journal.reopened(pending).add(Ended(status=status, when=time.time(), message=message))
    if not plan.steps and not plan.refused and not (repairs and repairs.below.findings):
        if options.output == "json":
            show_json({**plan_document(plan, there), **(repairs.document if repairs else {})})
        else:
            tell(summary(plan))
        return Ending(repairs.code if repairs else 0, in_sync=True)
    if plan.steps and pending and pending.status is Status.UNCONFIRMED:
        msg = f"nothing was changed: entry {pending.number} is to be confirmed or taken back first"
        raise Refused(msg)
    if options.command == "apply" and (plan.steps or plan.refused):
        _check_expected(options, plan, there)
        _check_not_held(options, here, topology.name, digest)
    wanted = Change(
        command=options.command,
        topology=topology.name,
        digest=digest,
        files=tuple(options.topology),
        plan=plan,
        host=there,
        replan=lambda: here.planned_again(topology, make, before, differing(plan)),
        where=loaded.source.position,
        pending=pending if plan.steps else None,
        repairs=repairs,
    )
    return execute(options, here, wanted)


def _check_reviewed(reviewed: SavedPlan, plan: Plan, there: Host, digest: str) -> None:
    """Raise Refused unless the plan is the one that was saved."""
    if reviewed.fingerprint == fingerprint(plan):
        return
    found = differences(reviewed.plan, plan_document(plan, there)) or ["the plan has other details now"]
    if reviewed.topology_digest != digest:
        found.insert(0, f"the file has changed: {', '.join(reviewed.files)}")
    lines = "\n".join(f"  {line}" for line in found)
    msg = (
        f"host or file has changed since this plan was saved; nothing was done:\n{lines}\nsave a new one and review it"
    )
    raise Refused(msg)


def _check_expected(options: argparse.Namespace, plan: Plan, there: Host) -> None:
    """Raise Refused unless the plan has the fingerprint that was asked for, if any was."""
    if options.expect is None or options.expect == fingerprint(plan):
        return
    show(plan_lines(plan, there), aside=True)
    msg = f"the plan's fingerprint is {fingerprint(plan)} now, not {options.expect}; nothing was done"
    raise Refused(msg)


def _check_not_held(options: argparse.Namespace, here: Session, topology: str, digest: str) -> None:
    """Raise Refused where this very file was applied before and taken back."""
    entry = None if options.again else held(here.journal.each(), topology, digest)
    if entry:
        why = f": {entry.ended.message}" if entry.ended and entry.ended.message else ""
        msg = (
            f"this file as it is was applied before (entry {entry.number} of the journal) and is {entry.status}{why}.\n"
            "Nothing was changed. Change the file, or apply it nevertheless with --again."
        )
        raise Refused(msg)
