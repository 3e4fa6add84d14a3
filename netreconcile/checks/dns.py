"""Domain and DNS records as libvirt takes them (virNetworkDNSDefParseXML in network_conf.c)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from netreconcile.checks.finding import Finding, Stage, listed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from netreconcile.errors import Path
    from netreconcile.model import Dns, DnsSrv, Network

_LONGEST_SERVICE = 482
"""Bytes of an SRV record's service: DNS_RECORD_LENGTH_SRV in network_conf.c."""


def findings(_: str, network: Network) -> Iterator[Finding]:
    """Yield what libvirt refuses or drops, and what nobody can mean."""
    dns, domain = network.dns, network.domain
    if domain.name is None and (domain.local_only or domain.register):
        message = "libvirt drops a domain without a name"
        yield Finding(Stage.DEFINE, "domain-name", ("domain",), message, "add its name")
    elif domain.register and not domain.local_only:
        message = "libvirt registers a domain only if it is local_only"
        yield Finding(Stage.DEFINE, "domain-register", ("domain", "register"), message, "add local_only: true")
    records = tuple(name for name in ("forwarders", "hosts", "txt", "srv") if getattr(dns, name))
    if not dns.enable and records:
        message = f"{listed(records)} can't be set where DNS is off (enable: false)"
        yield Finding(Stage.DEFINE, "dns-disabled", ("dns", records[0]), message, "remove them, or turn DNS on")
    yield from _forwarders(network)
    yield from _hosts(dns)
    for index, record in enumerate(dns.txt):
        path = ("dns", "txt", index)
        if re.search(r"[ ,]", record.name):
            message = f"{record.name!r} can't name a TXT record: spaces and commas are refused"
            yield Finding(Stage.DEFINE, "txt-name", (*path, "name"), message, "use letters, digits, '.', '_' and '-'")
        if record.value is None:
            message = f"the TXT record {record.name!r} has no value"
            yield Finding(Stage.DEFINE, "txt-value", path, message, "add value, which may be empty")
    for index, service in enumerate(dns.srv):
        yield from _srv(("dns", "srv", index), service)


def _forwarders(network: Network) -> Iterator[Finding]:
    own = {ip.identity for ip in network.ips}
    for index, forwarder in enumerate(network.dns.forwarders):
        path = ("dns", "forwarders", index)
        if forwarder.addr is None and (forwarder.domain is None or forwarder.port is not None):
            message = "a forwarder needs addr, domain or both, and a port needs addr"
            yield Finding(Stage.DEFINE, "forwarder-address", path, message, "add the resolver's address")
        if forwarder.addr in own:
            message = f"{forwarder.addr} is this network's own resolver: questions go round in a circle"
            yield Finding(Stage.NEVER, "forwarder-loop", (*path, "addr"), message, "give another resolver")


def _hosts(dns: Dns) -> Iterator[Finding]:
    seen: dict[str, int] = {}
    for index, host in enumerate(dns.hosts):
        path = ("dns", "hosts", index)
        if not host.hostnames:
            yield Finding(Stage.DEFINE, "dns-host-name", path, f"{host.ip} has no name", "add hostnames")
        for number, name in enumerate(host.hostnames):
            at = (*path, "hostnames", number)
            if not name.isascii() or any(len(label) > 63 for label in name.split(".")):  # noqa: PLR2004 -- RFC 1035
                message = f"dnsmasq ignores {name!r}: names are ASCII, with at most 63 bytes between dots"
                yield Finding(Stage.NEVER, "dns-host-ignored", at, message, "write it as xn--…, or shorten it")
            elif " " in name:
                message = f"dnsmasq reads {name!r} as {len(name.split())} names"
                yield Finding(Stage.NEVER, "dns-host-space", at, message, "list them one by one")
        if host.ip in seen:
            message = f"hosts[{seen[host.ip]}] has {host.ip} too: libvirt can't change either while the network runs"
            yield Finding(Stage.NEVER, "dns-host-duplicate", (*path, "ip"), message, "give all names in one entry")
        seen.setdefault(host.ip, index)


def _srv(path: Path, record: DnsSrv) -> Iterator[Finding]:
    if not re.fullmatch(r"[A-Za-z0-9_+/*-]*", record.service) or len(record.service) > _LONGEST_SERVICE:
        message = f"{record.service!r} can't be a service: letters, digits and _ - + / *, at most {_LONGEST_SERVICE}"
        yield Finding(Stage.DEFINE, "srv-service", (*path, "service"), message, "write the name without underscore")
    if not re.fullmatch(r"[A-Za-z0-9+/-]*", record.protocol):
        message = f"{record.protocol!r} can't be a protocol: letters, digits and - + /"
        yield Finding(Stage.DEFINE, "srv-protocol", (*path, "protocol"), message, "write tcp or udp")
    given = tuple(name for name in ("port", "priority", "weight") if getattr(record, name) is not None)
    if given and record.target is None:
        message = f"{listed(given)} of an SRV record without target"
        yield Finding(Stage.DEFINE, "srv-target", path, message, "add target: the host that offers the service")
