"""The far end of a way out: a network of its own beyond the host, which leads nowhere else.

What a guest sends there passes the host as everything that it sends elsewhere does, but never leaves the machine. The
addresses are of those that are kept for tests (RFC 2544), and of a local prefix (RFC 4193).
"""

from __future__ import annotations

import ipaddress
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from netreconcile.errors import ProbeFailed
from netreconcile.verify.guest import link, quiet, take_turn
from netreconcile.verify.namespace import Namespace, has_ipv6, ip, settings, shown

if TYPE_CHECKING:
    from collections.abc import Collection, Generator

_TESTS = ipaddress.IPv4Network("198.18.0.0/15")
_SUBNETS = tuple(_TESTS.subnets(new_prefix=30))
_STEP = 257
"""How far on the next subnet is tried; it has no factor in common with their number, so each has its turn."""


@dataclass(frozen=True, slots=True)
class FarEnd:
    """The far end, and the host's own address towards it; IPv6 addresses are empty on a host that has no IPv6."""

    namespace: Namespace
    near4: str
    far4: str
    near6: str
    far6: str


@contextmanager
def far_end(bridge: str, index: int) -> Generator[FarEnd]:
    """There is a far end for a bridge while the context lasts; `index` is the bridge's number. Raises ProbeFailed."""
    cable = link(bridge, "f")
    routes = [*shown("-4", "route", "show", "table", "all", "root", str(_TESTS))]
    subnet4 = spare(index, [route.get("dst", "") for route in routes])
    near4, far4 = map(str, subnet4.hosts())
    near6, far6 = (f"fd99:6e72:76:{index & 0xFFFF:x}::{end}" for end in (1, 2)) if has_ipv6() else ("", "")
    with Namespace() as namespace:
        namespace.run(quiet)
        own = f"{cable} address fe:6e:72:76:00:01"
        take_turn(f"link add {own} type veth peer name eth0 netns {namespace.path}", f"the bridge {bridge}")
        try:
            # A host's end whose own address is tentative would ask nobody where to send what it forwards.
            settings({f"ipv6/conf/{cable}/{name}": 0 for name in ("disable_ipv6", "accept_dad", "dad_transmits")})
            ip(_addressed(cable, near4, near6))
            end = FarEnd(namespace, near4, far4, near6, far6)
            namespace.run(lambda: _outside(end))
            yield end
        finally:
            ip((f"link del {cable}",), all_of_them=False)


def spare(start: int, routed: Collection[str]) -> ipaddress.IPv4Network:
    """Return a subnet to which the host has no route; `routed` are routes' destinations. Raises ProbeFailed."""
    taken = [ipaddress.ip_network(to, strict=False) for to in routed if to[:1].isdigit()]
    for number in range(len(_SUBNETS)):
        subnet = _SUBNETS[(start + number * _STEP) % len(_SUBNETS)]
        if not any(subnet.overlaps(other) for other in taken if isinstance(other, ipaddress.IPv4Network)):
            return subnet
    raise ProbeFailed(f"the host has routes to all of {_TESTS}: there is no address left for the far end of a way out")


def _addressed(device: str, address4: str, address6: str) -> tuple[str, ...]:
    six = (f"addr add {address6}/64 dev {device} nodad",) if address6 else ()
    return (f"addr add {address4}/30 dev {device}", *six, f"link set {device} up")


def _outside(end: FarEnd) -> None:
    """The far end, in whose namespace this is, has its addresses and sends everything else to the host."""
    six = (f"route add ::/0 via {end.near6}",) if end.near6 else ()
    ip((*_addressed("eth0", end.far4, end.far6), f"route add 0.0.0.0/0 via {end.near4}", *six))
