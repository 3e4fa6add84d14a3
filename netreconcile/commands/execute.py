"""What `apply` and `destroy` share: show the plan, get consent, perform it, and say how it went."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from netreconcile.apply import Outcome, Result, apply
from netreconcile.commands.output import show, show_json, tell
from netreconcile.commands.session import planned
from netreconcile.document import plan_document, report_document
from netreconcile.errors import Refused
from netreconcile.render import Line, guest_names, plan_lines, report_lines, summary

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from netreconcile.actions import Step
    from netreconcile.commands.session import Planner
    from netreconcile.host import Connection
    from netreconcile.loader import Loaded
    from netreconcile.plan import Plan


def execute(options: argparse.Namespace, connection: Connection, loaded: Loaded, make: Planner) -> int:
    """Return 0 if the host matches in the end, 3 if part of the plan was refused, 1 if anything else is left.

    Raises Refused, before anything is done, where consent is missing.
    """
    as_json, topology = options.output == "json", loaded.topology
    plan, there = planned(connection, topology, make)
    if not plan.steps and not plan.refused:
        show_json(plan_document(plan, there)) if as_json else tell(summary(plan))
        return 0
    if not as_json:
        show(plan_lines(plan, there, loaded.source.position))
    if plan.needs_consent and not options.allow_disruption:
        _ask(plan)
    if not plan.steps:
        if as_json:
            show_json(plan_document(plan, there))
        return Refused.exit_code
    report = apply(connection, plan, lambda: planned(connection, topology, make)[0], _progress(len(plan.steps)))
    show_json(report_document(plan, report, there)) if as_json else show(report_lines(report), aside=True)
    if report.verified:
        return 0
    left = {part.name for part in report.remaining.networks if part.steps}
    return 1 if report.failed or left else Refused.exit_code


def _ask(plan: Plan) -> None:
    """Return if the user agrees to what the plan does to guests. Raises Refused."""
    cut = tuple(guest for part in plan.networks for guest in part.cut)
    who = guest_names(cut)
    if not sys.stdin.isatty() or not sys.stderr.isatty():
        msg = f"this plan cuts off {who}; --allow-disruption permits it. Nothing was changed."
        raise Refused(msg)
    tell(f"This cuts off {who}.")
    print("Go on? [y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        msg = "nothing was changed"
        raise Refused(msg)


def _progress(total: int) -> Callable[[Step, Result | None], None]:
    """Return a watcher that tells each step on stderr."""
    number = 0

    def watch(step: Step, result: Result | None) -> None:
        nonlocal number
        if result is None:
            number += 1
            show([Line(f"[{number}/{total}] {step}")], aside=True)
        elif result.outcome is Outcome.FAILED:
            show([Line(f"        failed: {result.message}", "bold red")], aside=True)
        elif result.message:
            show([Line(f"        {result.message}", "yellow")], aside=True)

    return watch
