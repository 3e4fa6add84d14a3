"""A libvirt host: reads its networks as values, and performs actions on them."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING, assert_never

from netreconcile.actions import Define, Replug, SetAutostart, Start, Step, Stop, Undefine, Update
from netreconcile.client import Client
from netreconcile.errors import LibvirtFailed
from netreconcile.guests import replug, with_guests
from netreconcile.observed import Host, Observed, observed
from netreconcile.unmodelled import unmodelled

if TYPE_CHECKING:
    from collections.abc import Collection, Generator

    import libvirt

log = logging.getLogger(__name__)


class Connection:
    """An open connection to a libvirt host; made by `connect`.

    Each method raises LibvirtFailed; ConnectionLost where the connection is gone, which `reopen` makes anew.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._api = client.api
        self.uri = client.uri

    def read(self) -> Host:
        """Return the host's networks without their guests; `read_guests` adds them."""
        number = self._client.call("read libvirt's version", self._client.connection.getLibVersion)
        version = (number // 1_000_000, number // 1_000 % 1_000, number % 1_000)
        networks = self._list(0)
        autostart = {item.UUIDString() for item in self._list(self._api.VIR_CONNECT_LIST_NETWORKS_AUTOSTART)}
        active = {item.UUIDString() for item in self._list(self._api.VIR_CONNECT_LIST_NETWORKS_ACTIVE)}
        persistent = {item.UUIDString() for item in self._list(self._api.VIR_CONNECT_LIST_NETWORKS_PERSISTENT)}
        found: dict[str, Observed] = {}
        for item in networks:
            uuid = item.UUIDString()
            try:
                found[item.name()] = self._observed(
                    item, persistent=uuid in persistent, active=uuid in active, autostart=uuid in autostart
                )
            except LibvirtFailed as error:
                self._raise_unless_gone(error)
        return Host(self.uri, version, found)

    def read_network(self, name: str) -> Observed | None:
        """Return one network as it is now, without its guests and leases; None where it isn't there."""
        words = f"read network {name}"
        try:
            network = self._client.lookup(words, name)
            return self._observed(
                network,
                persistent=bool(self._client.call(words, network.isPersistent)),
                active=bool(self._client.call(words, network.isActive)),
                autostart=bool(self._client.call(words, network.autostart)),
            )
        except LibvirtFailed as error:
            self._raise_unless_gone(error)
            return None

    def read_guests(self, host: Host, names: Collection[str]) -> Host:
        """Return the host with the guests and leases of the networks that are named.

        Guests come from libvirt's network ports and from the definitions of domains; a connection without domains
        (`network:///system`) knows only the ports.
        """
        return with_guests(self._client, host, names)

    def perform(self, step: Step) -> str:
        """Carry out the step; return what is worth telling about it, mostly nothing."""
        words = str(step)
        log.info("%s", words)
        client = self._client
        match step.action:
            case Define(xml):
                log.debug("%s", xml)
                return self._define(words, xml)
            case Update(command, section, parent_index, xml):
                log.debug("%s", xml)
                flags = self._api.VIR_NETWORK_UPDATE_AFFECT_LIVE
                network = client.lookup(words, step.network)
                client.call(words, lambda: network.update(command, section, parent_index, xml, flags))
            case SetAutostart(enabled):
                network = client.lookup(words, step.network)
                client.call(words, lambda: network.setAutostart(int(enabled)))
            case Start():
                client.call(words, client.lookup(words, step.network).create)
            case Stop():
                client.call(words, client.lookup(words, step.network).destroy)
            case Undefine():
                client.call(words, client.lookup(words, step.network).undefine)
            case Replug():
                return replug(client, words, client.lookup(words, step.network), step.action)
            case _:
                assert_never(step.action)
        return ""

    def reopen(self, patience: float = 60.0) -> None:
        """Every method works on a new connection from now on; libvirt gets `patience` seconds to come back.

        A restarting libvirt answers only after a look at each of its networks. Raises Unreachable.
        """
        log.info("connect to libvirt again")
        self._client.reopen(patience)

    def _define(self, words: str, xml: str) -> str:
        """Define with libvirt's schema check; where only the schema refuses, without it.

        The schema (network.rng) refuses a few definitions that libvirt itself prints, such as a host named `*.apps`.
        """
        client = self._client
        checked = self._api.VIR_NETWORK_DEFINE_VALIDATE
        try:
            client.call(words, lambda: client.connection.networkDefineXMLFlags(xml, checked))
        except LibvirtFailed as error:
            if error.code not in (self._api.VIR_ERR_XML_INVALID_SCHEMA, self._api.VIR_ERR_NO_SUPPORT):
                raise
            network = client.call(words, lambda: client.connection.networkDefineXML(xml))
            kept = client.call(words, lambda: network.XMLDesc(self._api.VIR_NETWORK_XML_INACTIVE))
            dropped = sorted(set(unmodelled(xml)) - set(unmodelled(kept)))
            if dropped:
                return f"libvirt dropped {', '.join(dropped)}"
        return ""

    def _observed(self, network: libvirt.virNetwork, *, persistent: bool, active: bool, autostart: bool) -> Observed:
        """Return the network with the definitions that it has."""
        name = network.name()
        words, inactive = f"read network {name}", self._api.VIR_NETWORK_XML_INACTIVE
        return observed(
            name,
            network.UUIDString(),
            config_xml=self._client.call(words, lambda: network.XMLDesc(inactive)) if persistent else None,
            running_xml=self._client.call(words, network.XMLDesc) if active else None,
            autostart=autostart,
        )

    def _list(self, flags: int) -> list[libvirt.virNetwork]:
        return self._client.call("list networks", lambda: self._client.connection.listAllNetworks(flags))

    def _raise_unless_gone(self, error: LibvirtFailed) -> None:
        """Raise the error unless it says that the network isn't there, or not any more."""
        if error.code != self._api.VIR_ERR_NO_NETWORK:
            raise error


@contextmanager
def connect(uri: str, *, readonly: bool, timeout: float = 30.0) -> Generator[Connection]:
    """Open a connection for as long as the context lasts; through a read-only one libvirt refuses every write.

    Raises Unreachable, after `timeout` seconds at the latest, with what to do and a virsh line that fails likewise.
    """
    client = Client(uri, readonly=readonly, timeout=timeout)
    try:
        yield Connection(client)
    finally:
        client.close()
