"""Guests that are plugged into a bridge as libvirt plugs its own: two of them, each with a cable and a namespace.

The name of the first cable is made of the bridge's: the kernel gives a name once, so runs on one bridge take turns.
"""

from __future__ import annotations

import hashlib
import ipaddress
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netreconcile.errors import ProbeFailed
from netreconcile.verify.experience import Nothing
from netreconcile.verify.namespace import Namespace, ip, settings, shown

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator, Sequence

    from netreconcile.model import Network

TURN = 90.0
"""Seconds to wait for another run's guests to leave the bridge."""

QUIET = {
    "ipv6/conf/{}/accept_dad": 0,
    "ipv6/conf/{}/accept_ra": 0,
    "ipv6/conf/{}/dad_transmits": 0,
    "ipv6/conf/{}/disable_ipv6": 0,
    "ipv6/conf/{}/router_solicitations": 0,
    "ipv4/conf/{}/rp_filter": 0,
}
"""A guest says nothing that it isn't told to say, has its addresses at once, and hears everything."""
_IMPATIENT = {f"{family}/neigh/eth0/retrans_time_ms": 200 for family in ("ipv4", "ipv6")}
"""A neighbour may be asked for before the kernel takes answers to a new address."""
_MACHINE = Path("/etc/machine-id")
_POLL = 0.1
_SPARE = 3.0
"""Seconds more than the bridge's delay until its port counts as one that never forwards."""


@dataclass(frozen=True, slots=True)
class Switch:
    """A bridge of the host; `wait` is how many seconds its spanning tree keeps a new port from forwarding.

    `filters` is whether it keeps VLANs apart; `usual_vlan` the one that a new port is in then, 0 for none.
    """

    name: str
    index: int
    mac: str
    mtu: int
    wait: float
    up: bool
    filters: bool = False
    usual_vlan: int = 0


@dataclass(frozen=True, slots=True)
class Guest:
    """A guest: its end of the cable is `eth0` in its namespace, the host's is `link`, empty for one without a cable."""

    namespace: Namespace
    mac: str
    link: str = ""

    @property
    def link_local(self) -> str:
        """Return the IPv6 address that the guest has by itself."""
        return str(made_of_mac(ipaddress.IPv6Network("fe80::/64"), self.mac))


def switch(name: str) -> Switch | None:
    """Return the bridge; None where the host has none of that name. Raises ProbeFailed."""
    found: dict[str, Any] = next(iter(shown("link", "show", "dev", name, "type", "bridge")), {})
    if not found:
        return None
    about: dict[str, Any] = found["linkinfo"]["info_data"]
    # Listening and learning take the forward delay each (br_forward_delay_timer_expired in the kernel).
    wait = 2 * about["forward_delay"] / 100 if about["stp_state"] else 0.0
    filters, usual = bool(about.get("vlan_filtering")), about.get("vlan_default_pvid", 0)
    return Switch(name, found["ifindex"], found["address"], found["mtu"], wait, "UP" in found["flags"], filters, usual)


def seed(name: str) -> bytes:
    """Return bytes that are always the same for a network of that name on this machine, and for no other."""
    machine = ""
    with suppress(OSError):
        machine = _MACHINE.read_text(encoding="ascii").strip()
    return hashlib.sha256(f"{machine}\0{name}".encode()).digest()


def mac(made_of: bytes, number: int) -> str:
    """Return the MAC address of the guest with the number, 0 or 1: one that no maker of devices gives out."""
    return bytes((0x02, *made_of[:4], made_of[4] & 0xFE | number)).hex(":")


def link(name: str, which: str) -> str:
    """Return what the host's end of a cable is called; `name` is the bridge's."""
    return f"nrv{hashlib.sha256(name.encode()).hexdigest()[:8]}{which}"


def made_of_mac(subnet: ipaddress.IPv6Network, mac: str) -> ipaddress.IPv6Address:
    """Return the address that a device with the MAC address makes itself in a /64 (RFC 4291 appendix A)."""
    raw = bytes.fromhex(mac.replace(":", ""))
    own = bytes((raw[0] ^ 2, *raw[1:3], 0xFF, 0xFE, *raw[3:]))
    return ipaddress.IPv6Address(int(subnet.network_address) | int.from_bytes(own))


@contextmanager
def plugged(there: Switch, network: Network, made_of: bytes, traces: Iterable[str]) -> Generator[tuple[Guest, Guest]]:
    """Two guests are plugged in while the context lasts; then the host forgets where the `traces`, addresses, were.

    Raises ProbeFailed.
    """
    with Namespace() as one, Namespace() as other:
        first = Guest(one, mac(made_of, 0), link(there.name, "a"))
        second = Guest(other, mac(made_of, 1), link(there.name, "b"))
        both = (first, second)
        for guest in both:
            guest.namespace.run(quiet)
        take_turn(_cable(first, there.mtu), f"the bridge {there.name}")
        try:
            take_turn(_cable(second, there.mtu), f"the bridge {there.name}")
            for guest in both:
                settings({f"ipv6/conf/{guest.link}/disable_ipv6": 1})
            ip(line for guest in both for line in _port(guest, there, network))
            for guest in both:
                guest.namespace.run(up)
            yield both
        finally:
            forgotten = (f"neigh del {address} dev {there.name}" for address in sorted(traces) if address)
            ip((*(f"link del {guest.link}" for guest in both), *forgotten), all_of_them=False)


def quiet() -> None:
    """Devices that come into the calling thread's namespace are a guest's."""
    for device in ("all", "default"):
        settings({name.format(device): value for name, value in QUIET.items()})


def up() -> None:
    """The device of the calling thread's namespace is up."""
    settings(_IMPATIENT)
    ip(("link set lo up", "link set eth0 up"))


def take_turn(command: str, where: str) -> None:
    """The command has given a device its name or MAC address, once nobody else had that. Raises ProbeFailed.

    Others may be another run's, or those of a killed one that the kernel is still taking down.
    """
    end = time.monotonic() + TURN
    while True:
        try:
            ip((command,))
        except ProbeFailed as failed:
            if not any(words in str(failed) for words in ("File exists", "already in use")):
                raise
            if time.monotonic() > end:
                raise ProbeFailed(f"another run still has its probe guests on {where} after {TURN:.0f} s") from failed
            time.sleep(_POLL)
        else:
            return


def forwarding(there: Switch, guests: Sequence[Guest], since: float) -> float | Nothing:
    """Return how many seconds after `since` the ports of all guests forward, as soon as they do. Raises ProbeFailed."""
    if not there.up:
        return Nothing(f"the bridge {there.name} is down")
    time.sleep(max(0.0, since + there.wait - _POLL - time.monotonic()))
    while True:
        states = _states(there.name)
        lacking = [states.get(guest.link, "gone") for guest in guests if states.get(guest.link) != "forwarding"]
        passed = time.monotonic() - since
        if not lacking:
            return passed
        if passed > there.wait + _SPARE:
            return Nothing(f"the guest's port of {there.name} is {lacking[0]} after {passed:.0f} s")
        time.sleep(_POLL)


def _states(bridge: str) -> dict[str, str]:
    """Return the states of the bridge's ports to which cables lead."""
    ports: list[dict[str, Any]] = shown("link", "show", "master", bridge, "type", "veth")
    return {port["ifname"]: port["linkinfo"]["info_slave_data"]["state"] for port in ports if port}


def _cable(guest: Guest, mtu: int) -> str:
    """The bridge would take over a smaller MTU, and the MAC address that is lowest."""
    return (
        f"link add {guest.link} address fe{guest.mac[2:]} mtu {mtu} type veth "
        f"peer name eth0 address {guest.mac} mtu {mtu} netns {guest.namespace.path}"
    )


def _port(guest: Guest, there: Switch, network: Network) -> Iterator[str]:
    yield f"link set {guest.link} master {there.name}"
    if network.port.isolated:
        yield f"link set {guest.link} type bridge_slave isolated on"
    yield f"link set {guest.link} up"
