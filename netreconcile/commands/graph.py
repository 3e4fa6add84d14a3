"""`netreconcile graph`: draw what is connected to what."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from netreconcile.allowance import EVERYTHING
from netreconcile.commands.below import Below, look
from netreconcile.commands.output import warn
from netreconcile.commands.session import check_source, planned, remind, session, stored
from netreconcile.graph import graph
from netreconcile.graph.dot import dot
from netreconcile.graph.mermaid import mermaid
from netreconcile.graph.svg import svg
from netreconcile.loader import load
from netreconcile.plan import plan
from netreconcile.verify.target import targets

if TYPE_CHECKING:
    import argparse

    from netreconcile.graph.graph import Graph
    from netreconcile.observed import Host

_NOTATIONS = {"mermaid": mermaid, "dot": dot, "svg": svg}


def run(options: argparse.Namespace) -> int:
    """Print the picture of the files, of the host where none is given, or of the files as they differ from the host."""
    check_source(options)
    print(_NOTATIONS[options.output](_graph(options)), end="")
    return 0


def _graph(options: argparse.Namespace) -> Graph:
    if not options.topology:
        return graph.of_host(_host(options))
    loaded = load(options.topology, strict=options.strict)
    warn(loaded.warnings)
    if not (options.drift or options.connect or options.state is not None):
        return graph.of_topology(loaded.topology)
    result, there = planned(options, loaded.topology, partial(plan, allowed=EVERYTHING))
    below = Below() if options.state is not None else look(targets(loaded.topology, there), there)
    return graph.of_plan(result, loaded.topology, there, {finding.network for finding in below.findings})


def _host(options: argparse.Namespace) -> Host:
    """Return the host with all its guests, or the one whose state is in the file."""
    if options.state is not None:
        return stored(options).host()
    with session(options, readonly=True) as here:
        remind(here)
        return here.connection.read_guests(here.connection.read())
