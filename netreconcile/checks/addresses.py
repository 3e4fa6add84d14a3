"""The host's addresses on the network."""

from __future__ import annotations

import bisect
import functools
import ipaddress
from typing import TYPE_CHECKING

from netreconcile.checks.finding import Finding, Stage
from netreconcile.spelling import IPAddress

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from netreconcile.errors import Path
    from netreconcile.model import Ip, Network

Interface = ipaddress.IPv4Interface | ipaddress.IPv6Interface
Subnet = ipaddress.IPv4Network | ipaddress.IPv6Network
_SMALLEST_IPV6_MTU = 1280
_POINT_TO_POINT = 31
"""The prefix length of subnets of two addresses, neither of which is the subnet's own (RFC 3021)."""
_SMALLEST_MTU = 68


def interface(ip: Ip) -> Interface | None:
    """Return the address with its subnet, or None where the netmask has holes."""
    return _interface(ip.address)


@functools.lru_cache(maxsize=1 << 17)  # more than a topology can have: one that is too small never hits
def _interface(address: str) -> Interface | None:
    return None if "." in address.partition("/")[2] else ipaddress.ip_interface(address)


def is_ipv6(own: Interface) -> bool:
    """Return whether the address is an IPv6 one."""
    return isinstance(own, ipaddress.IPv6Interface)


def too_large(start: IPAddress, end: IPAddress) -> bool:
    """Return whether every libvirt refuses the range as too large (virSocketAddrGetRange in virsocketaddr.c).

    A range has at most 65536 addresses; of IPv6, only the last 16 bits of its ends may differ.
    """
    return not one_block(start, end) if ":" in str(start) else int(end) - int(start) >= 1 << 16


def one_block(start: IPAddress, end: IPAddress) -> bool:
    """Return whether two addresses differ in their last 16 bits only, as libvirt 9.0 wants it of IPv4 ranges too."""
    return int(start) >> 16 == int(end) >> 16


class Subnets:
    """Subnets in which another one, or an address, is found at once, however many they are."""

    def __init__(self, subnets: Iterable[Subnet]) -> None:
        self._outermost: dict[int, tuple[list[int], list[int]]] = {4: ([], []), 6: ([], [])}
        for subnet in sorted(subnets, key=outermost_first):
            starts, ends = self._outermost[subnet.version]
            start, end = _ends(subnet)
            if not ends or end > ends[-1]:
                starts.append(start)
                ends.append(end)

    def hold(self, inner: Subnet | IPAddress) -> bool:
        """Return whether one of the subnets holds all of the other one."""
        starts, ends = self._outermost[inner.version]
        start, end = (int(inner),) * 2 if isinstance(inner, IPAddress) else _ends(inner)
        place = bisect.bisect_right(starts, start) - 1
        return place >= 0 and end <= ends[place]


def overlapping(subnets: Sequence[Subnet | None]) -> dict[int, int]:
    """Return the first place of a subnet with another prefix that overlaps the one at a place, where there is any.

    Of two subnets that overlap one lies in the other.
    """
    nowhere = len(subnets)
    first: dict[Subnet, int] = {}
    for place, subnet in enumerate(subnets):
        if subnet is not None:
            first.setdefault(subnet, place)
    order = sorted(first, key=outermost_first)
    above, below = dict.fromkeys(order, nowhere), dict.fromkeys(order, nowhere)
    outer: dict[Subnet, Subnet] = {}
    around: list[Subnet] = []
    for subnet in order:
        while around and (around[-1].version != subnet.version or _ends(around[-1])[1] < _ends(subnet)[0]):
            around.pop()
        if around:
            outer[subnet] = around[-1]
            above[subnet] = min(first[around[-1]], above[around[-1]])
        around.append(subnet)
    for subnet in reversed(order):
        if subnet in outer:
            below[outer[subnet]] = min(below[outer[subnet]], first[subnet], below[subnet])
    nearest = {subnet: min(above[subnet], below[subnet]) for subnet in order}
    found = ((place, nearest.get(subnet, nowhere)) for place, subnet in enumerate(subnets) if subnet)
    return {place: other for place, other in found if other != nowhere}


def outermost_first(subnet: Subnet) -> tuple[int, int, int]:
    """Return a key that sorts a subnet behind all that it lies in."""
    return subnet.version, int(subnet.network_address), subnet.prefixlen


def _ends(subnet: Subnet) -> tuple[int, int]:
    return int(subnet.network_address), int(subnet.broadcast_address)


def findings(_: str, network: Network) -> Iterator[Finding]:
    """Yield what is wrong with the addresses and with the bridge that has them."""
    seen: dict[str, int] = {}
    addresses = list(map(interface, network.ips))
    owns: set[Interface] = set()
    overlaps = overlapping([own.network if own and not _is_single(own) else None for own in addresses])
    for index, (ip, own) in enumerate(zip(network.ips, addresses, strict=True)):
        path: Path = ("ips", index, "address")
        if own is None:
            message = f"the netmask of {ip.address} has holes: no interface can have it"
            yield Finding(Stage.START, "netmask", path, message, "write a prefix length, as in /24")
            continue
        yield from _kind(path, own)
        if network.mode == "nat" and not own.network.prefixlen:
            message = f"{own.network} is every address: libvirt can't translate it"
            yield Finding(Stage.START, "address-prefix", path, message, "give the subnet's prefix length, as in /24")
        if ip.local_ptr and network.dns.enable:
            yield from _local_ptr(("ips", index, "local_ptr"), own)
        if ip.identity in seen:
            # Linux tells IPv4 addresses apart by address and prefix, IPv6 ones by address alone.
            again = is_ipv6(own) or own in owns
            message = f"{ip.identity} is the address of ips[{seen[ip.identity]}] too"
            hint = "remove one of them"
            yield Finding(Stage.START if again else Stage.NEVER, "address-duplicate", path, message, hint)
        elif (first := overlaps.get(index, index)) < index and (other := addresses[first]):
            message = f"{own.network} overlaps {other.network}, which is a subnet of this network too"
            yield Finding(Stage.NEVER, "subnet-overlaps", path, message, "give both the same prefix length")
        seen.setdefault(ip.identity, index)
        owns.add(own)
    yield from _bridge(network, owns)


def _kind(path: Path, own: Interface) -> Iterator[Finding]:
    """Yield addresses that no host should have; of IPv6 Linux refuses them, of IPv4 it takes them all."""
    ip, subnet, six = own.ip, own.network, is_ipv6(own)
    special = next((kind for kind in ("multicast", "loopback", "unspecified") if getattr(ip, f"is_{kind}")), None)
    has_edges = subnet.max_prefixlen - subnet.prefixlen > 1  # /31 and /127 have none
    if special:
        message = f"{ip} is the {special} address" if special == "unspecified" else f"{ip} is {special}"
        stage = Stage.START if six else Stage.NEVER
        yield Finding(stage, "address-special", path, f"{message}: no host can be reached there", "choose another one")
    elif not six and ip.is_reserved:
        message = f"{ip} is in the reserved block 240.0.0.0/4: most systems refuse to talk to it"
        yield Finding(Stage.NEVER, "address-special", path, message, "choose another one")
    elif has_edges and ip == subnet.network_address:
        message = f"{ip} is the address of the subnet {subnet} itself"
        yield Finding(Stage.NEVER, "address-of-subnet", path, message, f"take {subnet.network_address + 1}")
    elif has_edges and not six and ip == subnet.broadcast_address:
        message = f"{ip} is the broadcast address of {subnet}"
        yield Finding(Stage.NEVER, "address-of-subnet", path, message, f"take {subnet.network_address + 1}")
    elif not six and subnet.prefixlen == _POINT_TO_POINT and ip == subnet.network_address:
        # virNetDevIPAddrAdd has the last address as the broadcast one of every subnet; seen with libvirt 9.0.
        message = f"libvirt makes {ip + 1} the broadcast address of {subnet}: the host can't talk to a guest there"
        yield Finding(Stage.NEVER, "address-of-subnet", path, message, f"take {ip + 1}, and {ip} for the guest")


def _local_ptr(path: Path, own: Interface) -> Iterator[Finding]:
    """Yield prefixes for which there is no reverse zone (virSocketAddrPTRDomain in virsocketaddr.c)."""
    step, longest, unit = (4, 128, "a hex digit, as /64") if is_ipv6(own) else (8, 32, "a byte: /8, /16 or /24")
    if own.network.prefixlen % step or own.network.prefixlen in (0, longest):
        message = f"local_ptr needs a prefix that ends at {unit}, not /{own.network.prefixlen}"
        yield Finding(Stage.START, "local-ptr-prefix", path, message, "remove it, or change the prefix")


def _is_single(own: Interface) -> bool:
    """Return whether the subnet is the address alone, which is added to another one on purpose."""
    return own.network.prefixlen == own.max_prefixlen


def _bridge(network: Network, owns: set[Interface]) -> Iterator[Finding]:
    """Yield what Linux refuses when libvirt makes the bridge."""
    if network.mtu is not None and network.mtu < _SMALLEST_MTU:
        message = f"an MTU of {network.mtu} is too small: a bridge takes {_SMALLEST_MTU} to 65535"
        yield Finding(Stage.START, "mtu", ("mtu",), message, "leave it out for the usual 1500")
    elif network.mtu is not None and network.mtu < _SMALLEST_IPV6_MTU and any(map(is_ipv6, owns)):
        message = f"an MTU of {network.mtu} is too small for IPv6, which needs {_SMALLEST_IPV6_MTU}"
        yield Finding(Stage.START, "mtu", ("mtu",), message, "raise it, or remove the IPv6 addresses")
    if network.mac == "00:00:00:00:00:00":
        message = f"{network.mac} is no address of an interface"
        yield Finding(Stage.START, "mac", ("mac",), message, "leave it out and libvirt chooses one")
