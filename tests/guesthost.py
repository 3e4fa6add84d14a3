"""A libvirt host with running guests, as tests see it: which of them there are, and where each is plugged in."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lxml import etree

from netreconcile.interfaces import interfaces, mac_of
from tests.conftest import LabHost

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Said = dict[str, Any]
Networks = dict[str, Said]

GROUPS: Said = {"portgroups": [{"name": "fast"}, {"name": "slow"}]}
NAT: Said = {
    "mode": "nat",
    "bridge": {"name": "virbr-n", "stp": False},
    "ips": [{"address": "10.11.0.1/24", "dhcp": {"ranges": ["10.11.0.100-10.11.0.200"]}}],
    **GROUPS,
}
ISOLATED: Said = {
    "mode": "isolated",
    "bridge": {"name": "virbr-i", "stp": False},
    "ips": [{"address": "10.12.0.1/24"}],
}
WIRE: Said = {"mode": "very-isolated", "bridge": {"name": "virbr-w", "stp": False}}
NETWORKS: Networks = {"nat": NAT, "isolated": ISOLATED, "wire": WIRE}

BY_NAME = (
    "<interface type='network'><mac address='{mac}'/><source network='{to}'{group}/><model type='virtio'/></interface>"
)
BY_BRIDGE = "<interface type='bridge'><mac address='{mac}'/><source bridge='{to}'/><model type='virtio'/></interface>"
DOMAIN = """
<domain type='qemu'>
  <name>{name}</name>
  <memory unit='MiB'>16</memory>
  <os><type arch='x86_64' machine='pc'>hvm</type></os>
  <devices>{interfaces}</devices>
</domain>
"""


def by_name(number: int, network: str, group: str = "") -> str:
    return BY_NAME.format(mac=mac(number), to=network, group=f" portgroup='{group}'" if group else "")


def by_bridge(number: int, bridge: str) -> str:
    return BY_BRIDGE.format(mac=mac(number), to=bridge)


def mac(number: int) -> str:
    return f"52:54:00:00:02:{number:02x}"


GUESTS = {
    "web": by_name(1, "nat", "fast"),
    "straight": by_bridge(2, "virbr-n"),
    "paused": by_name(3, "isolated"),
    "router": by_name(4, "nat") + by_name(5, "isolated"),
    "twin": by_name(1, "wire"),  # the MAC address of web
    "double": by_name(6, "wire") + by_name(7, "wire"),
    "mixed": by_bridge(8, "virbr-i"),
}
"""The domains that run, and their interfaces."""
LATER = DOMAIN.format(name="later", interfaces=by_name(9, "nat"))
"""The domain that doesn't run."""


@dataclass(frozen=True, slots=True)
class Plug:
    """An interface of a running domain, and the bridge that its tap hangs on."""

    domain: str
    mac: str
    target: str
    network: str | None
    bridge: str | None
    group: str
    master: str | None


class GuestHost(LabHost):
    """A host with running guests."""

    def links(self) -> dict[str, dict[str, Any]]:
        """Return the network devices of the host by name."""
        ran = self.lab.run("ip", "-j", "link", capture_output=True, check=True)
        return {link["ifname"]: link for link in json.loads(ran.stdout)}

    def plugs(self) -> dict[tuple[str, str], Plug]:
        """Return the interfaces of running domains by domain and MAC address."""
        links = self.links()
        return {(plug.domain, plug.mac): plug for plug in self._plugs(links)}

    def _plugs(self, links: Mapping[str, Mapping[str, Any]]) -> Iterator[Plug]:
        for domain in self.connection.listAllDomains():
            if not domain.isActive():
                continue
            xml = domain.XMLDesc()
            groups = _portgroups(xml)
            for item in interfaces(domain.name(), xml):
                target = item.guest.target
                master = links[target].get("master") if target in links else None
                group = groups.get(item.guest.mac, "")
                yield Plug(domain.name(), item.guest.mac, target, item.network, item.bridge, group, master)

    def plugged(self) -> bool:
        """Return whether every running guest hangs on its bridge, and holds a port where it names the network."""
        links = self.links()
        plugs = list(self._plugs(links))
        for plug in plugs:
            bridge = plug.bridge or self.running(plug.network or "").bridge.name
            if plug.master != bridge or "UP" not in links[plug.target]["flags"]:
                return False
        named = [plug.network for plug in plugs if plug.network]
        ports = {name: len(self.network(name).listAllPorts()) for name in set(named)}
        return all(named.count(name) == count for name, count in ports.items())

    def reset(self) -> None:
        """Every guest of `GUESTS` runs on the networks of `NETWORKS`, plugged in."""
        self.remove_guests()
        self.clear()
        self.applied(NETWORKS)
        for name, devices in GUESTS.items():
            self.connection.createXML(DOMAIN.format(name=name, interfaces=devices))
        self.connection.lookupByName("paused").suspend()
        self.connection.defineXML(LATER)

    def remove_guests(self) -> None:
        """No domain is left."""
        for domain in self.connection.listAllDomains():
            persistent = bool(domain.isPersistent())
            if domain.isActive():
                domain.destroy()
            if persistent:
                domain.undefine()

    def restart(self, name: str) -> None:
        """Restart a network as somebody does who doesn't know about guests."""
        network = self.network(name)
        network.destroy()
        network.create()

    def taps(self, network: str) -> dict[str, str]:
        """Return the taps of a network's guests, those plugged into its bridge by name too, by `domain tap`."""
        bridge = self.config(network).bridge.name
        return {
            f"{plug.domain} {plug.target}": plug.mac
            for plug in self.plugs().values()
            if plug.network == network or plug.bridge == bridge
        }


def _portgroups(xml: str) -> dict[str, str]:
    """Return the portgroups that a domain's interfaces name, by MAC address."""
    groups = {}
    for item in etree.fromstring(xml.encode()).findall("devices/interface"):
        source = item.find("source")
        groups[mac_of(item)] = source.get("portgroup", "") if source is not None else ""
    return groups
