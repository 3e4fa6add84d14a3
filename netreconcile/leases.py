"""Whose address a change of DHCP takes away, and until when they believe to have it. Pure."""

from __future__ import annotations

import datetime as dt
import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from netreconcile.model import DhcpHost, DhcpRange, Ip, Network
    from netreconcile.observed import Lease


def hits(leases: tuple[Lease, ...], running: Network, desired: Network) -> Iterator[str]:
    """Yield a sentence for each lease that the network would no longer give out as it has."""
    if not leases:
        return
    before, after = _servers(running), _servers(desired)
    for lease in leases:
        why = _objection(lease, after)
        if why and not _objection(lease, before):
            who = f"{lease.name or lease.mac} has a lease of {lease.ip} {_until(lease)}"
            yield f"{who}: {why}"


@dataclass(frozen=True, slots=True)
class _Server:
    """What DHCP gives out in a subnet; `places` are those of the reservations by what a lease is compared with.

    With thousands of reservations and leases, to compare each with each would take minutes.
    """

    subnet: ipaddress.IPv4Network | ipaddress.IPv6Network
    hosts: tuple[DhcpHost, ...]
    places: Mapping[tuple[str, str | None], int]
    pools: tuple[tuple[bytes, bytes], ...]


def _servers(network: Network) -> tuple[_Server, ...]:
    return tuple(server for server in map(_server, network.ips) if server)


def _server(ip: Ip) -> _Server | None:
    """Return None where the address is none."""
    try:
        subnet = ipaddress.ip_interface(ip.address).network
    except ValueError:
        return None
    places: dict[tuple[str, str | None], int] = {}
    for place, host in enumerate(ip.dhcp.hosts):
        places.setdefault(("ip", host.ip), place)
        places.setdefault(("mac", host.mac) if host.mac else ("name", host.name), place)
    pools = tuple(pool for pool in map(_pool, ip.dhcp.ranges) if pool)
    return _Server(subnet, ip.dhcp.hosts, places, pools)


def _pool(span: DhcpRange) -> tuple[bytes, bytes] | None:
    """Return None where an address is none."""
    try:
        return ipaddress.ip_address(span.start).packed, ipaddress.ip_address(span.end).packed
    except ValueError:
        return None


def _objection(lease: Lease, servers: tuple[_Server, ...]) -> str:
    """Return why the network would not give the address to this client, or nothing."""
    address = ipaddress.ip_address(lease.ip)
    server = next((item for item in servers if address in item.subnet), None)
    if server is None:
        return "no subnet of the network has it any more"
    known = {"ip": lease.ip, "mac": lease.mac, "name": lease.name}
    found = [server.places[key] for key in known.items() if key[1] and key in server.places]
    if found:
        host = server.hosts[min(found)]
        own = host.mac == lease.mac if host.mac else bool(host.name) and host.name == lease.name
        if host.ip == lease.ip:
            return "" if own or host.id else f"it is reserved for {host.name or host.mac} now"
        return f"its reservation is {host.ip} now"
    inside = (start <= address.packed <= end for start, end in server.pools)
    return "" if any(inside) else "no range has it any more"


def _until(lease: Lease) -> str:
    if not lease.expires:
        return "for ever"
    return f"until {dt.datetime.fromtimestamp(lease.expires, dt.UTC):%Y-%m-%d %H:%M} UTC"
