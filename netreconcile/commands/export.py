"""`netreconcile show --export`: what a plan needs of a host, in a file."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from netreconcile.commands.files import write
from netreconcile.commands.output import tell
from netreconcile.commands.session import reminders
from netreconcile.kernel.here import on_this_host
from netreconcile.kernel.read import Unreadable, read_links, read_routes, read_settings
from netreconcile.machine import machine, oddity
from netreconcile.state import read_state

if TYPE_CHECKING:
    from netreconcile.commands.session import Session
    from netreconcile.machine import Machine
    from netreconcile.observed import Host
    from netreconcile.state import State

_PRIVATE = 0o600


def export(path: str, here: Session) -> None:
    """The file, or standard output for `-`, has the state of the host; what it lacks is told.

    Raises: LibvirtFailed; UsageError where the file can't be written.
    """
    state = taken(here)
    text = f"{state.model_dump_json(indent=2)}\n"
    if path == "-":
        print(text, end="")
    else:
        write(path, text, "the state", mode=_PRIVATE)
    if state.machine is None:
        tell(f"without the machine below libvirt: {state.machine_unknown}; `netreconcile rehearse` will make do")


def taken(here: Session) -> State:
    """Return what the host has now, with the machine below libvirt if it can be seen. Raises: LibvirtFailed."""
    pending = reminders(here.journal)
    for line in pending:
        tell(line)
    state = read_state(here.connection, pending)
    found = _machine(state.host())
    return state.model_copy(update={"machine_unknown": found} if isinstance(found, str) else {"machine": found})


def _machine(host: Host) -> Machine | str:
    """Return the machine below libvirt, or why it isn't known."""
    if reason := on_this_host(host.uri):
        return reason
    try:
        links, routes = read_links(), read_routes()
    except Unreadable as error:
        return str(error)
    names = [link.name for link in links]
    active = [there.running for there in host.networks.values() if there.running and there.running.own_bridge]
    lacking = [network.bridge.name for network in active if network.bridge.name not in names]
    if lacking:
        return f"libvirt has a bridge {lacking[0]}, and this network namespace hasn't"
    hostname = os.uname().nodename.encode(errors="backslashreplace").decode()
    found = machine(hostname, links, routes, read_settings(), host)
    return oddity(found) or found
