"""Exported state: all that a plan needs of a host, in a file, for where the host can't be reached.

The file comes from anywhere: what it says is read as strictly as a topology, and its XML as libvirt's is.
"""

from __future__ import annotations

import ipaddress
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from netreconcile.entry import LATEST, When
from netreconcile.errors import InvalidState, dotted
from netreconcile.machine import Machine, oddity
from netreconcile.observed import Guest, Host
from netreconcile.printable import printable
from netreconcile.record import NetworkRecord, recorded

if TYPE_CHECKING:
    from collections.abc import Iterable

    from netreconcile.host import Connection

MAX_BYTES: Final = 16 * 1024 * 1024
"""Most bytes of a file; a running network with 10 000 DHCP hosts, each with a lease, has 4 MiB."""
_LONGEST: Final = 500
_SPANS: Final = (("day", 24 * 3600), ("hour", 3600), ("minute", 60))


def _possible(found: Machine) -> Machine:
    """Return the machine. Raises ValueError where no kernel has such a one."""
    if why := oddity(found):
        raise ValueError(why)
    return found


def _there(record: NetworkRecord) -> NetworkRecord:
    """Return the network. Raises ValueError where libvirt has no such one."""
    if record.config_xml is None and record.running_xml is None:
        msg = "a network that is neither defined nor running isn't there"
        raise ValueError(msg)
    for lease in record.leases:
        ipaddress.ip_address(lease.ip)
        if not 0 <= lease.expires <= LATEST:
            msg = f"{lease.expires} is no time that a lease ends at"
            raise ValueError(msg)
    return record


_Number = Annotated[int, Field(ge=0, lt=1_000_000)]


class State(BaseModel):
    """What a host had when somebody looked."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    format_version: Literal[1]
    """The shape of this document."""
    taken: When
    """When it was taken, in seconds of Unix time."""
    connection: str
    """The libvirt URI of the host."""
    version: tuple[_Number, _Number, _Number]
    """The release of the host's libvirt."""
    networks: dict[str, Annotated[NetworkRecord, AfterValidator(_there)]]
    """The networks by name."""
    waiting: dict[str, tuple[Guest, ...]]
    """The running guests of networks that weren't there, by the network's name."""
    pending: tuple[str, ...] = ()
    """What was still to be finished, confirmed or undone, a sentence each."""
    machine: Annotated[Machine, AfterValidator(_possible)] | None = None
    """The machine below libvirt, null where it isn't known."""
    machine_unknown: str = ""
    """Why the machine isn't known, or empty."""

    def host(self) -> Host:
        """Return the host, with the guests and leases of all its networks."""
        networks = {name: record.network(name) for name, record in self.networks.items()}
        links = frozenset(link.name for link in self.machine.links) if self.machine else frozenset[str]()
        return Host(self.connection, self.version, networks, dict(self.waiting), links=links)

    def age(self, now: float) -> str:
        """Return how old the state is, in words; `now` is in seconds of Unix time."""
        seconds = now - self.taken
        if seconds < 0:
            return "in the future, by the clock here"
        for word, span in _SPANS:
            if seconds >= span:
                number = int(seconds // span)
                return f"{number} {word}{'' if number == 1 else 's'} ago"
        return "less than a minute ago"


def read_state(connection: Connection, pending: Iterable[str] = ()) -> State:
    """Return what the host has now, without the machine below it. Raises LibvirtFailed."""
    taken = time.time()
    there = connection.read_guests(connection.read())
    return State(
        format_version=1,
        taken=taken,
        connection=there.uri,
        version=there.version,
        networks={
            name: recorded(network)
            for name, network in sorted(there.networks.items())
            if network.active or network.persistent  # else it has gone while the host was read
        },
        waiting={name: guests for name, guests in sorted(there.waiting.items()) if guests},
        pending=tuple(pending),
    )


def load_state(path: str) -> State:
    """Return the state that the file holds; `-` is standard input. Raises InvalidState."""
    try:
        text = _content(path)
        return State.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = dotted(first["loc"])
        what = first["msg"].removeprefix("Value error, ")
        reason = f"is no state that `netreconcile show --export` wrote: {f'{where}: ' if where else ''}{what}"
        raise _invalid(path, reason) from error
    except (OSError, ValueError) as error:
        raise _invalid(path, (error.strerror if isinstance(error, OSError) else None) or str(error)) from error


def _content(path: str) -> bytes:
    if path == "-":
        text = sys.stdin.buffer.read(MAX_BYTES + 1)
    else:
        with Path(path).open("rb") as file:
            text = file.read(MAX_BYTES + 1)
    if len(text) > MAX_BYTES:
        msg = f"is larger than {MAX_BYTES // 1024 // 1024} MiB"
        raise ValueError(msg)
    return text


def _invalid(path: str, reason: str) -> InvalidState:
    return InvalidState(printable(f"state {'on standard input' if path == '-' else path}: {reason}", _LONGEST))
