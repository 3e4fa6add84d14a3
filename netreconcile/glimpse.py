"""Whether anything has changed on a libvirt host, told without a look at what it means."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

from netreconcile.client import Client
from netreconcile.definitions import definitions, essence
from netreconcile.errors import LibvirtFailed

if TYPE_CHECKING:
    from collections.abc import Iterator

_INTERFACE = re.compile("<interface .*?</interface>", re.DOTALL)


def glimpse(uri: str, *, timeout: float) -> str:
    """Return a digest of everything that libvirt tells and a comparison depends on; the same one, the same result.

    What DHCP has lent is left out: it only tells whom a change would hit. Empty where libvirt fails meanwhile. Raises
    Unreachable.
    """
    client = Client(uri, readonly=True, timeout=timeout)
    digest = hashlib.sha256()
    try:
        for fact in _facts(client):
            digest.update(repr(fact).encode(errors="surrogateescape"))
    except LibvirtFailed:
        return ""
    finally:
        client.close()
    return digest.hexdigest()


def _facts(client: Client) -> Iterator[object]:
    yield client.call("read libvirt's version", client.connection.getLibVersion)
    for name, uuid, config, running, autostart in definitions(client):
        yield name, uuid, essence(config), essence(running), autostart
    interfaces = list(_interfaces(client))
    yield interfaces
    if any(found for *_, found in interfaces):
        # An interface that holds no port of its network any more has lost its link; so without one, ports say nothing.
        flags = client.api.VIR_CONNECT_LIST_NETWORKS_ACTIVE
        for network in client.call("list networks", lambda: client.connection.listAllNetworks(flags)):
            yield sorted(port.UUIDString() for port in client.call("read ports", network.listAllPorts))


def _interfaces(client: Client) -> Iterator[tuple[str, int, list[str]]]:
    """Yield each domain, its number while it runs, and its interfaces as libvirt prints them."""
    try:
        domains = client.call("list domains", client.connection.listAllDomains)
    except LibvirtFailed as error:
        if error.code != client.api.VIR_ERR_NO_SUPPORT:
            raise
        return
    for domain in domains:
        yield domain.name(), domain.ID(), _INTERFACE.findall(client.call("read domain", domain.XMLDesc))
