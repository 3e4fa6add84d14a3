"""What the commands that look at a host share: the connection, and a plan with the guests that it concerns."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Protocol

from netreconcile.actions import Impact
from netreconcile.allowance import Kind
from netreconcile.commands.output import tell
from netreconcile.commands.uri import uri_of
from netreconcile.entry import Status
from netreconcile.errors import UsageError
from netreconcile.folder import folder_of
from netreconcile.host import Connection, connect
from netreconcile.journal import Journal
from netreconcile.operatorfile import allowance
from netreconcile.plan import concerned, differing, plan, still
from netreconcile.render import pending_lines
from netreconcile.restore import broken_off

if TYPE_CHECKING:
    import argparse
    from collections.abc import Generator, Mapping

    from netreconcile.allowance import Allowance
    from netreconcile.entry import Entry
    from netreconcile.model import Topology
    from netreconcile.networkplan import NetworkPlan
    from netreconcile.observed import Host
    from netreconcile.plan import Plan
    from netreconcile.state import State

    class Planner(Protocol):
        """Plans for a topology and a host; `known` are parts of an earlier plan that still hold."""

        def __call__(self, topology: Topology, host: Host, *, known: Mapping[str, NetworkPlan] = ...) -> Plan:
            """Return the plan."""
            ...


@dataclass(frozen=True, slots=True)
class Session:
    """A connection to a host, and the journal of what was done to it from here."""

    connection: Connection
    journal: Journal

    def planned(self, topology: Topology, make: Planner, pending: Entry | None = None) -> tuple[Plan, Host]:
        """Return the plan for what the host has now, and the host.

        Of networks that are in sync it has the guests that domains name, and no leases.
        """
        if pending and pending.status is Status.UNFINISHED:
            there = self.read(topology, pending)
            return make(topology, there), there
        host = self.connection.read()
        first = make(topology, host)
        names = differing(first)
        idle = [name for name in concerned(topology, host) if name in host.networks and name not in names]
        there = self.connection.read_guests(host, names, idle=idle)
        return make(topology, there, known=still(first, host, there)), there

    def planned_again(
        self, topology: Topology, make: Planner, before: tuple[Plan, Host], changed: set[str]
    ) -> tuple[Plan, Host]:
        """Return what is left to do after some networks were changed, and the host.

        The others are taken as they were before, unless libvirt lists one as gone, made anew, started or stopped.
        """
        plan, host = before
        there = self.connection.read(host, changed)
        names = {name for name in concerned(topology, there) if there.networks.get(name) is not host.networks.get(name)}
        there = self.connection.read_guests(there, changed | names)
        return make(topology, there, known=still(plan, host, there)), there

    def read(self, topology: Topology, pending: Entry | None = None) -> Host:
        """Return the host with the guests of the networks that concern the topology.

        What the pending change has left behind, if it broke off, is taken into account.
        """
        there = self.connection.read()
        there = self.connection.read_guests(there, concerned(topology, there))
        if pending and pending.status is Status.UNFINISHED:
            there = broken_off(there, pending.left_alone_since(there), pending.stopped)
        return there


@contextmanager
def session(options: argparse.Namespace, *, readonly: bool) -> Generator[Session]:
    """Connect to the host that the options name."""
    with connect(uri_of(options), readonly=readonly, timeout=options.timeout) as connection:
        yield Session(connection, journal_of(options))


def journal_of(options: argparse.Namespace) -> Journal:
    """Return the journal of the host that the options name."""
    return Journal(folder_of(uri_of(options)))


def planned(options: argparse.Namespace, topology: Topology, make: Planner) -> tuple[Plan, Host]:
    """Return the plan for the host that the options name, or for one whose state they name; nothing is written.

    What is still to be finished there, and how old the state is, is told.
    """
    if options.state is None:
        with session(options, readonly=True) as here:
            remind(here)
            return here.planned(topology, make, here.journal.pending(topology.name))
    there = stored(options).host()
    return make(topology, there), there


def stored(options: argparse.Namespace) -> State:
    """Return the state that the options name; whose it is, how old, and what is to be finished there, is told.

    Raises: InvalidState.
    """
    from netreconcile.state import load_state

    state = load_state(options.state)
    tell(f"state of {state.connection}, taken {state.age(time.time())}")
    for line in state.pending:
        tell(line)
    return state


def check_source(options: argparse.Namespace) -> None:
    """Raise UsageError where `--state` is given together with what excludes it."""
    if options.state is not None and options.connect:
        msg = "--state and -c exclude each other: the state says which host it is of"
        raise UsageError(msg)
    if options.state == "-" and "-" in options.topology:
        msg = "standard input can't be both the state and the topology"
        raise UsageError(msg)


def remind(here: Session) -> None:
    """Tell of a change that is still to be finished, confirmed or undone."""
    for line in reminders(here.journal):
        tell(line)


def reminders(journal: Journal) -> tuple[str, ...]:
    """Return what to know about a change that is still to be finished, confirmed or undone, a sentence each."""
    return (*pending_lines(journal.pending()), *journal.unreadable)


def planner(options: argparse.Namespace) -> Planner:
    """Return the planner with what the command line and the host's operator say about it."""
    return partial(plan, take_over=options.take_over, max_impact=cap(options), allowed=permissions(options))


def cap(options: argparse.Namespace) -> Impact:
    """Return the worst that the command line lets happen to a network."""
    return Impact[options.max_impact.upper()]


def permissions(options: argparse.Namespace) -> Allowance:
    """Return what the command line and the host's operator let a topology add."""
    flags = {Kind.OPTION: options.allow_dnsmasq_options, Kind.TFTP_ROOT: options.allow_tftp_root}
    return allowance(options.operator_policy).with_all(*(kind for kind, given in flags.items() if given))
