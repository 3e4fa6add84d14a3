"""The lab's libvirt as the copy of a host: its guests are the stand-ins, everything else is real."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from netreconcile.actions import Replug
from netreconcile.errors import LibvirtFailed, ProbeFailed
from netreconcile.host import Connection
from netreconcile.rehearse.copy import stands_for

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from netreconcile.actions import Step
    from netreconcile.binding import Version
    from netreconcile.client import Client
    from netreconcile.observed import Guest, Host, Observed
    from netreconcile.rehearse.stand import StandIns


class Stage(Connection):
    """A connection to the lab that tells what one to the host would.

    `original` is the host as it was copied: its URI and release, and the guests and leases of its networks.
    """

    def __init__(self, client: Client, original: Host, stand_ins: StandIns) -> None:
        super().__init__(client)
        self._original = original
        self._stand_ins = stand_ins
        self._by_guest = {(each.network, each.guest.domain, each.guest.mac): each for each in stand_ins.stand_ins}

    @property
    def release(self) -> Version:
        """The release of the lab's libvirt."""
        return super().read().version

    def read(self, before: Host | None = None, changed: Collection[str] = ()) -> Host:
        """Return the copy's networks without their guests."""
        return replace(super().read(before, changed), uri=self._original.uri, version=self._original.version)

    def read_guests(self, host: Host, names: Collection[str] | None = None, *, idle: Collection[str] = ()) -> Host:
        """Return the host with the guests of the networks that are named, or of all, as they hang on bridges now."""
        masters = self._stand_ins.masters()
        if names is None:
            names = dict.fromkeys([*host.networks, *self._original.networks, *self._original.waiting])
        names = [*names, *idle]
        networks = {name: self._known(host.networks[name], masters) for name in names if name in host.networks}
        waiting = {
            name: tuple(sorted(replace(guest, plugged=False) for guest in self._guests(name) if _names_network(guest)))
            for name in names
            if name not in host.networks
        }
        return replace(host, networks={**host.networks, **networks}, waiting=waiting)

    def perform(self, step: Step) -> str:
        """Carry out the step; a guest that is plugged back in is its stand-in."""
        if not isinstance(step.action, Replug):
            return super().perform(step)
        stand_in = self._by_guest.get((step.network, step.action.domain, step.action.mac))
        if stand_in is None:
            return "it has no stand-in"
        words = str(step)
        bridge = self._client.call(words, self._client.lookup(words, step.network).bridgeName)
        try:
            self._stand_ins.plug(stand_in, bridge)
        except ProbeFailed as error:
            raise LibvirtFailed(words, str(error), -1) from error
        return ""

    def _guests(self, name: str) -> tuple[Guest, ...]:
        """Return the guests that the network had on the host."""
        there = self._original.networks.get(name)
        return there.guests if there else tuple(self._original.waiting.get(name, ()))

    def _known(self, there: Observed, masters: Mapping[str, str]) -> Observed:
        network = there.running or there.config
        original = self._original.networks.get(there.name)
        serves = original is not None and there.running is not None and there.running.serves_dhcp
        guests = []
        for guest in self._guests(there.name):
            stand_in = self._by_guest.get((there.name, guest.domain, guest.mac))
            if stand_in is None or network is None or not network.own_bridge or not stands_for(guest, there):
                guests.append(guest)
                continue
            plugged = there.active and masters[stand_in.device] == network.bridge.name
            if plugged or guest.reachable:  # who is known by a port only is unknown without it
                guests.append(replace(guest, plugged=plugged))
        leases = original.leases if serves and original else ()
        return replace(there, guests=tuple(sorted(guests)), leases=leases)


def _names_network(guest: Guest) -> bool:
    return not guest.by_bridge
