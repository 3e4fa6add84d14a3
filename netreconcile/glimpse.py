"""Whether anything has changed on a libvirt host, told without a look at what it means."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from netreconcile.client import Client
from netreconcile.definitions import definitions
from netreconcile.errors import LibvirtFailed
from netreconcile.observed import essence

if TYPE_CHECKING:
    from collections.abc import Iterator


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
    for each in definitions(client):
        yield each._replace(config_xml=essence(each.config_xml), running_xml=essence(each.running_xml))
    flags = client.api.VIR_CONNECT_LIST_NETWORKS_ACTIVE
    for network in client.call("list networks", lambda: client.connection.listAllNetworks(flags)):
        for port in client.call("read ports", network.listAllPorts):
            yield client.call("read ports", port.XMLDesc)
    try:
        some = client.call("list domains", client.connection.listAllDomains)
    except LibvirtFailed as error:
        if error.code != client.api.VIR_ERR_NO_SUPPORT:
            raise
    else:
        if some:
            from netreconcile.guests import domains

            yield tuple(domains(client))
