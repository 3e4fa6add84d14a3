"""The addresses that guests take where nobody gives them one, and whether somebody has them already."""

from __future__ import annotations

import ipaddress
import select
import socket
import time
from itertools import islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from netreconcile.model import Ip

_LOCAL = ipaddress.IPv4Network("169.254.177.0/24")
"""A part of the addresses that devices give themselves (RFC 3927)."""
_PAIRS = 127
_AT_ONCE = 8
_PATIENCE = 0.3
_HALF = 64
_ARP = 0x0806
_PROBE = bytes.fromhex("0001080006040001")
"""Ethernet, IPv4, a question (RFC 826)."""
_ANSWER = 2
_POINT_TO_POINT = 2


def pair(made_of: bytes) -> tuple[str, str]:
    """Return the addresses by which two guests of one network talk; those of other networks have others, mostly."""
    number = made_of[5] % _PAIRS
    return str(_LOCAL[2 * number + 1]), str(_LOCAL[2 * number + 2])


def candidates(ip: Ip, made_of: bytes) -> Iterator[str]:
    """Yield IPv4 addresses of the subnet that are nobody's by its definition; those that DHCP lends out come last."""
    own = ipaddress.IPv4Interface(ip.address)
    reserved = {own.ip, *(ipaddress.ip_address(host.ip) for host in ip.dhcp.hosts if host.ip)}
    ranges = [(ipaddress.ip_address(pool.start), ipaddress.ip_address(pool.end)) for pool in ip.dhcp.ranges]
    for lent in (False, True):
        for address in _round(own.network, int.from_bytes(made_of[6:10])):
            inside = any(int(start) <= int(address) <= int(end) for start, end in ranges)
            if address not in reserved and inside == lent:
                yield str(address)


def own_address(subnet: ipaddress.IPv6Network, made_of: bytes) -> str:
    """Return an IPv6 address of the subnet that nobody else has made himself; none where it is smaller than a /64."""
    if subnet.prefixlen > _HALF:
        return ""
    return str(subnet.network_address + int.from_bytes(made_of[8:16]))


def unclaimed(device: str, mac: str, addresses: Iterator[str]) -> str:
    """Return the first of the addresses that no neighbour says to have, empty where they have them all.

    Asks in the calling thread's network namespace, and in a way that makes nobody believe anything (RFC 5227). Raises
    OSError.
    """
    asked = list(islice(addresses, _AT_ONCE))
    taken = _claimed(device, bytes.fromhex(mac.replace(":", "")), asked)
    return next((address for address in asked if address not in taken), "")


def _claimed(device: str, mac: bytes, asked: Sequence[str]) -> set[str]:
    taken: set[str] = set()
    with socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(_ARP)) as talk:
        talk.bind((device, _ARP))
        for address in asked:
            question = _PROBE + mac + bytes(4) + bytes(6) + socket.inet_aton(address)
            talk.sendto(question, (device, _ARP, 0, 0, b"\xff" * 6))
        end = time.monotonic() + _PATIENCE
        while (left := end - time.monotonic()) > 0 and select.select([talk], [], [], left)[0]:
            said = talk.recv(64)
            if said[7:8] == bytes((_ANSWER,)):
                taken.add(socket.inet_ntoa(said[14:18]))
    return taken


def _round(subnet: ipaddress.IPv4Network, start: int) -> Iterator[ipaddress.IPv4Address]:
    """Yield the addresses of hosts in the subnet, beginning anywhere; of two, both are a host's (RFC 3021)."""
    first, count = (
        (1, subnet.num_addresses - 2) if subnet.num_addresses > _POINT_TO_POINT else (0, subnet.num_addresses)
    )
    for number in range(count):
        yield subnet[first + (start + number) % count]
