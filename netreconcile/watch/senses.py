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
from netreconcile.kernel.trace import servers
from netreconcile.watch.files import folder_files, topology_files
from netreconcile.watch.libvirtd import listen

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import ExitStack

KEPT = (
    *(Path("/etc/libvirt/qemu/networks"), Path("/etc/libvirt/qemu/networks/autostart")),
    Path("/run/libvirt/network"),
)
"""Where libvirt writes whatever it keeps of a network (bridge_driver.c): live updates and autostart show only here."""
GLANCE = 2.0
"""Seconds between two glances at files and processes, of which nobody tells."""
BREATH = 0.05
"""Seconds in which all that comes is taken together, so that a storm of it doesn't keep the processor busy."""
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
FILES = "files of the topology"
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
        self.hears_the_kernel = False
        self._listen_to_the_kernel()
        self._seen, self._glanced = self._glance(), time.monotonic()
        listen(uri, timeout=timeout, wake=partial(_write, outbox))

    def wait(self, until: float, process: int | None) -> Noticed:
        """Return what there is to be noticed: at the time, or as soon as anything is, or the process has ended."""
        changes: set[str] = set()
        signals: tuple[int, ...] = ()
        if process is not None:
            self._selector.register(process, EVENT_READ)
        try:
            ready = self._selector.select(max(0.0, min(until, self._glanced + GLANCE) - time.monotonic()))
        finally:
            if process is not None:
                self._selector.unregister(process)
        if any(key.data for key, _ in ready):
            time.sleep(BREATH)
        for key, _ in ready:
            if key.data:
                key.data.drain()
                changes.add(key.data.tells_of)
            elif key.fd == self._inbox:
                came = os.read(self._inbox, _MOST)
                signals = tuple(number for number in came if number)
                if _LIBVIRT in came:
                    changes.add("libvirt")
                    self._listen_to_the_kernel()
        if time.monotonic() >= self._glanced + GLANCE:
            changes |= self._changed()
        return Noticed(frozenset(changes), signals)

    def _listen_to_the_kernel(self) -> None:
        """The kernel is heard, if what it tells is about the networks behind the URI; who is there shows with time."""
        if self.hears_the_kernel or hindrance(self._uri):
            return
        self.hears_the_kernel = True
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
        if self.hears_the_kernel:
            seen["what libvirt keeps"] = folder_files(KEPT)
            with suppress(OSError):
                seen["DNS servers"] = tuple(servers())
        return seen


def _write(outbox: int) -> None:
    with suppress(BlockingIOError):  # so full that it will wake anyway
        os.write(outbox, _LIBVIRT)


def _pass_signals_on(outbox: int, opened: ExitStack) -> None:
    """The numbers of signals are written there, and nothing else happens, unless somebody else handles them."""
    opened.callback(signal.set_wakeup_fd, signal.set_wakeup_fd(outbox, warn_on_full_buffer=False))
    for number in SIGNALS:
        opened.callback(signal.signal, number, signal.signal(number, lambda *_: None))
