"""What a libvirt that was killed has left of stopped networks: asked about, and cleared away before a step.

`kernel.remains` knows what that is; it is imported only where there may be some.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from netreconcile.errors import ConnectionLost, LibvirtFailed

if TYPE_CHECKING:
    from collections.abc import Mapping

    import libvirt

    from netreconcile.client import Client
    from netreconcile.model import Network
    from netreconcile.observed import Observed

log = logging.getLogger(__name__)
_STAYS = "what libvirt has left of it when it was killed is in the way, and can't be cleared away: "


def stopped_with_bridge(networks: Mapping[str, Observed], links: frozenset[str]) -> dict[str, Network]:
    """Return the configs of stopped networks of whose bridge's name the host has a link; mostly none."""
    stopped = {name: there.config for name, there in networks.items() if there.config and not there.active}
    return {name: config for name, config in stopped.items() if config.own_bridge and config.bridge.name in links}


def left_behind(stopped: Mapping[str, Network]) -> frozenset[str]:
    """Return those whose bridge libvirt has left on this host; none where that can't be seen, which is logged."""
    from netreconcile.kernel import remains
    from netreconcile.kernel.read import Unreadable

    try:
        return remains.left_behind(stopped)
    except Unreadable as error:
        log.warning("%s", error)
        return frozenset()


def cleared(client: Client, words: str, name: str) -> str:
    """Nothing that libvirt has left of the network is on this host; return what was, nothing of one that runs.

    Raises LibvirtFailed.
    """
    from netreconcile import codec
    from netreconcile.kernel import remains
    from netreconcile.kernel.programs import ProgramFailed
    from netreconcile.kernel.read import Unreadable

    network = client.lookup(words, name)
    if not remains.suspected(name, _bridge(client, words, network)) or client.call(words, network.isActive):
        return ""
    xml = client.call(words, lambda: network.XMLDesc(client.api.VIR_NETWORK_XML_INACTIVE))
    try:
        return remains.clear(name, codec.parse(xml)[0])
    except (codec.UnreadableXml, ProgramFailed, Unreadable) as error:
        raise LibvirtFailed(words, f"{_STAYS}{error}", -1) from error


def _bridge(client: Client, words: str, network: libvirt.virNetwork) -> str:
    """Return the name of the network's bridge, empty where it has none. Raises ConnectionLost."""
    try:
        bridge: str = client.call(words, network.bridgeName)
    except ConnectionLost:
        raise
    except LibvirtFailed:
        return ""
    return bridge
