"""Whether a host is fit for networks before any is made, and what exactly makes it fit. Pure."""

from __future__ import annotations

import ipaddress
import shlex
from fnmatch import fnmatchcase
from itertools import islice
from typing import TYPE_CHECKING, cast

from netreconcile.below.check import Check, Mark
from netreconcile.below.passing import forward
from netreconcile.checks import dnsmasq
from netreconcile.checks.addresses import Interface, interface
from netreconcile.kernel.state import Unread

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from netreconcile.below.check import Surroundings
    from netreconcile.kernel.state import KernelState, Subnet
    from netreconcile.model import Accepted, Network

USUAL = ("virbr0",)
SPARE_INSTANCES = 20
"""So many inotify instances other programs of root may need."""
UNMANAGED = "/etc/NetworkManager/conf.d/90-libvirt.conf"
MOST_TRIED = 4096
POOLS = {4: ("192.168.0.0/16", "172.16.0.0/12", "10.0.0.0/8"), 6: ("fd00:6e72::/32",)}
"""Where free subnets are looked for; private ones (RFC 1918, RFC 4193)."""


def checkup(
    state: KernelState,
    around: Surroundings,
    wanted: Mapping[str, Network],
    there: Mapping[str, Network],
    accept: Iterable[Accepted] = (),
) -> Iterator[Check]:
    """Yield what was found of the host: `wanted` are networks of a file, if any, `there` those that libvirt has.

    Subnets that collide, and rules that drop packets, as the file's policy accepts it are in nobody's way.
    """
    accept = tuple(accept)
    yield from _subnets(state, wanted, there, _reasons(accept, "subnet-collides"))
    yield from _devices(state, wanted)
    yield from _routers(around, wanted)
    yield from forward(state, around, wanted, _reasons(accept, "firewall.others"))
    yield from _firewalld(around)
    yield from _network_manager(around, _bridges({**there, **wanted}))
    yield from _names(around, wanted, there)
    yield from _watches(around, wanted)


def _reasons(accept: Iterable[Accepted], finding: str) -> dict[tuple[str, str], str]:
    """Return why findings of a kind are accepted, by network and subject."""
    return {(each.network, each.subject): each.reason for each in accept if each.finding == finding}


def _subnets(
    state: KernelState,
    wanted: Mapping[str, Network],
    there: Mapping[str, Network],
    accepted: Mapping[tuple[str, str], str],
) -> Iterator[Check]:
    """Yield what else on the host has part of a subnet of the file; what is `accepted` has a reason for it."""
    own = set(_bridges({**there, **wanted}))
    links = () if isinstance(state.links, Unread) else state.links
    routes = () if isinstance(state.routes, Unread) else state.routes
    taken: list[tuple[Subnet, str, str]] = [
        (address.interface.network, f"on {link.name}", f"on {link.name}")
        for link in links
        for address in link.addresses
        if link.name not in own and not address.link_local
    ]
    taken += [
        (route.to, f"routed through {route.via or route.device}", f"through {route.device or route.kind}")
        for route in routes
        if route.to.prefixlen and route.protocol != "kernel" and route.device not in own
    ]
    mine = [(name, found) for name, network in wanted.items() for found in map(interface, network.ips) if found]
    used = [subnet for subnet, *_ in taken] + [found.network for _, found in mine]
    collides = False
    for name, found in mine:
        for subnet, where, subject in taken:
            if not _overlap(subnet, found.network):
                continue
            collides = True
            seen = f"subnet {found.network} of {name} is also {where} ({subnet})"
            if reason := accepted.get((name, f"{subnet} {subject}")):
                yield Check("subnet-collides", Mark.NOTE, f"{seen}; the file accepts that: {reason}")
                continue
            free = _free(found, used)
            remedy = f"give {name} a subnet that is free here, such as {free}" if free else "use another subnet"
            yield Check("subnet-collides", Mark.FAIL, seen, remedy)
    if mine and not collides:
        yield Check("subnet-collides", Mark.OK, f"the subnets of the file are free here: {len(mine)}")


def _free(own: Interface, used: Iterable[Subnet]) -> str:
    """Return the first host address of a free subnet of the same size; nothing where there is none."""
    used = tuple(used)
    for text in POOLS[own.version]:
        pool: Subnet = ipaddress.ip_network(text)
        if pool.prefixlen > own.network.prefixlen:
            continue
        every = cast("Iterator[Subnet]", pool.subnets(new_prefix=own.network.prefixlen))
        for subnet in islice(every, MOST_TRIED):
            if not any(_overlap(subnet, other) for other in used):
                return f"{subnet.network_address + 1}/{subnet.prefixlen}"
    return ""


def _overlap(one: Subnet, other: Subnet) -> bool:
    return one.version == other.version and one.overlaps(other)


def _bridges(networks: Mapping[str, Network]) -> tuple[str, ...]:
    """Return the bridges that libvirt makes."""
    return tuple(
        dict.fromkeys(
            network.bridge.name for network in networks.values() if network.own_bridge and network.bridge.name
        )
    )


def _devices(state: KernelState, wanted: Mapping[str, Network]) -> Iterator[Check]:
    """Yield the bridges and NICs of the host that the file names, and whether they are there."""
    for name, network in wanted.items():
        forward = network.forward
        bridge = () if network.own_bridge or network.pool or not network.bridge.name else (network.bridge.name,)
        nics = (*forward.interfaces, *((forward.pf,) if forward.pf else ()))
        for device in (*bridge, *nics):
            link = state.link(device)
            if link is not None and link.up:
                yield Check("host-device", Mark.OK, f"{device} of {name} is there, and up")
            elif link is not None:
                yield Check("host-device", Mark.FAIL, f"{device} of {name} is down", f"sudo ip link set {device} up")
            else:
                make = f"sudo ip link add {device} type bridge, and make it permanent in the host's own configuration"
                remedy = make if device in bridge else "correct its name: `ip link` lists what there is"
                yield Check("host-device", Mark.FAIL, f"{name} needs {device}, which isn't there", remedy)


def _routers(around: Surroundings, wanted: Mapping[str, Network]) -> Iterator[Check]:
    """Yield whether the host would stop to hear the routers that it has its IPv6 routes from, once it forwards IPv6.

    libvirt refuses networks with IPv6 then (virNetDevIPCheckIPv6Forwarding in virnetdevip.c). With 2 the kernel hears
    routers although it forwards; with 0 it hears none, unless all links shall (ip-sysctl.rst).
    """
    heard = {link: around.accept_ra.get(link) or around.accept_ra.get("all") for link in around.told}
    deaf = [link for link, value in heard.items() if value == 1]
    six = any(
        network.mode in ("nat", "route", "open") and ":" in ip.address
        for network in wanted.values()
        for ip in network.ips
    )
    for link in deaf:
        setting, file = f"net/ipv6/conf/{link}/accept_ra", f"/etc/sysctl.d/90-accept-ra-{link}.conf"
        yield Check(
            "accept-ra",
            Mark.FAIL if six else Mark.NOTE,
            f"{setting} isn't 2: libvirt refuses IPv6 networks with a way out, as forwarding would cost the host its"
            f" own IPv6 routes through {link}",
            f"echo '{setting} = 2' | sudo tee {file} && sudo sysctl -p {file}",
        )
    if around.told and not deaf:
        yield Check("accept-ra", Mark.OK, f"forwarding IPv6 costs no route that routers told {', '.join(around.told)}")


def _firewalld(around: Surroundings) -> Iterator[Check]:
    if "firewalld" not in around.running:
        return
    if around.zone:
        yield Check("firewalld", Mark.OK, "firewalld runs, and has libvirt's zone")
    else:
        remedy = "sudo apt-get install libvirt-daemon-system && sudo firewall-cmd --reload"
        seen = "firewalld runs and has no zone `libvirt`: libvirt can't put its bridges there, and guests get no DHCP"
        yield Check("firewalld", Mark.FAIL, seen, remedy)


def _network_manager(around: Surroundings, bridges: tuple[str, ...]) -> Iterator[Check]:
    if "NetworkManager" not in around.running:
        return
    code, bridges = "network-manager", bridges or USUAL
    for bridge in bridges:
        if bridge in around.profiles:
            remedy = f"sudo nmcli connection delete id {shlex.quote(around.profiles[bridge])}"
            yield Check(code, Mark.FAIL, f"NetworkManager has a profile of its own for {bridge}", remedy)
    managed = [bridge for bridge in bridges if not any(fnmatchcase(bridge, each) for each in around.unmanaged)]
    if managed:
        # All of them, as this may take the place of what an earlier fix wrote.
        names = ";".join(f"interface-name:{name}" for name in (*bridges, "vnet*"))
        text = rf"printf '[keyfile]\nunmanaged-devices+={names}\n' | sudo tee {UNMANAGED}"
        remedy = f"{text} && sudo systemctl reload NetworkManager"
        yield Check(code, Mark.NOTE, f"NetworkManager runs, and isn't told to leave {', '.join(managed)} alone", remedy)
    else:
        yield Check(code, Mark.OK, "NetworkManager leaves libvirt's bridges alone")


def _names(around: Surroundings, wanted: Mapping[str, Network], there: Mapping[str, Network]) -> Iterator[Check]:
    """Yield whether another DNS server is in the way of libvirt's, which each listen at an address of their own."""
    if around.everywhere:
        listed = " and ".join(around.everywhere)
        serves = any(map(dnsmasq.runs, (wanted or there).values()))
        yield Check(
            "dns-port",
            Mark.FAIL if serves else Mark.NOTE,
            f"another DNS server listens at port 53 ({listed}) of all addresses: no network with DNS starts",
            "`sudo ss -lntup sport = :53` names it; let it listen at addresses of its own"
            " (dnsmasq: bind-dynamic; unbound, bind: their `interface`, `listen-on`)",
        )


def _watches(around: Surroundings, wanted: Mapping[str, Network]) -> Iterator[Check]:
    """Yield whether as many dnsmasq can run as the file needs: each takes an inotify instance of its user."""
    need = sum(map(dnsmasq.runs, wanted.values())) + SPARE_INSTANCES
    if wanted and around.instances is not None and around.instances < need:
        setting = "fs.inotify.max_user_instances"
        yield Check(
            "inotify",
            Mark.FAIL,
            f"{setting} = {around.instances}: too few for {need - SPARE_INSTANCES} dnsmasq",
            f"echo '{setting} = {2 * need}' | sudo tee /etc/sysctl.d/90-inotify.conf && sudo sysctl -p"
            " /etc/sysctl.d/90-inotify.conf",
        )
