"""Hears from libvirt that a network or a guest has changed, and that the daemon has gone or is back."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from threading import Thread
from time import sleep
from typing import TYPE_CHECKING, Any

from netreconcile.client import FIRST_PAUSE, LONGEST_PAUSE, Client
from netreconcile.errors import LibvirtFailed, Unreachable

if TYPE_CHECKING:
    from collections.abc import Callable

OF_NETWORKS = "VIR_NETWORK_EVENT_ID_LIFECYCLE", "VIR_NETWORK_EVENT_ID_METADATA_CHANGE"
OF_DOMAINS = (
    *("VIR_DOMAIN_EVENT_ID_LIFECYCLE", "VIR_DOMAIN_EVENT_ID_DEVICE_ADDED"),
    "VIR_DOMAIN_EVENT_ID_DEVICE_REMOVED",
)
"""What is listened to, as far as the binding, the driver and the daemon have it.

libvirt tells nobody of live updates and of autostart (networkUpdate, networkSetAutostart in bridge_driver.c).
"""
POLL = 1.0
"""Seconds between two looks whether the connection is alive; libvirt finds that out, and hears, as often."""


def listen(uri: str, *, timeout: float, wake: Callable[[], None]) -> None:
    """From now on `wake` is called, in a thread of its own, when libvirt tells of a change, comes or goes."""
    Thread(target=_listen, args=(uri, timeout, wake), name=f"events of {uri}", daemon=True).start()


def _listen(uri: str, timeout: float, wake: Callable[[], None]) -> None:
    pause = FIRST_PAUSE
    while True:
        try:
            client = Client(uri, readonly=True, timeout=timeout)
        except Unreachable:
            sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)
            continue
        pause = FIRST_PAUSE
        _register(client, wake)
        wake()
        with suppress(LibvirtFailed):
            while client.call("look whether libvirt is there", client.connection.isAlive):
                sleep(POLL)
        client.close()
        wake()


def _register(client: Client, wake: Callable[[], None]) -> None:
    connection: Any = client.connection
    events = [(connection.networkEventRegisterAny, name) for name in OF_NETWORKS]
    events += [(connection.domainEventRegisterAny, name) for name in OF_DOMAINS]
    for register, name in events:
        if (number := getattr(client.api, name, None)) is not None:
            with suppress(LibvirtFailed):
                client.call("listen to libvirt", partial(register, None, number, lambda *_: wake(), None))
