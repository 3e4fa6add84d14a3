"""Labs that run: what they are called, how to connect to them and how to run something inside."""

from __future__ import annotations

import os
import re
import select
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from netreconcile.folder import VARIABLE
from netreconcile.lab.errors import LabWontStop, NoSuchLab
from netreconcile.lab.setup import LOG, Setup

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

BOOT = "import sys; sys.path.append(sys.argv[1]); from netreconcile.lab.{} import main; main()"
INIT, ENTER = "inside.init", "enter"
"""The modules that run as processes of their own."""
CALL = re.compile(r": debug : (vir(?:Connect(?!OpenInternal)|Domain|Interface|Network|Stream)\w+):\d+ :")
"""How libvirt logs a call of its public interface."""
STATE = "/run/netreconcile"
"""Where netreconcile keeps its journal inside, so that it ends with the lab."""
FOREIGN = ("XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS")
"""Variables that point into the host's /run, which isn't there inside."""


@dataclass(frozen=True, slots=True)
class Running:
    """A lab that runs; `pid` is its PID 1 as seen from here."""

    pid: int
    setup: Setup

    @property
    def uri(self) -> str:
        """The connection URI for callers outside the lab."""
        return self.setup.uri(self.pid)

    @property
    def log_file(self) -> Path:
        """The daemon's log, which is there if the lab was told to write one."""
        return Path(f"/proc/{self.pid}/root{LOG}")

    def calls(self) -> tuple[str, ...]:
        """Return the libvirt functions that were called in the daemon, in order, as far as its log goes."""
        return tuple(CALL.findall(self.log_file.read_text(encoding="utf-8", errors="replace")))

    def command(self, *command: str) -> list[str]:
        """Return the command that runs another one inside."""
        return python(ENTER, str(self.pid), *command)

    def environment(self, base: Mapping[str, str]) -> dict[str, str]:
        """Return the environment for commands inside."""
        kept = {name: value for name, value in base.items() if name not in FOREIGN}
        return {**kept, "PATH": self.setup.path, "LIBVIRT_DEFAULT_URI": self.setup.uri(), VARIABLE: STATE}


def python(module: str, *arguments: str) -> list[str]:
    """Return the command that runs `main` of a module of this package, whatever the environment says about Python.

    It works from a wheel, a checkout or an archive, and writes no bytecode.
    """
    package = str(Path(__file__).parents[2])
    return [sys.executable, "-I", "-S", "-B", "-c", BOOT.format(module), package, *arguments]


def named() -> tuple[Running, ...]:
    """Return this user's labs that stay, by name.

    They are read off the process table, so there is no record of them that could be wrong.
    """
    return tuple(sorted(_named(), key=lambda lab: (lab.setup.name, lab.pid)))


def _named() -> Iterator[Running]:
    for entry in os.scandir("/proc"):
        lab = at(int(entry.name)) if entry.name.isdecimal() else None
        if lab and lab.setup.name:
            yield lab


def at(pid: int) -> Running | None:
    """Return the lab whose PID 1 the process is; None for another user's, and for any other process."""
    try:
        if os.stat(f"/proc/{pid}").st_uid != os.geteuid():
            return None
        words = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
        if BOOT.format(INIT) not in words[:-1] or not first(pid):
            return None
        return Running(pid, Setup.from_json(words[-2]))
    except (OSError, ValueError, TypeError):
        # The process has ended meanwhile, or isn't what it looks like.
        return None


def first(pid: int) -> bool:
    """Return whether the process is PID 1 of its namespace; processes that it forks look like it otherwise."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8", errors="replace")
    return any(line.startswith("NSpid:") and line.split()[-1] == "1" for line in status.splitlines())


def find(name: str = "") -> Running:
    """Return the lab with the name, or the only one there is. Raises: NoSuchLab."""
    labs = named()
    found = [lab for lab in labs if name in {lab.setup.name, ""}]
    if len(found) == 1 or (name and found):
        return found[0]
    known = ", ".join(lab.setup.name for lab in labs)
    if not labs:
        raise NoSuchLab("no lab is running: start one with `netreconcile lab start`")
    if not name:
        raise NoSuchLab(f"several labs are running, say which one you mean: {known}")
    raise NoSuchLab(f"no lab named {name} is running; these are: {known}")


def stop(lab: Running) -> None:
    """Nothing of the lab is left. Raises: LabWontStop."""
    try:
        descriptor = os.pidfd_open(lab.pid)
    except ProcessLookupError:
        return
    try:
        # The number may have passed to another process between reading the table and opening it.
        if at(lab.pid) != lab:
            return
        for number, patience in ((signal.SIGTERM, 10.0), (signal.SIGKILL, 10.0)):
            signal.pidfd_send_signal(descriptor, number)
            # Readable only when the kernel has ended every process of the lab.
            if select.select([descriptor], [], [], patience)[0]:
                return
    except ProcessLookupError:
        return
    finally:
        os.close(descriptor)
    raise LabWontStop(f"lab {lab.setup.name} (process {lab.pid}) is still there 10 s after SIGKILL")
