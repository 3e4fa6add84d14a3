"""`netreconcile plan`: tell what apply would do, and at what price."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netreconcile.commands.output import show, show_json, tell, warn
from netreconcile.commands.saved import check_savable, save
from netreconcile.commands.session import check_source, planned, planner
from netreconcile.document import plan_document
from netreconcile.fill import topology_digest
from netreconcile.loader import load
from netreconcile.render import fingerprint_lines, plan_lines

if TYPE_CHECKING:
    import argparse


def run(options: argparse.Namespace) -> int:
    """Print the plan, and save it where asked to; the connection is read-only."""
    if options.out:
        check_savable(options)
    check_source(options)
    loaded = load(options.topology, strict=options.strict)
    warn(loaded.warnings)
    result, there = planned(options, loaded.topology, planner(options))
    repairs = None
    if loaded.topology.policy.repair:
        from netreconcile.commands.repairs import prepared

        repairs = prepared(options, loaded.topology, planner(options), there)
        result = repairs.plan
    if options.output == "json":
        show_json({**plan_document(result, there), **(repairs.document if repairs else {})})
    elif options.output != "text":
        from netreconcile.commands.reported import reported

        reported(options, result, there, loaded, repairs.below if repairs else None)
    else:
        lines = plan_lines(result, there, loaded.source.position)
        show([*(repairs.lines if repairs else ()), *lines, *fingerprint_lines(result)])
    if options.out:
        save(options.out, options, result, there, topology_digest(loaded.topology))
        tell(f"saved: `netreconcile apply {options.out}` does this, or refuses if host or file have changed by then")
    found = result.steps or result.refused or (repairs and repairs.below.findings)
    return 2 if options.exit_code and found else 0
