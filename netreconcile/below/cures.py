"""What mends each broken promise of what lies beneath a network: the way that fewest guests notice. Pure."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from netreconcile.actions import Impact
from netreconcile.below.remedy import HARMLESS, Action, Remedy, Renew, Restart, Set, by_hand, run, serving
from netreconcile.checks.addresses import interface
from netreconcile.kernel.firewall import LAYOUTS
from netreconcile.kernel.state import Unread
from netreconcile.verify.rules import REBUILD

if TYPE_CHECKING:
    from collections.abc import Iterator

    from netreconcile.kernel.state import KernelState
    from netreconcile.model import Network
    from netreconcile.verify.target import Target
    from netreconcile.verify.verdict import Verdict

_FORWARDING = {"forwarding4": "net/ipv4/ip_forward", "forwarding6": "net/ipv6/conf/all/forwarding"}

_SWITCHES = {"bridge.stp": "stp_state", "bridge.vlan-filtering": "vlan_filtering"}


def cure(target: Target, verdict: Verdict, state: KernelState) -> Remedy:  # noqa: PLR0911 -- one return a code
    """Return what keeps the broken promise again."""
    running, name = target.running, target.bridge
    assert running is not None, "nothing is beneath what doesn't run"
    match verdict.code:
        case "bridge":
            return _restart(target, running, verdict, state)
        case "bridge.address":
            return Remedy(tuple(_addresses(name, verdict, running, state)))
        case "bridge.route":
            return Remedy(tuple(_routes(name, verdict, running)))
        case "dnsmasq":
            return Remedy((serving(running),))
        case "forwarding4" | "forwarding6":
            return _forwarding(verdict, state)
        case "firewall":
            return _rebuilt() if verdict.hint == REBUILD else Remedy((Renew(),))
        case _:
            change, cost = _of_the_bridge(verdict, running)
            return Remedy((run(f"ip link set {name} {change}"),), cost=cost) if change else by_hand(verdict.hint)


def _of_the_bridge(verdict: Verdict, running: Network) -> tuple[str, str]:
    """Return what `ip link` is to change of the bridge, and what that costs; nothing for other promises."""
    match verdict.code:
        case "bridge.up":
            return "up", HARMLESS
        case "bridge.mtu":
            return f"mtu {verdict.expected}", HARMLESS
        case "bridge.mac":
            return f"address {verdict.expected}", "guests ask for the host's MAC address once more"
        case "bridge.stp" | "bridge.vlan-filtering" as code:
            return f"type bridge {_SWITCHES[code]} {int(verdict.expected == 'on')}", HARMLESS
        case "bridge.delay":
            return f"type bridge forward_delay {(running.bridge.delay or 0) * 100}", HARMLESS
        case _:
            return "", ""


def _restart(target: Target, running: Network, verdict: Verdict, state: KernelState) -> Remedy:
    """Return the restart, where that can work: not under a foreign link, and not without libvirt's own chains.

    libvirt makes those once, when it starts (networkSetupPrivateChains in bridge_driver_linux.c).
    """
    cost = "its guests have no link before; they are plugged in again"
    if state.link(target.bridge) is not None:
        return by_hand(f"rename or delete what is called {target.bridge}; {verdict.hint}", cost)
    chains = None if isinstance(state.rules, Unread) else state.rules.chains
    if running.mode != "open" and chains is not None and not any(("ip", *layout.out) in chains for layout in LAYOUTS):
        stop, start = f"virsh net-destroy {target.name}", f"virsh net-start {target.name}"
        return by_hand(f"{stop}; systemctl restart libvirtd (or virtnetworkd); {start}", cost)
    return Remedy((Restart(),), Impact.RESTART, cost)


def _rebuilt() -> Remedy:
    cost = "guests and their links aren't touched; libvirt answers nobody for a while"
    return by_hand("systemctl restart libvirtd (or virtnetworkd), once every network has its bridge", cost)


def _addresses(bridge: str, verdict: Verdict, running: Network, state: KernelState) -> Iterator[Action]:
    if not running.ips:  # the network promises that the host has none there
        link = state.link(bridge)
        yield from (run(f"ip address delete {address} dev {bridge}") for address in (link.addresses if link else ()))
        return
    own = next(own for own in map(interface, running.ips) if own is not None and str(own.ip) == verdict.subject)
    if isinstance(own, ipaddress.IPv6Interface):
        if state.settings.disabled6.get(bridge):
            yield Set(f"net/ipv6/conf/{bridge}/disable_ipv6", "0")
        yield run(f"ip address add {own} dev {bridge}")
    else:
        yield run(f"ip address add {own} broadcast + dev {bridge}")


def _routes(bridge: str, verdict: Verdict, running: Network) -> Iterator[Action]:
    for route in running.routes:
        to = ipaddress.ip_network(route.to, strict=False)
        if str(to) == verdict.subject:
            yield run(f"ip route replace {to} via {route.via} dev {bridge} metric {route.metric or 1}")


def _forwarding(verdict: Verdict, state: KernelState) -> Remedy:
    """Return the switch; but a host that forwards IPv6 hears no router, and so may lose its own way out.

    Unless accept_ra is 2 (Documentation/networking/ip-sysctl.rst).
    """
    routes = () if isinstance(state.routes, Unread) else state.routes
    deaf = sorted({route.device for route in routes if route.protocol == "ra" and route.device})
    setting = Set(_FORWARDING[verdict.code], "1")
    if verdict.code == "forwarding4" or not deaf:
        return Remedy((setting,))
    first = "; ".join(f"sysctl -w net/ipv6/conf/{device}/accept_ra=2" for device in deaf)
    return by_hand(f"{first}; then sysctl -w {setting.name}=1", "without the former the host loses its IPv6 routes")
