"""The only module that talks to libvirt: reads a host's networks as values, and performs actions.

libvirt is imported when a connection is opened, so that everything else works without it.
"""

from __future__ import annotations

import functools
import logging
import shlex
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar, assert_never, cast

from lxml import etree

from netreconcile.actions import Define, Replug, SetAutostart, Start, Step, Stop, Undefine, Update
from netreconcile.errors import LibvirtFailed, Unreachable
from netreconcile.interfaces import Interface, interfaces, mac_of
from netreconcile.observed import Guest, Host, Lease, Observed, observed
from netreconcile.unmodelled import unmodelled

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Generator, Iterator

    import libvirt
    from lxml.etree import _Element


log = logging.getLogger(__name__)
T = TypeVar("T")

_NO_BINDING = """\
the Python binding of libvirt isn't installed: `apt install python3-libvirt` (for Debian's own Python), or
`pip install 'netreconcile[libvirt]'`, which builds it against libvirt's headers
(`apt install libvirt-dev pkg-config gcc python3-dev`)"""


class Connection:
    """An open connection to a libvirt host; made by `connect`."""

    def __init__(self, api: Any, connection: libvirt.virConnect, uri: str) -> None:
        self._api = api
        self._connection = connection
        self.uri = uri

    def read(self) -> Host:
        """Return the host's networks without their guests; `read_guests` adds them."""
        number = self._call("read libvirt's version", self._connection.getLibVersion)
        version = (number // 1_000_000, number // 1_000 % 1_000, number % 1_000)
        networks = self._list(0)
        autostart = {item.UUIDString() for item in self._list(self._api.VIR_CONNECT_LIST_NETWORKS_AUTOSTART)}
        active = {item.UUIDString() for item in self._list(self._api.VIR_CONNECT_LIST_NETWORKS_ACTIVE)}
        persistent = {item.UUIDString() for item in self._list(self._api.VIR_CONNECT_LIST_NETWORKS_PERSISTENT)}
        found: dict[str, Observed] = {}
        for item in networks:
            uuid = item.UUIDString()
            try:
                found[item.name()] = observed(
                    item.name(),
                    uuid,
                    config_xml=item.XMLDesc(self._api.VIR_NETWORK_XML_INACTIVE) if uuid in persistent else None,
                    running_xml=item.XMLDesc(0) if uuid in active else None,
                    autostart=uuid in autostart,
                )
            except self._api.libvirtError as error:
                if error.get_error_code() != self._api.VIR_ERR_NO_NETWORK:  # gone since it was listed
                    raise self._failed(f"read network {item.name()}", error) from error
        return Host(self.uri, version, found)

    def read_guests(self, host: Host, names: Collection[str]) -> Host:
        """Return the host with the guests and leases of the networks that are named.

        Guests come from libvirt's network ports and from the definitions of domains; a connection without domains
        (`network:///system`) knows only the ports.
        """
        plugs = [plug for domain in self._domains() for plug in domain]
        found = {name: self._with_guests(host.networks[name], plugs) for name in names if name in host.networks}
        waiting = {
            name: tuple(sorted(replace(plug.guest, plugged=False) for plug in plugs if plug.network == name))
            for name in names
            if name not in host.networks
        }
        return replace(host, networks={**host.networks, **found}, waiting=waiting)

    def _with_guests(self, there: Observed, plugs: list[Interface]) -> Observed:
        """Return the network with those who hang on it: the holders of its ports, and its share of the interfaces."""
        ports = self._ports(there) if there.active else {}
        network = there.running or there.config
        own = network is not None and network.own_bridge
        bridge = network.bridge.name if network and own else None
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
        leases = self._leases(there.name) if there.running and there.running.serves_dhcp else ()
        lent = {lease.mac: lease.ip for lease in leases}
        guests = {(guest.domain, guest.mac): guest for guest in (*ports.values(), *by_name, *by_bridge)}
        known = (replace(guest, address=lent.get(guest.mac, "")) for guest in guests.values())
        return replace(there, guests=tuple(sorted(known)), leases=leases)

    def perform(self, step: Step) -> str:
        """Carry out the step; return what is worth telling about it, mostly nothing. Raises LibvirtFailed."""
        words = str(step)
        log.info("%s", words)
        match step.action:
            case Define(xml):
                log.debug("%s", xml)
                return self._define(words, xml)
            case Update(command, section, parent_index, xml):
                log.debug("%s", xml)
                flags = self._api.VIR_NETWORK_UPDATE_AFFECT_LIVE
                network = self._lookup(words, step.network)
                self._call(words, lambda: network.update(command, section, parent_index, xml, flags))
            case SetAutostart(enabled):
                network = self._lookup(words, step.network)
                self._call(words, lambda: network.setAutostart(int(enabled)))
            case Start():
                self._call(words, self._lookup(words, step.network).create)
            case Stop():
                self._call(words, self._lookup(words, step.network).destroy)
            case Undefine():
                self._call(words, self._lookup(words, step.network).undefine)
            case Replug():
                return self._replug(words, self._lookup(words, step.network), step.action)
            case _:
                assert_never(step.action)
        return ""

    def _define(self, words: str, xml: str) -> str:
        """Define with libvirt's schema check; where only the schema refuses, without it.

        The schema (network.rng) refuses a few definitions that libvirt itself prints, such as a host named `*.apps`.
        """
        try:
            self._connection.networkDefineXMLFlags(xml, self._api.VIR_NETWORK_DEFINE_VALIDATE)
        except self._api.libvirtError as error:
            code = error.get_error_code()
            if code not in (self._api.VIR_ERR_XML_INVALID_SCHEMA, self._api.VIR_ERR_NO_SUPPORT):
                raise self._failed(words, error) from error
            network = self._call(words, lambda: self._connection.networkDefineXML(xml))
            kept = self._call(words, lambda: network.XMLDesc(self._api.VIR_NETWORK_XML_INACTIVE))
            dropped = sorted(set(unmodelled(xml)) - set(unmodelled(kept)))
            if dropped:
                return f"libvirt dropped {', '.join(dropped)}"
        return ""

    def _leases(self, name: str) -> tuple[Lease, ...]:
        """Return the DHCP leases of a running network, by address."""
        words = f"{name}: read leases"
        found = cast("list[dict[str, Any]]", self._call(words, self._lookup(words, name).DHCPLeases))
        return tuple(
            sorted(
                Lease(item["ipaddr"], item["mac"] or "", item["hostname"] or "", item["expirytime"]) for item in found
            )
        )

    def _replug(self, words: str, network: libvirt.virNetwork, guest: Replug) -> str:
        """Move the guest's interface to the other kind of source and back; return a remark where it is gone.

        Sent as it is, libvirt takes the interface for unchanged and does nothing (qemuDomainChangeNet).
        """
        bridge = self._call(words, network.bridgeName)
        try:
            if self._move(words, network, bridge, guest):
                return ""
        except LibvirtFailed as error:
            if any(True for _ in self._interfaces(words, guest)):
                by_hand = f"ip link set {guest.target or 'TAP'} master {bridge}"
                msg = f"{error.message}; apply again, or run on the host: {by_hand}"
                raise LibvirtFailed(words, msg, error.code) from error
        return "it is gone meanwhile"

    def _move(self, words: str, network: libvirt.virNetwork, bridge: str, guest: Replug) -> bool:
        """Return False where the guest is gone. Raises LibvirtFailed."""
        name = network.name()
        found = [
            (domain, interface, source)
            for domain, interface, source in self._interfaces(words, guest)
            if source.get("network") == (None if guest.by_bridge else name)
        ]
        if not found:
            return False
        domain, interface, source = found[0]
        group = {"portgroup": source.get("portgroup", "")} if source.get("portgroup") else {}
        kinds = [("network", {"network": name, **group}), ("bridge", {"bridge": bridge})]
        for kind, attributes in kinds if guest.by_bridge else reversed(kinds):
            interface.set("type", kind)
            source.attrib.clear()
            source.attrib.update(attributes)
            xml = etree.tostring(interface, encoding="unicode")
            log.debug("%s", xml)
            self._call(words, functools.partial(domain.updateDeviceFlags, xml, self._api.VIR_DOMAIN_AFFECT_LIVE))
        if not guest.by_bridge:
            self._check_port(words, network, domain, guest)
        return True

    def _interfaces(self, words: str, guest: Replug) -> Iterator[tuple[libvirt.virDomain, _Element, _Element]]:
        """Yield the interfaces with the guest's MAC and their sources; none where the domain doesn't run any more."""
        try:
            domain = self._connection.lookupByName(guest.domain)
            xml = domain.XMLDesc() if domain.isActive() else "<domain/>"
        except self._api.libvirtError as error:
            if error.get_error_code() == self._api.VIR_ERR_NO_DOMAIN:
                return
            raise self._failed(words, error) from error
        for interface in etree.fromstring(xml.encode()).findall("devices/interface"):
            source = interface.find("source")
            if mac_of(interface) == guest.mac and source is not None:
                yield domain, interface, source

    def _check_port(self, words: str, network: libvirt.virNetwork, domain: libvirt.virDomain, guest: Replug) -> None:
        """Raise LibvirtFailed unless libvirt has a port of the network for the guest."""
        plugs = interfaces(guest.domain, self._call(words, domain.XMLDesc))
        ports = {port.UUIDString() for port in self._call(words, network.listAllPorts)}
        if not any(plug.guest.mac == guest.mac and plug.port in ports for plug in plugs):
            msg = "its link did not come back"
            raise LibvirtFailed(words, msg, -1)

    def _ports(self, there: Observed) -> dict[str, Guest]:
        """Return the guests that hold a port of the network, by the port's UUID."""
        words = f"{there.name}: read ports"
        network = self._lookup(words, there.name)
        guests = {}
        for port in self._call(words, network.listAllPorts):
            root = etree.fromstring(self._call(words, port.XMLDesc).encode())
            owner = root.findtext("owner/name") or "?"
            guests[port.UUIDString()] = Guest(domain=owner, mac=mac_of(root), reachable=False)
        return guests

    def _domains(self) -> Iterator[tuple[Interface, ...]]:
        """Yield for each domain its interfaces; nothing where the connection has no domains."""
        try:
            domains = self._connection.listAllDomains()
        except self._api.libvirtError as error:
            if error.get_error_code() == self._api.VIR_ERR_NO_SUPPORT:
                return
            raise self._failed("list domains", error) from error
        for domain in domains:
            try:
                yield interfaces(domain.name(), domain.XMLDesc(), running=bool(domain.isActive()))
            except self._api.libvirtError as error:
                if error.get_error_code() != self._api.VIR_ERR_NO_DOMAIN:  # gone since it was listed
                    raise self._failed(f"read domain {domain.name()}", error) from error

    def _list(self, flags: int) -> list[libvirt.virNetwork]:
        return self._call("list networks", lambda: self._connection.listAllNetworks(flags))

    def _lookup(self, words: str, name: str) -> libvirt.virNetwork:
        network: libvirt.virNetwork = self._call(words, lambda: self._connection.networkLookupByName(name))
        return network

    def _call(self, words: str, function: Callable[[], T]) -> T:
        try:
            return function()
        except self._api.libvirtError as error:
            raise self._failed(words, error) from error

    def _failed(self, words: str, error: libvirt.libvirtError) -> LibvirtFailed:
        return LibvirtFailed(words, error.get_error_message() or str(error), error.get_error_code() or -1)


@contextmanager
def connect(uri: str, *, readonly: bool) -> Generator[Connection]:
    """Open a connection for as long as the context lasts; through a read-only one libvirt refuses every write.

    Raises Unreachable with the virsh line that shows the same failure.
    """
    try:
        import libvirt
    except ImportError as error:
        raise Unreachable(_NO_BINDING) from error
    libvirt.registerErrorHandler(lambda *_: None, None)  # it would print every error to stderr
    try:
        connection = libvirt.openReadOnly(uri) if readonly else libvirt.open(uri)
    except libvirt.libvirtError as error:
        flag = " --readonly" if readonly else ""
        by_hand = f"virsh{flag} -c {shlex.quote(uri)} net-list"
        msg = f"can't reach libvirt at {uri}: {error.get_error_message()}\nthe same by hand: {by_hand}"
        raise Unreachable(msg) from error
    try:
        yield Connection(libvirt, connection, uri)
    finally:
        try:
            connection.close()
        except libvirt.libvirtError:
            log.debug("the connection was gone already")
