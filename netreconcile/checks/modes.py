"""What each mode takes: settings that libvirt refuses, drops or ignores there (networkValidate in bridge_driver.c and
virNetworkDefParseXML in network_conf.c), and the settings of switches and rates that belong together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from netreconcile.checks.finding import Finding, Stage, listed
from netreconcile.errors import dotted
from netreconcile.model import OWN_BRIDGE_MODES, Bandwidth, VirtualPort

if TYPE_CHECKING:
    from collections.abc import Iterator

    from netreconcile.errors import Path
    from netreconcile.model import Network, Rates, Vlan

_MACVTAP = ("private", "vepa", "passthrough")
_LAN = ("bridge", *_MACVTAP, "hostdev")
_ADDRESSED = ("nat", "route", "open", "isolated")


@dataclass(frozen=True, slots=True)
class _Setting:
    """A setting, the modes that take it, and what becomes of it in the others."""

    path: Path
    modes: tuple[str, ...]
    stage: Stage = Stage.DEFINE


_SETTINGS = (
    _Setting(("mac",), OWN_BRIDGE_MODES),
    _Setting(("mtu",), OWN_BRIDGE_MODES),
    _Setting(("bridge", "name"), (*OWN_BRIDGE_MODES, "bridge")),
    _Setting(("bridge", "stp"), OWN_BRIDGE_MODES),
    _Setting(("bridge", "delay"), OWN_BRIDGE_MODES),
    _Setting(("bridge", "zone"), OWN_BRIDGE_MODES),
    _Setting(("bridge", "mac_table_manager"), (*OWN_BRIDGE_MODES, "bridge")),
    _Setting(("domain",), OWN_BRIDGE_MODES),
    _Setting(("dns", "hosts"), OWN_BRIDGE_MODES),
    _Setting(("dns", "txt"), OWN_BRIDGE_MODES),
    _Setting(("dns", "srv"), OWN_BRIDGE_MODES),
    _Setting(("ips",), _ADDRESSED),
    _Setting(("forward", "nat"), ("nat",)),
    _Setting(("forward", "interfaces"), ("nat", "route", "bridge", *_MACVTAP)),
    _Setting(("forward", "pf"), ("bridge", *_MACVTAP, "hostdev")),
    _Setting(("forward", "addresses"), ("hostdev",)),
    _Setting(("forward", "managed"), ("hostdev",)),
    _Setting(("forward", "driver"), ("hostdev",)),
    _Setting(("dns", "enable"), _ADDRESSED, Stage.NEVER),
    _Setting(("dns", "forward_plain_names"), _ADDRESSED, Stage.NEVER),
    _Setting(("dns", "forwarders"), _ADDRESSED, Stage.NEVER),
    _Setting(("dnsmasq_options",), _ADDRESSED, Stage.NEVER),
    _Setting(("ipv6",), OWN_BRIDGE_MODES, Stage.NEVER),
)


def findings(_: str, network: Network) -> Iterator[Finding]:
    """Yield what the network's mode doesn't take, and parts that don't go together."""
    for setting in _SETTINGS:
        if network.mode not in setting.modes and _given(network, setting.path):
            yield _misplaced(setting, network.mode)
    yield from _forward(network)
    yield from _bandwidth(network)
    yield from _vlans(network)
    for path, port, required in _virtualports(network):
        yield from _virtualport(path, port, required=required)


def _given(network: Network, path: Path) -> bool:
    """Return whether the file says something at the path."""
    value: object = network
    for part in path:
        default = type(value).model_fields[str(part)].get_default(call_default_factory=True)  # type: ignore[attr-defined]
        value = getattr(value, str(part))
    return value != default


def _misplaced(setting: _Setting, mode: str) -> Finding:
    where = f"{'modes' if len(setting.modes) > 1 else 'mode'} {listed(setting.modes)}"
    if setting.stage is Stage.NEVER:
        return Finding(
            setting.stage,
            "ignored-by-mode",
            setting.path,
            f"{dotted(setting.path)} has no effect in mode {mode}: it is for {where}",
            "remove it, if it isn't kept on purpose",
        )
    return Finding(
        setting.stage,
        "refused-by-mode",
        setting.path,
        f"{dotted(setting.path)} can't be set in mode {mode}: it is for {where}",
        "remove it, or change the mode",
    )


def _forward(network: Network) -> Iterator[Finding]:
    forward, mode = network.forward, network.mode
    if mode in ("nat", "route", "isolated") and not network.ips:
        instead = "; a network without any address is very-isolated" if mode == "isolated" else ""
        yield Finding(
            Stage.DEFINE,
            "address-missing",
            ("mode",),
            f"mode {mode} needs an address of the host on the network",
            f"add one under ips, as in 192.0.2.1/24{instead}",
        )
    if mode in ("nat", "route") and len(forward.interfaces) > 1:
        yield Finding(
            Stage.DEFINE,
            "forward-interfaces",
            ("forward", "interfaces", 1),
            f"mode {mode} takes one interface, not {len(forward.interfaces)}",
            "keep the one that leads outside, or none and the host's routes decide",
        )
    pools = tuple(name for name in ("interfaces", "pf", "addresses") if getattr(forward, name))
    if len(pools) > 1:
        yield Finding(
            Stage.DEFINE,
            "forward-pools",
            ("forward", pools[1]),
            f"{listed(pools)} exclude each other: libvirt uses one kind of pool",
            "keep one of them",
        )
    if mode == "bridge" and network.bridge.name is not None and pools:
        yield Finding(
            Stage.DEFINE,
            "forward-and-bridge",
            ("forward", pools[0]),
            f"mode bridge goes over a host bridge (bridge.name) or over {pools[0]} (macvtap), not both",
            "remove one of the two",
        )
    for name in ("interfaces", "addresses"):
        items: tuple[str, ...] = getattr(forward, name)
        for index, item in enumerate(items):
            if item in items[:index]:
                yield Finding(
                    Stage.DEFINE,
                    "forward-duplicate",
                    ("forward", name, index),
                    f"{item!r} is listed twice",
                    "remove one of them",
                )
    if mode in _LAN and not pools and not (mode == "bridge" and network.bridge.name):
        what = "bridge.name or forward.interfaces" if mode == "bridge" else "anything in forward"
        yield Finding(
            Stage.NEVER,
            "pool-empty",
            ("mode",),
            f"mode {mode} without {what} starts, but no guest can be plugged in",
            "name the host's device",
        )


def _bandwidth(network: Network) -> Iterator[Finding]:
    places: list[tuple[Path, Bandwidth]] = [(("bandwidth",), network.bandwidth)]
    places += [(("portgroups", index, "bandwidth"), group.bandwidth) for index, group in enumerate(network.portgroups)]
    shaped = network.own_bridge or (network.mode == "bridge" and network.bridge.name is not None)
    for path, bandwidth in places:
        if bandwidth != Bandwidth() and not shaped:
            yield Finding(
                Stage.DEFINE,
                "refused-by-mode",
                path,
                f"libvirt limits no bandwidth in mode {network.mode} without a bridge",
                "set it in the guests' interfaces",
            )
        yield from _rates((*path, "inbound"), bandwidth.inbound)
        yield from _rates((*path, "outbound"), bandwidth.outbound)


def _rates(path: Path, rates: Rates) -> Iterator[Finding]:
    if rates.floor is not None:
        yield Finding(
            Stage.DEFINE,
            "bandwidth-floor",
            (*path, "floor"),
            "libvirt takes no floor in a network, only in a guest's interface",
            "remove it here and set it in the guest's <interface>",
        )
    given = tuple(name for name in ("peak", "burst") if getattr(rates, name) is not None)
    if given and rates.average is None:
        yield Finding(
            Stage.DEFINE,
            "bandwidth-average",
            path,
            f"{listed(given)} need average, the long-term rate",
            "add average",
        )
    if rates.peak is not None and rates.average is not None and rates.peak < rates.average:
        yield Finding(
            Stage.NEVER,
            "bandwidth-peak",
            (*path, "peak"),
            f"the peak of {rates.peak} is below the average of {rates.average}",
            "peak is the rate of short bursts, above the average",
        )


def _virtualports(network: Network) -> Iterator[tuple[Path, VirtualPort, bool]]:
    yield ("virtualport",), network.virtualport, True
    for index, group in enumerate(network.portgroups):
        yield ("portgroups", index, "virtualport"), group.virtualport, False


_PARAMETERS = {
    "managerid": ("802.1Qbg",),
    "typeid": ("802.1Qbg",),
    "typeidversion": ("802.1Qbg",),
    "instanceid": ("802.1Qbg",),
    "profileid": ("802.1Qbh", "openvswitch"),
    "interfaceid": ("openvswitch", "midonet"),
}
"""The types of virtualport that take a parameter (virNetDevVPortProfileCheckNoExtras in virnetdevvportprofile.c)."""


def _virtualport(path: Path, port: VirtualPort, *, required: bool) -> Iterator[Finding]:
    given = tuple(name for name in _PARAMETERS if getattr(port, name) is not None)
    if given and port.type is None and required:
        yield Finding(
            Stage.DEFINE,
            "virtualport-type",
            path,
            f"{listed(given)} need the type of the switch",
            "add type: openvswitch, midonet, 802.1Qbg or 802.1Qbh",
        )
    for name in given:
        if port.type is not None and port.type not in _PARAMETERS[name]:
            yield Finding(
                Stage.DEFINE,
                "virtualport-parameter",
                (*path, name),
                f"{name} is no parameter of {port.type} but of {listed(_PARAMETERS[name])}",
                "remove it, or change the type",
            )


def _vlans(network: Network) -> Iterator[Finding]:
    """Yield what virNetDevVlanParse refuses; which modes take VLANs at all depends on the release (requirements)."""
    yield from _vlan(("vlan",), network.vlan)
    names: set[str] = set()
    default: str | None = None
    for index, group in enumerate(network.portgroups):
        path = ("portgroups", index)
        yield from _vlan((*path, "vlan"), group.vlan)
        if group.name in names:
            yield Finding(
                Stage.DEFINE,
                "portgroup-name",
                (*path, "name"),
                f"two portgroups are called {group.name!r}",
                "rename one of them",
            )
        names.add(group.name)
        if group.default and default is not None:
            yield Finding(
                Stage.DEFINE,
                "portgroup-default",
                (*path, "default"),
                f"{default!r} is the default already, and there can be one",
                "take default off one of them",
            )
        default = group.name if group.default and default is None else default


def _vlan(path: Path, vlan: Vlan) -> Iterator[Finding]:
    if vlan.trunk and not vlan.tags:
        yield Finding(Stage.DEFINE, "vlan-without-tags", path, "a trunk needs the VLANs that it carries", "add tags")
    natives = [index for index, tag in enumerate(vlan.tags) if tag.native_mode is not None]
    for index in natives[1:]:
        yield Finding(
            Stage.DEFINE,
            "vlan-native",
            (*path, "tags", index, "native_mode"),
            f"VLAN {vlan.tags[natives[0]].id} is the native one already, and there can be one",
            "keep native_mode on one tag",
        )
