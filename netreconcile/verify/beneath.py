"""Whether the host has beneath a network what libvirt says that it runs: bridge, addresses, routes, servers. Pure.

libvirt calls a network active whatever has become of these (virNetworkIsActive), so what runs is compared with what is
there. How an operator mends each of them at the least cost is in the hints.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from netreconcile.checks import dnsmasq
from netreconcile.checks.addresses import interface, is_ipv6
from netreconcile.kernel.state import Unread
from netreconcile.verify.rules import rules_of
from netreconcile.verify.verdict import Remark, Verdict, judged, unseen
from netreconcile.verify.vlans import on_linux_bridge, tagged

if TYPE_CHECKING:
    from collections.abc import Iterator

    from netreconcile.checks.addresses import Interface
    from netreconcile.kernel.state import KernelState, Link
    from netreconcile.model import Network
    from netreconcile.verify.target import Target

USUAL_MTU = 1500
SHORTEST_DELAY, LONGEST_DELAY = 2, 30
"""Seconds between which the kernel takes a bridge's delay as it is (br_stp.c), even with spanning tree on."""
OUTWARD = ("nat", "route", "open")
RELOAD = "`systemctl reload libvirtd` (or virtnetworkd) puts that right, without a guest noticing"


def beneath(target: Target, state: KernelState) -> tuple[tuple[Verdict, ...], tuple[Remark, ...]]:
    """Return how the host stands to what runs, and what its operator should know; nothing of a network that doesn't."""
    running = target.running
    if running is None:
        return (), ()
    if isinstance(state.links, Unread):
        return (unseen("bridge", "the network's links", state.links.why),), ()
    if not running.own_bridge:
        return tuple(_lan(running, state)), tuple(_lan_remarks(running, state))
    bridge = tuple(_bridge(target, running, state))
    if state.link(target.bridge) is None:
        return bridge, ()
    verdicts = (
        *bridge,
        *_server(target, running, state),
        *_forwarding(running, state),
        *rules_of(target, running, state),
    )
    return verdicts, tuple(_remarks(target, running, state))


def _bridge(target: Target, running: Network, state: KernelState) -> Iterator[Verdict]:
    name = target.bridge
    link = state.link(name)
    there = link is not None and link.kind == "bridge"
    seen = "there" if there else f"{name} is no bridge" if link else "no such link"
    hint = (
        f"only a restart makes it again: `virsh net-destroy {target.name}` and `virsh net-start {target.name}`;"
        " its guests have no link until they are plugged in again"
    )
    yield judged("bridge", f"bridge {name}", seen, kept=there, hint=hint)
    if link is None or not there:
        return
    seen = "up" if link.up else "down"
    yield judged(
        "bridge.up",
        "up",
        seen,
        kept=link.up,
        hint=f"`ip link set {name} up`: IPv6 addresses and routes don't come back by that",
    )
    yield from _device(link, running, state)
    yield from _addresses(link, running)
    yield from _routes(link, running, state)


def _device(link: Link, running: Network, state: KernelState) -> Iterator[Verdict]:
    """Yield how the bridge itself is set."""
    name, mtu = link.name, running.mtu or USUAL_MTU
    # Without an MTU of its own a bridge takes the smallest of its ports' (br_mtu_auto_adjust in the kernel's br_if.c).
    kept = link.mtu == mtu or (running.mtu is None and any(port.mtu == link.mtu for port in state.ports(name)))
    yield judged("bridge.mtu", str(mtu), str(link.mtu), kept=kept, hint=f"`ip link set {name} mtu {mtu}`")
    if running.mac:
        hint = f"`ip link set {name} address {running.mac}`"
        yield judged("bridge.mac", running.mac, link.mac, kept=link.mac == running.mac, hint=hint)
    if running.bridge.stp is not None and link.stp is not None:
        stp = running.bridge.stp
        hint = f"`ip link set {name} type bridge stp_state {int(stp)}`"
        yield judged("bridge.stp", _on(stp), _on(link.stp), kept=stp is link.stp, hint=hint)
    delay = running.bridge.delay or 0
    if SHORTEST_DELAY <= delay <= LONGEST_DELAY and link.delay is not None:
        hint = f"`ip link set {name} type bridge forward_delay {delay * 100}`"
        yield judged("bridge.delay", f"{delay} s", f"{link.delay:g} s", kept=link.delay == delay, hint=hint)
    # Only to hold the table of MAC addresses itself libvirt has it filter (networkStartHandleMACTableManagerMode).
    filters = running.bridge.mac_table_manager == "libvirt"
    if link.vlan_filtering or (filters and link.vlan_filtering is not None):
        hint = f"`ip link set {name} type bridge vlan_filtering {int(filters)}`"
        seen = _on(link.vlan_filtering)
        yield judged("bridge.vlan-filtering", _on(filters), seen, kept=link.vlan_filtering is filters, hint=hint)


def _addresses(link: Link, running: Network) -> Iterator[Verdict]:
    have = [address.interface for address in link.addresses]
    listed = ", ".join(map(str, have)) or "none"
    if not running.ips:
        hint = "; ".join(f"`ip address delete {address} dev {link.name}`" for address in have)
        yield judged("bridge.address", "no address of the host", listed, kept=not have, hint=hint)
    for own in _own(running):
        seen = str(own) if own in have else f"{listed}, not this one" if have else "none"
        enable = f"`sysctl -w net.ipv6.conf.{link.name}.disable_ipv6=0` and " if is_ipv6(own) else ""
        hint = f"{enable}`ip address add {own} dev {link.name}`"
        yield judged("bridge.address", str(own), seen, kept=own in have, subject=str(own.ip), hint=hint)


def _routes(link: Link, running: Network, state: KernelState) -> Iterator[Verdict]:
    for route in running.routes:
        to, via = ipaddress.ip_network(route.to, strict=False), ipaddress.ip_address(route.via)
        text = f"{to} via {via}"
        if isinstance(state.routes, Unread):
            yield unseen("bridge.route", text, state.routes.why, subject=str(to))
            continue
        there = [found for found in state.routes if found.to == to and found.device == link.name]
        kept = any(found.via == str(via) for found in there)
        seen = text if kept else ", ".join(f"{to} via {found.via or 'the link'}" for found in there) or "no such route"
        hint = f"`ip route add {text} dev {link.name} metric {route.metric or 1}`"
        yield judged("bridge.route", text, seen, kept=kept, subject=str(to), hint=hint)


def _server(target: Target, running: Network, state: KernelState) -> Iterator[Verdict]:
    if not dnsmasq.runs(running):
        return
    expected = "running, with libvirt's file"
    if isinstance(state.servers, Unread):
        yield unseen("dnsmasq", expected, state.servers.why)
        return
    server = state.servers.get(target.name)
    if server is None:
        seen = "none was started"
    elif not server.alive:
        seen = f"process {server.pid} has ended"
    else:
        seen = f"process {server.pid}" if server.ours else f"process {server.pid} is something else"
    kept = server is not None and server.alive and server.ours
    yield judged("dnsmasq", expected, seen, kept=kept, hint=RELOAD)


def _forwarding(running: Network, state: KernelState) -> Iterator[Verdict]:
    """Yield whether the kernel forwards packets at all, where guests are promised a way out."""
    if running.mode not in OUTWARD:
        return
    settings, own = state.settings, _own(running)
    for version, value, name in (
        (4, settings.forwarding4, "net.ipv4.ip_forward"),
        (6, settings.forwarding6, "net.ipv6.conf.all.forwarding"),
    ):
        if not any(address.version == version for address in own):
            continue
        code, expected = f"forwarding{version}", f"{name} on"
        if value is None:
            yield unseen(code, expected, f"{name} can't be read")
        else:
            yield judged(code, expected, _on(value), kept=value, hint=f"`sysctl -w {name}=1`")


def _remarks(target: Target, running: Network, state: KernelState) -> Iterator[Remark]:
    own = _own(running)
    for address in own:
        for other, where in _collisions(address, target.bridge, state):
            message = f"{address.network} is also {where}: packets to its guests may go there, or come back from there"
            yield Remark("subnet-collides", message, other)
    link = state.link(target.bridge)
    extra = [
        address.interface
        for address in (link.addresses if link else ())
        if own and not address.link_local and address.interface not in own
    ]
    if extra:
        message = f"{target.bridge} has addresses that libvirt didn't give it: {', '.join(map(str, extra))}"
        yield Remark("extra-address", message)
    if not running.ips and state.settings.rp_filter.get(target.bridge) == 0:
        message = (
            f"the host hears what guests send to its other addresses, as rp_filter of {target.bridge} is 0;"
            f" `sysctl -w net.ipv4.conf.{target.bridge}.rp_filter=1` stops that"
        )
        yield Remark("host-hears-very-isolated", message)


def _collisions(own: Interface, bridge: str, state: KernelState) -> Iterator[tuple[str, str]]:
    """Yield what else on the host has part of the subnet, and where; a wider route gives way to the bridge's own."""
    links = () if isinstance(state.links, Unread) else state.links
    elsewhere = {
        (f"{address.interface.network} on {link.name}", f"on {link.name} ({address})")
        for link in links
        for address in link.addresses
        if link.name != bridge and not address.link_local and _overlap(address.interface.network, own.network)
    }
    yield from sorted(elsewhere)
    for route in () if isinstance(state.routes, Unread) else state.routes:
        if route.device == bridge or not route.to.prefixlen or route.protocol == "kernel":
            continue
        if _overlap(route.to, own.network) and route.to.prefixlen >= own.network.prefixlen:
            through = f"{route.to} through {route.device or route.kind}"
            yield through, f"routed elsewhere ({through})"


def _overlap(
    one: ipaddress.IPv4Network | ipaddress.IPv6Network, other: ipaddress.IPv4Network | ipaddress.IPv6Network
) -> bool:
    return one.version == other.version and one.overlaps(other)


def _lan(running: Network, state: KernelState) -> Iterator[Verdict]:
    """Yield whether the host has the bridge or the NICs that the network is made of, and whether they are on."""
    forward, name = running.forward, running.bridge.name
    code, names = ("host-bridge", (name,)) if not running.pool and name else ("host-interface", forward.interfaces)
    for device in (*names, *((forward.pf,) if forward.pf else ())):
        link = state.link(device)
        seen = "no such link" if link is None else "up" if link.up else "down"
        hint = f"`ip link set {device} up`" if link else "it is the host's own: libvirt doesn't make it"
        yield judged(code, f"{device}, up", seen, kept=link is not None and link.up, subject=device, hint=hint)
    yield from _vlans(running, state)


def _vlans(running: Network, state: KernelState) -> Iterator[Verdict]:
    """Yield whether a bridge of the host's keeps VLANs apart; libvirt tells it who is in which, and no more than that.

    Guests' ports join their VLANs (virNetDevBridgeSetupVlans in virnetdevbridge.c), which means nothing before.
    """
    name = running.bridge.name or ""
    link = state.link(name) if on_linux_bridge(running) and tagged(running) else None
    if link is None or link.kind != "bridge":
        return
    kept = bool(link.vlan_filtering)
    seen = "the kernel can't" if link.vlan_filtering is None else _on(kept)
    hint = (
        f"`ip link set {name} type bridge vlan_filtering 1`; before, `bridge vlan add` its ports, and {name} itself,"
        " to every VLAN that they carry besides 1"
    )
    yield judged("host-bridge.vlan-filtering", "on", seen, kept=kept, subject=name, hint=hint)


def _lan_remarks(running: Network, state: KernelState) -> Iterator[Remark]:
    name = running.bridge.name
    if running.pool or not name:
        return
    link = state.link(name)
    # Guests' own ends are taps; whatever else is plugged in may lead somewhere.
    if link and link.kind == "bridge" and not any(port.kind != "tun" for port in state.ports(name)):
        yield Remark("no-uplink", f"{name} has no port but guests': nothing connects it with a LAN")


def _own(running: Network) -> tuple[Interface, ...]:
    return tuple(own for own in map(interface, running.ips) if own is not None)


def _on(value: bool) -> str:  # noqa: FBT001 -- the value is what it is about
    return "on" if value else "off"
