"""Whether libvirt's firewall rules for a network are there, and whether the host's own let its packets through. Pure.

libvirt writes the same rules in one of two layouts: as chains that iptables' own chains call (network_iptables.c), or
in a table of its own (network_nftables.c, the default of libvirt 10.4 and later).
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from netreconcile.kernel.ruleset import LEGACY, Chain, Condition, Does, Fact, Key, Rule, Ruleset

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Need = tuple[tuple[str, str], tuple[Does, ...], tuple[tuple[Fact, str], ...], str]
"""A chain, what a rule there must do, for which packets, and in words that there is none."""
DEPTH = 16
"""So many chains may call each other, as in the kernel (NFT_JUMP_STACK_SIZE in nf_tables.h)."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What libvirt's rules of one IP version must do for a network; `family` is nftables' word ("ip", "ip6").

    Of the `subnets` what guests send may leave, and with `translated` under another address; there are none where
    there is no way out. `ports` are the UDP ports at which the host serves the guests.
    """

    bridge: str
    family: str
    subnets: tuple[str, ...] = ()
    translated: bool = False
    ports: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Lack:
    """What is missing: `chains` if libvirt's chains are gone or nobody calls them, else single rules."""

    chains: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.chains or self.rules)


@dataclass(frozen=True, slots=True)
class Layout:
    """Where one backend of libvirt keeps its rules: pairs of table and chain.

    `calls` are pairs of a chain that packets come through and one of libvirt's that it must call. `host` is empty
    where libvirt has no rules about packets to the host.
    """

    out: tuple[str, str]
    into: tuple[str, str]
    across: tuple[str, str]
    nat: tuple[str, str]
    host: tuple[str, str] | tuple[()]
    calls: tuple[tuple[str, tuple[str, str]], ...]


def _iptables(prefix: str) -> Layout:
    table, nat = f"{prefix}filter", f"{prefix}nat"
    out, into, across = (table, "LIBVIRT_FWO"), (table, "LIBVIRT_FWI"), (table, "LIBVIRT_FWX")
    host, after = (table, "LIBVIRT_INP"), (nat, "LIBVIRT_PRT")
    calls = ("INPUT", host), ("FORWARD", across), ("FORWARD", into), ("FORWARD", out), ("POSTROUTING", after)
    return Layout(out, into, across, after, host, calls)


def _nftables() -> Layout:
    table = "libvirt_network"
    out, into, across = (table, "guest_output"), (table, "guest_input"), (table, "guest_cross")
    calls = ("forward", out), ("forward", into), ("forward", across)
    return Layout(out, into, across, (table, "guest_nat"), (), calls)


LAYOUTS = (_iptables(""), _iptables(LEGACY), _nftables())


def lack(rules: Ruleset, wanted: Wanted) -> Lack:
    """Return which of libvirt's rules for the network are missing, wherever its backend keeps them."""
    layout = _used(rules, wanted)
    if layout is None:
        return Lack(chains=("libvirt's chains are gone",))
    chains = tuple(_uncalled(rules, wanted, layout))
    return Lack(chains, tuple(_absent(rules, wanted, layout)))


def _used(rules: Ruleset, wanted: Wanted) -> Layout | None:
    """Return the layout in which the network has a rule, else one that has libvirt's chains."""
    there = [layout for layout in LAYOUTS if (wanted.family, *layout.out) in rules.chains]
    own = [layout for layout in there if any(_rules(rules, wanted, layout.out, _about(Fact.IN, wanted.bridge)))]
    return next(iter(own + there), None)


def _uncalled(rules: Ruleset, wanted: Wanted, layout: Layout) -> Iterator[str]:
    for caller, (table, name) in layout.calls:
        if (table, name) == layout.nat and not wanted.translated:
            continue
        if (table, name) == layout.host and not wanted.ports:
            continue
        chain = rules.chains.get((wanted.family, table, caller), Chain())
        if not any(rule.does is Does.JUMP and rule.chain == name and not rule.conditions for rule in chain.rules):
            yield f"{caller} doesn't call {name}"


def _absent(rules: Ruleset, wanted: Wanted, layout: Layout) -> Iterator[str]:
    for chain, does, facts, lacking in _needed(wanted, layout):
        fit = [_about(fact, value) for fact, value in facts]
        if not any(rule.does in does for rule in _rules(rules, wanted, chain, *fit)):
            yield lacking


def _needed(wanted: Wanted, layout: Layout) -> Iterator[Need]:
    bridge = wanted.bridge
    leaving, entering = (Fact.IN, bridge), (Fact.OUT, bridge)
    yield layout.out, (Does.REJECT,), (leaving,), f"nothing rejects other packets from {bridge}"
    yield layout.into, (Does.REJECT,), (entering,), f"nothing rejects other packets to {bridge}"
    yield layout.across, (Does.ACCEPT,), (leaving, entering), f"nothing accepts packets between guests on {bridge}"
    for subnet in wanted.subnets:
        source, target = (Fact.SOURCE, subnet), (Fact.DESTINATION, subnet)
        yield layout.out, (Does.ACCEPT,), (leaving, source), f"nothing accepts packets from {subnet}"
        yield layout.into, (Does.ACCEPT,), (entering, target), f"nothing accepts packets to {subnet}"
        if wanted.translated:
            yield layout.nat, (Does.MASQUERADE, Does.SNAT), (source,), f"nothing translates {subnet}"
    if layout.host:
        for port in wanted.ports:
            accepting = leaving, (Fact.PORT, port)
            yield layout.host, (Does.ACCEPT,), accepting, f"nothing accepts UDP port {port} from {bridge}"


def _about(fact: Fact, value: str) -> Callable[[Rule], bool]:
    return lambda rule: rule.says(fact, value)


def _rules(rules: Ruleset, wanted: Wanted, chain: tuple[str, str], *fit: Callable[[Rule], bool]) -> Iterator[Rule]:
    found = rules.chains.get((wanted.family, *chain), Chain())
    return (rule for rule in found.rules if all(fits(rule) for fits in fit))


@dataclass(frozen=True, slots=True)
class Packet:
    """The first packet of a connection; what is empty isn't known."""

    hook: str
    family: str
    inside: str = ""
    outside: str = ""
    source: str = ""
    destination: str = ""
    protocol: str = ""
    port: str = ""


def dropped(rules: Ruleset, packet: Packet) -> str | None:
    """Return the chain that drops the packet, in words; empty where none does, None where that depends.

    What libvirt's own rules drop is left out: they are as the network wants it, or missing.
    """
    depends = False
    for key, chain in rules.chains.items():
        if chain.hook == packet.hook and key[0] in (packet.family, "inet"):
            outcomes = _outcomes(rules, key, packet, DEPTH)
            if Does.RETURN in outcomes:
                outcomes = (outcomes - {Does.RETURN}) | {Does(chain.policy)}
            if outcomes == {Does.DROP}:
                policy = " (policy drop)" if chain.policy == "drop" else ""
                return f"chain {key[2]} of table {key[0]} {key[1]}{policy}"
            depends = depends or Does.DROP in outcomes
    return None if depends else ""


def _outcomes(rules: Ruleset, key: Key, packet: Packet, depth: int) -> set[Does]:
    """Return what can happen to the packet in the chain: ACCEPT, DROP, and RETURN where it reaches the end."""
    possible: set[Does] = set()
    chain = rules.chains.get(key, Chain())
    own = key[1] == "libvirt_network" or key[2].startswith("LIBVIRT_")
    for rule in chain.rules if depth else ():
        fits = _meets(packet, rule)
        if fits is False:
            continue
        match rule.does:
            case Does.JUMP | Does.GOTO:
                got = _outcomes(rules, (*key[:2], rule.chain), packet, depth - 1)
                ends = rule.does is Does.GOTO or Does.RETURN not in got
                possible |= got if ends else got - {Does.RETURN}
            case Does.GOES_ON:
                ends = False
            case Does.DROP | Does.REJECT if own:
                ends = False
            case Does.OPAQUE:
                possible |= {Does.ACCEPT, Does.DROP}
                ends = False
            case Does.DROP | Does.REJECT:
                possible.add(Does.DROP)
                ends = True
            case Does.RETURN:
                possible.add(Does.RETURN)
                ends = True
            case _:
                possible.add(Does.ACCEPT)
                ends = True
        if ends and fits:
            return possible
    return possible | {Does.RETURN}


def _meets(packet: Packet, rule: Rule) -> bool | None:
    """Return whether the packet meets all conditions; None where that isn't known."""
    answers = [_holds(packet, condition) for condition in rule.conditions]
    if False in answers:
        return False
    return None if None in answers else True


def _holds(packet: Packet, condition: Condition) -> bool | None:
    match condition.fact:
        case Fact.IN:
            held = _named(packet.inside, condition)
        case Fact.OUT:
            held = _named(packet.outside, condition)
        case Fact.SOURCE:
            held = _within(packet.source, condition)
        case Fact.DESTINATION:
            held = _within(packet.destination, condition)
        case Fact.PROTOCOL:
            held = packet.protocol in condition.values if packet.protocol else None
        case Fact.PORT:
            held = packet.port in condition.values if packet.port else None
        case Fact.STATE:
            held = "new" in condition.values
        case Fact.OPAQUE:
            return None
    return held if held is None else held is not condition.negated


def _named(name: str, condition: Condition) -> bool | None:
    return any(fnmatchcase(name, value) for value in condition.values) if name else None


def _within(address: str, condition: Condition) -> bool | None:
    if not address:
        return None
    try:
        return any(ipaddress.ip_address(address) in ipaddress.ip_network(value) for value in condition.values)
    except ValueError:
        return None
