"""What dnsmasq is told to answer."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from netreconcile.checks.finding import Finding, Stage, listed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from netreconcile.errors import Path
    from netreconcile.model import DnsSrv, Network

_LONGEST_SERVICE = 482
"""Bytes of an SRV record's service (DNS_RECORD_LENGTH_SRV in network_conf.c)."""


def findings(_: str, network: Network) -> Iterator[Finding]:
    """Yield what is wrong with domain and DNS."""
    dns, domain = network.dns, network.domain
    if domain.name is None and (domain.local_only or domain.register):
        yield Finding(
            Stage.DEFINE, "domain-name", ("domain",), "libvirt drops a domain without a name", "add its name"
        )
    if domain.register and not domain.local_only:
        yield Finding(
            Stage.DEFINE,
            "domain-register",
            ("domain", "register"),
            "libvirt registers only a domain that is local_only",
            "add local_only: true",
        )
    records = tuple(name for name in ("forwarders", "hosts", "txt", "srv") if getattr(dns, name))
    if not dns.enable and records:
        yield Finding(
            Stage.DEFINE,
            "dns-disabled",
            ("dns", records[0]),
            f"{listed(records)} can't be set where DNS is off (enable: false)",
            "remove them, or turn DNS on",
        )
    for index, forwarder in enumerate(dns.forwarders):
        if forwarder.addr is None and (forwarder.domain is None or forwarder.port is not None):
            yield Finding(
                Stage.DEFINE,
                "forwarder-address",
                ("dns", "forwarders", index),
                "a forwarder needs addr, domain or both, and a port needs addr",
                "add the resolver's address",
            )
    for index, host in enumerate(dns.hosts):
        if not host.hostnames:
            yield Finding(
                Stage.DEFINE, "dns-host-names", ("dns", "hosts", index), f"{host.ip} has no name", "add hostnames"
            )
    for index, record in enumerate(dns.txt):
        if re.search(r"[ ,]", record.name):
            yield Finding(
                Stage.DEFINE,
                "txt-name",
                ("dns", "txt", index, "name"),
                f"{record.name!r} can't name a TXT record: no spaces or commas",
            )
        if record.value is None:
            yield Finding(
                Stage.DEFINE,
                "txt-value",
                ("dns", "txt", index),
                f"the TXT record {record.name!r} has no value",
                "add value; '' is one",
            )
    for index, service in enumerate(dns.srv):
        yield from _srv(("dns", "srv", index), service)


def _srv(path: Path, record: DnsSrv) -> Iterator[Finding]:
    if not re.fullmatch(r"[A-Za-z0-9_+/*-]*", record.service) or len(record.service) > _LONGEST_SERVICE:
        yield Finding(
            Stage.DEFINE,
            "srv-service",
            (*path, "service"),
            f"{record.service!r} can't be a service: letters, digits, _ - + / *, at most {_LONGEST_SERVICE} of them",
        )
    if not re.fullmatch(r"[A-Za-z0-9+/-]*", record.protocol):
        yield Finding(
            Stage.DEFINE,
            "srv-protocol",
            (*path, "protocol"),
            f"{record.protocol!r} can't be a protocol: letters, digits, - + /",
            "write tcp or udp",
        )
    given = tuple(name for name in ("port", "priority", "weight") if getattr(record, name) is not None)
    if given and record.target is None:
        yield Finding(
            Stage.DEFINE,
            "srv-target",
            path,
            f"{listed(given)} of an SRV record need a target",
            "add the host that offers the service",
        )
    for name in given:
        if getattr(record, name) == 0:
            yield Finding(
                Stage.DEFINE,
                "srv-zero",
                (*path, name),
                f"libvirt {'refuses' if name == 'port' else 'drops'} {name} 0 of an SRV record",
                "leave it out: 0 is the default" if name != "port" else "give a port from 1 to 65535",
            )
