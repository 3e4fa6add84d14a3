"""Where this machine keeps the programs that a lab runs, and the Debian package that has each."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from netreconcile.lab.errors import LabUnavailable
from netreconcile.lab.setup import NETWORK_DRIVER, Setup

if TYPE_CHECKING:
    from collections.abc import Iterator

SYSTEM_FOLDERS = ("/usr/local/sbin", "/usr/sbin", "/sbin")
"""Debian keeps these out of an ordinary user's PATH; all of the lab's programs but `unshare` live there."""


@dataclass(frozen=True, slots=True)
class Program:
    """A program, the Debian package that has it, and what a lab does with it."""

    name: str
    package: str
    purpose: str


UNSHARE = Program("unshare", "util-linux", "makes the namespaces")
DAEMON = Program("libvirtd", "libvirt-daemon", "libvirt's daemon")
NETWORK = (
    Program("dnsmasq", "dnsmasq-base", "DHCP and DNS of the networks"),
    Program("iptables", "iptables", "firewall rules"),
    Program("ip6tables", "iptables", "firewall rules"),
    Program("ip", "iproute2", "links, addresses and routes"),
)
GUESTS = (Program("qemu-system-x86_64", "qemu-system-x86", "guests"),)


def search_path() -> str:
    """Return PATH with the system folders at its end."""
    folders = os.environ.get("PATH", os.defpath).split(os.pathsep)
    return os.pathsep.join([*folders, *(folder for folder in SYSTEM_FOLDERS if folder not in folders)])


def find(name: str, root: str = "") -> str | None:
    """Return the path of a program, with a root as seen inside that root; None where there is none."""
    for folder in search_path().split(os.pathsep):
        path = os.path.join(folder, name)
        if os.path.isabs(path) and os.path.isfile(root + path) and os.access(root + path, os.X_OK):
            return path
    return None


def find_daemon(root: str = "", *, guests: bool = False) -> str | None:
    """Return the path of the daemon: libvirtd, else (not for guests) virtnetworkd, which some systems have alone."""
    return find("libvirtd", root) or (None if guests else find("virtnetworkd", root))


def find_drivers(root: str = "") -> str | None:
    """Return the folder with libvirt's network driver, with a root as seen inside it; None where it isn't installed."""
    for folder in driver_folders(root):
        if os.path.isfile(f"{root}{folder}/{NETWORK_DRIVER}"):
            return folder
    return None


def driver_folders(root: str = "") -> Iterator[str]:
    """Yield where distributions keep libvirt's drivers, this machine's own architecture first."""
    # CPython's own attribute; sysconfig would tell the same thing at ten times the cost.
    triplet: str = getattr(sys.implementation, "_multiarch", "")
    if triplet:
        yield f"/usr/lib/{triplet}/libvirt/connection-driver"
    for library in ("usr/lib64", "usr/lib", "usr/local/lib64", "usr/local/lib", "usr/lib/*", "usr/local/lib/*"):
        for folder in sorted(Path(root or "/").glob(f"{library}/libvirt/connection-driver")):
            yield f"/{folder.relative_to(root or '/')}"


def missing(root: str = "", *, guests: bool = False) -> tuple[Program, ...]:
    """Return the programs that a lab needs and can't find; with a root only what must be outside of it."""
    wanted = () if root else NETWORK + (GUESTS if guests else ())
    return (
        *(program for program in (UNSHARE, *wanted) if not find(program.name)),
        *(() if find_daemon(root, guests=guests) else (DAEMON,)),
        *(() if find_drivers(root) else (driver_package(root),)),
    )


def driver_package(root: str = "") -> Program:
    """Return who has libvirt's network driver: since Debian 13 a package of its own."""
    try:
        lines = Path(f"{root}/etc/os-release").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    old = any(line in {'VERSION_ID="11"', 'VERSION_ID="12"'} for line in lines)
    return Program(
        NETWORK_DRIVER, "libvirt-daemon" if old else "libvirt-daemon-driver-network", "libvirt's network driver"
    )


def install_command(wanted: tuple[Program, ...]) -> str:
    """Return what to do to have the programs: on Debian and its children, the command."""
    packages = " ".join(sorted({program.package for program in wanted}))
    if find("apt-get"):
        return f"sudo apt-get install --no-install-recommends {packages}"
    return f"install what Debian calls {packages}"


def setup(*, name: str = "", guests: bool = False, scenery: bool = False, log: bool = False, root: str = "") -> Setup:
    """Return the setup of a lab with this machine's programs. Raises: LabUnavailable where some are missing."""
    lacking = missing(root, guests=guests)
    daemon, drivers = find_daemon(root, guests=guests), find_drivers(root)
    if lacking or not daemon or not drivers:
        names = ", ".join(program.name for program in lacking)
        place = f" in {root}" if root else ""
        raise LabUnavailable(f"a lab needs {names}, which can't be found{place}: {install_command(lacking)}")
    return Setup(
        daemon=daemon,
        drivers=drivers,
        path=search_path(),
        name=name,
        guests=guests,
        scenery=scenery,
        log=log,
        root=root,
    )
