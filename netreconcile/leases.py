"""Whose address a change of DHCP takes away, and until when they believe to have it. Pure."""

from __future__ import annotations

import datetime as dt
import ipaddress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from netreconcile.model import Ip, Network
    from netreconcile.observed import Lease


def hits(leases: tuple[Lease, ...], running: Network, desired: Network) -> Iterator[str]:
    """Yield a sentence for each lease that the network would no longer give out as it has."""
    for lease in leases:
        after = _objection(lease, desired)
        if after and not _objection(lease, running):
            who = f"{lease.name or lease.mac} has a lease of {lease.ip} {_until(lease)}"
            yield f"{who}: {after}"


def _objection(lease: Lease, network: Network) -> str:
    """Return why the network would not give the address to this client, or nothing."""
    address = ipaddress.ip_address(lease.ip)
    ip = next((item for item in network.ips if _serves(item, address)), None)
    if ip is None:
        return "no subnet of the network has it any more"
    for host in ip.dhcp.hosts:
        own = host.mac == lease.mac if host.mac else bool(host.name) and host.name == lease.name
        if host.ip == lease.ip:
            return "" if own or host.id else f"it is reserved for {host.name or host.mac} now"
        if own:
            return f"its reservation is {host.ip} now"
    inside = (
        ipaddress.ip_address(pool.start).packed <= address.packed <= ipaddress.ip_address(pool.end).packed
        for pool in ip.dhcp.ranges
    )
    return "" if any(inside) else "no range has it any more"


def _serves(ip: Ip, address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    try:
        return address in ipaddress.ip_interface(ip.address).network
    except ValueError:
        return False


def _until(lease: Lease) -> str:
    if not lease.expires:
        return "for ever"
    return f"until {dt.datetime.fromtimestamp(lease.expires, dt.UTC):%Y-%m-%d %H:%M} UTC"
