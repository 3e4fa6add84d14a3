"""Whether the host's own firewall lets pass what guests will send, and what exactly makes it. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from netreconcile.below.check import Check, Mark
from netreconcile.checks.addresses import interface
from netreconcile.kernel.firewall import Packet, dropped
from netreconcile.kernel.state import KernelState, Unread

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from netreconcile.below.check import Surroundings
    from netreconcile.kernel.ruleset import Ruleset
    from netreconcile.model import Network

FIREWALLD = "table inet firewalld"


def forward(
    state: KernelState, around: Surroundings, wanted: Mapping[str, Network], accepted: Mapping[tuple[str, str], str]
) -> Iterator[Check]:
    """Yield whether the host's own rules drop what libvirt's don't accept first; that has a reason if `accepted`."""
    rules = state.rules
    if isinstance(rules, Unread):
        yield Check("forward", Mark.NOTE, f"the firewall's rules can't be read: {rules.why}")
        return
    exposed = [(name, packet) for name, network in wanted.items() for packet in _exposed(state, rules, network)]
    cut = [(name, packet, chain) for name, packet in exposed if (chain := _dropping(rules, packet))]
    # libvirt itself puts other bridges into a zone of firewalld's that lets their packets pass.
    cut = [each for each in cut if FIREWALLD not in each[2] or wanted[each[0]].mode == "open"]
    for name, packet, chain in cut:
        seen = f"{chain} drops what guests of {name} send{_docker(rules, around)}"
        if reason := accepted.get((name, "IPv4" if packet.family == "ip" else "IPv6")):
            yield Check("forward", Mark.NOTE, f"{seen}; the file accepts that: {reason}")
            continue
        yield Check("forward", Mark.FAIL, seen, _letting_pass(rules, packet, chain))
    usual = Packet("forward", "ip", "virbr0", state.uplink(4), "192.168.122.2")
    if not exposed and (chain := _dropping(rules, usual)):
        seen = f"{chain} drops forwarded packets{_docker(rules, around)}: networks of mode `open` need rules of yours"
        yield Check("forward", Mark.NOTE, seen, _letting_pass(rules, replace(usual, inside="BRIDGE"), chain))
    elif not cut:
        yield Check("forward", Mark.OK, "the host's own firewall lets forwarded packets pass")


def _exposed(state: KernelState, rules: Ruleset, network: Network) -> Iterator[Packet]:
    """Yield packets that guests will send, and that the host's own rules decide about.

    In iptables libvirt's rules stand before others. It makes none for `open`; packets between ports of a public bridge
    come by where br_netfilter is on; and what a table of libvirt's own accepts (nftables) another one may still drop.
    """
    bridge, own_table = network.bridge.name or "", any(key[1] == "libvirt_network" for key in rules.chains)
    if network.mode == "open" or (own_table and network.mode in ("nat", "route")):
        for own in (found for found in map(interface, network.ips) if found):
            family = "ip" if own.version == 4 else "ip6"  # noqa: PLR2004 -- IPv4
            yield Packet("forward", family, bridge, state.uplink(own.version), str(own.ip))
    elif network.mode == "bridge" and not network.pool:
        for family, filtered in (("ip", state.settings.filtered4), ("ip6", state.settings.filtered6)):
            if filtered:
                yield Packet("forward", family, bridge, bridge)


def _dropping(rules: Ruleset, packet: Packet) -> str:
    """Return the chain that drops the packet, in words; nothing where none does."""
    found = dropped(rules, packet)
    if found is None:  # that depends on more than is known; what reaches the end of the chain is dropped
        for (family, table, name), chain in rules.chains.items():
            if chain.hook == "forward" and chain.policy == "drop" and family in (packet.family, "inet"):
                return f"chain {name} of table {family} {table} (policy drop)"
    return found or ""


def _letting_pass(rules: Ruleset, packet: Packet, chain: str) -> str:
    """Return what lets the guests' packets pass; an `accept` of iptables changes nothing for a table of firewalld's."""
    bridge = packet.inside or "BRIDGE"
    if FIREWALLD in chain:
        return (
            f"sudo firewall-cmd --permanent --zone=libvirt-routed --add-interface={bridge}"
            " && sudo firewall-cmd --reload"
        )
    program = "iptables" if packet.family == "ip" else "ip6tables"
    docker = any((family, name) == (packet.family, "DOCKER-USER") for family, _, name in rules.chains)
    place = "DOCKER-USER" if docker else "FORWARD"
    accepts = "; ".join(f"sudo {program} -I {place} -{way} {bridge} -j ACCEPT" for way in "io")
    return f"{accepts}  # until the next boot; for good, where your firewall's own rules are kept"


def _docker(rules: Ruleset, around: Surroundings) -> str:
    there = "dockerd" in around.running or any(key[2] == "DOCKER-USER" for key in rules.chains)
    return " (Docker)" if there else ""
