"""What each mode takes: settings that libvirt refuses, drops or ignores elsewhere, and what they exclude.

The sources are virNetworkDefParseXML and virNetworkForwardDefParseXML in network_conf.c, and networkValidate in
bridge_driver.c.
"""

from __future__ import annotations

import functools
import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from netreconcile.binding import bindings
from netreconcile.checks.addresses import too_large
from netreconcile.checks.finding import Finding, Stage, listed
from netreconcile.errors import dotted
from netreconcile.model import OWN_BRIDGE_MODES, Element, Network

if TYPE_CHECKING:
    from collections.abc import Iterator

    from netreconcile.errors import Path

_MACVTAP = ("private", "vepa", "passthrough")
_LAN = ("bridge", *_MACVTAP, "hostdev")
_ADDRESSED = ("nat", "route", "open", "isolated")
_ROUTED = ("nat", "route", "open")


@dataclass(frozen=True, slots=True)
class _Setting:
    """A setting, the modes in which it works, and those that take it without effect; the others refuse or lose it."""

    path: Path
    modes: tuple[str, ...]
    ignored: tuple[str, ...] = ()


SETTINGS = (
    _Setting(("mac",), OWN_BRIDGE_MODES),
    _Setting(("mtu",), OWN_BRIDGE_MODES),
    _Setting(("ipv6",), OWN_BRIDGE_MODES, ignored=_LAN),
    _Setting(("bridge", "name"), (*OWN_BRIDGE_MODES, "bridge")),
    _Setting(("bridge", "stp"), OWN_BRIDGE_MODES),
    _Setting(("bridge", "delay"), OWN_BRIDGE_MODES),
    _Setting(("bridge", "zone"), OWN_BRIDGE_MODES),
    _Setting(("bridge", "mac_table_manager"), (*OWN_BRIDGE_MODES, "bridge")),
    _Setting(("port",), (*OWN_BRIDGE_MODES, "bridge"), ignored=(*_MACVTAP, "hostdev")),
    _Setting(("ips",), _ADDRESSED),
    _Setting(("domain",), _ADDRESSED, ignored=("very-isolated",)),
    _Setting(("dns", "hosts"), _ADDRESSED, ignored=("very-isolated",)),
    _Setting(("dns", "txt"), _ADDRESSED, ignored=("very-isolated",)),
    _Setting(("dns", "srv"), _ADDRESSED, ignored=("very-isolated",)),
    _Setting(("dns", "forwarders"), _ADDRESSED, ignored=("very-isolated", *_LAN)),
    _Setting(("dns", "forward_plain_names"), _ADDRESSED, ignored=("very-isolated", *_LAN)),
    _Setting(("dnsmasq_options",), _ADDRESSED, ignored=("very-isolated", *_LAN)),
    _Setting(("forward", "nat"), ("nat",)),
    _Setting(("forward", "interfaces"), ("nat", "route", "bridge", *_MACVTAP)),
    _Setting(("forward", "pf"), _LAN, ignored=_ROUTED),
    _Setting(("forward", "addresses"), ("hostdev",)),
    _Setting(("forward", "managed"), ("hostdev",)),
    _Setting(("forward", "driver", "name"), ("hostdev",), ignored=(*_ROUTED, "bridge", *_MACVTAP)),
    _Setting(("forward", "driver", "model"), ("hostdev",)),
)


def findings(_: str, network: Network) -> Iterator[Finding]:
    """Yield settings that the network's mode doesn't take, and what it lacks."""
    for setting in SETTINGS:
        if network.mode not in setting.modes and _given(network, setting.path):
            yield _misplaced(setting, network.mode)
    yield from _addressless(network)
    yield from _pools(network)
    yield from _empty(network)
    if network.mode == "nat":
        yield from _nat(network)


def _given(network: Network, path: Path) -> bool:
    """Return whether the file says something at the path."""
    value: object = network
    for part in path:
        value = getattr(value, str(part))
    return bool(value != _default(path))


@functools.cache
def _default(path: Path) -> object:
    """Return what stands at the path where a file says nothing."""
    model: type[Element] | None = Network
    default: object = None
    for part in path:
        binding = next(item for item in bindings(model) if item.name == part) if model else None
        model, default = (binding.model, binding.default) if binding else (None, None)
    return default


def _misplaced(setting: _Setting, mode: str) -> Finding:
    what, where = dotted(setting.path), f"it is for {listed(setting.modes, 'or')}"
    if mode in setting.ignored:
        message = f"{what} has no effect in mode {mode}: {where}"
        return Finding(Stage.NEVER, "ignored-by-mode", setting.path, message, "remove it, unless it is kept on purpose")
    message = f"{what} can't be set in mode {mode}: {where}"
    return Finding(Stage.DEFINE, "refused-by-mode", setting.path, message, "remove it, or change the mode")


def _addressless(network: Network) -> Iterator[Finding]:
    """Yield modes that mean an address and have none; `open` may have none since libvirt 10.8."""
    if network.mode in ("nat", "route", "isolated") and not network.ips:
        or_else = "; without any address it is very-isolated" if network.mode == "isolated" else ""
        message = f"mode {network.mode} needs an address of the host on the network"
        yield Finding(
            Stage.DEFINE, "address-missing", ("mode",), message, f"add one under ips, as in 192.0.2.1/24{or_else}"
        )


def _pools(network: Network) -> Iterator[Finding]:
    forward, mode = network.forward, network.mode
    pools = tuple(name for name in ("interfaces", "pf", "addresses") if getattr(forward, name))
    if mode in ("nat", "route") and len(forward.interfaces) > 1:
        message = f"mode {mode} takes one interface, not {len(forward.interfaces)}"
        yield Finding(
            Stage.DEFINE,
            "forward-interfaces",
            ("forward", "interfaces", 1),
            message,
            "keep the one that leads outside, or none: then the host's routes decide",
        )
    if len(pools) > 1:
        message = f"{listed(pools)} exclude each other"
        yield Finding(Stage.DEFINE, "forward-pools", ("forward", pools[1]), message, "keep one of them")
    if mode == "bridge" and network.bridge.name is not None and pools:
        message = f"mode bridge goes over a host bridge (bridge.name) or over forward.{pools[0]} (macvtap), not both"
        yield Finding(Stage.DEFINE, "forward-and-bridge", ("forward", pools[0]), message, "remove one of the two")
    for name, devices in (("interfaces", forward.interfaces), ("addresses", forward.addresses)):
        seen: set[str] = set()
        for index, device in enumerate(devices):
            if device in seen:
                path = ("forward", name, index)
                yield Finding(Stage.DEFINE, "forward-duplicate", path, f"{device!r} is listed twice", "remove one")
            seen.add(device)


def _empty(network: Network) -> Iterator[Finding]:
    forward, mode = network.forward, network.mode
    if forward.interfaces or forward.pf is not None or forward.addresses or network.bridge.name is not None:
        return
    if mode == "bridge":
        message = "mode bridge without bridge.name or forward.interfaces starts, but no guest can be plugged in"
        yield Finding(Stage.NEVER, "pool-empty", ("mode",), message, "name the host's bridge or interface")
    elif mode in (*_MACVTAP, "hostdev"):
        message = f"mode {mode} without host devices starts, but no guest can be plugged in"
        hint = "give forward.pf or forward.addresses" if mode == "hostdev" else "give forward.interfaces or forward.pf"
        yield Finding(Stage.NEVER, "pool-empty", ("mode",), message, hint)


def _nat(network: Network) -> Iterator[Finding]:
    nat = network.forward.nat
    four = [ip.address for ip in network.ips if ":" not in ip.address]
    six = [ip.address for ip in network.ips if ":" in ip.address and not ip.address.startswith("fe80:")]
    first, _, last = nat.ports.partition("-")
    if first == last and (four or (six and nat.ipv6)):
        message = f"{nat.ports}: one port is no range for libvirt, which then fails to start the network"
        yield Finding(Stage.START, "nat-ports", ("forward", "nat", "ports"), message, "give two ports or more")
    if nat.addresses is not None and too_large(*map(ipaddress.ip_address, nat.addresses.split("-"))):
        message = f"{nat.addresses} is too large for libvirt, which takes at most 65536 addresses"
        yield Finding(Stage.DEFINE, "nat-addresses", ("forward", "nat", "addresses"), message, "make it smaller")
    if nat.ipv6 and not six:
        message = "there is no IPv6 address whose subnet could be translated"
        yield Finding(Stage.NEVER, "nat-ipv6-unused", ("forward", "nat", "ipv6"), message, "add one, or remove this")
    if six and not nat.ipv6:
        message = f"IPv6 of {six[0]} is routed, not translated, and its guests can be reached from outside"
        hint = "set forward.nat.ipv6: true, unless the outside has a route here"
        yield Finding(Stage.NEVER, "nat-ipv6-routed", ("mode",), message, hint)
