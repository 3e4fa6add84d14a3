"""Names that become files and devices on the host: the network's own, its bridge's, the interface behind it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from netreconcile.checks.dnsmasq import runs
from netreconcile.checks.finding import Finding, Stage
from netreconcile.spelling import plain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from netreconcile.errors import Path
    from netreconcile.model import Network

LONGEST_DEVICE = 15
"""Bytes of a device's name: IFNAMSIZ - 1 in Linux."""
_LONGEST_DEFINED = 247
"""Bytes of a network's name for which libvirt 9.0 can still write the definition; seen, 248 fails at define."""
_LONGEST_SERVED = 245
"""Bytes of a network's name for which dnsmasq's `.addnhosts` and `.hostsfile` have a place: NAME_MAX - 10."""
_NO_DEVICE = re.compile(rb"[/:%\s\xa0]")
"""What Linux refuses in a device's name, byte by byte (dev_valid_name and dev_alloc_name in net/core/dev.c)."""
_TAKEN = ("all", "default", "lo")
"""Two that collide with the folders of /proc/sys/net/ipv6/conf, and one that every host has."""


def findings(name: str, network: Network) -> Iterator[Finding]:
    """Yield what is wrong with the names."""
    yield from _network_name(name, network)
    if network.bridge.name is not None:
        yield from _bridge_name(network.bridge.name, network)
    for index, device in enumerate(network.forward.interfaces):
        if len(device.encode()) > LONGEST_DEVICE:
            # Only the firewall rules of nat and route name the interface (seen: iptables refuses it).
            stage = Stage.START if network.mode in ("nat", "route") else Stage.NEVER
            yield _too_long_for_device(stage, ("forward", "interfaces", index), device, "give the interface's name")


def _network_name(name: str, network: Network) -> Iterator[Finding]:
    size = len(name.encode())
    advice = "use letters, digits, '.', '_' and '-'"
    try:
        plain(name)
    except ValueError as error:
        yield Finding(Stage.DEFINE, "network-name", (), str(error), advice)
    if not name or "/" in name:
        message = f"{name!r} can't be a network's name: libvirt refuses '/' and the empty name"
        yield Finding(Stage.DEFINE, "network-name", (), message, advice)
    if size > _LONGEST_DEFINED:
        message = f"the network's name has {size} bytes: libvirt can store at most {_LONGEST_DEFINED}"
        yield Finding(Stage.DEFINE, "network-name-too-long", (), message, "shorten it")
    elif size > _LONGEST_SERVED and runs(network):
        message = f"the network's name has {size} bytes: dnsmasq's files leave room for {_LONGEST_SERVED}"
        yield Finding(Stage.START, "network-name-too-long", (), message, "shorten it")
    if name == "driver":
        yield Finding(
            Stage.NEVER,
            "network-name-driver",
            (),
            "libvirt's daemon keeps its own driver.pid where the network's dnsmasq would have it",
            "choose another name",
        )


def _bridge_name(bridge: str, network: Network) -> Iterator[Finding]:
    path = ("bridge", "name")
    stage = Stage.START if network.own_bridge else Stage.NEVER
    if "%d" in bridge and network.own_bridge:
        yield Finding(
            Stage.DEFINE,
            "bridge-name-template",
            path,
            f"{bridge!r} is a template: libvirt puts a number in place of %d, so the bridge never has this name",
            "give the name itself, or leave it out and libvirt takes the first free virbrN",
        )
    elif len(bridge.encode()) > LONGEST_DEVICE:
        short = bridge.encode()[:LONGEST_DEVICE].decode(errors="ignore")
        yield _too_long_for_device(stage, path, bridge, f"shorten it, as in {short!r}; the network keeps its own name")
    elif _NO_DEVICE.search(bridge.encode()) or bridge in {".", ".."}:
        yield Finding(
            stage,
            "bridge-name",
            path,
            f"{bridge!r} can't be a device's name: Linux refuses white space, '/', ':', '%', '.' and '..'",
            "use letters, digits, '.', '_' and '-'",
        )
    elif bridge in _TAKEN:
        yield Finding(stage, "bridge-name", path, f"{bridge!r} is taken on every Linux host", "choose another name")


def _too_long_for_device(stage: Stage, path: Path, device: str, hint: str) -> Finding:
    size = len(device.encode())
    message = f"{device!r} has {size} bytes: a network device's name has at most {LONGEST_DEVICE}"
    return Finding(stage, "device-name-too-long", path, message, hint)
