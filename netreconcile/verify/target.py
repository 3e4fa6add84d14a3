"""What is verified: a network as the file wants it, and as it runs."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from netreconcile.checks import dnsmasq
from netreconcile.checks.addresses import Interface, interface
from netreconcile.fill import filled

if TYPE_CHECKING:
    from netreconcile.model import Ip, Network, Topology
    from netreconcile.observed import Host, Observed

DEVICES = ("passthrough", "hostdev")
"""The modes in which each guest has a device of the host for itself."""
_AUTONOMOUS = 64
"""The prefix length of subnets in which hosts make their own addresses (RFC 4862)."""


class Level(StrEnum):
    """How much is tried.

    | level | what is plugged in | what is seen                                                              |
    |-------|--------------------|---------------------------------------------------------------------------|
    | quick | nothing            | what the host's own settings show, and what its servers tell the host     |
    | full  | guests             | everything a guest lives through, and what arrives at the far end of a way |
    """

    QUICK = "quick"
    FULL = "full"


@dataclass(frozen=True, slots=True)
class Target:
    """A network of the file that is to be active.

    `network` is the file's, with libvirt's own choices filled in; `running` is what runs, None if nothing does.
    `bridge` is empty where guests get no bridge (macvtap, SR-IOV), and where libvirt hasn't chosen one yet. `trouble`
    is why libvirt's description of the network can't be read, if it can't.
    """

    name: str
    network: Network
    running: Network | None
    bridge: str
    trouble: str = ""

    @property
    def lan(self) -> bool:
        """Return whether guests sit on a network that isn't libvirt's own, and may be a company's."""
        return not self.network.own_bridge

    @property
    def hosts(self) -> tuple[Interface, ...]:
        """Return the host's addresses on the network, in the file's order."""
        if self.lan:
            return ()
        return tuple(own for own in map(interface, self.network.ips) if own is not None)

    @property
    def hosts4(self) -> tuple[ipaddress.IPv4Interface, ...]:
        """Return the host's IPv4 addresses on the network."""
        return tuple(own for own in self.hosts if isinstance(own, ipaddress.IPv4Interface))

    @property
    def hosts6(self) -> tuple[ipaddress.IPv6Interface, ...]:
        """Return the host's IPv6 addresses on the network, without the link-local one."""
        return tuple(own for own in self.hosts if isinstance(own, ipaddress.IPv6Interface))

    @property
    def serves_dhcp4(self) -> bool:
        """Return whether libvirt's dnsmasq lends IPv4 addresses."""
        return self.dhcp4 is not None

    @property
    def serves_dhcp6(self) -> bool:
        """Return whether libvirt's dnsmasq lends IPv6 addresses."""
        return self.dhcp6 is not None

    @property
    def dhcp4(self) -> Ip | None:
        """Return the IPv4 subnet with DHCP; libvirt takes one at most."""
        return self._dhcp(ipaddress.IPv4Interface)

    @property
    def dhcp6(self) -> Ip | None:
        """Return the IPv6 subnet with DHCP; libvirt takes one at most."""
        return self._dhcp(ipaddress.IPv6Interface)

    @property
    def serves_dns(self) -> bool:
        """Return whether libvirt's dnsmasq answers questions about names."""
        return not self.lan and self.network.dns.enable and bool(self.hosts)

    @property
    def advertises(self) -> bool:
        """Return whether libvirt's dnsmasq sends router advertisements."""
        return bool(self.advertised)

    @property
    def advertised(self) -> tuple[ipaddress.IPv6Network, ...]:
        """Return the prefixes of its router advertisements.

        With DHCPv6 it is that subnet only (enable-ra), else every subnet from which guests can make addresses
        (ra-only; networkDnsmasqConfContents in bridge_driver.c). Seen with libvirt 9.0 and dnsmasq 2.90.
        """
        if self.lan or not dnsmasq.runs(self.network):
            return ()
        if self.dhcp6 is not None:
            return tuple(own.network for own in self.hosts6 if own == interface(self.dhcp6))
        return tuple(own.network for own in self.hosts6 if own.network.prefixlen == _AUTONOMOUS)

    @property
    def router6(self) -> str:
        """Return the link-local address that the kernel makes of the bridge's MAC address, or nothing without one."""
        mac = (self.running or self.network).mac
        if mac is None:
            return ""
        octets = bytes.fromhex(mac.replace(":", ""))
        interface_id = bytes((octets[0] ^ 2, *octets[1:3], 0xFF, 0xFE, *octets[3:]))
        return str(ipaddress.IPv6Address(b"\xfe\x80" + bytes(6) + interface_id))

    def _dhcp(self, family: type[Interface]) -> Ip | None:
        if self.lan:
            return None
        serving = (ip for ip in self.network.ips if ip.dhcp.ranges or ip.dhcp.hosts)
        return next((ip for ip in serving if isinstance(interface(ip), family)), None)


def targets(topology: Topology, host: Host) -> tuple[Target, ...]:
    """Return the networks of the file that are to be active, in the file's order."""
    return tuple(
        _target(name, network, host.networks.get(name))
        for name, network in topology.networks.items()
        if network.state == "active"
    )


def _target(name: str, desired: Network, there: Observed | None) -> Target:
    known = (there.running or there.config) if there else None
    network = filled(desired, known) if known else desired
    running = there.running if there else None
    trouble = there.trouble if there and there.active else ""
    return Target(name, network, running, _bridge(running or network), trouble)


def _bridge(network: Network) -> str:
    return "" if network.pool else network.bridge.name or ""
