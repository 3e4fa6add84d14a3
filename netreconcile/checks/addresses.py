"""Addresses of the host, what DHCP hands out around them, and routes through them."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from netreconcile.checks.finding import Finding, Stage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from netreconcile.errors import Path
    from netreconcile.model import Dhcp, DhcpHost, DhcpRange, Ip, Network
    from netreconcile.spelling import IPAddress

Interface = ipaddress.IPv4Interface | ipaddress.IPv6Interface
LARGEST_RANGE = 65535
"""Addresses in a DHCP range at most (virSocketAddrGetRange in virsocketaddr.c)."""


def interface(ip: Ip) -> Interface | None:
    """Return the address with its subnet, or None where the netmask has holes."""
    try:
        return ipaddress.ip_interface(ip.address)
    except ValueError:
        return None


def findings(_: str, network: Network) -> Iterator[Finding]:
    """Yield what is wrong with addresses, DHCP and routes."""
    seen: dict[str, int] = {}
    serving: dict[int, int] = {}
    for index, ip in enumerate(network.ips):
        path: Path = ("ips", index)
        own = interface(ip)
        if own is None:
            yield Finding(
                Stage.START,
                "netmask",
                (*path, "address"),
                f"the netmask of {ip.address} has holes, which no interface can have",
                "write a prefix length, as in /24",
            )
            continue
        if ip.identity in seen:
            yield Finding(
                Stage.START,
                "address-duplicate",
                (*path, "address"),
                f"{ip.identity} is given twice, also as ips[{seen[ip.identity]}]",
                "remove one of them",
            )
        seen.setdefault(ip.identity, index)
        if ip.dhcp.ranges or ip.dhcp.hosts:
            if own.version in serving:
                yield Finding(
                    Stage.DEFINE,
                    "dhcp-twice",
                    (*path, "dhcp"),
                    f"ips[{serving[own.version]}] has DHCP already, and one IPv{own.version} subnet of a network can",
                    "keep one of them, or make a second network",
                )
            serving.setdefault(own.version, index)
        yield from _boot((*path,), ip, own)
        yield from _dhcp((*path, "dhcp"), ip.dhcp, own)
    yield from _routes(network)


def _boot(path: Path, ip: Ip, own: Interface) -> Iterator[Finding]:
    if ip.tftp.root is not None and own.version == 6:  # noqa: PLR2004 -- IPv6
        yield Finding(
            Stage.DEFINE, "tftp-ipv6", (*path, "tftp"), "libvirt serves TFTP on IPv4 only", "move it to an IPv4 address"
        )
    bootp = ip.dhcp.bootp
    if bootp.file is None and bootp.server is None:
        return
    if own.version == 6:  # noqa: PLR2004 -- IPv6
        yield Finding(
            Stage.DEFINE,
            "bootp-ipv6",
            (*path, "dhcp", "bootp"),
            "libvirt drops bootp of an IPv6 subnet",
            "move it to an IPv4 address; for DHCPv6 use dnsmasq_options",
        )
    elif bootp.file is None:
        yield Finding(
            Stage.DEFINE,
            "bootp-file",
            (*path, "dhcp", "bootp"),
            "bootp has a server but no file to boot",
            "add file",
        )
    elif not ip.dhcp.ranges and not ip.dhcp.hosts:
        yield Finding(
            Stage.DEFINE,
            "bootp-without-dhcp",
            (*path, "dhcp", "bootp"),
            "libvirt drops bootp where DHCP has neither ranges nor hosts",
            "add a range or a host",
        )


def _dhcp(path: Path, dhcp: Dhcp, own: Interface) -> Iterator[Finding]:
    for index, span in enumerate(dhcp.ranges):
        yield from _range((*path, "ranges", index), span, own)
    macs: dict[str, int] = {}
    addresses: dict[str, int] = {}
    for index, host in enumerate(dhcp.hosts):
        yield from _host((*path, "hosts", index), host, own)
        for key, name, seen in ((host.mac, "mac", macs), (host.ip, "ip", addresses)):
            if key in seen:
                yield Finding(
                    Stage.NEVER,
                    f"reservation-{name}",
                    (*path, "hosts", index, name),
                    f"{key} is in hosts[{seen[key]}] too",
                    "remove one of them, if that isn't meant",
                )
            if key is not None:
                seen.setdefault(key, index)


def _range(path: Path, span: DhcpRange, own: Interface) -> Iterator[Finding]:
    start, end = ipaddress.ip_address(span.start), ipaddress.ip_address(span.end)
    for name, address in (("start", start), ("end", end)):
        if address.version != own.version:
            yield Finding(
                Stage.DEFINE,
                "range-family",
                (*path, name),
                f"{address} is IPv{address.version}, but the range stands in the IPv{own.version} subnet {own.network}",
                "move it to the address of its own family",
            )
            return
    if int(start) > int(end):
        yield Finding(
            Stage.DEFINE, "range-backwards", path, f"{start}-{end} runs backwards", f"write {end}-{start}"
        )
        return
    for name, address in (("start", start), ("end", end)):
        if address not in own.network:
            yield Finding(
                Stage.DEFINE,
                "range-outside-subnet",
                (*path, name),
                f"{address} is not in the subnet {own.network}",
                _usable(own),
            )
            return
    if start == own.network.network_address:
        yield Finding(
            Stage.DEFINE, "range-network-address", (*path, "start"), f"{start} is the network's address", _usable(own)
        )
    if own.version == 4 and end == own.network.broadcast_address:  # noqa: PLR2004 -- IPv4
        yield Finding(
            Stage.DEFINE, "range-broadcast-address", (*path, "end"), f"{end} is the broadcast address", _usable(own)
        )
    size = int(end) - int(start) + 1
    if size > LARGEST_RANGE:
        yield Finding(
            Stage.DEFINE,
            "range-too-large",
            path,
            f"{start}-{end} has {size} addresses: libvirt takes at most {LARGEST_RANGE}",
            "make it smaller, or write several ranges",
        )
    if int(start) <= int(own.ip) <= int(end):
        yield Finding(
            Stage.NEVER,
            "range-contains-gateway",
            path,
            f"the range contains {own.ip}, the host's own address",
            "dnsmasq never hands it out; start behind it to make that plain",
        )


def _host(path: Path, host: DhcpHost, own: Interface) -> Iterator[Finding]:
    if own.version == 6 and host.mac is not None:  # noqa: PLR2004 -- IPv6
        yield Finding(
            Stage.DEFINE,
            "reservation-mac-ipv6",
            (*path, "mac"),
            "DHCPv6 knows clients by their DUID, and libvirt refuses a MAC here",
            f"write id: 00:03:00:01:{host.mac}, if the client's DUID is made of its MAC",
        )
    if own.version == 4 and host.mac is None and host.name is None:  # noqa: PLR2004 -- IPv4
        yield Finding(
            Stage.DEFINE, "reservation-client", path, f"{host.ip} is reserved for nobody", "add mac, or name"
        )
    if own.version == 6 and host.id is None and host.name is None:  # noqa: PLR2004 -- IPv6
        yield Finding(
            Stage.DEFINE, "reservation-client", path, f"{host.ip} is reserved for nobody", "add id, or name"
        )
    if host.name is not None and not (host.name[:1].isascii() and host.name[:1].isalnum()):
        yield Finding(
            Stage.DEFINE,
            "reservation-name",
            (*path, "name"),
            f"{host.name!r} can't be a host's name: it must start with a letter or a digit",
        )
    address: IPAddress = ipaddress.ip_address(host.ip)
    if address not in own.network:
        yield Finding(
            Stage.NEVER,
            "reservation-outside-subnet",
            (*path, "ip"),
            f"{address} is not in the subnet {own.network}: dnsmasq never hands it out here",
            _usable(own),
        )
    elif address == own.ip:
        yield Finding(
            Stage.NEVER,
            "reservation-of-gateway",
            (*path, "ip"),
            f"{address} is the host's own address",
            "choose another one",
        )


def _routes(network: Network) -> Iterator[Finding]:
    subnets = [own.network for own in map(interface, network.ips) if own is not None]
    for index, route in enumerate(network.routes):
        to, via = ipaddress.ip_network(route.to), ipaddress.ip_address(route.via)
        path: Path = ("routes", index)
        if to.version != via.version:
            yield Finding(
                Stage.DEFINE,
                "route-family",
                (*path, "via"),
                f"{via} is IPv{via.version} and can't lead to {to}",
                f"give an IPv{to.version} address",
            )
        elif not any(via in subnet for subnet in subnets):
            yield Finding(
                Stage.DEFINE,
                "route-gateway",
                (*path, "via"),
                f"{via} is in none of the network's subnets",
                "give the address of a guest in one of them",
            )
        elif to in subnets:
            yield Finding(
                Stage.START,
                "route-to-own-subnet",
                (*path, "to"),
                f"{to} is the network's own subnet, which the host reaches without a route",
                "remove the route",
            )


def _usable(own: Interface) -> str:
    first, last = own.network[0], own.network[-1]
    if own.network.num_addresses > 2:  # noqa: PLR2004 -- network and broadcast address
        first, last = first + 1, last - (own.version == 4)  # noqa: PLR2004 -- IPv6 has no broadcast
    return f"choose from {first} to {last}"
