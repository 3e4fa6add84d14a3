"""Who hangs on a host's networks, as libvirt tells it, and how a guest that was cut off is plugged back in."""

from __future__ import annotations

import functools
import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from lxml import etree

from netreconcile.errors import ConnectionLost, LibvirtFailed
from netreconcile.interfaces import Interface, interfaces, mac_of
from netreconcile.observed import Guest, Host, Lease, Observed

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    import libvirt
    from lxml.etree import _Element

    from netreconcile.actions import Replug
    from netreconcile.client import Client

log = logging.getLogger(__name__)
_ASIDE = "<virtualport type='802.1Qbh'><parameters profileid='nowhere'/></virtualport>"
"""Takes a tap off its bridge and puts it on none, as only macvtap has such ports (virNetDevTapReattachBridge)."""


def with_guests(client: Client, host: Host, names: Collection[str] | None, idle: Collection[str] = ()) -> Host:
    """Return the host with the guests and leases of the networks that are named, and of `idle` ones with interfaces.

    No names stand for all, those that only guests name among them. Raises LibvirtFailed.
    """
    plugs = [plug for domain in domains(client) for plug in domain]
    if names is None:
        names = dict.fromkeys([*host.networks, *(plug.network for plug in plugs if plug.network)])
    names = [*names, *(name for name in idle if _has_interfaces(host.networks[name], plugs))]
    found = {name: _known(client, host.networks[name], plugs) for name in names if name in host.networks}
    waiting = {
        name: tuple(sorted(replace(plug.guest, plugged=False) for plug in plugs if plug.network == name))
        for name in names
        if name not in host.networks
    }
    return replace(host, networks={**host.networks, **found}, waiting=waiting)


def domains(client: Client) -> Iterator[tuple[Interface, ...]]:
    """Yield for each domain its interfaces; nothing where the connection has no domains."""
    try:
        found = client.call("list domains", client.connection.listAllDomains)
    except LibvirtFailed as error:
        if error.code == client.api.VIR_ERR_NO_SUPPORT:
            return
        raise
    for domain in found:
        words = f"read domain {domain.name()}"
        try:
            xml = client.call(words, domain.XMLDesc)
            running = bool(client.call(words, domain.isActive))
        except LibvirtFailed as error:
            if error.code != client.api.VIR_ERR_NO_DOMAIN:  # gone since it was listed
                raise
        else:
            yield interfaces(domain.name(), xml, running=running)


def replug(client: Client, words: str, network: libvirt.virNetwork, guest: Replug) -> str:
    """Take the guest's tap off its bridge and put it back, as libvirt has it; return a remark where it is gone.

    Sent as it is, libvirt takes the interface for unchanged and does nothing (qemuDomainChangeNet). Raises
    LibvirtFailed.
    """
    bridge = client.call(words, network.bridgeName)
    try:
        if _move(client, words, network, bridge, guest):
            return ""
    except ConnectionLost:
        raise
    except LibvirtFailed as error:
        if any(True for _ in _interfaces(client, words, guest)):
            by_hand = f"ip link set {guest.target or 'TAP'} master {bridge}"
            msg = f"{error.message}; apply again, or run on the host: {by_hand}"
            raise LibvirtFailed(words, msg, error.code) from error
    return "it is gone meanwhile"


def _known(client: Client, there: Observed, plugs: list[Interface]) -> Observed:
    """Return the network with those who hang on it: the holders of its ports, and its share of the interfaces."""
    ports = _ports(client, there) if there.active else {}
    own, bridge = _own_bridge(there)
    # A restart cuts nobody off whose tap isn't on a bridge that libvirt makes: only the port is gone.
    by_name = [
        replace(plug.guest, plugged=plug.guest.running and (not own or plug.port in ports))
        for plug in plugs
        if plug.network == there.name
    ]
    # libvirt doesn't tell which taps hang on a bridge. Whoever restarted the network cut off all its guests.
    plugged = there.active and all(guest.plugged for guest in by_name if guest.running)
    by_bridge = [
        replace(plug.guest, by_bridge=True, plugged=plugged) for plug in plugs if bridge and plug.bridge == bridge
    ]
    leases = _leases(client, there.name) if there.running and there.running.serves_dhcp else ()
    lent = {lease.mac: lease.ip for lease in leases}
    guests = {(guest.domain, guest.mac): guest for guest in (*ports.values(), *by_name, *by_bridge)}
    known = (replace(guest, address=lent.get(guest.mac, "")) for guest in guests.values())
    return replace(there, guests=tuple(sorted(known)), leases=leases)


def _has_interfaces(there: Observed, plugs: list[Interface]) -> bool:
    _, bridge = _own_bridge(there)
    return any(plug.network == there.name or (bridge and plug.bridge == bridge) for plug in plugs)


def _own_bridge(there: Observed) -> tuple[bool, str | None]:
    """Return whether libvirt makes the network's bridge itself, and what that is called."""
    network = there.running or there.config
    own = network is not None and network.own_bridge
    return own, network.bridge.name if network and own else None


def _ports(client: Client, there: Observed) -> dict[str, Guest]:
    """Return the guests that hold a port of the network, by the port's UUID."""
    words = f"{there.name}: read ports"
    network = client.lookup(words, there.name)
    guests = {}
    for port in client.call(words, network.listAllPorts):
        root = etree.fromstring(client.call(words, port.XMLDesc).encode())
        owner = root.findtext("owner/name") or "?"
        guests[port.UUIDString()] = Guest(domain=owner, mac=mac_of(root), reachable=False)
    return guests


def _leases(client: Client, name: str) -> tuple[Lease, ...]:
    """Return the DHCP leases of a running network, by address."""
    words = f"{name}: read leases"
    found = cast("list[dict[str, Any]]", client.call(words, client.lookup(words, name).DHCPLeases))
    return tuple(
        sorted(Lease(item["ipaddr"], item["mac"] or "", item["hostname"] or "", item["expirytime"]) for item in found)
    )


def _move(client: Client, words: str, network: libvirt.virNetwork, bridge: str, guest: Replug) -> bool:
    """Return False where the guest is gone. Raises LibvirtFailed."""
    name = network.name()
    group = {"portgroup": guest.portgroup} if guest.portgroup else {}
    as_network, as_bridge = ("network", {"network": name, **group}), ("bridge", {"bridge": bridge})
    there = list(_interfaces(client, words, guest))
    found = [plug for plug in there if plug[2].get("network") == (None if guest.by_bridge else name)]
    if not found:  # unless somebody has broken off between two moves
        halfway = ("network", name) if guest.by_bridge else ("bridge", bridge)
        found = [plug for plug in there if plug[2].get(halfway[0]) == halfway[1]]
    if not found:
        return False
    domain, interface, source = found[0]

    def move(kind: str, attributes: dict[str, str], *more: _Element) -> None:
        interface.set("type", kind)
        source.attrib.clear()
        source.attrib.update(attributes)
        interface.extend(more)
        xml = etree.tostring(interface, encoding="unicode")
        for element in more:
            interface.remove(element)
        log.debug("%s", xml)
        client.call(words, functools.partial(domain.updateDeviceFlags, xml, client.api.VIR_DOMAIN_AFFECT_LIVE))

    try:
        move(*as_bridge, etree.fromstring(_ASIDE))
    except LibvirtFailed as error:
        if error.code != client.api.VIR_ERR_OPERATION_UNSUPPORTED:
            raise
        if (
            guest.by_bridge
        ):  # libvirt 9.0 refuses the profile, and puts the tap back wherever the kind of source changes
            move(*as_network)
    move(*as_bridge)
    if not guest.by_bridge:
        move(*as_network)
        _check_port(client, words, network, domain, guest)
    return True


def _interfaces(client: Client, words: str, guest: Replug) -> Iterator[tuple[libvirt.virDomain, _Element, _Element]]:
    """Yield the interfaces with the guest's MAC and their sources; none where the domain doesn't run any more."""
    try:
        domain = client.call(words, lambda: client.connection.lookupByName(guest.domain))
        xml = client.call(words, domain.XMLDesc) if client.call(words, domain.isActive) else "<domain/>"
    except LibvirtFailed as error:
        if error.code == client.api.VIR_ERR_NO_DOMAIN:
            return
        raise
    for interface in etree.fromstring(xml.encode()).findall("devices/interface"):
        source = interface.find("source")
        if mac_of(interface) == guest.mac and source is not None:
            yield domain, interface, source


def _check_port(
    client: Client, words: str, network: libvirt.virNetwork, domain: libvirt.virDomain, guest: Replug
) -> None:
    """Raise LibvirtFailed unless libvirt has a port of the network for the guest."""
    plugs = interfaces(guest.domain, client.call(words, domain.XMLDesc))
    ports = {port.UUIDString() for port in client.call(words, network.listAllPorts)}
    if not any(plug.guest.mac == guest.mac and plug.port in ports for plug in plugs):
        msg = "its link did not come back"
        raise LibvirtFailed(words, msg, -1)
