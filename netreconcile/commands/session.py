"""What the commands that look at a host share: the connection, and a plan with the guests that it concerns."""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from netreconcile.actions import Impact
from netreconcile.allowance import Kind
from netreconcile.commands.output import tell
from netreconcile.entry import Status
from netreconcile.folder import folder_of
from netreconcile.host import Connection, connect
from netreconcile.journal import Journal
from netreconcile.operatorfile import allowance
from netreconcile.plan import concerned, plan
from netreconcile.render import pending_lines
from netreconcile.restore import broken_off

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Generator

    from netreconcile.entry import Entry
    from netreconcile.model import Topology
    from netreconcile.observed import Host
    from netreconcile.plan import Plan

    Planner = Callable[[Topology, Host], Plan]

DEFAULT_URI = "qemu:///system"


@dataclass(frozen=True, slots=True)
class Session:
    """A connection to a host, and the journal of what was done to it from here."""

    connection: Connection
    journal: Journal

    def planned(self, topology: Topology, make: Planner, pending: Entry | None = None) -> tuple[Plan, Host]:
        """Return the plan for what the host has now, and the host with the guests of the networks that concern it.

        What the pending change has left behind, if it broke off, is taken into account.
        """
        there = self.connection.read()
        there = self.connection.read_guests(there, concerned(topology, there))
        if pending and pending.status is Status.UNFINISHED:
            there = broken_off(there, pending.left_alone_since(there), pending.stopped)
        return make(topology, there), there


@contextmanager
def session(options: argparse.Namespace, *, readonly: bool) -> Generator[Session]:
    """Connect to the host that the options name."""
    with connect(uri_of(options), readonly=readonly, timeout=options.timeout) as connection:
        yield Session(connection, journal_of(options))


def journal_of(options: argparse.Namespace) -> Journal:
    """Return the journal of the host that the options name."""
    return Journal(folder_of(uri_of(options)))


def uri_of(options: argparse.Namespace) -> str:
    """Return `--connect`, else `$LIBVIRT_DEFAULT_URI`, else libvirt's system daemon."""
    return str(options.connect or os.environ.get("LIBVIRT_DEFAULT_URI") or DEFAULT_URI)


def remind(here: Session) -> None:
    """Tell of a change that is still to be finished, confirmed or undone."""
    for line in (*pending_lines(here.journal.pending()), *here.journal.unreadable):
        tell(line)


def planner(options: argparse.Namespace) -> Planner:
    """Return the planner with what the command line and the host's operator say about it."""
    flags = {Kind.OPTION: options.allow_dnsmasq_options, Kind.TFTP_ROOT: options.allow_tftp_root}
    allowed = allowance(options.operator_policy).with_all(*(kind for kind, given in flags.items() if given))
    return partial(plan, take_over=options.take_over, max_impact=Impact[options.max_impact.upper()], allowed=allowed)
