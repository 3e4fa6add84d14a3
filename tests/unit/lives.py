"""What guests and host see of a network that keeps every promise, and the kinds of network that promise something."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from netreconcile.verify.experience import Advert, Answer, Crossing, Experience, Offer, Offer6, Prefix, Question, Reply
from netreconcile.verify.target import Target
from tests.unit.examples import network

if TYPE_CHECKING:
    from netreconcile.model import Network

MAC, DUID = "52:54:00:00:00:10", "00:03:00:01:52:54:00:00:00:10"
ROUTER = "fe80::5054:ff:fe00:1"
"""The link-local address of the examples' bridge, 52:54:00:00:00:01."""
FAR4, FAR6 = "198.18.0.1", "fd99::1"
GUEST4, GUEST6 = "10.0.0.150", "fd00::150"
HEARD, SILENCE, DEAF = Crossing(control=True, sources=("192.0.2.9",)), Crossing(control=True), Crossing(control=False)
LAN = ("bridge", "private", "vepa", "passthrough", "hostdev")

IP4 = {
    "address": "10.0.0.1/24",
    "dhcp": {"ranges": ["10.0.0.100-10.0.0.199"], "hosts": [{"mac": MAC, "name": "web", "ip": "10.0.0.10"}]},
}
SLAAC = {"address": "fd00::1/64"}
IP6 = {
    **SLAAC,
    "dhcp": {"ranges": ["fd00::100-fd00::1ff"], "hosts": [{"id": DUID, "name": "web", "ip": "fd00::10"}]},
}
DNS = {"hosts": [{"ip": "10.0.0.5", "hostnames": ["web.lab"]}]}


def kind(mode: str, **values: Any) -> Target:
    """Return a network of a kind, which runs as the file says; with DHCP, IPv6 and a record where the kind has them."""
    if mode in LAN:
        device = {"bridge": {"name": "br0"}} if mode == "bridge" else {"forward": {"interfaces": ["eth7"]}}
        given: dict[str, Any] = {"ips": [], "mac": None, "bridge": {}, **device}
    elif mode == "very-isolated":
        given = {"ips": []}
    else:
        given = {"ips": [IP4, SLAAC], "dns": DNS, "domain": "lab.example", "mtu": 1400}
    return target(network(mode=mode, **{**given, **values}))


def target(wanted: Network) -> Target:
    """Return the network as one that runs as the file says."""
    return Target("net", wanted, wanted, wanted.bridge.name or "")


def lived(there: Target) -> Experience:
    """Return what guests live through on a network as `kind` makes it, if all is as the README's table says."""
    mode, wanted = there.network.mode, there.network
    met = Crossing(control=True, sources=("169.254.177.2",))
    between = SILENCE if mode == "private" or wanted.port.isolated else met
    if mode in LAN:
        offer = Offer("192.0.2.1", "192.0.2.77", 24, ("192.0.2.1",))
        return Experience(offers=(offer,), lease=offer, neighbour4=between, neighbour6=between)
    if mode == "very-isolated":
        return Experience(
            forwarding=0.1, offers=(), adverts=(), neighbour4=between, neighbour6=between, out4=SILENCE, out6=SILENCE
        )
    cut_off, translated = mode == "isolated", mode == "nat"
    offer = Offer(
        "10.0.0.1", GUEST4, 24, () if cut_off else ("10.0.0.1",), ("10.0.0.1",), "lab.example", wanted.mtu, 3600
    )
    managed = there.serves_dhcp6
    advert = Advert(
        ROUTER,
        0 if cut_off else 1800,
        managed,
        managed,
        (Prefix("fd00::/64", on_link=True, autonomous=not managed),),
        (ROUTER,),
    )
    lease6 = Offer6(ROUTER, GUEST6, ("fd00::1",)) if managed else None
    own4, own6 = Crossing(control=True, sources=(GUEST4,)), Crossing(control=True, sources=(GUEST6,))
    as_host4, as_host6 = Crossing(control=True, sources=(FAR4,)), Crossing(control=True, sources=(FAR6,))
    out6 = as_host6 if wanted.forward.nat.ipv6 else own6
    return Experience(
        forwarding=4.1,
        offers=(offer,),
        lease=offer,
        reserved={MAC: replace(offer, address="10.0.0.10")},
        adverts=(advert,),
        lease6=lease6,
        reserved6={DUID: Offer6(ROUTER, "fd00::10", ("fd00::1",))} if managed else {},
        host={"10.0.0.1": Reply(), "fd00::1": Reply()},
        resolvers={"10.0.0.1": Reply(), "fd00::1": Reply()},
        records={
            Question("web.lab", "A"): Answer("NOERROR", ("10.0.0.5",)),
            Question("5.0.0.10.in-addr.arpa", "PTR"): Answer("NOERROR", ("web.lab",)),
        },
        neighbour4=between,
        neighbour6=between,
        out4=SILENCE if cut_off else as_host4 if translated else own4,
        out6=SILENCE if cut_off else out6,
        into4=SILENCE if cut_off or translated else HEARD,
        into6=SILENCE if cut_off or (translated and wanted.forward.nat.ipv6) else HEARD,
        hears=HEARD if cut_off else None,
        far_address4=FAR4,
        far_address6=FAR6,
        guest4=GUEST4,
        guest6=GUEST6,
    )
