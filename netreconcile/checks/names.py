"""Names that become file names and devices on the host: the network's own and its bridge's."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from netreconcile.checks.finding import Finding, Stage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from netreconcile.model import Network

LONGEST_DEVICE = 15
"""Bytes of a device name: IFNAMSIZ - 1 in Linux."""
_LONGEST_DEFINED = 247
"""Bytes of a network name whose definition still has a file: NAME_MAX less `.xml` and what virFileRewrite adds."""
_LONGEST_SERVED = 245
"""Bytes of a network name whose `.addnhosts` and `.hostsfile` for dnsmasq can still be written."""


def findings(name: str, network: Network) -> Iterator[Finding]:
    """Yield what is wrong with the names."""
    yield from _network_name(name, network)
    if network.bridge.name is not None:
        yield from _bridge_name(network.bridge.name, network)


def _network_name(name: str, network: Network) -> Iterator[Finding]:
    size = len(name.encode())
    if not name or "/" in name:
        yield Finding(
            Stage.DEFINE,
            "network-name",
            (),
            f"{name!r} can't be a network's name: libvirt refuses '/' and the empty name",
            "use letters, digits, '.', '_' and '-'",
        )
    if size > _LONGEST_DEFINED:
        yield Finding(
            Stage.DEFINE,
            "network-name-too-long",
            (),
            f"a network name of {size} bytes is too long: libvirt can store at most {_LONGEST_DEFINED}",
            "shorten it",
        )
    elif size > _LONGEST_SERVED and network.ips:
        yield Finding(
            Stage.START,
            "network-name-too-long",
            (),
            f"a network name of {size} bytes is too long for dnsmasq's files: at most {_LONGEST_SERVED}",
            "shorten it",
        )


def _bridge_name(bridge: str, network: Network) -> Iterator[Finding]:
    path = ("bridge", "name")
    if "%d" in bridge and network.own_bridge:
        yield Finding(
            Stage.DEFINE,
            "bridge-name-template",
            path,
            f"{bridge!r} is a template: libvirt puts a number in place of %d, so the network never has this name",
            "give the name, or leave it out and libvirt takes the first free virbrN",
        )
        return
    stage = Stage.START if network.own_bridge else Stage.NEVER
    if len(bridge.encode()) > LONGEST_DEVICE:
        yield Finding(
            stage,
            "bridge-name-too-long",
            path,
            f"{bridge!r} has {len(bridge.encode())} bytes: a network device's name has at most {LONGEST_DEVICE}",
            f"shorten it, for example to {bridge[:LONGEST_DEVICE]!r}; the network's name may stay",
        )
    elif re.search(r"[/:\s]", bridge) or bridge in {"", ".", ".."}:
        yield Finding(
            stage,
            "bridge-name",
            path,
            f"{bridge!r} can't be a network device's name: Linux refuses '/', ':', white space, '.' and '..'",
            "use letters, digits, '.', '_' and '-'",
        )
