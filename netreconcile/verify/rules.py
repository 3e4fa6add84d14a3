"""Whether the host's firewall has libvirt's rules for a network, and lets through what the network promises. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from netreconcile.checks import dnsmasq
from netreconcile.checks.addresses import interface
from netreconcile.kernel.firewall import Packet, Wanted, dropped, lack
from netreconcile.kernel.state import Unread
from netreconcile.verify.verdict import judged, unseen

if TYPE_CHECKING:
    from collections.abc import Iterator

    from netreconcile.checks.addresses import Interface
    from netreconcile.kernel.ruleset import Ruleset
    from netreconcile.kernel.state import KernelState
    from netreconcile.model import Network
    from netreconcile.verify.target import Target
    from netreconcile.verify.verdict import Verdict

FAMILIES = {4: "ip", 6: "ip6"}
DNS, DHCP4, DHCP6 = "53", "67", "547"
NAMES = {DNS: "DNS", DHCP4: "DHCP", DHCP6: "DHCPv6"}
MOST = 3
"""So much of what is missing is told."""
REBUILD = "`systemctl restart libvirtd` (or virtnetworkd) makes them again; guests and their links aren't touched"
REFILL = "`systemctl reload libvirtd` (or virtnetworkd) puts them back, without a guest noticing"


@dataclass(frozen=True, slots=True)
class _Side:
    """What the network has of one IP version: the host's addresses, and UDP ports where the host serves guests."""

    version: int
    own: tuple[Interface, ...]
    ports: tuple[str, ...]

    @property
    def family(self) -> str:
        return FAMILIES[self.version]

    @property
    def subject(self) -> str:
        return f"IPv{self.version}"


def rules_of(target: Target, running: Network, state: KernelState) -> Iterator[Verdict]:
    """Yield for each IP version a verdict on libvirt's own rules, and one on what all others do to guests.

    Where other rules depend on what isn't known here, there is no verdict: only guests can show it.
    """
    rules = state.rules
    for side in _sides(running):
        if isinstance(rules, Unread):
            yield unseen("firewall", f"libvirt's rules for {target.bridge}", rules.why, subject=side.subject)
            continue
        if running.mode != "open":
            yield _own_rules(target.bridge, running, side, rules)
        yield from _others(target.bridge, running, side, state, rules)


def _sides(running: Network) -> Iterator[_Side]:
    """Yield the IP versions that libvirt makes rules for: IPv4 always (networkAddGeneralIPv4FirewallRules)."""
    for version, dhcp in ((4, DHCP4), (6, DHCP6)):
        own = tuple(
            (found, bool(ip.dhcp.ranges or ip.dhcp.hosts))
            for ip in running.ips
            if (found := interface(ip)) is not None and found.version == version
        )
        ports = (DNS,) if own and running.dns.enable and dnsmasq.runs(running) else ()
        if any(serving for _, serving in own):
            ports = (*ports, dhcp)
        if own or version == 4 or running.ipv6:  # noqa: PLR2004 -- IPv4
            yield _Side(version, tuple(found for found, _ in own), ports)


def _own_rules(bridge: str, running: Network, side: _Side, rules: Ruleset) -> Verdict:
    outward = running.mode in ("nat", "route")
    subnets = tuple(dict.fromkeys(_text(own) for own in side.own)) if outward else ()
    translated = running.mode == "nat" and (side.version == 4 or running.forward.nat.ipv6)  # noqa: PLR2004 -- IPv4
    missing = lack(rules, Wanted(bridge, side.family, subnets, translated=translated, ports=side.ports))
    seen = _some(missing.chains or missing.rules) or "all there"
    hint = REBUILD if missing.chains else REFILL
    expected = f"libvirt's rules for {bridge}"
    return judged("firewall", expected, seen, kept=not missing, subject=side.subject, hint=hint)


def _text(own: Interface) -> str:
    network = own.network
    return str(network.network_address) if network.prefixlen == network.max_prefixlen else str(network)


def _some(lacking: tuple[str, ...]) -> str:
    """Return the first of what is missing; without its chains a network lacks all rules in them, too."""
    more = (f"and {len(lacking) - MOST} more",) if len(lacking) > MOST else ()
    return "; ".join((*lacking[:MOST], *more))


def _others(bridge: str, running: Network, side: _Side, state: KernelState, rules: Ruleset) -> Iterator[Verdict]:
    fates = {what: dropped(rules, packet) for what, packet in _packets(bridge, running, side, state)}
    by: dict[str, list[str]] = {}
    for what, chain in fates.items():
        if chain:
            by.setdefault(chain, []).append(what)
    if by or (fates and None not in fates.values()):
        seen = "; ".join(f"{chain} drops {', '.join(what)}" for chain, what in by.items()) or "nothing does"
        hint = "that isn't libvirt's: whoever made the rule has to let the network's packets pass"
        expected = "nothing else drops what guests send"
        yield judged("firewall.others", expected, seen, kept=not by, subject=side.subject, hint=hint)


def _packets(bridge: str, running: Network, side: _Side, state: KernelState) -> Iterator[tuple[str, Packet]]:
    """Yield what must pass, in words and as the first packet of it."""
    own = next(iter(side.own), None)
    guest = str(own.ip + 1 if own.ip + 1 in own.network else own.ip - 1) if own else ""
    if own and running.mode in ("nat", "route", "open"):
        outside = next(iter(running.forward.interfaces), "") or state.uplink(side.version)
        yield "the way out", Packet("forward", side.family, bridge, outside, guest)
    for port in side.ports:
        source, to = (guest, str(own.ip)) if own and port == DNS else ("", "")
        yield NAMES[port], Packet("input", side.family, bridge, "", source, to, "udp", port)
    filtered = state.settings.filtered4 if side.version == 4 else state.settings.filtered6  # noqa: PLR2004 -- IPv4
    if filtered and not running.port.isolated:
        yield "guest to guest", Packet("forward", side.family, bridge, bridge, guest, guest)
