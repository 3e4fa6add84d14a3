"""What concerns the guests' side: VLANs, virtualports, port groups and bandwidth."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netreconcile.checks.finding import Finding, Stage, listed
from netreconcile.model import Bandwidth

if TYPE_CHECKING:
    from collections.abc import Iterator

    from netreconcile.errors import Path
    from netreconcile.model import Network, PortGroup, Rates, VirtualPort, Vlan

_LONGEST_PROFILE = 39
"""Bytes of a port profile: LIBVIRT_IFLA_VF_PORT_PROFILE_MAX - 1 (virnetdevvportprofile.h)."""
_PARAMETERS = {
    "managerid": ("802.1Qbg",),
    "typeid": ("802.1Qbg",),
    "typeidversion": ("802.1Qbg",),
    "instanceid": ("802.1Qbg",),
    "profileid": ("802.1Qbh", "openvswitch"),
    "interfaceid": ("openvswitch", "midonet"),
}
"""The types of virtualport that take a parameter (virNetDevVPortProfileCheckNoExtras in virnetdevvportprofile.c)."""


def findings(_: str, network: Network) -> Iterator[Finding]:
    """Yield what is wrong on the guests' side."""
    yield from _virtualport((), network, network.virtualport)
    yield from _vlan((), network, network.vlan)
    yield from _bandwidth((), network, network.bandwidth)
    names: dict[str, int] = {}
    default: int | None = None
    for index, group in enumerate(network.portgroups):
        path: Path = ("portgroups", index)
        yield from _virtualport(path, network, group.virtualport)
        yield from _vlan(path, network, group.vlan)
        yield from _bandwidth(path, network, group.bandwidth)
        if group.name in names:
            message = f"portgroups[{names[group.name]}] is called {group.name!r} too"
            yield Finding(Stage.DEFINE, "portgroup-name", (*path, "name"), message, "rename one of them")
        names.setdefault(group.name, index)
        if group.default and default is not None:
            message = f"portgroups[{default}] is the default already, and there can be one"
            yield Finding(Stage.DEFINE, "portgroup-default", (*path, "default"), message, "keep one default")
        default = index if group.default and default is None else default
    if not takes_vlans(network):
        where = next(vlan_paths(network))
        message = f"mode {network.mode} takes no VLAN{_virtualport_in_the_way(network)}"
        hint = "VLANs are for mode bridge, plain or with virtualport openvswitch, for passthrough and hostdev"
        yield Finding(Stage.DEFINE, "vlan-refused", where, message, hint)


def takes_vlans(network: Network, *, plain_bridge: bool = True) -> bool:
    """Return whether libvirt defines the network with its VLANs; before 11.0 it does not on a plain bridge.

    The rule is networkValidate's in bridge_driver.c: a port group with a virtualport of its own must be an Open
    vSwitch one of mode bridge; any other group takes the network's; with a default group nobody takes the network's.
    """
    kinds = ("openvswitch", None) if plain_bridge else ("openvswitch",)
    pool = network.mode in ("passthrough", "hostdev")
    allowed = pool or (network.mode == "bridge" and network.virtualport.type in kinds)
    for group in network.portgroups:
        if network.vlan.tags or group.vlan.tags:
            own = group.virtualport.type is not None or bool(_parameters(group.virtualport))
            if not (network.mode == "bridge" and group.virtualport.type == "openvswitch" if own else allowed):
                return False
    return allowed or not network.vlan.tags or any(group.default for group in network.portgroups)


def vlan_paths(network: Network) -> Iterator[Path]:
    """Yield the paths of the network's VLANs."""
    if network.vlan.tags:
        yield ("vlan",)
    for index, group in enumerate(network.portgroups):
        if group.vlan.tags:
            yield ("portgroups", index, "vlan")


def _virtualport_in_the_way(network: Network) -> str:
    groups: tuple[PortGroup, ...] = network.portgroups
    kinds = [port.type for port in (network.virtualport, *(group.virtualport for group in groups)) if port.type]
    return f" with virtualport {listed(tuple(dict.fromkeys(kinds)))}" if kinds else ""


def _virtualport(path: Path, network: Network, port: VirtualPort) -> Iterator[Finding]:
    here = (*path, "virtualport")
    given = _parameters(port)
    if given and port.type is None and not path:
        message = f"{listed(given)} without the type of the switch"
        yield Finding(Stage.DEFINE, "virtualport-type", here, message, "add type: openvswitch, 802.1Qbg or 802.1Qbh")
    for name in given if port.type is not None else ():
        if port.type not in _PARAMETERS[name]:
            message = f"{name} is no parameter of {port.type} but of {listed(_PARAMETERS[name])}"
            yield Finding(Stage.DEFINE, "virtualport-parameter", (*here, name), message, "remove it")
    if port.profileid is not None and len(port.profileid.encode()) > _LONGEST_PROFILE:
        message = f"{port.profileid!r} has {len(port.profileid.encode())} bytes, and at most {_LONGEST_PROFILE} fit"
        yield Finding(Stage.DEFINE, "virtualport-profile", (*here, "profileid"), message, "shorten it")
    usable = _usable_virtualports(network)
    if port.type is not None and port.type not in usable:
        message = f"libvirt plugs no guest with virtualport {port.type} into a network of mode {network.mode}"
        hint = f"here it can be {listed(usable, 'or')}" if usable else "remove it"
        yield Finding(Stage.NEVER, "virtualport-mode", here, message, hint)


def _parameters(port: VirtualPort) -> tuple[str, ...]:
    return tuple(name for name in _PARAMETERS if getattr(port, name) is not None)


def _usable_virtualports(network: Network) -> tuple[str, ...]:
    """Return the types with which a guest can be plugged in (networkAllocatePort in bridge_driver.c)."""
    if network.own_bridge:
        return ()
    if network.mode == "hostdev":
        return ("802.1Qbh",)
    return ("openvswitch",) if network.mode == "bridge" and network.bridge.name else ("802.1Qbg", "802.1Qbh")


def _vlan(path: Path, network: Network, vlan: Vlan) -> Iterator[Finding]:
    """Yield what virNetDevVlanParse in netdev_vlan_conf.c refuses, or doesn't print as it was."""
    here = (*path, "vlan")
    if vlan.trunk and not vlan.tags:
        yield Finding(Stage.DEFINE, "vlan-tags", here, "a trunk without tags carries no VLAN", "add the VLANs")
    natives = [index for index, tag in enumerate(vlan.tags) if tag.native_mode is not None]
    for index in natives[1:]:
        message = f"tags[{natives[0]}] is the native VLAN already, and there can be one"
        at = (*here, "tags", index, "native_mode")
        yield Finding(Stage.DEFINE, "vlan-native", at, message, "keep native_mode on one tag")
    native_ids = {vlan.tags[index].id for index in natives}
    seen: set[int] = set()
    for index, tag in enumerate(vlan.tags):
        if tag.id in seen:
            # libvirt prints nativeMode at every tag that has the native number.
            stage = Stage.DEFINE if tag.id in native_ids else Stage.NEVER
            message = f"VLAN {tag.id} is listed twice"
            yield Finding(stage, "vlan-duplicate", (*here, "tags", index), message, "remove one of them")
        seen.add(tag.id)
    if vlan.trunk and vlan.tags and network.mode in ("passthrough", "hostdev"):
        message = "an SR-IOV function takes one VLAN, not a trunk: no guest can be plugged in"
        yield Finding(Stage.NEVER, "vlan-trunk", here, message, "give one tag, and no trunk")


def _bandwidth(path: Path, network: Network, bandwidth: Bandwidth) -> Iterator[Finding]:
    here = (*path, "bandwidth")
    if bandwidth != Bandwidth() and not (network.own_bridge or (network.mode == "bridge" and network.bridge.name)):
        message = f"libvirt limits no bandwidth in mode {network.mode} without a bridge"
        yield Finding(Stage.DEFINE, "refused-by-mode", here, message, "set it in the guests' interfaces")
    yield from _rates((*here, "inbound"), bandwidth.inbound)
    yield from _rates((*here, "outbound"), bandwidth.outbound)


def _rates(path: Path, rates: Rates) -> Iterator[Finding]:
    """Yield what virNetDevBandwidthParseRate in netdev_bandwidth_conf.c refuses; networks never have a floor."""
    if rates.floor is not None:
        message = f"a floor of {rates.floor} is for a guest's interface; libvirt refuses it in a network"
        hint = "set it in the domain's <interface>, and average here"
        yield Finding(Stage.DEFINE, "bandwidth-floor", (*path, "floor"), message, hint)
    given = tuple(name for name in ("peak", "burst") if getattr(rates, name) is not None)
    if given and rates.average is None:
        yield Finding(Stage.DEFINE, "bandwidth-average", path, f"{listed(given)} without average", "add average")
    if rates.peak is not None and rates.average is not None and rates.peak < rates.average:
        message = f"the peak of {rates.peak} kB/s is below the average of {rates.average} kB/s"
        yield Finding(Stage.NEVER, "bandwidth-peak", (*path, "peak"), message, "peak is for short bursts: raise it")
