"""A libvirt host: reads its networks as values, and performs actions on them."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, assert_never

from netreconcile.actions import Define, Replug, SetAutostart, Start, Step, Stop, Undefine, Update
from netreconcile.clearing import cleared, left_behind, stopped_with_bridge
from netreconcile.client import Client
from netreconcile.definitions import Definition, defined, definition, listed
from netreconcile.errors import LibvirtFailed
from netreconcile.guests import replug, with_guests
from netreconcile.kernel.here import hindrance, links_beside
from netreconcile.observed import Host, Observed, observed
from netreconcile.unmodelled import unmodelled

if TYPE_CHECKING:
    from collections.abc import Collection, Generator

log = logging.getLogger(__name__)


class Connection:
    """An open connection to a libvirt host; made by `connect`.

    Each method raises LibvirtFailed; ConnectionLost where the connection is gone, which `reopen` makes anew.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._api = client.api
        self.uri = client.uri
        self._left_behind: frozenset[str] = frozenset()

    @cached_property
    def clears(self) -> bool:
        """Return whether we can clear away what libvirt leaves if it is killed while it starts a network."""
        return not hindrance(self.uri)

    def read(self, before: Host | None = None, changed: Collection[str] = ()) -> Host:
        """Return the host's networks without their guests; `read_guests` adds them.

        A network that `before` has, guests and all, is taken from there unless it's among the `changed`, or libvirt
        lists it as another one, or in another state.
        """
        number = self._client.call("read libvirt's version", self._client.connection.getLibVersion)
        version = (number // 1_000_000, number // 1_000 % 1_000, number % 1_000)
        found: list[Observed | Definition | None] = []
        for each in listed(self._client):
            name = each.network.name()
            there = before.networks.get(name) if before and name not in changed else None
            found.append(there if there and there.is_listed_as(each) else defined(self._client, each))
        # Parsed only now: what is read in one go is of one moment, or nearly.
        networks = {
            item.name: item if isinstance(item, Observed) else observed(**item._asdict()) for item in found if item
        }
        links = links_beside(self.uri)
        suspects = stopped_with_bridge(networks, links)
        self._left_behind = left_behind(suspects) if suspects and self.clears else frozenset()
        return Host(self.uri, version, networks, links=links, left_behind=self._left_behind)

    def read_network(self, name: str) -> Observed | None:
        """Return one network as it is now, without its guests and leases; None where it isn't there."""
        there = definition(self._client, name)
        return observed(**there._asdict()) if there else None

    def read_guests(self, host: Host, names: Collection[str] | None = None, *, idle: Collection[str] = ()) -> Host:
        """Return the host with the guests and leases of the networks that are named, or of all.

        An `idle` network is left as it is, unless a domain has an interface on it: then it gets the same. Guests come
        from libvirt's network ports and from the definitions of domains; a connection without domains
        (`network:///system`) knows only the ports.
        """
        return with_guests(self._client, host, names, idle)

    def perform(self, step: Step) -> str:
        """Carry out the step; return what is worth telling about it, mostly nothing.

        What a libvirt has left of the network that was killed is cleared away first.
        """
        words = str(step)
        log.info("%s", words)
        needs_room = isinstance(step.action, (Start, Undefine)) or step.network in self._left_behind
        remark = cleared(self._client, words, step.network) if needs_room and self.clears else ""
        return "; ".join(filter(None, (remark, self._perform(words, step))))

    def _perform(self, words: str, step: Step) -> str:
        client = self._client
        match step.action:
            case Define(xml):
                log.debug("%s", xml)
                return self._define(words, step.network, xml)
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

    @contextmanager
    def beside(self) -> Generator[Connection]:
        """Open another connection to the host, on which calls may take long while this one is used, for a context.

        On a connection that several threads use, libvirt's client often hands a reply on only when a longer call ends
        (seen with 9.0's). Raises Unreachable, LibvirtFailed.
        """
        client = Client(self.uri, readonly=False, timeout=self._client.timeout)
        try:
            client.list()  # asked for one by its name, libvirt waits for networks that are starting
            yield Connection(client)
        finally:
            client.close()

    def _define(self, words: str, name: str, xml: str) -> str:
        """Define with libvirt's schema check; where only the schema refuses, without it.

        The schema (network.rng) refuses a few definitions that libvirt itself prints, such as a host named `*.apps`.
        """
        client = self._client
        checked = self._api.VIR_NETWORK_DEFINE_VALIDATE
        try:
            client.networks[name] = client.call(words, lambda: client.connection.networkDefineXMLFlags(xml, checked))
        except LibvirtFailed as error:
            if error.code not in (self._api.VIR_ERR_XML_INVALID_SCHEMA, self._api.VIR_ERR_NO_SUPPORT):
                raise
            network = client.networks[name] = client.call(words, lambda: client.connection.networkDefineXML(xml))
            kept = client.call(words, lambda: network.XMLDesc(self._api.VIR_NETWORK_XML_INACTIVE))
            dropped = sorted(set(unmodelled(xml)) - set(unmodelled(kept)))
            if dropped:
                return f"libvirt dropped {', '.join(dropped)}"
        return ""


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
