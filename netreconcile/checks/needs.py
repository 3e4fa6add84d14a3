"""What a network needs from the host's libvirt: fields and combinations that older releases refuse or drop."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netreconcile.binding import bindings
from netreconcile.errors import dotted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic import BaseModel

    from netreconcile.binding import Version
    from netreconcile.errors import Path
    from netreconcile.model import Network


def requirements(network: Network) -> Iterator[tuple[Path, Version, str]]:
    """Yield each thing that not every libvirt has: its path, the first release with it, and its name for a sentence."""
    yield from _fields(network, ())
    if network.mode == "open" and not network.ips:
        yield ("mode",), (10, 8, 0), "mode open without an address"
    if network.mode == "open" and network.bridge.zone is not None:
        yield ("bridge", "zone"), (10, 8, 0), "a firewalld zone in mode open"
    yield from _vlans(network)


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


def _vlans(network: Network) -> Iterator[tuple[Path, Version, str]]:
    """Yield VLANs that need no Open vSwitch and no SR-IOV (networkValidate in bridge_driver.c)."""
    places: list[Path] = [("vlan",)] if network.vlan.tags else []
    places += [("portgroups", index, "vlan") for index, group in enumerate(network.portgroups) if group.vlan.tags]
    kind = network.virtualport.type
    if network.mode in ("hostdev", "passthrough") or (network.mode == "bridge" and kind == "openvswitch"):
        return
    for path in places:
        yield path, (11, 0, 0), "a VLAN on a bridge that isn't Open vSwitch"
