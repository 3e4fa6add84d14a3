"""What libvirt keeps of its networks, as it prints it: text, unparsed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from netreconcile.errors import LibvirtFailed

if TYPE_CHECKING:
    from collections.abc import Iterator

    import libvirt

    from netreconcile.client import Client

_COUNTS = re.compile(r" connections='[0-9]+'")
"""How many guests are connected, which libvirt prints into a running definition."""
_BETWEEN = re.compile(r">\s+<")
"""Space between elements: libvirt indents metadata more with each restart of its daemon."""


class Definition(NamedTuple):
    """A network; what the fields mean stands at `observed.Observed`."""

    name: str
    uuid: str
    config_xml: str | None
    running_xml: str | None
    autostart: bool


class Listed(NamedTuple):
    """A network as libvirt lists it, without what its definitions say."""

    network: libvirt.virNetwork
    uuid: str
    persistent: bool
    active: bool
    autostart: bool


def listed(client: Client) -> Iterator[Listed]:
    """Yield all networks that libvirt lists. Raises LibvirtFailed."""
    api = client.api
    networks = client.list()
    autostart = {item.UUIDString() for item in _list(client, api.VIR_CONNECT_LIST_NETWORKS_AUTOSTART)}
    active = {item.UUIDString() for item in _list(client, api.VIR_CONNECT_LIST_NETWORKS_ACTIVE)}
    persistent = {item.UUIDString() for item in _list(client, api.VIR_CONNECT_LIST_NETWORKS_PERSISTENT)}
    for item in networks:
        uuid = item.UUIDString()
        if uuid in persistent or uuid in active:
            yield Listed(item, uuid, uuid in persistent, uuid in active, uuid in autostart)


def definitions(client: Client) -> Iterator[Definition]:
    """Yield all networks; one that goes away meanwhile is left out. Raises LibvirtFailed."""
    return (found for each in listed(client) if (found := defined(client, each)))


def definition(client: Client, name: str) -> Definition | None:
    """Return one network, None where it isn't there. Raises LibvirtFailed."""
    words, found = f"read network {name}", None
    try:
        network = client.lookup(words, name)
        facts = (client.call(words, each) for each in (network.isPersistent, network.isActive, network.autostart))
        found = defined(client, Listed(network, network.UUIDString(), *map(bool, facts)))
    except LibvirtFailed as error:
        _raise_unless_gone(client, error)
    if found is None:
        client.networks.pop(name, None)
    return found


def defined(client: Client, there: Listed) -> Definition | None:
    """Return a network that was listed; None where it has gone meanwhile. Raises LibvirtFailed."""
    name, network = there.network.name(), there.network
    words, inactive = f"read network {name}", client.api.VIR_NETWORK_XML_INACTIVE
    try:
        config = client.call(words, lambda: network.XMLDesc(inactive)) if there.persistent else None
        running = client.call(words, network.XMLDesc) if there.active else None
    except LibvirtFailed as error:
        _raise_unless_gone(client, error)
        return None
    return Definition(name, there.uuid, config, running, there.autostart)


def essence(xml: str | None) -> str | None:
    """Return a definition without what changes in it although nobody changes it."""
    return None if xml is None else _BETWEEN.sub("><", _COUNTS.sub("", xml))


def _list(client: Client, flags: int) -> list[libvirt.virNetwork]:
    return client.call("list networks", lambda: client.connection.listAllNetworks(flags))


def _raise_unless_gone(client: Client, error: LibvirtFailed) -> None:
    """Raise the error unless it says that the network isn't there, or not any more."""
    if error.code != client.api.VIR_ERR_NO_NETWORK:
        raise error
