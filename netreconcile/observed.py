"""What a libvirt host has, as values: the observed side of every comparison."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from netreconcile.definitions import essence

if TYPE_CHECKING:
    from collections.abc import Mapping

    from netreconcile.binding import Version
    from netreconcile.definitions import Listed
    from netreconcile.mark import Mark
    from netreconcile.model import Network

ABSENT = "absent"
"""The state of a network that isn't there."""


@dataclass(frozen=True, slots=True, order=True)
class Guest:
    """A network interface of a domain that is connected to a network.

    For `by_bridge` guests libvirt keeps no network port. A running guest that is not `plugged` lost its link when
    somebody restarted the network. One that isn't `reachable` can't be plugged back in: the connection has no domains
    (`network:///system`).
    """

    domain: str
    """The domain's name."""
    mac: str
    """The MAC address of its interface."""
    target: str = ""
    """The host's end of the cable, such as vnet0, or empty."""
    running: bool = True
    """The domain ran."""
    by_bridge: bool = False
    """The domain named the bridge instead of the network."""
    plugged: bool = True
    """It had a link."""
    reachable: bool = True
    """Its domain was known; else only its port was."""
    address: str = ""
    """What DHCP had lent it, or empty."""
    portgroup: str = ""
    """What it named of the network's port groups, or empty."""


@dataclass(frozen=True, slots=True, order=True)
class Lease:
    """An address that dnsmasq has lent to a client."""

    ip: str
    """The address."""
    mac: str
    """The MAC address of the client, or empty."""
    name: str
    """The host name that it gave, or empty."""
    expires: int
    """When it ends, in seconds of Unix time, 0 for never."""


@dataclass(frozen=True, slots=True)
class Observed:
    """A network of the host.

    | active | persistent | config_xml | running_xml | what it is                                    |
    |--------|------------|------------|-------------|-----------------------------------------------|
    | yes    | yes        | set        | set         | running, and defined                          |
    | yes    | no         | None       | set         | transient: gone when it stops                 |
    | no     | yes        | set        | None        | defined only                                  |

    `config` and `running` are parsed from the XML; where libvirt printed something unreadable, `trouble` says so, and
    both are None. `bridgeless` is known of networks that were looked at below libvirt: the bridge is gone, libvirt
    calls the network active all the same, and no guest of it has a link.
    """

    name: str
    uuid: str
    config_xml: str | None = None
    running_xml: str | None = None
    autostart: bool = False
    guests: tuple[Guest, ...] = ()
    leases: tuple[Lease, ...] = ()
    config: Network | None = None
    running: Network | None = None
    mark: Mark | None = None
    trouble: str = ""
    bridgeless: bool = False

    @property
    def active(self) -> bool:
        """Return whether the network runs."""
        return self.running_xml is not None

    @property
    def persistent(self) -> bool:
        """Return whether the network has a definition that outlives it."""
        return self.config_xml is not None

    @property
    def defined(self) -> Network | None:
        """Return the config, or what runs without one; None where libvirt's XML is unreadable."""
        return self.config or self.running

    @property
    def connected(self) -> tuple[Guest, ...]:
        """Return the guests that lose their link when the network stops."""
        return tuple(guest for guest in self.guests if guest.running and guest.plugged)

    @property
    def loose(self) -> tuple[Guest, ...]:
        """Return the running guests that belong to the network and have no link."""
        return tuple(guest for guest in self.guests if guest.running and not guest.plugged)

    def is_listed_as(self, listed: Listed) -> bool:
        """Return whether libvirt lists it as what it was, in the state that it had; its definitions may be others."""
        return (self.uuid, self.persistent, self.active, self.autostart) == listed[1:]

    @property
    def state(self) -> str:
        """Return digests of all that libvirt keeps of the network: of its definition, a dot, and of what it runs.

        Guests that come and go change nothing of it.
        """
        defined = _digest(repr((self.uuid, essence(self.config_xml), self.autostart)))
        return f"{defined}.{_digest(essence(self.running_xml)) if self.running_xml else ''}"

    def is_as_left(self, state: str) -> bool:
        """Return whether nobody else has changed the network since it had the state.

        It may have stopped since, or started from its config: a host that was restarted is none that was changed.
        """
        if state == self.state:
            return True
        if state.partition(".")[0] != self.state.partition(".")[0] or not self.persistent:
            return False
        return not self.active or self.runs_config

    @property
    def runs_config(self) -> bool:
        """Return whether the network runs what its config says."""
        if self.running is None or self.config is None:
            return False
        from netreconcile.diff import changes
        from netreconcile.fill import as_running, filled

        started = as_running(filled(self.config, self.running), self.running)
        return not changes(self.running, started)


def state_of(there: Observed | None) -> str:
    """Return the state of a network that may be missing."""
    return there.state if there else ABSENT


def _digest(text: str | None) -> str:
    return hashlib.sha256((text or "").encode(errors="surrogatepass")).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Host:
    """A libvirt host: its networks by name, and the release of its libvirt.

    `waiting` are the running guests of networks that aren't there: somebody removed the network under them. `lost` are
    networks that a change has taken away and not brought back, as they were before. `links` are its network devices by
    name, those that libvirt made among them; none where they can't be seen. `left_behind` are stopped networks whose
    bridge libvirt left there when it was killed; the next step on one of them clears it away.
    """

    uri: str
    version: Version
    networks: Mapping[str, Observed] = field(default_factory=dict)
    waiting: Mapping[str, tuple[Guest, ...]] = field(default_factory=dict)
    lost: Mapping[str, Observed] = field(default_factory=dict)
    links: frozenset[str] = frozenset()
    left_behind: frozenset[str] = frozenset()


def observed(  # noqa: PLR0913 -- one argument a fact
    name: str,
    uuid: str,
    *,
    config_xml: str | None,
    running_xml: str | None,
    autostart: bool,
    guests: tuple[Guest, ...] = (),
) -> Observed:
    """Return the network with its XML parsed; ownership is read from the config where there is one.

    The mark in a running definition can be old: libvirt can't change metadata of a running network before 9.7.
    """
    from netreconcile import codec  # which loads the model; a look whether anything has changed needs none

    config = running = mark = None
    trouble = ""
    try:
        if running_xml is not None:
            running, mark = codec.parse(running_xml)
        if config_xml == running_xml:
            config = running
        elif config_xml is not None:
            config, mark = codec.parse(config_xml)
    except codec.UnreadableXml as error:
        config = running = mark = None
        trouble = f"libvirt's own description of it can't be read: {error}"
    return Observed(name, uuid, config_xml, running_xml, autostart, guests, (), config, running, mark, trouble)
