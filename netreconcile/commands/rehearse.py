"""`netreconcile rehearse`: carry the plan out on a copy of the host, and tell what would happen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netreconcile.commands.export import taken
from netreconcile.commands.output import show, show_json, tell, warn
from netreconcile.commands.session import permissions, planner, session, stored
from netreconcile.loader import load
from netreconcile.rehearse.copy import blueprint
from netreconcile.rehearse.inside import in_lab
from netreconcile.rehearse.outcome import Rehearsal, Request, Would
from netreconcile.rehearse.report import rehearsal_document, rehearsal_lines

if TYPE_CHECKING:
    import argparse

    from netreconcile.state import State

EXIT_CODES = {Would.FAIL: 1, Would.BREAK: 2, Would.BE_UNKNOWN: 1, Would.BE_REFUSED: 3}
"""What isn't here is 0."""


def run(options: argparse.Namespace) -> int:
    """Rehearse the plan and print how it went; the host is only read, and with `--state` not even that."""
    loaded = load(options.topology, strict=options.strict)
    warn(loaded.warnings)
    state = _state(options)
    make, host = planner(options), state.host()
    plan = make(loaded.topology, host)
    found = Rehearsal(plan, host)
    if plan.steps:
        copied = blueprint(loaded.topology, state, permissions(options))
        found = in_lab(Request(plan, host, copied, make, options.full), tell)
    if options.output == "json":
        show_json(rehearsal_document(found))
    else:
        show(rehearsal_lines(found, loaded.source.position))
    return EXIT_CODES.get(found.would, 0)


def _state(options: argparse.Namespace) -> State:
    """Return the state of the host, or the one that the options name."""
    if options.state is not None:
        return stored(options)
    with session(options, readonly=True) as here:
        return taken(here)
