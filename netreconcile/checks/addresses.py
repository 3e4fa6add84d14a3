"""The host's addresses on the network."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from netreconcile.checks.finding import Finding, Stage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from netreconcile.errors import Path
    from netreconcile.model import Ip, Network
    from netreconcile.spelling import IPAddress

Interface = ipaddress.IPv4Interface | ipaddress.IPv6Interface
_SMALLEST_IPV6_MTU = 1280
_SMALLEST_MTU = 68


def interface(ip: Ip) -> Interface | None:
    """Return the address with its subnet, or None where the netmask has holes."""
    return None if "." in ip.address.partition("/")[2] else ipaddress.ip_interface(ip.address)


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


def findings(_: str, network: Network) -> Iterator[Finding]:
    """Yield what is wrong with the addresses and with the bridge that has them."""
    seen: dict[str, int] = {}
    owns: list[Interface] = []
    for index, ip in enumerate(network.ips):
        path: Path = ("ips", index, "address")
        own = interface(ip)
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
        elif other := next((net for net in owns if _overlap(own, net)), None):
            message = f"{own.network} overlaps {other.network}, which is a subnet of this network too"
            yield Finding(Stage.NEVER, "subnet-overlaps", path, message, "give both the same prefix length")
        seen.setdefault(ip.identity, index)
        owns.append(own)
    yield from _bridge(network, owns)


def _kind(path: Path, own: Interface) -> Iterator[Finding]:
    """Yield addresses that no host should have; of IPv6 Linux refuses them, of IPv4 it takes them all."""
    special = next((kind for kind in ("multicast", "loopback", "unspecified") if getattr(own.ip, f"is_{kind}")), None)
    if special:
        message = f"{own.ip} is the {special} address" if special == "unspecified" else f"{own.ip} is {special}"
        stage = Stage.START if is_ipv6(own) else Stage.NEVER
        yield Finding(stage, "address-special", path, f"{message}: no host can be reached there", "choose another one")
    elif not is_ipv6(own) and own.ip.is_reserved:
        message = f"{own.ip} is in the reserved block 240.0.0.0/4: most systems refuse to talk to it"
        yield Finding(Stage.NEVER, "address-special", path, message, "choose another one")
    elif own.network.num_addresses > 2 and own.ip == own.network.network_address:  # noqa: PLR2004 -- /31 and /127
        message = f"{own.ip} is the address of the subnet {own.network} itself"
        yield Finding(Stage.NEVER, "address-of-subnet", path, message, f"take {own.network.network_address + 1}")
    elif not is_ipv6(own) and own.network.num_addresses > 2 and own.ip == own.network.broadcast_address:  # noqa: PLR2004
        message = f"{own.ip} is the broadcast address of {own.network}"
        yield Finding(Stage.NEVER, "address-of-subnet", path, message, f"take {own.network.network_address + 1}")


def _local_ptr(path: Path, own: Interface) -> Iterator[Finding]:
    """Yield prefixes for which there is no reverse zone (virSocketAddrPTRDomain in virsocketaddr.c)."""
    step, longest, unit = (4, 128, "a hex digit, as /64") if is_ipv6(own) else (8, 32, "a byte: /8, /16 or /24")
    if own.network.prefixlen % step or own.network.prefixlen in (0, longest):
        message = f"local_ptr needs a prefix that ends at {unit}, not /{own.network.prefixlen}"
        yield Finding(Stage.START, "local-ptr-prefix", path, message, "remove it, or change the prefix")


def _overlap(own: Interface, other: Interface) -> bool:
    """Return whether two subnets overlap with different prefixes; single addresses are added on purpose."""
    if own.version != other.version or own.network.prefixlen == other.network.prefixlen:
        return False
    single = own.max_prefixlen in (own.network.prefixlen, other.network.prefixlen)
    return not single and own.network.overlaps(other.network)


def _bridge(network: Network, owns: list[Interface]) -> Iterator[Finding]:
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
