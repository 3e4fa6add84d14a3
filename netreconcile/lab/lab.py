"""A disposable private libvirt host, for as long as the process that made it wants it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Self, cast

from netreconcile.lab import launch, programs
from netreconcile.lab.errors import LabUnavailable

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable

    from netreconcile.lab.running import Running


class Lab:
    """A real libvirt daemon with real bridges, dnsmasq and firewall rules, in namespaces of its own.

    It needs root only with `guests` (emulated QEMU guests). `scenery` adds the sample host: `eth0` to a simulated
    outside, `br0` to a simulated LAN. `log` makes the daemon write down each call that reaches it. `root` is a folder
    with another distribution's libvirt, which then runs instead of this machine's. However the process that started the
    lab ends, even killed, the lab ends with it and leaves nothing.
    """

    def __init__(
        self, *, guests: bool = False, scenery: bool = False, log: bool = False, root: str | os.PathLike[str] = ""
    ) -> None:
        self._guests = guests
        self._scenery = scenery
        self._log = log
        self._root = os.path.abspath(root) if root else ""
        self._launched: launch.Launched | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Make libvirt answer at `uri`; without effect on a lab that is started. Raises: LabUnavailable."""
        if not self._launched:
            setup = programs.setup(guests=self._guests, scenery=self._scenery, log=self._log, root=self._root)
            self._launched = launch.launch(setup)

    def stop(self) -> None:
        """Nothing of the lab is left: no process, namespace or file; without effect on a lab that isn't started."""
        launched, self._launched = self._launched, None
        if launched:
            launched.channel.close()
            launch.end(launched.parent)

    @property
    def running(self) -> Running:
        """The lab as a value. Raises: LabUnavailable while it isn't started."""
        if not self._launched:
            raise LabUnavailable("the lab isn't started")
        return self._launched.running

    @property
    def pid(self) -> int:
        """The lab's PID 1, as seen from outside."""
        return self.running.pid

    @property
    def uri(self) -> str:
        """The connection URI for callers outside the lab; inside, LIBVIRT_DEFAULT_URI is set."""
        return self.running.uri

    def calls(self) -> tuple[str, ...]:
        """Return the libvirt functions called in the daemon so far (`virNetworkDefineXML`), in order; needs `log`."""
        return self.running.calls()

    def run(self, *argv: str, **options: Any) -> subprocess.CompletedProcess[str]:
        """Run a command inside the lab, with the options of `subprocess.run`; text=True unless they say otherwise.

        It starts in the present folder, with LIBVIRT_DEFAULT_URI set to the lab. The return code is the one that a
        shell shows: 127 for a command that doesn't exist, 128 + n for one that signal n ended.
        """
        import subprocess

        run = cast("Callable[..., subprocess.CompletedProcess[str]]", subprocess.run)
        options.setdefault("text", True)
        environment = self.running.environment(options.pop("env", os.environ))
        return run(self.running.command(*argv), env=environment, **options)
