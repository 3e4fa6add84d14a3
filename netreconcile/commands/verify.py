"""`netreconcile verify`: tell whether the networks do for guests what they promise."""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING

from netreconcile.commands.output import show, show_json, tell, warn
from netreconcile.commands.session import remind, session
from netreconcile.errors import UsageError
from netreconcile.kernel.here import hindrance
from netreconcile.kernel.read import read
from netreconcile.kernel.state import Unread
from netreconcile.loader import load
from netreconcile.verify.report import counted, verdict_lines, verification_document
from netreconcile.verify.target import Level, targets
from netreconcile.verify.verify import announcement, verify

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from netreconcile.model import Topology
    from netreconcile.observed import Host
    from netreconcile.verify.target import Target
    from netreconcile.verify.verdict import NetworkVerdict


def run(options: argparse.Namespace) -> int:
    """Print how each promise stands; return 2 if one is broken, 1 if the host or a network can't be seen, else 0."""
    if options.lan and not options.full:
        raise UsageError("--lan goes with --full: without it nothing is plugged in anywhere")
    loaded = load(options.topology)
    if options.verbose:
        warn(loaded.warnings)
    with session(options, readonly=True) as here:
        remind(here)
        there = here.connection.read()
    chosen = _chosen(loaded.topology, there, options.network)
    level = Level.FULL if options.full else Level.QUICK
    hidden = hindrance(there.uri)
    if hidden:
        tell(f"only libvirt's own word can be had from here: {hidden}")
    elif chosen:
        for line in announcement(chosen, level=level, lan=options.lan):
            tell(line)
    state = Unread(hidden) if hidden else read([target.name for target in chosen])
    found = verify(chosen, level=level, lan=options.lan, state=state, watch=_progress(len(chosen), level))
    if options.output == "json":
        show_json(verification_document(loaded.topology.name, there.uri, level, found))
    else:
        show(verdict_lines(found, shutil.get_terminal_size().columns if sys.stdout.isatty() else 0))
    return _exit_code(found, hidden)


def _chosen(topology: Topology, there: Host, names: list[str]) -> tuple[Target, ...]:
    """Return the networks that are to be looked at: those named, or all that are to be active. Raises UsageError."""
    found = targets(topology, there)
    active = {target.name for target in found}
    for name in names:
        if name not in topology.networks:
            raise UsageError(f"the topology has no network {name!r}; it has {', '.join(topology.networks)}")
        if name not in active:
            raise UsageError(f"network {name!r} is to be {topology.networks[name].state}, and promises nothing")
    return tuple(target for target in found if not names or target.name in names)


def _progress(total: int, level: Level) -> Callable[[NetworkVerdict], None]:
    """Return what tells a terminal of each network that is done, where that takes long."""
    done = 0

    def watch(network: NetworkVerdict) -> None:
        nonlocal done
        done += 1
        if level is Level.FULL and sys.stderr.isatty():
            tell(f"[{done}/{total}] {network.network}: {counted([network])}")

    return watch


def _exit_code(found: tuple[NetworkVerdict, ...], hidden: str) -> int:
    if any(network.broken for network in found):
        return 2
    unprobed = any(verdict.code == "probe" for network in found for verdict in network.verdicts)
    return 1 if hidden or unprobed else 0
