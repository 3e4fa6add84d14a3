"""`netreconcile status`: how the networks stand, on one screen."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from netreconcile.allowance import EVERYTHING
from netreconcile.below.overview import overview, overview_document, overview_lines
from netreconcile.below.report import accepted_document
from netreconcile.commands.below import examine
from netreconcile.commands.output import show, show_json, tell
from netreconcile.commands.session import remind, session
from netreconcile.loader import load
from netreconcile.plan import plan

if TYPE_CHECKING:
    import argparse


def run(options: argparse.Namespace) -> int:
    """Print how the networks of the files stand, without files all of the host; return 2 if one isn't in order."""
    topology = load(options.topology).topology if options.topology else None
    with session(options, readonly=True) as here:
        remind(here)
        result = None
        if topology:
            make = partial(plan, allowed=EVERYTHING)
            result, there = here.planned(topology, make, here.journal.pending(topology.name))
        else:
            there = here.connection.read()
            there = here.connection.read_guests(there, there.networks)
    below = examine(options, topology, there)
    seen = overview(there, result, below.findings, below.unknown)
    if options.output == "json":
        show_json({**overview_document(seen), "below_accepted": accepted_document(below.accepted)})
    else:
        show(overview_lines(seen))
        if seen.unknown:
            tell(f"not looked at: what is below libvirt ({seen.unknown})")
    return 0 if seen.in_order else 2
