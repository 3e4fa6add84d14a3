"""`netreconcile drift`: tell whether the host still matches."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from netreconcile.allowance import EVERYTHING
from netreconcile.commands.output import show, show_json, warn
from netreconcile.commands.session import remind, session
from netreconcile.document import plan_document
from netreconcile.loader import load
from netreconcile.plan import plan
from netreconcile.render import drift_lines

if TYPE_CHECKING:
    import argparse


def run(options: argparse.Namespace) -> int:
    """Print nothing and return 0 if the host matches; else the differences with their causes, and 2."""
    loaded = load(options.topology, strict=options.strict)
    if options.verbose:
        warn(loaded.warnings)
    with session(options, readonly=True) as here:
        remind(here)
        # What differs is told the same whether anybody may change it or not.
        pending = here.journal.pending(loaded.topology.name)
        result, there = here.planned(loaded.topology, partial(plan, allowed=EVERYTHING), pending)
    if options.output == "json":
        show_json(plan_document(result, there))
    else:
        show(drift_lines(result))
    return 2 if result.drifted else 0
