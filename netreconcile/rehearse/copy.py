"""What a copy of a host is made of, and what it has to do without. Pure: a state and a topology to a blueprint.

A copy runs nothing that the host's operator doesn't permit: dnsmasq's options can run programs, and an exported state
comes from anywhere.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from netreconcile import codec
from netreconcile.allowance import Kind, settings
from netreconcile.checks import dnsmasq
from netreconcile.checks.finding import Stage
from netreconcile.machine import named_links
from netreconcile.model import Tftp
from netreconcile.observed import observed

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from netreconcile.allowance import Allowance, Setting
    from netreconcile.kernel.state import Link, Route
    from netreconcile.machine import Machine
    from netreconcile.model import Network, Topology
    from netreconcile.observed import Guest, Host, Observed
    from netreconcile.state import State

_LINK_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,14}")
_FLAGS = {Kind.OPTION: "--allow-dnsmasq-options", Kind.TFTP_ROOT: "--allow-tftp-root"}
_MAC = re.compile(r"(?:[0-9a-f]{2}:){5}[0-9a-f]{2}", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class NewLink:
    """A bridge, or a link that stands for a NIC; `address` is its MAC address or empty, `addresses` are those of IP."""

    number: int
    name: str
    bridge: bool
    mtu: int = 1500
    address: str = ""
    up: bool = True
    master: str = ""
    addresses: tuple[str, ...] = ()

    @property
    def far_end(self) -> str:
        """Return the name of a NIC's other end."""
        return f"n{self.number}"


@dataclass(frozen=True, slots=True)
class StandIn:
    """What stands for a running guest: a link named `device` at the host's end, with the guest's MAC at the far end.

    `bridge` is what it hangs on at first, empty where the guest has no link, too.
    """

    number: int
    network: str
    guest: Guest
    device: str
    mac: str
    bridge: str

    @property
    def far_end(self) -> str:
        """Return the name of the link's other end."""
        return f"g{self.number}"


@dataclass(frozen=True, slots=True)
class Blueprint:
    """A copy of a host, and the topology as far as the copy can show it.

    `left_out` says what both lack, a sentence each; `unseen` are the networks among that.
    """

    topology: Topology
    host: Host
    links: tuple[NewLink, ...] = ()
    routes: tuple[Route, ...] = ()
    stand_ins: tuple[StandIn, ...] = ()
    left_out: tuple[str, ...] = ()
    unseen: frozenset[str] = frozenset()

    def without(self, network: str, why: str) -> Blueprint:
        """Return the blueprint without a network, for a reason."""
        wanted = {name: item for name, item in self.topology.networks.items() if name != network}
        return replace(
            self,
            topology=self.topology.model_copy(update={"networks": wanted}),
            host=replace(self.host, networks={name: it for name, it in self.host.networks.items() if name != network}),
            stand_ins=tuple(each for each in self.stand_ins if each.network != network),
            left_out=(*self.left_out, f"network {network}: {why}"),
            unseen=self.unseen | {network},
        )


def blueprint(topology: Topology, state: State, allowed: Allowance) -> Blueprint:
    """Return what is copied of the host for the topology; settings that aren't allowed are left out of both."""
    found = Blueprint(topology, state.host())
    for name, there in sorted(found.host.networks.items()):
        why = _unfit(name, there)
        found = found.without(name, why) if why else _permitted(found, name, there, allowed)
    links, routes, missing = _machine(state, found)
    used = {link.name for link in links} | {network.bridge.name or "" for network in _definitions(found)}
    guests = tuple(_guests(found.host, used))
    return replace(
        found,
        links=links,
        routes=routes,
        stand_ins=guests,
        left_out=(*found.left_out, *missing, *_unplugged(found.host)),
    )


def stands_for(guest: Guest, there: Observed) -> bool:
    """Return whether the guest can have a stand-in: it runs, and hangs on a bridge."""
    network = there.running or there.config
    return guest.running and network is not None and not network.pool


def _unfit(name: str, there: Observed) -> str:
    """Return why a network can't be copied, or nothing."""
    if there.trouble:
        return there.trouble
    for xml in (there.config_xml, there.running_xml):
        values = [str(value) for each in codec.parse_xml(xml).iter() for value in each.attrib.values()] if xml else []
        if any("\n" in value or "\r" in value for value in values):
            return "a value has a line break in it, and dnsmasq would read what follows as an option"
    for network in (there.config, there.running):
        for finding in dnsmasq.findings(name, network) if network else ():
            if finding.stage is Stage.MISREAD:
                return finding.message
    return ""


def _permitted(found: Blueprint, name: str, there: Observed, allowed: Allowance) -> Blueprint:
    """Return the blueprint without what isn't allowed of a network, on the host as in the file."""
    sides = [network for network in (there.config, there.running) if network]
    refused = {setting for side in sides for setting in settings(side) if not allowed.permits(setting)}
    if not refused:
        return found
    copied = replace(
        observed(
            name,
            there.uuid,
            config_xml=_xml_without(there.config_xml, there.config, refused),
            running_xml=_xml_without(there.running_xml, there.running, refused),
            autostart=there.autostart,
            guests=there.guests,
        ),
        leases=there.leases,
    )
    wanted = found.topology.networks
    if name in wanted:
        wanted = {**wanted, name: _without(wanted[name], refused)}
    told = sorted((setting.path, setting.value, _FLAGS[setting.kind]) for setting in refused)
    said = (f"network {name}: {path} {value!r} ({flag} copies it)" for path, value, flag in told)
    return replace(
        found,
        topology=found.topology.model_copy(update={"networks": wanted}),
        host=replace(found.host, networks={**found.host.networks, name: copied}),
        left_out=(*found.left_out, *said),
    )


def _xml_without(xml: str | None, network: Network | None, refused: Collection[Setting]) -> str | None:
    return codec.overlay(xml, _without(network, refused), None) if xml and network else xml


def _without(network: Network, refused: Collection[Setting]) -> Network:
    """Return the network without some of its settings."""
    options = {setting.value for setting in refused if setting.kind is Kind.OPTION}
    roots = {(setting.path, setting.value) for setting in refused if setting.kind is Kind.TFTP_ROOT}
    ips = tuple(
        ip.model_copy(update={"tftp": Tftp()}) if (f"ips[{ip.identity}].tftp.root", ip.tftp.root) in roots else ip
        for ip in network.ips
    )
    kept = tuple(option for option in network.dnsmasq_options if option not in options)
    return network.model_copy(update={"dnsmasq_options": kept, "ips": ips})


def _machine(state: State, found: Blueprint) -> tuple[tuple[NewLink, ...], tuple[Route, ...], list[str]]:
    """Return links and routes below libvirt, and what there is to say about them."""
    own = _own_bridges(found.host)
    if state.machine is None:
        named = {name for network in _definitions(found) for name in named_links(network)} - own
        bridges = {network.bridge.name for network in _definitions(found) if not network.own_bridge}
        plain = sorted(name for name in named if _LINK_NAME.fullmatch(name))
        links = tuple(NewLink(number, name, name in bridges) for number, name in enumerate(plain))
        why = state.machine_unknown or "the state doesn't have it"
        return links, (), [f"the machine below libvirt isn't known ({why}): its other links, addresses and routes"]
    left_out: list[str] = []
    links = tuple(_links(state.machine, own, left_out))
    there = {link.name for link in links}
    routes = tuple(route for route in state.machine.routes if route.device in there and route.protocol != "kernel")
    return links, routes, left_out


def _links(machine: Machine, own: Collection[str], left_out: list[str]) -> Iterator[NewLink]:
    """Yield the links that a copy has, bridges first; what it can't have is added to what is left out."""
    for number, link in enumerate(sorted(machine.links, key=lambda link: link.kind != "bridge")):
        if link.name == "lo" or link.name in own or link.master in own:
            continue
        if not _LINK_NAME.fullmatch(link.name):
            left_out.append(f"link {link.name!r}: its name is no plain one")
            continue
        yield NewLink(
            number,
            link.name,
            bridge=link.kind == "bridge",
            mtu=link.mtu,
            address=link.mac if _MAC.fullmatch(link.mac) else "",
            up=link.up,
            master=link.master,
            addresses=tuple(_addresses(link)),
        )


def _addresses(link: Link) -> Iterator[str]:
    for address in link.addresses:
        if not address.link_local:
            yield str(address)


def _definitions(found: Blueprint) -> Iterator[Network]:
    yield from found.topology.networks.values()
    for there in found.host.networks.values():
        yield from (network for network in (there.config, there.running) if network)


def _own_bridges(host: Host) -> set[str]:
    """Return the bridges that libvirt makes for networks that run."""
    running = (there.running for there in host.networks.values())
    return {network.bridge.name for network in running if network and network.own_bridge and network.bridge.name}


def _guests(host: Host, used: set[str]) -> Iterator[StandIn]:
    """Yield the stand-ins; a guest whose link has no name that is free gets another one."""
    number = 0
    for network, guest, there in _running(host):
        if there is not None and not stands_for(guest, there):
            continue
        device = guest.target if _LINK_NAME.fullmatch(guest.target) and guest.target not in used else f"nrs{number}"
        used.add(device)
        mac = guest.mac if _MAC.fullmatch(guest.mac) else f"52:54:00:00:{number >> 8:02x}:{number & 255:02x}"
        runs = there.running if there else None
        bridge = (runs.bridge.name or "") if runs and (guest.plugged or not runs.own_bridge) else ""
        yield StandIn(number, network, guest, device, mac, bridge)
        number += 1


def _running(host: Host) -> Iterator[tuple[str, Guest, Observed | None]]:
    for name, there in sorted(host.networks.items()):
        yield from ((name, guest, there) for guest in there.guests if guest.running)
    waiting: Mapping[str, Iterable[Guest]] = host.waiting
    for name, guests in sorted(waiting.items()):
        yield from ((name, guest, None) for guest in guests if guest.running)


def _unplugged(host: Host) -> Iterator[str]:
    """Yield which guests have no stand-in although they run."""
    for name, guest, there in _running(host):
        if there is not None and not stands_for(guest, there):
            yield f"guest {guest.domain} {guest.target or guest.mac} of {name}: it hangs on a device, not on a bridge"
