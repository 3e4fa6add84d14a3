"""`netreconcile repair`: put right what the host has made of the networks, at the least cost, and verify it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netreconcile.below.mending import mending
from netreconcile.commands.apply import apply_loaded
from netreconcile.commands.cron import change
from netreconcile.commands.execute import writing
from netreconcile.commands.output import warn
from netreconcile.commands.session import cap, permissions
from netreconcile.loader import load
from netreconcile.plan import NONE, plan

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from netreconcile.metrics import Ending
    from netreconcile.model import Topology
    from netreconcile.networkplan import NetworkPlan
    from netreconcile.observed import Host
    from netreconcile.plan import Plan


def run(options: argparse.Namespace) -> int:
    """Mend what is below libvirt, then what libvirt has; return 0 if all is as it should be.

    1: something could not be mended, or not be seen; 3: something is left for somebody else, or held back.
    """
    return change(options, _repair)


def _repair(options: argparse.Namespace) -> Ending:
    loaded = load(options.topology, strict=options.strict)
    if options.verbose:
        warn(loaded.warnings)

    def make(topology: Topology, host: Host, *, known: Mapping[str, NetworkPlan] = NONE) -> Plan:
        whole = plan(topology, host, max_impact=cap(options), allowed=permissions(options), known=known)
        return mending(whole, disruption=options.allow_disruption)

    with writing(options, "repair") as here:
        return apply_loaded(options, here, loaded, make, repair=True)
