"""What a network needs from the host's libvirt: fields and combinations that older releases refuse or drop."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from netreconcile import releases
from netreconcile.binding import bindings
from netreconcile.checks.addresses import one_block
from netreconcile.checks.switches import takes_vlans, vlan_paths
from netreconcile.errors import dotted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic import BaseModel

    from netreconcile.binding import Version
    from netreconcile.errors import Path
    from netreconcile.model import Network


def requirements(network: Network) -> Iterator[tuple[Path, Version, str]]:
    """Yield each thing that not every libvirt has: its path, the first release with it, and its name in a sentence."""
    yield from _fields(network, ())
    if network.mode == "open" and not network.ips:
        yield ("mode",), releases.OPEN_WITHOUT_ADDRESS, "mode open without an address"
    if takes_vlans(network) and not takes_vlans(network, plain_bridge=False):
        for path in vlan_paths(network):
            yield path, releases.VLANS_ON_BRIDGES, f"{dotted(path)} on a bridge that isn't Open vSwitch"
    for path, first, last in _spans(network):
        if not one_block(ipaddress.ip_address(first), ipaddress.ip_address(last)):
            what = f"the range {first}-{last}, whose ends differ in more than their last 16 bits,"
            yield path, releases.LARGE_RANGES, what


def _spans(network: Network) -> Iterator[tuple[Path, str, str]]:
    for number, ip in enumerate(network.ips):
        for index, span in enumerate(ip.dhcp.ranges):
            if ":" not in span.start + span.end:
                yield ("ips", number, "dhcp", "ranges", index), span.start, span.end
    if network.forward.nat.addresses is not None:
        first, _, last = network.forward.nat.addresses.partition("-")
        yield ("forward", "nat", "addresses"), first, last


def _fields(model: BaseModel, path: Path) -> Iterator[tuple[Path, Version, str]]:
    for binding in bindings(type(model)):
        value = getattr(model, binding.name)
        here = (*path, binding.name)
        if binding.since is not None and value != binding.default:
            yield here, binding.since, dotted(here)
        if binding.model is not None and binding.is_list:
            for index, item in enumerate(value):
                yield from _fields(item, (*here, index))
        elif binding.model is not None:
            yield from _fields(value, here)
