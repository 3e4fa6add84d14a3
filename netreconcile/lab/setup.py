"""What a lab is made of, as the value that travels from the process that wants it to the lab's PID 1."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import PurePath

NETWORK_DRIVER = "libvirt_driver_network.so"
LOG = "/var/log/libvirt/daemon.log"
"""The daemon's log, as seen inside the lab."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """One lab.

    `daemon` is libvirtd or virtnetworkd, `drivers` libvirt's driver folder, `path` the lab's PATH. With `root`, a
    folder with another distribution's libvirt in it, the daemon runs there, and the first two are paths inside that
    folder. A lab without a name ends with the process that started it.
    """

    daemon: str
    drivers: str
    path: str
    name: str = ""
    guests: bool = False
    scenery: bool = False
    log: bool = False
    root: str = ""

    @property
    def kind(self) -> str:
        """The daemon's name, after which libvirt calls its socket and its configuration."""
        return PurePath(self.daemon).name

    @property
    def socket(self) -> str:
        """Where the daemon listens, as seen inside the lab."""
        return "/run/libvirt/libvirt-sock" if self.kind == "libvirtd" else f"/run/libvirt/{self.kind}-sock"

    def uri(self, pid: int | None = None) -> str:
        """Return the connection URI for a caller inside the lab, or outside where `pid` is the lab's PID 1."""
        driver = "qemu" if self.guests else "network"
        return f"{driver}+unix:///system?socket={f'/proc/{pid}/root' if pid else ''}{self.socket}"

    def to_json(self) -> str:
        """Return the text that `from_json` reads."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Setup:
        """Return the setup that `to_json` wrote. Raises: ValueError or TypeError where it didn't."""
        return cls(**json.loads(text))
