"""What a network's DHCP and DNS are asked for: the reservations and records of the file, and the answers they promise.

The answers are those of dnsmasq to the configuration that libvirt writes (networkDnsmasqConfContents in
bridge_driver.c). Records that dnsmasq reads otherwise than they are written aren't asked for.
"""

from __future__ import annotations

import ipaddress
import re
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from netreconcile.checks.addresses import interface, is_ipv6
from netreconcile.verify.experience import Question

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from netreconcile.model import Dns, DnsSrv, Ip, Network

T = TypeVar("T")

_NAME = re.compile(r"(?=.{1,253}$)[A-Za-z0-9_+/*-]{1,63}(\.[A-Za-z0-9_+/*-]{1,63})*")
"""Names that mean the same in dnsmasq's files as in a question."""
_LONGEST_STRING = 255
"""Bytes of one string of a TXT record (RFC 1035 section 3.3.14)."""


@dataclass(frozen=True, slots=True)
class Inquiry:
    """What to ask for.

    `reserved` are MAC addresses with an IPv4 reservation, `reserved6` DUIDs with an IPv6 one, as the file writes them.
    `records` has every value that answers a question, sorted. `left_out` counts what could be asked and isn't.
    """

    reserved: tuple[str, ...] = ()
    reserved6: tuple[str, ...] = ()
    records: Mapping[Question, tuple[str, ...]] = field(default_factory=dict)
    left_out: int = 0


def inquiry(network: Network, most: int) -> Inquiry:
    """Return what to ask a network for: of each sort at most so many, spread from the first to the last."""
    macs, duids = tuple(reservations4(network)), tuple(reservations6(network))
    expected = records(network)
    questions = sorted(expected)
    reserved, reserved6, asked = _spread(macs, most), _spread(duids, most), _spread(questions, most)
    left_out = sum(map(len, (macs, duids, questions))) - sum(map(len, (reserved, reserved6, asked)))
    return Inquiry(reserved, reserved6, {question: expected[question] for question in asked}, left_out)


def reservations4(network: Network) -> Mapping[str, tuple[str, ...]]:
    """Return the addresses that are reserved for each MAC address: one, unless the file says several."""
    return _reservations(network, six=False)


def reservations6(network: Network) -> Mapping[str, tuple[str, ...]]:
    """Return the addresses that are reserved for each DUID."""
    return _reservations(network, six=True)


def lent_by_range(ip: Ip, address: str) -> bool:
    """Return whether the address is one that the ranges of the subnet lend."""
    try:
        lent = ipaddress.ip_address(address)
    except ValueError:
        return False
    spans = ((ipaddress.ip_address(span.start), ipaddress.ip_address(span.end)) for span in ip.dhcp.ranges)
    return any(first.version == lent.version and int(first) <= int(lent) <= int(last) for first, last in spans)


def records(network: Network) -> Mapping[Question, tuple[str, ...]]:
    """Return the values, sorted, that answer the questions which the network's DNS knows about by the file."""
    if not (network.own_bridge and network.dns.enable and network.ips):
        return {}
    found: dict[Question, set[str]] = defaultdict(set)
    for question, value in (*_hosts(network.dns, network.domain.name), *_texts(network.dns), *_services(network)):
        if _NAME.fullmatch(question.name):
            found[question].add(value)
    for unreadable in _unreadable(network.dns):
        found.pop(unreadable, None)
    return {question: tuple(sorted(values)) for question, values in found.items()}


def _reservations(network: Network, *, six: bool) -> Mapping[str, tuple[str, ...]]:
    found: dict[str, list[str]] = defaultdict(list)
    for ip in network.ips if network.own_bridge else ():
        own = interface(ip)
        if own is None or is_ipv6(own) != six:
            continue
        for host in ip.dhcp.hosts:
            client = host.id if six else host.mac
            if client:
                found[client].append(host.ip)
    return {client: tuple(addresses) for client, addresses in found.items()}


def _hosts(dns: Dns, domain: str | None) -> Iterator[tuple[Question, str]]:
    """Yield names and their addresses, and for each address the name that comes first.

    libvirt sets expand-hosts where there is a domain: a first name without a dot is told with it.
    """
    reverse: dict[str, str] = {}
    for host in dns.hosts:
        address = ipaddress.ip_address(host.ip)
        names = [name.lower() for written in host.hostnames for name in written.split()]
        for name in names:
            yield Question(name, "A" if address.version == 4 else "AAAA"), str(address)  # noqa: PLR2004 -- IPv4
        if names and _NAME.fullmatch(names[0]):
            first = names[0] if "." in names[0] or not domain else f"{names[0]}.{domain.lower()}"
            reverse.setdefault(address.reverse_pointer, first)
    for pointer, name in reverse.items():
        yield Question(pointer, "PTR"), name


def _texts(dns: Dns) -> Iterator[tuple[Question, str]]:
    """Yield TXT records; dnsmasq drops space at both ends of a value."""
    for record in dns.txt:
        yield Question(record.name.lower(), "TXT"), (record.value or "").strip(" ")


def _unreadable(dns: Dns) -> Iterator[Question]:
    """Yield the questions that dnsmasq answers otherwise than the file says.

    It takes quotes out, and all that follows a # with space before it (read_file in its option.c).
    """
    for record in dns.txt:
        value = record.value or ""
        longest = max(map(len, value.split(",")))
        if re.search(r'"|(^|\s)#|[^ -~]', value) or longest > _LONGEST_STRING:
            yield Question(record.name.lower(), "TXT")


def _services(network: Network) -> Iterator[tuple[Question, str]]:
    for record in network.dns.srv:
        name = _service_name(record, network.domain.name)
        target = (record.target or "").rstrip(".").lower()
        if "," not in name + target:
            # Without a port dnsmasq says 1 (srv-host in its option.c).
            value = f"{record.priority or 0} {record.weight or 0} {record.port or 1} {target}"
            yield Question(name, "SRV"), value


def _service_name(record: DnsSrv, domain: str | None) -> str:
    """Return the record's name; dnsmasq puts the network's domain where the record has none (read_opts)."""
    domain = record.domain or domain
    return f"_{record.service}._{record.protocol}{f'.{domain}' if domain else ''}".lower()


def _spread(items: Sequence[T], most: int) -> tuple[T, ...]:
    """Return at most so many items, with the first and the last: what was added last may not have been loaded."""
    if len(items) <= most:
        return tuple(items)
    if most <= 1:
        return tuple(items[len(items) - most :])
    return tuple(items[index * (len(items) - 1) // (most - 1)] for index in range(most))
