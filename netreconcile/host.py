"""The only module that talks to libvirt: reads a host's networks as values, and performs actions.

libvirt is imported when a connection is opened, so that everything else works without it.
"""

from __future__ import annotations

import logging
import shlex
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar, assert_never, cast

from lxml import etree

from netreconcile.actions import Define, SetAutostart, Start, Step, Stop, Undefine, Update
from netreconcile.errors import LibvirtFailed, Unreachable
from netreconcile.observed import Guest, Host, Observed, observed
from netreconcile.unmodelled import unmodelled

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator

    import libvirt


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

    def read_guests(self, host: Host, names: Iterable[str]) -> Host:
        """Return the host with the guests of the networks that are named.

        Guests come from libvirt's network ports and from the definitions of domains; a connection without domains
        (`network:///system`) knows only the ports.
        """
        networks = dict(host.networks)
        domains = list(self._domains())
        for name in names:
            there = networks.get(name)
            if there is None:
                continue
            bridge = there.running.bridge.name if there.running else None
            guests = {guest.mac: guest for guest in self._ports(there)} if there.active else {}
            for interfaces in domains:
                guests.update((mac, guest) for mac, guest in interfaces(name, bridge))
            networks[name] = replace(there, guests=tuple(sorted(guests.values())))
        return replace(host, networks=networks)

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

    def leases(self, name: str) -> list[dict[str, Any]]:
        """Return the network's DHCP leases, as virNetworkGetDHCPLeases tells them."""
        network = self._lookup(f"{name}: read leases", name)
        return self._call(f"{name}: read leases", lambda: cast("list[dict[str, Any]]", network.DHCPLeases()))

    def _ports(self, there: Observed) -> Iterator[Guest]:
        words = f"{there.name}: read ports"
        network = self._lookup(words, there.name)
        for port in self._call(words, network.listAllPorts):
            root = etree.fromstring(self._call(words, port.XMLDesc).encode())
            mac = root.find("mac")
            yield Guest(
                domain=root.findtext("owner/name") or "?",
                mac=mac.get("address", "") if mac is not None else "",
            )

    def _domains(self) -> Iterator[Callable[[str, str | None], Iterator[tuple[str, Guest]]]]:
        """Yield for each domain a function that finds its interfaces on a network or its bridge."""
        try:
            domains = self._connection.listAllDomains()
        except self._api.libvirtError as error:
            if error.get_error_code() == self._api.VIR_ERR_NO_SUPPORT:
                return
            raise self._failed("list domains", error) from error
        for domain in domains:
            try:
                xml, running = domain.XMLDesc(), bool(domain.isActive())
            except self._api.libvirtError as error:
                if error.get_error_code() == self._api.VIR_ERR_NO_DOMAIN:
                    continue
                raise self._failed(f"read domain {domain.name()}", error) from error
            yield _interfaces(domain.name(), xml, running=running)

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


def _interfaces(domain: str, xml: str, *, running: bool) -> Callable[[str, str | None], Iterator[tuple[str, Guest]]]:
    interfaces = etree.fromstring(xml.encode()).findall("devices/interface")

    def of(network: str, bridge: str | None) -> Iterator[tuple[str, Guest]]:
        for interface in interfaces:
            source, mac, target = interface.find("source"), interface.find("mac"), interface.find("target")
            if source is None or mac is None:
                continue
            by_bridge = bridge is not None and interface.get("type") == "bridge" and source.get("bridge") == bridge
            if by_bridge or (interface.get("type") == "network" and source.get("network") == network):
                device = target.get("dev", "") if target is not None else ""
                yield mac.get("address", ""), Guest(domain, mac.get("address", ""), device, running, by_bridge)

    return of
