"""Puts the ports of two guests into VLANs, as libvirt does, and tells what one hears of the other there."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from netreconcile.verify.experience import Nothing
from netreconcile.verify.namespace import bridge, shown
from netreconcile.verify.sniffer import Try, crossings, shout
from netreconcile.verify.vlans import Member, foreign, members, tagged

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from netreconcile.model import Network, Vlan
    from netreconcile.verify.experience import Crossing
    from netreconcile.verify.guest import Guest, Switch
    from netreconcile.verify.sniffer import Ears


def join(guests: Iterable[Guest], there: Switch, vlan: Vlan) -> None:
    """The guests' ports are in these VLANs only, or in none in particular where there are none. Raises ProbeFailed."""
    if vlan.tags and there.filters:
        bridge(line for guest in guests for line in _joining(guest.link, there, vlan))


def tried(
    network: Network, there: Switch, sender: Guest, listener: Guest, ears: Ears
) -> Mapping[tuple[str, int], Crossing] | Nothing:
    """Return what the listener, in each VLAN of each port group and in another one, hears of a guest of the group.

    The ears are the listener's. Raises ProbeFailed.
    """
    if not there.filters:
        return Nothing(f"{there.name} doesn't filter VLANs")
    groups, heard = tagged(network), {}
    everyone = (there.usual_vlan, *(tag.id for vlan in groups.values() for tag in vlan.tags))
    for name, vlan in groups.items():
        own = members(vlan)
        other = foreign(vlan, everyone)
        bridge(_joining(sender.link, there, vlan))
        for number, sent in (*((member.vlan, (member,)) for member in own), (other, (*own, Member(other)))):
            bridge(_alone(listener.link, number))
            send = partial(_send, sender, listener.mac, sent)
            (heard[name, number],) = crossings([Try(ears, partial(shout, listener.link), send)])
    return heard


def carriers(network: Network, there: Switch, probes: Iterable[Guest]) -> Mapping[int, tuple[str, ...]]:
    """Return the ports of each VLAN that guests of the network may be in, without those of guests. Raises ProbeFailed.

    Guests' own ends are taps; whatever else is plugged in may lead somewhere.
    """
    if not there.filters:
        return {}
    guests = {port["ifname"] for port in shown("link", "show", "master", there.name, "type", "tun") if port}
    guests |= {there.name, *(probe.link for probe in probes)}
    ports = {port["ifname"] for port in shown("link", "show", "master", there.name) if port} - guests
    within = {port["ifname"]: port["vlans"] for port in shown("vlan", "show", program="bridge")}
    numbers = {tag.id for vlan in tagged(network).values() for tag in vlan.tags}
    return {
        number: tuple(sorted(port for port in ports if any(_holds(held, number) for held in within.get(port, ()))))
        for number in numbers
    }


def _holds(held: Mapping[str, int], number: int) -> bool:
    """Return whether a line of what `bridge vlan` shows, a VLAN or a range of them, has the VLAN in it."""
    return held["vlan"] <= number <= held.get("vlanEnd", held["vlan"])


def _joining(link: str, there: Switch, vlan: Vlan) -> Iterator[str]:
    """Yield what makes a port that of a guest that libvirt has just plugged in: it leaves VLAN 1, whatever is usual."""
    yield f"vlan del dev {link} vid 1-4094"
    if there.usual_vlan > 1:
        yield f"vlan add dev {link} vid {there.usual_vlan} pvid untagged"
    for member in members(vlan):
        flags = f"{' pvid' if member.native else ''}{' untagged' if member.untagged else ''}"
        yield f"vlan add dev {link} vid {member.vlan}{flags}"


def _alone(link: str, number: int) -> Iterator[str]:
    yield f"vlan del dev {link} vid 1-4094"
    yield f"vlan add dev {link} vid {number} pvid untagged"


def _send(sender: Guest, to: str, sent: Iterable[Member], token: bytes) -> None:
    """The guest sends the token to the MAC address, with the tag of each VLAN that isn't its native one."""
    for member in sent:
        sender.namespace.run(partial(shout, "eth0", token, to=to, vlan=0 if member.native else member.vlan))
