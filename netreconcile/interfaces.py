"""Which interfaces of a domain hang on which network: libvirt's domain XML, as far as networks go."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lxml import etree

from netreconcile.observed import Guest

if TYPE_CHECKING:
    from lxml.etree import _Element


@dataclass(frozen=True, slots=True)
class Interface:
    """An interface of a domain, and what its source names: a network with its port, or a bridge."""

    guest: Guest
    network: str | None
    bridge: str | None
    port: str


def interfaces(domain: str, xml: str, *, running: bool = True) -> tuple[Interface, ...]:
    """Return the interfaces of a domain that libvirt plugs into a network or a bridge.

    Where a network leads to a bridge or NIC of the host's, the interface of a running domain has that one's type
    (`bridge`, `direct`), and names the network all the same (virDomainActualNetDefContentsFormat in domain_conf.c).
    """
    found = []
    for element in etree.fromstring(xml.encode()).findall("devices/interface"):
        source, target = element.find("source"), element.find("target")
        network = source.get("network") if source is not None else None
        bridge = source.get("bridge") if source is not None and network is None else None
        if source is None or (network is None and bridge is None):
            continue
        device = target.get("dev", "") if target is not None else ""
        group = source.get("portgroup", "")
        found.append(
            Interface(
                guest=Guest(domain, mac_of(element), device, running, portgroup=group),
                network=network,
                bridge=bridge,
                port=source.get("portid", ""),
            )
        )
    return tuple(found)


def mac_of(element: _Element) -> str:
    """Return the MAC address of an interface or a network port."""
    mac = element.find("mac")
    return mac.get("address", "") if mac is not None else ""
