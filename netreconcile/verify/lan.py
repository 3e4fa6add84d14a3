"""What two guests live through on a LAN that isn't libvirt's: whether they get an address, and meet each other.

They sit where the network's guests sit: on a bridge of the host's, or beside it on one of its NICs (macvtap). Nothing
is tried that a newly started guest doesn't do.
"""

from __future__ import annotations

import time
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from netreconcile.errors import ProbeFailed
from netreconcile.verify import errands
from netreconcile.verify.address import pair
from netreconcile.verify.experience import Experience, Nothing, Offer
from netreconcile.verify.guest import Guest, Switch, forwarding, mac, plugged, quiet, seed, switch, take_turn, up
from netreconcile.verify.namespace import Namespace, ip, shown
from netreconcile.verify.neighbours import acquainted, neighbours
from netreconcile.verify.releaser import Releaser
from netreconcile.verify.sniffer import Ears
from netreconcile.verify.tagging import carriers, join, tried
from netreconcile.verify.vlans import usual

if TYPE_CHECKING:
    from collections.abc import Generator

    from netreconcile.verify.target import Target

_BESIDE = ("bridge", "private", "vepa")
"""The modes of macvtap networks that leave room for another guest on the same NIC."""


def visit_lan(target: Target) -> Experience:
    """Return what guests live through on a network that puts them on the host's LAN; nothing is left of them.

    Two MAC addresses, the same each time, appear on the LAN; one of them takes a lease, which is given back. Takes
    turns with other runs. Raises ProbeFailed.
    """
    made_of = seed(target.name)
    try:
        if target.bridge:
            there = switch(target.bridge)
            if there is None:
                return Experience(forwarding=Nothing(f"the kernel has no bridge {target.bridge}"))
            return _on_bridge(target, there, made_of)
        if target.network.mode not in _BESIDE:
            return Experience(forwarding=Nothing(f"mode {target.network.mode} hands out whole devices"))
        nic = next((name for name in target.network.forward.interfaces if shown("link", "show", "dev", name)), "")
        if not nic:
            return Experience(forwarding=Nothing("the host has none of the network's interfaces"))
        return _on_nic(target, nic, made_of)
    except OSError as error:
        raise ProbeFailed(f"the network {target.name} can't be probed: {error}") from error


def _on_bridge(target: Target, there: Switch, made_of: bytes) -> Experience:
    traces: set[str] = set()
    with (
        Releaser(there.name) as releaser,
        plugged(there, target.running or target.network, made_of, traces) as (four, six),
    ):
        running = target.running or target.network
        join((four, six), there, usual(running))
        forwards = forwarding(there, (four, six), time.monotonic())
        if isinstance(forwards, Nothing):
            return Experience(forwarding=forwards)
        lived = _lived(four, six, made_of, releaser)
        with four.namespace.run(partial(Ears, device="eth0")) as ears:
            vlans = tried(running, there, six, four, ears)
        ports = carriers(running, there, (four, six))
        lived = replace(lived, forwarding=forwards, vlans=vlans, carriers=ports)
        traces |= {four.link_local, six.link_local, lived.guest4, *(offer.address for offer in lived.offers or ())}
        return lived


def _on_nic(target: Target, nic: str, made_of: bytes) -> Experience:
    if "LOWER_UP" not in shown("link", "show", "dev", nic)[0]["flags"]:
        return Experience(forwarding=Nothing(f"{nic} has no link"))
    with Releaser(nic) as releaser, _apart(made_of) as (four, six):
        try:
            _share(nic, target.network.mode, (four, six))
        except ProbeFailed as failed:  # as of a NIC that is a bridge's, where libvirt can't put guests either
            return Experience(forwarding=Nothing(str(failed)))
        return replace(_lived(four, six, made_of, releaser), forwarding=0.0)


@contextmanager
def _apart(made_of: bytes) -> Generator[tuple[Guest, Guest]]:
    """There are two guests, not plugged in anywhere, while the context lasts. Raises ProbeFailed."""
    with Namespace() as one, Namespace() as other:
        guests = Guest(one, mac(made_of, 0)), Guest(other, mac(made_of, 1))
        try:
            yield guests
        finally:
            for guest in guests:
                guest.namespace.start(partial(ip, ("link del eth0",), all_of_them=False))


def _share(nic: str, mode: str, guests: tuple[Guest, Guest]) -> None:
    """The guests share the NIC with the host. Raises ProbeFailed.

    Their devices are made in their namespaces: at no moment could one be left in the host's.
    """
    for guest in guests:
        guest.namespace.run(quiet)
        own = f"name eth0 netns {guest.namespace.path} address {guest.mac}"
        ip((f"link add link {nic} {own} type macvlan mode {mode}",))
        # On one NIC the kernel gives a MAC address once (macvlan_open).
        guest.namespace.run(partial(take_turn, "link set eth0 up", f"the interface {nic}"))
        guest.namespace.run(up)


def _lived(four: Guest, six: Guest, made_of: bytes, releaser: Releaser) -> Experience:
    near = pair(made_of)
    acquainted(four, six, near)
    with ExitStack() as stack:
        ears = stack.enter_context(four.namespace.run(partial(Ears, device="eth0")))
        leasing = four.namespace.start(lambda: errands.leased_from("", four.mac, releaser))
        neighbour4, neighbour6 = neighbours(four, six, near[0], ears)
        offers, lease = leasing.result()
    if not four.link:
        # Nobody can reach into a macvtap guest past its NIC: that it was answered shows that it hears.
        neighbour4 = replace(neighbour4, control=bool(offers or neighbour4.sources))
        neighbour6 = neighbour6 and replace(neighbour6, control=bool(offers or neighbour6.sources))
    return Experience(
        offers=offers,
        lease=lease,
        neighbour4=neighbour4,
        neighbour6=neighbour6,
        guest4=lease.address if isinstance(lease, Offer) else "",
    )
