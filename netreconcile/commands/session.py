"""What the commands that look at a host share: the connection, and a plan with the guests that it concerns."""

from __future__ import annotations

import os
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from netreconcile.actions import Impact
from netreconcile.host import Connection, connect
from netreconcile.plan import concerned, plan

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Generator

    from netreconcile.model import Topology
    from netreconcile.observed import Host
    from netreconcile.plan import Plan

    Planner = Callable[[Topology, Host], Plan]

DEFAULT_URI = "qemu:///system"


@contextmanager
def host(options: argparse.Namespace, *, readonly: bool) -> Generator[Connection]:
    """Connect to `--connect`, else `$LIBVIRT_DEFAULT_URI`, else libvirt's system daemon."""
    uri = options.connect or os.environ.get("LIBVIRT_DEFAULT_URI") or DEFAULT_URI
    with connect(uri, readonly=readonly) as connection:
        yield connection


def planner(options: argparse.Namespace) -> Planner:
    """Return the planner with what the command line says about it."""
    return partial(plan, take_over=options.take_over, max_impact=Impact[options.max_impact.upper()])


def planned(connection: Connection, topology: Topology, make: Planner) -> tuple[Plan, Host]:
    """Return the plan for what the host has now, and the host with the guests of the networks that concern it."""
    there = connection.read()
    there = connection.read_guests(there, concerned(topology, there))
    return make(topology, there), there
