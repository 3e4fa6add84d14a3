"""The rules of the kernel's firewall as values, read from what `nft -j` and `iptables-save` print. Pure.

A condition that isn't understood here stays in the rule as one of which nobody knows whether it holds.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

LEGACY = "legacy "
"""Stands before the names of the old iptables' tables, which exist beside those of nftables."""


class Fact(StrEnum):
    """What a condition of a rule is about; OPAQUE is anything that isn't understood."""

    IN = "in"
    OUT = "out"
    SOURCE = "source"
    DESTINATION = "destination"
    PROTOCOL = "protocol"
    PORT = "port"
    STATE = "state"
    OPAQUE = "opaque"


class Does(StrEnum):
    """What a rule does with a packet that meets its conditions; GOES_ON is nothing that matters here."""

    ACCEPT = "accept"
    DROP = "drop"
    REJECT = "reject"
    RETURN = "return"
    JUMP = "jump"
    GOTO = "goto"
    MASQUERADE = "masquerade"
    SNAT = "snat"
    GOES_ON = "goes on"
    OPAQUE = "opaque"


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition of a rule: the fact is one of the values, or with `negated` none of them.

    Names of links may end in `*`; addresses are subnets; states are conntrack's, in lower case.
    """

    fact: Fact
    values: tuple[str, ...] = ()
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule; `chain` is where JUMP and GOTO lead."""

    does: Does
    conditions: tuple[Condition, ...] = ()
    chain: str = ""

    def says(self, fact: Fact, value: str) -> bool:
        """Return whether the rule is for this value of the fact."""
        return any(item.fact is fact and not item.negated and value in item.values for item in self.conditions)


@dataclass(frozen=True, slots=True)
class Chain:
    """A chain; with a `hook` ("forward") packets come by themselves, and `policy` is for those that reach its end."""

    rules: tuple[Rule, ...] = ()
    hook: str = ""
    policy: str = "accept"


Key = tuple[str, str, str]
"""Family ("ip", "ip6", "inet"), table and name of a chain."""


@dataclass(frozen=True, slots=True)
class Ruleset:
    """All chains of the firewall."""

    chains: Mapping[Key, Chain] = field(default_factory=dict)

    def joined(self, other: Ruleset) -> Ruleset:
        """Return the chains of both; those of the other one where both have a chain of one name."""
        return Ruleset({**self.chains, **other.chains})

    @property
    def opaque(self) -> bool:
        """Return whether a rule has a part of iptables that nft can't put into words."""
        return any(
            rule.does is Does.OPAQUE or any(item.fact is Fact.OPAQUE for item in rule.conditions)
            for chain in self.chains.values()
            for rule in chain.rules
        )


_UNKNOWN = Condition(Fact.OPAQUE)
_NFT_FACTS = {"iif": Fact.IN, "iifname": Fact.IN, "oif": Fact.OUT, "oifname": Fact.OUT, "l4proto": Fact.PROTOCOL}
_NFT_FIELDS = {"saddr": Fact.SOURCE, "daddr": Fact.DESTINATION, "dport": Fact.PORT, "protocol": Fact.PROTOCOL}
_VERDICTS = {name: Does(name) for name in ("accept", "drop", "reject", "return", "masquerade", "snat")}
_NFT_IDLE = frozenset({"counter", "log", "mangle", "notrack", "set", "ct helper", "ct timeout", "ct expectation"})
_IDLE_TARGETS = frozenset({"CHECKSUM", "LOG", "NFLOG", "MARK", "CONNMARK", "CT", "TCPMSS", "DSCP", "TTL", "TRACE"})


def from_nft(items: list[dict[str, Any]]) -> Ruleset:
    """Return the rules in the list `nftables` of what `nft -j list ruleset` prints."""
    chains: dict[Key, Chain] = {}
    rules: dict[Key, list[Rule]] = {}
    for item in items:
        if found := item.get("chain"):
            key = found["family"], found["table"], found["name"]
            chains[key] = Chain(hook=found.get("hook", ""), policy=found.get("policy", "accept"))
        elif found := item.get("rule"):
            key = found["family"], found["table"], found["chain"]
            rules.setdefault(key, []).extend(_nft_rules(found["expr"]))
    return Ruleset({key: replace(chain, rules=tuple(rules.get(key, ()))) for key, chain in chains.items()})


def handles(items: list[dict[str, Any]]) -> Iterator[tuple[Key, int, frozenset[str]]]:
    """Yield each rule of that list by chain and handle, with the values in its conditions."""
    for item in items:
        if found := item.get("rule"):
            conditions = [condition for rule in _nft_rules(found["expr"]) for condition in rule.conditions]
            values = frozenset(value for condition in conditions for value in condition.values)
            yield (found["family"], found["table"], found["chain"]), found["handle"], values


def _nft_rules(expressions: list[dict[str, Any]]) -> Iterator[Rule]:
    """Yield one rule, or one for each entry of a verdict map."""
    conditions: list[Condition] = []
    for expression in expressions:
        (kind, content), *_ = expression.items()
        if kind == "match":
            conditions.append(_nft_condition(content["left"], content["right"], content["op"]))
        elif kind == "vmap" and isinstance(content["data"], dict) and "set" in content["data"]:
            for value, verdict in content["data"]["set"]:
                yield from _ended(verdict, (*conditions, _nft_condition(content["key"], value)))
            return
        elif kind in ("xt", "limit", "quota", "ct count") and content.get("type") != "target":
            if content.get("name") != "comment":
                conditions.append(_UNKNOWN)
        elif kind not in _NFT_IDLE:
            yield from _ended(expression, tuple(conditions))
            return
    yield Rule(Does.GOES_ON, tuple(conditions))


def _ended(expression: dict[str, Any], conditions: tuple[Condition, ...]) -> Iterator[Rule]:
    """Yield the rule that ends with a verdict."""
    (kind, content), *_ = expression.items()
    if kind in ("jump", "goto"):
        yield Rule(Does(kind), conditions, content["target"])
    else:
        yield Rule(_target(content.get("name", "")) if kind == "xt" else _VERDICTS.get(kind, Does.OPAQUE), conditions)


def _nft_condition(left: Any, right: Any, operator: str = "==") -> Condition:
    fact = None
    if isinstance(left, dict):
        if "meta" in left:
            fact = _NFT_FACTS.get(left["meta"].get("key"))
        elif "payload" in left:
            fact = _NFT_FIELDS.get(left["payload"].get("field", ""))
        elif left.get("ct", {}).get("key") == "state":
            fact = Fact.STATE
    values = tuple(_nft_values(right))
    if fact is None or operator not in ("==", "!=", "in") or "" in values:
        return _UNKNOWN
    return Condition(fact, values, negated=operator == "!=")


def _nft_values(right: Any) -> Iterator[str]:
    """Yield the values on the right of a match; an empty text stands for one that isn't understood."""
    if isinstance(right, list):
        for item in right:
            yield from _nft_values(item)
    elif isinstance(right, dict) and isinstance(right.get("set"), list):
        yield from _nft_values(right["set"])
    elif isinstance(right, dict) and "prefix" in right:
        yield f"{right['prefix']['addr']}/{right['prefix']['len']}"
    elif isinstance(right, (str, int)) and not str(right).startswith("@"):
        yield str(right)
    else:
        yield ""


def _target(name: str) -> Does:
    return _VERDICTS.get(name.lower(), Does.GOES_ON if name in _IDLE_TARGETS else Does.OPAQUE)


def from_save(text: str, family: str, *, legacy: bool = False) -> Ruleset:
    """Return the rules that `iptables-save` prints, `legacy` ones in tables of their own."""
    chains: dict[Key, Chain] = {}
    rules: dict[Key, list[Rule]] = {}
    table = ""
    for line in text.splitlines():
        if line.startswith("*"):
            table = f"{LEGACY if legacy else ''}{line[1:]}"
        elif line.startswith(":"):
            name, policy, *_ = line[1:].split()
            hook = "" if policy == "-" else name.lower()
            chains[family, table, name] = Chain(hook=hook, policy=policy.lower() if hook else "accept")
        elif line.startswith("-A "):
            _, name, *words = shlex.split(line)
            known = {key[2] for key in chains if key[1] == table}
            rules.setdefault((family, table, name), []).append(_saved_rule(words, known))
    return Ruleset({key: replace(chain, rules=tuple(rules.get(key, ()))) for key, chain in chains.items()})


def saved_rules(text: str) -> Iterator[tuple[str, list[str]]]:
    """Yield the rules that `iptables-save` prints: each one's table, and its chain and what follows as words."""
    table = ""
    for line in text.splitlines():
        if line.startswith("*"):
            table = line[1:]
        elif line.startswith("-A "):
            yield table, shlex.split(line)[1:]


_OPTIONS = {
    "-i": Fact.IN,
    "-o": Fact.OUT,
    "-s": Fact.SOURCE,
    "-d": Fact.DESTINATION,
    "-p": Fact.PROTOCOL,
    "--dport": Fact.PORT,
    "--dports": Fact.PORT,
    "--ctstate": Fact.STATE,
    "--state": Fact.STATE,
}
_WITHOUT_CONDITION = frozenset({"tcp", "udp", "conntrack", "state", "comment", "multiport", "icmp", "icmp6"})
"""Modules of iptables that add no condition but the options that follow."""


def _saved_rule(words: list[str], chains: set[str]) -> Rule:
    conditions: list[Condition] = []
    waiting = iter(words)
    negated = False
    for word in waiting:
        if word == "!":
            negated = True
            continue
        if word in ("-j", "-g"):
            name = next(waiting)
            if name in chains:
                return Rule(Does.JUMP if word == "-j" else Does.GOTO, tuple(conditions), name)
            return Rule(_target(name), tuple(conditions))  # what follows are options of the target
        if word in _OPTIONS:
            conditions.append(_saved_condition(_OPTIONS[word], next(waiting), negated=negated))
        elif word == "-m":
            if next(waiting) not in _WITHOUT_CONDITION:
                conditions.append(_UNKNOWN)
        elif word == "--comment":
            next(waiting)
        elif word.startswith("-"):
            conditions.append(_UNKNOWN)
        negated = False
    return Rule(Does.GOES_ON, tuple(conditions))


def _saved_condition(fact: Fact, text: str, *, negated: bool) -> Condition:
    values = tuple(text.lower().split(",") if fact in (Fact.STATE, Fact.PORT) else [_alone(text)])
    if fact is Fact.PORT and ":" in text:
        return _UNKNOWN
    if fact in (Fact.IN, Fact.OUT) and text.endswith("+"):
        values = (f"{text[:-1]}*",)
    return Condition(fact, values, negated)


def _alone(subnet: str) -> str:
    """Return the text, of a subnet with one address the address alone, as nft prints it."""
    return subnet.removesuffix("/128" if ":" in subnet else "/32")
