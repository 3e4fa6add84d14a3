"""The rehearsal itself, inside a lab: copy, plan, apply, verify, take back, apply again; for real, on the copy."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

from netreconcile.actions import Replug
from netreconcile.client import Client
from netreconcile.document import differences, plan_document
from netreconcile.folder import folder_of
from netreconcile.journal import Journal
from netreconcile.rehearse.act import Copy, difference
from netreconcile.rehearse.build import copied_otherwise, links_made, networks_made
from netreconcile.rehearse.outcome import Rehearsal
from netreconcile.rehearse.stage import Stage
from netreconcile.rehearse.stand import StandIns
from netreconcile.restore import restoration
from netreconcile.transaction import read
from netreconcile.verify.namespace import Namespace

if TYPE_CHECKING:
    from collections.abc import Callable

    from netreconcile.actions import Step
    from netreconcile.observed import Host
    from netreconcile.plan import Plan
    from netreconcile.rehearse.act import Look
    from netreconcile.rehearse.outcome import Act, Request

APPLY, BACK, AGAIN = "apply", "rollback", "apply again"
"""The acts, in their order."""


def rehearse(request: Request, uri: str, tell: Callable[[str], None]) -> Rehearsal:
    """Return what happens on a copy of the host that is made at `uri`, which is the libvirt of this lab.

    Raises LibvirtFailed, ProbeFailed, Unreachable, JournalFailed, Unfinished: then there is no copy to speak about.
    """
    with ExitStack() as ending:
        client = Client(uri, readonly=False, timeout=30.0)
        ending.callback(client.close)
        far = ending.enter_context(Namespace())
        tell("copying the host")
        blueprint = networks_made(links_made(request.blueprint, far), client)
        stand_ins = ending.enter_context(StandIns(blueprint.stand_ins, far))
        stage = Stage(client, blueprint.host, stand_ins)
        left_out = (*blueprint.left_out, *stand_ins.hang())
        copy = Copy(blueprint.topology, stage, stand_ins, request.make, tell)
        plan, host = copy.planned()
        wanted = request.make(blueprint.topology, blueprint.host)
        start = Rehearsal(
            request.plan,
            request.host,
            libvirt=stage.release,
            left_out=(*left_out, *copied_otherwise(blueprint, host.networks)),
            unseen=blueprint.unseen,
            differences=tuple(differences(plan_document(wanted, host), plan_document(plan, host))),
            interval=stand_ins.interval,
        )
        if not plan.steps:
            return start
        journal = Journal(folder_of(uri))
        with journal.folder.locked(0, "netreconcile rehearse", lambda _: None):
            return _played(start, copy, journal, plan, full=request.full)


def _played(start: Rehearsal, copy: Copy, journal: Journal, plan: Plan, *, full: bool) -> Rehearsal:
    """Return the rehearsal with its acts; after one with a problem there is no further one."""
    before = copy.look()
    snapshot = {step.network: before.host.networks.get(step.network) for step in plan.steps}

    def back() -> tuple[Plan, Host]:
        host = read(copy.stage, snapshot)
        return restoration(copy.topology.name, snapshot, host, {}), host

    applied = copy.act(APPLY, journal, copy.planned)
    if applied.problem:
        return replace(start, acts=(_compared(applied, before, copy.look()),))
    copy.tell("verifying the networks")
    start = replace(start, verdicts=copy.verified(full=full))
    taken_back = _compared(copy.act(BACK, journal, back), before, copy.look())
    if taken_back.problem:
        return replace(start, acts=(applied, taken_back))
    now, _ = copy.planned()
    again = copy.act(AGAIN, journal, copy.planned)
    if not again.problem and _changes(now) != _changes(plan):
        again = replace(again, problem="after it was taken back, the plan is another one")
    return replace(start, acts=(applied, taken_back, again))


def _changes(plan: Plan) -> tuple[Step, ...]:
    """Return the steps without those for guests: one that had no link has one since."""
    return tuple(step for step in plan.steps if not isinstance(step.action, Replug))


def _compared(act: Act, before: Look, now: Look) -> Act:
    """Return the act with what it has not put back as it was before."""
    problem = "; ".join(text for text in (act.problem, difference(before, now)) if text)
    return replace(act, problem=problem)
