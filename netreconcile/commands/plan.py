"""`netreconcile plan`: tell what apply would do, and at what price."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netreconcile.commands.output import show, show_json, warn
from netreconcile.commands.session import host, planned, planner
from netreconcile.document import plan_document
from netreconcile.loader import load
from netreconcile.render import plan_lines

if TYPE_CHECKING:
    import argparse


def run(options: argparse.Namespace) -> int:
    """Print the plan; the connection is read-only."""
    loaded = load(options.topology, strict=options.strict)
    warn(loaded.warnings)
    with host(options, readonly=True) as connection:
        result, there = planned(connection, loaded.topology, planner(options))
    if options.output == "json":
        show_json(plan_document(result, there))
    else:
        show(plan_lines(result, there, loaded.source.position))
    return 2 if options.exit_code and (result.steps or result.refused) else 0
