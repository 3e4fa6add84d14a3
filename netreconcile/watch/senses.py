"""Notices that something may have changed: what libvirt, the kernel and signals tell, and what only a glance shows."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from functools import partial
from pathlib import Path
from selectors import EVENT_READ, DefaultSelector
from typing import TYPE_CHECKING, NamedTuple

from netreconcile.kernel.here import hindrance
from netreconcile.kernel.news import sources
from netreconcile.watch.files import folder_files, processes, running, topology_files
from netreconcile.watch.libvirtd import listen

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import ExitStack

STATE = Path("/run/libvirt/network")
FOLDERS = (Path("/etc/libvirt/qemu/networks"), Path("/etc/libvirt/qemu/networks/autostart"), STATE)
"""Where libvirt writes whatever it keeps of a network (bridge_driver.c): live updates and autostart show only here."""
GLANCE = 2.0
"""Seconds between two glances at files and processes, of which nobody tells."""
BREATH = 0.05
"""Seconds in which all that comes is taken together, so that a storm of it doesn't keep the processor busy."""
FILES, KEPT, SERVERS = "files of the topology", "what libvirt keeps", "DNS servers"
_LIBVIRT = b"\0"
"""What stands in the place of a signal's number where libvirt has told something."""
_MOST = 4096


class Noticed(NamedTuple):
    """What may have changed, in words, and the signals that have come."""

    changes: frozenset[str]
    signals: tuple[int, ...]


class Senses:
    """All that can be noticed of a host, and of the files of its topology, until `opened` is closed."""

    def __init__(self, uri: str, files: Sequence[str], opened: ExitStack, *, timeout: float) -> None:
        self._uri, self._files, self._opened = uri, files, opened
        self._selector = opened.enter_context(DefaultSelector())
        self._inbox, outbox = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._selector.register(self._inbox, EVENT_READ)
        _pass_signals_on(outbox, opened)
        self.unseen = ""
        """Why what is below libvirt can't be seen at present; empty where it can."""
        self._look_who_is_there()
        self._servers: frozenset[str] = frozenset()
        self._seen: dict[str, object] = {}
        self._seen, self._glanced = self._glance(), time.monotonic()
        listen(uri, timeout=timeout, wake=partial(_write, outbox))

    def wait(self, until: float, process: int | None) -> Noticed:
        """Return what there is to be noticed: at the time, or as soon as anything is, or the process has ended."""
        if process is not None:
            self._selector.register(process, EVENT_READ)
        ready = self._selector.select(max(0.0, min(until, self._glanced + GLANCE) - time.monotonic()))
        if process is not None:
            self._selector.unregister(process)
        heard = [key.data for key, _ in ready if key.data]
        if heard:
            time.sleep(BREATH)
        for source in heard:
            source.drain()
        changes = {source.tells_of for source in heard}
        came = os.read(self._inbox, _MOST) if any(key.fd == self._inbox for key, _ in ready) else b""
        if _LIBVIRT in came:
            changes.add("libvirt")
            if self.unseen:
                self._look_who_is_there()
        if time.monotonic() >= self._glanced + GLANCE:
            changes |= self._changed()
        return Noticed(frozenset(changes), tuple(number for number in came if number))

    def _look_who_is_there(self) -> None:
        """The kernel is heard, where what it tells is about the networks behind the URI."""
        self.unseen = hindrance(self._uri)
        if not self.unseen:
            for source in sources():
                self._opened.callback(source.kernel.close)
                self._selector.register(source.kernel, EVENT_READ, source)

    def _changed(self) -> set[str]:
        before, self._seen = self._seen, self._glance()
        self._glanced = time.monotonic()
        return {what for what, seen in self._seen.items() if before.get(what, seen) != seen}

    def _glance(self) -> dict[str, object]:
        """Return what is another value once something has changed, by what that is."""
        seen: dict[str, object] = {FILES: topology_files(self._files)}
        if not self.unseen:
            seen[KEPT] = folder_files(FOLDERS)
            if seen[KEPT] != self._seen.get(KEPT):
                self._servers = processes(STATE)
            seen[SERVERS] = running(self._servers)
        return seen


def _write(outbox: int) -> None:
    with suppress(BlockingIOError):  # so full that it will wake anyway
        os.write(outbox, _LIBVIRT)


def _pass_signals_on(outbox: int, opened: ExitStack) -> None:
    """The numbers of signals are written there, and nothing else happens, unless somebody else handles them."""
    opened.callback(signal.set_wakeup_fd, signal.set_wakeup_fd(outbox, warn_on_full_buffer=False))
    # A terminal that is closed ends what was started there, as usual.
    asking = (signal.SIGTERM, signal.SIGINT) if os.isatty(0) else (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    for number in asking:
        opened.callback(signal.signal, number, signal.signal(number, lambda *_: None))
