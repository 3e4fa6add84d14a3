"""VLANs on a bridge of the host's: how libvirt puts guests into them, and how that stands by what was heard. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

from netreconcile.verify.experience import Nothing
from netreconcile.verify.hints import UNHEARD
from netreconcile.verify.verdict import Remark, Verdict, judged, unseen

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from netreconcile.model import Network, Vlan
    from netreconcile.verify.experience import Experience
    from netreconcile.verify.target import Target

VLANS = range(1, 4095)
"""The VLANs that a bridge can have; IEEE 802.1Q keeps the two numbers around them."""
_MEMBER = "is the port in it? `bridge vlan show` tells; guests keep what they were plugged in with"


@dataclass(frozen=True, slots=True)
class Member:
    """A port's part in a VLAN: frames without a tag are of the `native` one; of an `untagged` one they go out so."""

    vlan: int
    native: bool = False
    untagged: bool = False


def tagged(network: Network) -> dict[str, Vlan]:
    """Return the VLANs of each port group that has any of its own, by its name.

    Under the empty name, those of the guests that take the network's, if any do (networkAllocatePort in
    bridge_driver.c).
    """
    groups = {group.name: group.vlan for group in network.portgroups if group.vlan.tags}
    own = {} if any(group.default and group.vlan.tags for group in network.portgroups) else {"": network.vlan}
    return {**(own if network.vlan.tags else {}), **groups}


def usual(network: Network) -> Vlan:
    """Return the VLANs of a guest that names no port group."""
    default = next((group.vlan for group in network.portgroups if group.default), network.vlan)
    return default if default.tags else network.vlan


def members(vlan: Vlan) -> tuple[Member, ...]:
    """Return what libvirt makes of a guest's port (virNetDevBridgeSetupVlans in virnetdevbridge.c, 11.3)."""
    if not vlan.trunk:
        parts = (Member(tag.id, native=True, untagged=True) for tag in vlan.tags)
    else:
        parts = (Member(tag.id, tag.native_mode is not None, tag.native_mode == "untagged") for tag in vlan.tags)
    return tuple(part for part in parts if part.vlan in VLANS)


def foreign(vlan: Vlan, others: Iterable[int]) -> int:
    """Return a VLAN that the port isn't to be in: the first of the others where that can be."""
    own = {tag.id for tag in vlan.tags}
    return next(number for number in chain(others, VLANS) if number in VLANS and number not in own)


def on_linux_bridge(network: Network) -> bool:
    """Return whether guests are plugged into a bridge of the kernel's that is the host's own."""
    ports = (network.virtualport, *(group.virtualport for group in network.portgroups))
    return network.mode == "bridge" and not network.pool and not any(port.type for port in ports)


def vlans(target: Target, seen: Experience) -> Iterator[Verdict | Remark]:
    """Yield whether guests are in their VLANs and out of another, and which VLANs end at the bridge.

    Where nobody was plugged in nothing is told.
    """
    if seen.forwarding is None:
        return
    heard = {} if isinstance(seen.vlans, Nothing) else seen.vlans
    for name, vlan in tagged(target.network).items():
        own = {tag.id for tag in vlan.tags}
        for number in sorted(own | {tried for group, tried in heard if group == name}):
            yield _vlan(name, number, seen, member=number in own)
    for number, ports in sorted(seen.carriers.items()):
        if not ports:
            message = (
                f"VLAN {number} leaves {target.bridge} through no port: its guests meet only each other;"
                f" `bridge vlan add dev NIC vid {number}` lets it out"
            )
            yield Remark("vlan-ends-here", message)


def _vlan(name: str, number: int, seen: Experience, *, member: bool) -> Verdict:
    subject = f"{name} {number}".lstrip()
    expected = f"{f'guests of {name}' if name else 'guests'} {'are' if member else 'are not'} in VLAN {number}"
    if isinstance(seen.vlans, Nothing):
        return unseen("vlan", expected, seen.vlans.why, subject=subject)
    crossing = seen.vlans.get((name, number))
    if crossing is None:
        return unseen("vlan", expected, "not tried", subject=subject)
    if not crossing.control:
        return unseen("vlan", expected, UNHEARD, subject=subject)
    answer = f"a guest there hears {'them' if crossing.sources else 'nothing'}"
    return judged("vlan", expected, answer, kept=bool(crossing.sources) is member, subject=subject, hint=_MEMBER)
