"""What the kernel of this host has, as values: links, routes, settings, DNS servers and firewall rules."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from netreconcile.kernel.ruleset import Ruleset

Interface = ipaddress.IPv4Interface | ipaddress.IPv6Interface
Subnet = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class Unread:
    """A part that can't be read here; `why` is the reason in words."""

    why: str


@dataclass(frozen=True, slots=True)
class Address:
    """An address of a link; a `tentative` one can't be used yet: no port of the bridge forwards so far."""

    interface: Interface
    tentative: bool = False

    @property
    def version(self) -> int:
        """Return 4 or 6."""
        return self.interface.version

    @property
    def link_local(self) -> bool:
        """Return whether the kernel gave it to itself (fe80::/10)."""
        return self.version == 6 and self.interface.is_link_local  # noqa: PLR2004

    def __str__(self) -> str:
        return str(self.interface)


@dataclass(frozen=True, slots=True)
class Link:
    """A network device. `up` is whether it is switched on; a bridge without ports is up and carries nothing.

    `kind` is the kernel's word ("bridge", "veth", "tun"), empty for a NIC. `stp`, `delay` (seconds) and
    `vlan_filtering` are those of a bridge, else None. `master` is the bridge that it is a port of, `port_state` the
    port's state there ("forwarding"), `isolated` whether it is kept from other isolated ports; `peer` the number of
    the link at its other end, 0 where it has none in this namespace.
    """

    name: str
    number: int = 0
    kind: str = ""
    up: bool = False
    mtu: int = 1500
    mac: str = ""
    master: str = ""
    port_state: str = ""
    isolated: bool = False
    stp: bool | None = None
    delay: float | None = None
    vlan_filtering: bool | None = None
    peer: int = 0
    addresses: tuple[Address, ...] = ()


@dataclass(frozen=True, slots=True)
class Route:
    """A route of the main table; without `via`, the subnet is on the link. Routes to `default` have prefix length 0.

    `protocol` is who made it ("kernel", "static", "dhcp"); `metric` is 0 where the kernel shows none.
    """

    to: Subnet
    device: str = ""
    via: str = ""
    metric: int = 0
    protocol: str = ""
    source: str = ""
    kind: str = "unicast"


@dataclass(frozen=True, slots=True)
class Settings:
    """The kernel's settings (/proc/sys/net); None, or left out of a mapping, where one can't be read.

    `filtered4` and `filtered6` tell whether packets between ports of one bridge pass through the firewall's rules, too
    (br_netfilter). `disabled6` and `rp_filter` are by link; of rp_filter the kernel takes the larger one of the link's
    own and that of all links (Documentation/networking/ip-sysctl.rst).
    """

    forwarding4: bool | None = None
    forwarding6: bool | None = None
    filtered4: bool | None = None
    filtered6: bool | None = None
    disabled6: Mapping[str, bool] = field(default_factory=dict)
    rp_filter: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Server:
    """The dnsmasq that libvirt started for a network: its process, and whether that runs and has the network's file.

    The kernel gives the number of a process that has ended to another one: `ours` tells whether it is dnsmasq. It
    has read its file but once; `edited` is when that was changed after the start, in Unix time, None where it wasn't.
    """

    pid: int
    alive: bool
    ours: bool = True
    edited: float | None = None


@dataclass(frozen=True, slots=True)
class KernelState:
    """Everything that was read; `servers` are by libvirt's name of the network, missing where none was started."""

    links: tuple[Link, ...] | Unread = ()
    routes: tuple[Route, ...] | Unread = ()
    settings: Settings = Settings()
    servers: Mapping[str, Server] | Unread = field(default_factory=dict)
    rules: Ruleset | Unread = Unread("not asked for")

    def link(self, name: str) -> Link | None:
        """Return the link with the name; None where there is none, or none can be read."""
        return (
            None if isinstance(self.links, Unread) else next((link for link in self.links if link.name == name), None)
        )

    def ports(self, bridge: str) -> tuple[Link, ...]:
        """Return the links that are ports of the bridge."""
        return () if isinstance(self.links, Unread) else tuple(link for link in self.links if link.master == bridge)

    def uplink(self, version: int) -> str:
        """Return the link of the default route of an IP version; empty where there is none, or several."""
        routes = () if isinstance(self.routes, Unread) else self.routes
        found = {route.device for route in routes if route.to.version == version and not route.to.prefixlen}
        return found.pop() if len(found) == 1 else ""
