"""What the commands that look at a host share: the connection, and a plan with the guests of what it touches."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from netreconcile.host import Connection, connect

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Generator

    from netreconcile.observed import Host
    from netreconcile.plan import Plan

DEFAULT_URI = "qemu:///system"


@contextmanager
def host(options: argparse.Namespace, *, readonly: bool) -> Generator[Connection]:
    """Connect to `--connect`, else `$LIBVIRT_DEFAULT_URI`, else libvirt's system daemon."""
    uri = options.connect or os.environ.get("LIBVIRT_DEFAULT_URI") or DEFAULT_URI
    with connect(uri, readonly=readonly) as connection:
        yield connection


def planned(connection: Connection, make: Callable[[Host], Plan]) -> tuple[Plan, Host]:
    """Return the plan for what the host has now.

    Guests are read only for networks that the plan touches: a host in sync is read with few calls.
    """
    there = connection.read()
    plan = make(there)
    touched = [part.name for part in plan.networks if part.steps or part.refusal]
    if touched:
        there = connection.read_guests(there, touched)
        plan = make(there)
    return plan, there
