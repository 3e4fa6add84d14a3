"""Hostile topology files as large as the limits allow, or a bit larger: what once took minutes, or all memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from netreconcile.compose import MAX_TEXT, MAX_VALUES
from netreconcile.reader import MAX_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable

HEAD: Final = "version: 1\nname: lab\n"
_NETWORKS: Final = f"{HEAD}networks:\n"
_INSIDE: Final = f"{_NETWORKS}  n:\n    mode: nat\n"
_ADDRESS: Final = f"{_INSIDE}    ips:\n    - address: 10.255.255.1/8\n"
_MARGIN: Final = 100
"""Values that stand around the many."""


def _filled(head: str, unit: Callable[[int], str], values: int, tail: str = "") -> str:
    """Return as many units, each of so many values, as a file can have."""
    parts, size = [head], len(head) + len(tail)
    for number in range((MAX_VALUES - _MARGIN) // values):
        parts.append(unit(number))
        size += len(parts[-1].encode())
        if size > MAX_BYTES:
            parts.pop()
            break
    return "".join((*parts, tail))


def _ipv4(number: int) -> str:
    return f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"


def _bomb() -> str:
    levels = (f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 10)}]" for level in range(1, 60))
    return "\n".join(("a0: &a0 x", *levels))


def _routes_into_nowhere() -> str:
    count = MAX_VALUES // 10
    ips = ",".join(f"{{address: 172.{i >> 8 & 255}.{i & 255}.1/32}}" for i in range(count))
    routes = ",".join(f"{{to: {_ipv4(i)}/32, via: 9.9.9.9}}" for i in range(count))
    return f"{HEAD}networks: {{n: {{mode: nat, ips: [{ips}], routes: [{routes}]}}}}"


def _outside_of_many_subnets() -> str:
    allowed = ",".join(f"172.{i >> 8 & 255}.{i & 255}.0/32" for i in range(MAX_VALUES // 5))
    return _filled(
        f"{HEAD}policy: {{allowed_subnets: [{allowed}]}}\nnetworks:\n",
        lambda i: f"  n{i}: {{mode: nat, ips: [{{address: {_ipv4(i)}/32}}]}}\n",
        12,
    )


SHAPES: Final[dict[str, Callable[[], str]]] = {
    "larger than the limit": lambda: "#" * (MAX_BYTES + 1),
    "more values than the limit": lambda: "- a\n" * (MAX_VALUES + 1),
    "comments": lambda: HEAD + "# comment\n" * ((MAX_BYTES - 100) // 10),
    "blank lines in a folded text": lambda: f"{_INSIDE}    title: >\n      a\n{chr(10) * (MAX_BYTES - 200)}      b\n",
    "a text": lambda: f'{HEAD}networks: {{n: {{mode: very-isolated, title: "{"a" * (MAX_BYTES - 200)}"}}}}',
    "a key": lambda: f"? {'k' * (MAX_BYTES - 100)}\n: 1\n",
    "a number": lambda: f"a: {'1_' * (MAX_BYTES // 2 - 100)}",
    "brackets": lambda: "[" * (MAX_BYTES - 1),
    "an alias bomb": _bomb,
    "documents": lambda: "--- a\n" * (MAX_BYTES // 6),
    "a syntax error at the end": lambda: _filled("a:\n", lambda _: "- a\n", 1, "\t]"),
    "long texts that are not ASCII": lambda: _filled(
        f"{_INSIDE}    ips: [{{address: 10.0.0.1/24}}]\n    dns:\n      txt:\n",
        lambda _: f"      - {{name: {'é' * (MAX_TEXT - 1)}, value: a}}\n",
        5,
    ),
    "unknown keys": lambda: _filled(HEAD, lambda i: f"network_{i}: 1\n", 2),
    "long unknown keys": lambda: _filled(_INSIDE, lambda i: f"    {'forwarders_' * 90}{i}: 1\n", 2),
    "networks that are none": lambda: _filled(_NETWORKS, lambda i: f"  n{i}: {{}}\n", 2),
    "networks": lambda: _filled(_NETWORKS, lambda i: f"  n{i}: {{mode: very-isolated}}\n", 4),
    "uses of one network": lambda: _filled(
        f"{_NETWORKS}  n: &n {{mode: nat, bridge: br1}}\n", lambda i: f"  n{i}: *n\n", 6
    ),
    "large defaults": lambda: _filled(
        f"{HEAD}defaults: {{mode: nat, portgroups: [{','.join(['{name: a}'] * (MAX_VALUES // 8))}]}}\nnetworks:\n",
        lambda i: f"  n{i}: {{}}\n",
        4,
    ),
    "networks over one bridge": lambda: _filled(_NETWORKS, lambda i: f"  n{i}: {{mode: bridge, bridge: b}}\n", 6),
    "networks inside each other": lambda: _filled(
        _NETWORKS, lambda i: f"  n{i}: {{mode: nat, ips: [{{address: 'fd00::{i % 9999 + 1}/{1 + i % 120}'}}]}}\n", 9
    ),
    "addresses inside each other": lambda: _filled(
        f"{_INSIDE}    ips:\n", lambda i: f"    - address: {_ipv4(i)}/{24 + i % 2}\n", 3
    ),
    "ranges over each other": lambda: _filled(
        f"{_ADDRESS}      dhcp:\n        ranges:\n", lambda i: f"        - 10.0.0.{i % 200 + 2}-10.0.1.{i % 200}\n", 1
    ),
    "reservations that are none": lambda: _filled(
        f"{_ADDRESS}      dhcp:\n        hosts:\n", lambda _: "          - {}\n", 1
    ),
    "one reservation": lambda: _filled(
        f"{_ADDRESS}      dhcp:\n        hosts:\n",
        lambda _: "          - {mac: '52:54:00:00:00:01', ip: 10.0.0.2}\n",
        5,
    ),
    "one VLAN": lambda: _filled(
        f"{HEAD}networks: {{n: {{mode: bridge, bridge: b, vlan: {{tags: [", lambda _: "1,", 1, "1]}}}"
    ),
    "one interface": lambda: _filled(
        f"{HEAD}networks: {{n: {{mode: vepa, forward: {{interfaces: [", lambda _: "e,", 1, "x]}}}"
    ),
    "routes into nowhere": _routes_into_nowhere,
    "addresses outside of many subnets": _outside_of_many_subnets,
}
"""By what there is much of."""
