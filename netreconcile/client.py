"""A connection to libvirt that can be opened again: every call goes through it, and fails with an error of ours."""

from __future__ import annotations

from contextlib import suppress
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any, TypeVar

from netreconcile.errors import ConnectionLost, LibvirtFailed, Unreachable
from netreconcile.reach import binding, reach

if TYPE_CHECKING:
    from collections.abc import Callable

    import libvirt

T = TypeVar("T")

FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0
"""Seconds between attempts to connect again; each pause is twice the one before."""


class Client:
    """What calls go through: `api` is libvirt's module, `connection` libvirt's own connection, which may change.

    `networks` are libvirt's handles by name. Each is of a UUID: that of a network that was removed stays useless, also
    where another one has the name now. `timeout` is that of the first opening.

    Raises Unreachable, after `timeout` seconds at the latest.
    """

    def __init__(self, uri: str, *, readonly: bool, timeout: float) -> None:
        self.uri = uri
        self.api: Any = binding()
        self._readonly = readonly
        self.timeout = timeout
        self.connection = self._reach(timeout)
        self.networks: dict[str, libvirt.virNetwork] = {}

    def call(self, words: str, function: Callable[[], T]) -> T:
        """Return what the function returns, which calls libvirt once. Raises LibvirtFailed."""
        try:
            return function()
        except self.api.libvirtError as error:
            raise self._failed(words, error) from error

    def lookup(self, words: str, name: str) -> libvirt.virNetwork:
        """Return libvirt's handle of a network, asked for once. Raises LibvirtFailed.

        libvirt answers such a question only when no network is starting or stopping any more (virNetworkObjFindByName).
        """
        if name not in self.networks:
            self.networks[name] = self.call(words, lambda: self.connection.networkLookupByName(name))
        return self.networks[name]

    def list(self) -> tuple[libvirt.virNetwork, ...]:
        """Return the handles of all networks, which are those of `networks` from now on. Raises LibvirtFailed."""
        found = tuple(self.call("list networks", self.connection.listAllNetworks))
        self.networks = {network.name(): network for network in found}
        return found

    def reopen(self, patience: float) -> None:
        """`connection` is a new one. Raises Unreachable after `patience` seconds without one."""
        self.close()
        self.networks.clear()
        end, pause = monotonic() + patience, FIRST_PAUSE
        while True:
            left = max(end - monotonic(), 0)
            try:
                self.connection = self._reach(min(self.timeout, left))
            except Unreachable:
                if monotonic() + pause > end:
                    raise
            else:
                return
            sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    def close(self) -> None:
        """The connection is closed, if it wasn't."""
        with suppress(self.api.libvirtError):  # it was gone already
            self.connection.close()

    def _reach(self, timeout: float) -> libvirt.virConnect:
        return reach(self.api, self.uri, readonly=self._readonly, timeout=timeout)

    def _failed(self, words: str, error: libvirt.libvirtError) -> LibvirtFailed:
        message, code = error.get_error_message() or str(error), error.get_error_code() or -1
        if self._lost(error):
            return ConnectionLost(words, f"the connection to libvirt was lost ({message})", code)
        return LibvirtFailed(words, message, code)

    def _lost(self, error: libvirt.libvirtError) -> bool:
        """Return whether libvirt has failed to hand the call to the daemon or to get its answer.

        With modular daemons, the connection that broke may be the one behind ours, between virtqemud and virtnetworkd.
        """
        broken = (self.api.VIR_ERR_SYSTEM_ERROR, self.api.VIR_ERR_INTERNAL_ERROR)
        if error.get_error_domain() == self.api.VIR_FROM_RPC and error.get_error_code() in broken:
            return True
        try:
            return not self.connection.isAlive()
        except self.api.libvirtError:
            return True
