"""What DHCP, TFTP and network boot hand out around an address of the host."""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING

from netreconcile.checks.addresses import Interface, interface, is_ipv6, too_large
from netreconcile.checks.finding import Finding, Stage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from netreconcile.errors import Path
    from netreconcile.model import Dhcp, DhcpHost, DhcpRange, Ip, Network
    from netreconcile.spelling import IPAddress

_SHORTEST_IPV6_PREFIX = 64
"""dnsmasq: "prefix length must be at least 64"."""
_HOST_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}(\.[\x20-\x7e]*)?")
"""Names that dnsmasq takes for a reservation (legal_hostname and canonicalise in its util.c)."""
_NO_HOST_NAME = re.compile(r"[0-9]+[wdhms]?|ignore|infinite", re.IGNORECASE)
"""What dnsmasq reads as a lease time, or as an order, in a name's place (dhcp-host in its option.c)."""


def findings(_: str, network: Network) -> Iterator[Finding]:
    """Yield what is wrong with DHCP."""
    serving: dict[bool, int] = {}
    for index, ip in enumerate(network.ips):
        own = interface(ip)
        if own is None:
            continue
        path: Path = ("ips", index, "dhcp")
        six = is_ipv6(own)
        yield from _boot(("ips", index), ip, six=six)
        if not ip.dhcp.ranges and not ip.dhcp.hosts:
            continue
        if six in serving:
            message = f"ips[{serving[six]}] has DHCP already: one IPv{own.version} subnet of a network can"
            yield Finding(Stage.DEFINE, "dhcp-twice", path, message, "keep one of them, or make a second network")
        serving.setdefault(six, index)
        if six and own.network.prefixlen < _SHORTEST_IPV6_PREFIX:
            message = f"dnsmasq refuses DHCPv6 in {own.network}: the prefix must be /{_SHORTEST_IPV6_PREFIX} or longer"
            yield Finding(Stage.START, "dhcp-prefix", path, message, f"make the subnet a /{_SHORTEST_IPV6_PREFIX}")
        yield from _ranges((*path, "ranges"), ip.dhcp.ranges, own)
        yield from _hosts((*path, "hosts"), ip.dhcp, own)


def _boot(path: Path, ip: Ip, *, six: bool) -> Iterator[Finding]:
    bootp, here = ip.dhcp.bootp, (*path, "dhcp", "bootp")
    if ip.tftp.root is not None and six:
        message = "libvirt serves TFTP at IPv4 addresses only"
        yield Finding(Stage.DEFINE, "tftp-ipv6", (*path, "tftp"), message, "move it to an IPv4 address")
    if ip.tftp.root is not None and not ip.tftp.root.startswith("/"):
        message = f"{ip.tftp.root!r} is not absolute: dnsmasq looks for it from /"
        yield Finding(Stage.NEVER, "tftp-relative", (*path, "tftp", "root"), message, "write the whole path")
    if bootp.file is None and bootp.server is None:
        return
    if six:
        message = "libvirt drops bootp in an IPv6 subnet"
        yield Finding(
            Stage.DEFINE, "bootp-ipv6", here, message, "use dnsmasq_options: dhcp-option=option6:bootfile-url,…"
        )
    elif bootp.file is None:
        message = f"the boot server {bootp.server} is given, but no file"
        yield Finding(Stage.DEFINE, "bootp-file", here, message, "add file: what guests boot")
    elif not ip.dhcp.ranges and not ip.dhcp.hosts:
        message = "libvirt drops bootp where DHCP has neither ranges nor hosts"
        yield Finding(Stage.DEFINE, "bootp-without-dhcp", here, message, "add a range or a host")
    elif "," in bootp.file:
        message = f"dnsmasq takes what follows the comma in {bootp.file!r} for a server"
        yield Finding(Stage.NEVER, "bootp-comma", (*here, "file"), message, "use bootp.server for that")


def _ranges(path: Path, ranges: tuple[DhcpRange, ...], own: Interface) -> Iterator[Finding]:
    spans: list[tuple[int, int, int]] = []
    usable = _usable(own)
    for index, span in enumerate(ranges):
        here = (*path, index)
        start, end = ipaddress.ip_address(span.start), ipaddress.ip_address(span.end)
        refusal = next(_refusals(here, start, end, own, usable), None)
        if refusal is not None:
            yield refusal
            continue
        if int(start) <= int(own.ip) <= int(end):
            message = f"{start}-{end} contains {own.ip}, the host's own address"
            hint = "leave it out; dnsmasq notices and never hands it out"
            yield Finding(Stage.NEVER, "range-contains-gateway", here, message, hint)
        spans.append((int(start), int(end), index))
    for index, other in sorted(_overlaps(spans)):
        message = f"{ranges[index].identity} overlaps ranges[{other}]"
        yield Finding(Stage.NEVER, "range-overlaps", (*path, index), message, "make them one, or apart")


def _overlaps(spans: list[tuple[int, int, int]]) -> Iterator[tuple[int, int]]:
    """Yield the indexes of two that overlap, the later one first, for each that overlaps one which starts before it."""
    reach, widest = -1, 0
    for start, end, index in sorted(spans):
        if start <= reach:
            yield max(index, widest), min(index, widest)
        if end > reach:
            reach, widest = end, index


def _refusals(path: Path, start: IPAddress, end: IPAddress, own: Interface, usable: str) -> Iterator[Finding]:
    """Yield why virSocketAddrGetRange refuses the range; the first is the one that counts."""
    for name, address in (("start", start), ("end", end)):
        if address.version != own.version:
            message = f"{address} is IPv{address.version}, in the IPv{own.version} subnet {own.network}"
            yield Finding(Stage.DEFINE, "range-family", (*path, name), message, "move it to an address of its family")
    if int(start) > int(end):
        yield Finding(Stage.DEFINE, "range-backwards", path, f"{start}-{end} runs backwards", f"write {end}-{start}")
    for name, address in (("start", start), ("end", end)):
        if address not in own.network:
            message = f"{address} is not in the subnet {own.network}"
            yield Finding(Stage.DEFINE, "range-outside-subnet", (*path, name), message, usable)
    if not is_ipv6(own) and start == own.network.network_address:
        message = f"{start} is the address of the subnet {own.network} itself"
        yield Finding(Stage.DEFINE, "range-subnet-address", (*path, "start"), message, usable)
    if not is_ipv6(own) and end == own.network.broadcast_address:
        message = f"{end} is the broadcast address of {own.network}"
        yield Finding(Stage.DEFINE, "range-broadcast-address", (*path, "end"), message, usable)
    if too_large(start, end):
        most = "the ends may differ in their last 16 bits only" if is_ipv6(own) else "at most 65536 addresses"
        message = f"{start}-{end} is too large for libvirt: {most}"
        hint = f"end it at {ipaddress.ip_address(start.packed[:-2] + bytes((255, 255)))}, and go on in another range"
        yield Finding(Stage.DEFINE, "range-too-large", path, message, hint)


def _hosts(path: Path, dhcp: Dhcp, own: Interface) -> Iterator[Finding]:
    macs: dict[str, int] = {}
    addresses: dict[str, int] = {}
    for index, host in enumerate(dhcp.hosts):
        here = (*path, index)
        yield from _client(here, host, six=is_ipv6(own))
        yield from _host_name((*here, "name"), host.name)
        yield from _reserved((*here, "ip"), ipaddress.ip_address(host.ip), own)
        if host.mac is not None and host.mac in macs:
            message = f"{host.mac} has a reservation already, hosts[{macs[host.mac]}]"
            yield Finding(Stage.NEVER, "reservation-mac", (*here, "mac"), message, "remove one of them")
        if host.ip in addresses:
            message = f"{host.ip} is reserved already, in hosts[{addresses[host.ip]}]: dnsmasq ignores this one"
            yield Finding(Stage.NEVER, "reservation-ip", (*here, "ip"), message, "choose another address")
        macs.setdefault(host.mac or "", index)
        addresses.setdefault(host.ip, index)


def _client(path: Path, host: DhcpHost, *, six: bool) -> Iterator[Finding]:
    """Yield clients that virNetworkDHCPHostDefParseXML in network_conf.c refuses."""
    if six and host.mac is not None:
        message = f"{host.mac} can't be used here: DHCPv6 knows its clients by DUID"
        hint = f"write id: 00:03:00:01:{host.mac}, if that is how the client makes its DUID"
        yield Finding(Stage.DEFINE, "reservation-mac-ipv6", (*path, "mac"), message, hint)
    elif (host.id if six else host.mac) is None and host.name is None:
        message = f"{host.ip} is reserved for nobody"
        yield Finding(Stage.DEFINE, "reservation-client", path, message, f"add {'id' if six else 'mac'} or name")
    if host.id is not None and not six:
        message = f"the DUID {host.id} has no effect in an IPv4 subnet"
        yield Finding(Stage.NEVER, "reservation-id-ipv4", (*path, "id"), message, "give the client's mac")


def _host_name(path: Path, name: str | None) -> Iterator[Finding]:
    if name is None:
        return
    if not re.match(r"[A-Za-z0-9]", name):
        message = f"{name!r} can't be a host's name for libvirt: it must start with a letter or a digit"
        yield Finding(Stage.DEFINE, "reservation-name", path, message, "rename the host")
    elif not _HOST_NAME.fullmatch(name):
        message = f"dnsmasq takes no host called {name!r}, and ignores the whole reservation"
        yield Finding(Stage.NEVER, "reservation-ignored", path, message, "use letters, digits, '-' and '_'")
    elif _NO_HOST_NAME.fullmatch(name):
        message = f"dnsmasq doesn't read {name!r} as a name but as a lease time or an order"
        yield Finding(Stage.NEVER, "reservation-ignored", path, message, "choose another name")


def _reserved(path: Path, address: IPAddress, own: Interface) -> Iterator[Finding]:
    edges = (own.network.network_address, own.network.broadcast_address)
    if address not in own.network:
        message = f"{address} is not in the subnet {own.network}: dnsmasq never hands it out here"
        yield Finding(Stage.NEVER, "reservation-outside-subnet", path, message, _usable(own))
    elif address == own.ip:
        message = f"{address} is the host's own address"
        yield Finding(Stage.NEVER, "reservation-of-gateway", path, message, "choose another one")
    elif not is_ipv6(own) and own.network.num_addresses > 2 and address in edges:  # noqa: PLR2004 -- /31 has no edges
        message = f"{address} is no host's address in {own.network}"
        yield Finding(Stage.NEVER, "reservation-of-subnet", path, message, _usable(own))


def _usable(own: Interface) -> str:
    first, last = own.network[0], own.network[-1]
    if own.network.num_addresses > 2:  # noqa: PLR2004 -- /31 and /127 have no edges
        first, last = first + 1, last if is_ipv6(own) else last - 1
    return f"choose from {first} to {last}"
