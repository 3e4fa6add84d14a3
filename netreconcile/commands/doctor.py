"""`netreconcile doctor`: tell whether this host is fit for networks, before anything is applied."""

from __future__ import annotations

import configparser
import os
import re
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from netreconcile import releases
from netreconcile.below.check import Check, Mark, Surroundings
from netreconcile.below.checkup import checkup
from netreconcile.commands.output import show, show_json
from netreconcile.commands.session import session
from netreconcile.commands.uri import uri_of
from netreconcile.document import FORMAT_VERSION
from netreconcile.errors import Unreachable
from netreconcile.kernel.here import hindrance
from netreconcile.kernel.read import read
from netreconcile.lab import programs
from netreconcile.loader import load
from netreconcile.render import Line

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from netreconcile.binding import Version
    from netreconcile.model import Network, Topology
    from netreconcile.observed import Host

ZONES = ("/usr/lib/firewalld/zones/libvirt.xml", "/etc/firewalld/zones/libvirt.xml")
MANAGER = tuple(Path(root, "NetworkManager") for root in ("/usr/lib", "/run", "/etc"))
"""Where NetworkManager is configured (NetworkManager.conf(5)), and where it has its profiles."""
_NO = ("0", "false", "no", "off")
SYSCTL = "/proc/sys/net/ipv6/conf"
_ADDRCONF = 0x00040000
"""The flag of routes that the kernel itself has made of what a router said (RTF_ADDRCONF in linux/ipv6_route.h)."""
SOCKETS = {"UDP": ("udp", "udp6"), "TCP": ("tcp", "tcp6")}
_DNS = 53
_LISTENS = {"UDP": "07", "TCP": "0A"}
"""The states of sockets that listen, in /proc/net (net/tcp_states.h)."""
_STYLES = {Mark.OK: "green", Mark.NOTE: "yellow", Mark.FAIL: "bold red"}


def run(options: argparse.Namespace) -> int:
    """Print what was looked at, and the exact fix for what is wrong; return 1 if something is in the way."""
    topology = load(options.topology).topology if options.topology else None
    checks = tuple(_checks(options, topology))
    fine = not any(check.mark is Mark.FAIL for check in checks)
    if options.output == "json":
        show_json(
            {
                "format_version": FORMAT_VERSION,
                "connection": uri_of(options),
                "fine": fine,
                "checks": [
                    {"code": check.code, "mark": str(check.mark), "seen": check.seen, "remedy": check.remedy or None}
                    for check in checks
                ],
            }
        )
    else:
        show(line for check in checks for line in _lines(check))
    return 0 if fine else 1


def _lines(check: Check) -> Iterator[Line]:
    yield Line(f"{check.mark:<4}  {check.seen}", _STYLES[check.mark])
    if check.remedy:
        yield Line(f"      -> {check.remedy}")


def _checks(options: argparse.Namespace, topology: Topology | None) -> Iterator[Check]:
    there: dict[str, Network] = {}
    version = None
    try:
        with session(options, readonly=True) as here:
            host = here.connection.read()
    except Unreachable as error:
        first, *more = str(error).splitlines()
        yield Check("libvirt", Mark.FAIL, first, "; ".join(more))
    else:
        there, version = _known(host), host.version
        release = ".".join(map(str, host.version))
        yield Check("libvirt", Mark.OK, f"libvirt {release} answers at {host.uri}; it has {len(there)} networks")
    hidden = hindrance(uri_of(options))
    if hidden and there:
        yield Check("host", Mark.FAIL, f"nothing but libvirt can be seen from here: {hidden}")
        return
    yield from fit_programs(version)
    state = read(list(there))
    links = [] if not isinstance(state.links, tuple) else [link.name for link in state.links]
    networks = topology.networks if topology else {}
    wanted = {name: network for name, network in networks.items() if network.state != "absent"}
    yield from checkup(state, surroundings(links), wanted, there, topology.policy.accept if topology else ())


def _known(host: Host) -> dict[str, Network]:
    return {name: there.defined for name, there in host.networks.items() if there.defined is not None}


def fit_programs(version: Version | None) -> Iterator[Check]:
    """Yield whether the programs are there that libvirt of this version needs on its host; None where that isn't known.

    Since 10.4 nft does instead of iptables (firewall_backend in libvirt's network.conf).
    """
    nft = programs.find("nft") if version is None or version >= releases.NFTABLES else None
    for program in programs.NETWORK:
        path = programs.find(program.name) or (nft if program.package == "iptables" else None)
        if path:
            yield Check("program", Mark.OK, f"{program.name}: {path}")
        else:
            remedy = programs.install_command((program,))
            yield Check("program", Mark.FAIL, f"{program.name}: not found ({program.purpose})", remedy)


def surroundings(links: list[str]) -> Surroundings:
    """Return what of this host matters beside its kernel state."""
    return Surroundings(
        running=frozenset(_processes()),
        accept_ra={link: int(value) for link in ("all", *links) if (value := _text(f"{SYSCTL}/{link}/accept_ra"))},
        told=tuple(dict.fromkeys(_told_by_routers())),
        everywhere=tuple(protocol for protocol in SOCKETS if _listens_everywhere(protocol)),
        zone=any(map(os.path.exists, ZONES)),
        unmanaged=tuple(_unmanaged()),
        profiles=dict(_profiles()),
        instances=int(_text("/proc/sys/fs/inotify/max_user_instances") or 0) or None,
    )


def _processes() -> Iterator[str]:
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            yield _text(f"{entry.path}/comm")


def _told_by_routers() -> Iterator[str]:
    for line in _text("/proc/net/ipv6_route").splitlines():
        *_, flags, link = line.split()
        if int(flags, 16) & _ADDRCONF:
            yield link


def _listens_everywhere(protocol: str) -> bool:
    for table in SOCKETS[protocol]:
        for line in _text(f"/proc/net/{table}").splitlines()[1:]:
            _, local, _, state, *_ = line.split()
            address, _, port = local.rpartition(":")
            if int(port, 16) == _DNS and not int(address, 16) and state == _LISTENS[protocol]:
                return True
    return False


def _unmanaged() -> Iterator[str]:
    """Yield the patterns of the links that NetworkManager is told to leave alone."""
    for root in MANAGER:
        for file in sorted([*root.glob("NetworkManager.conf"), *root.glob("conf.d/*.conf")]):
            found = _ini(file)
            for key in ("unmanaged-devices", "unmanaged-devices+"):
                yield from _patterns(found.get("keyfile", key, fallback=""))
            for section in found.sections():
                if section.startswith("device") and found.get(section, "managed", fallback="") in _NO:
                    yield from _patterns(found.get(section, "match-device", fallback=""))


def _patterns(devices: str) -> Iterator[str]:
    """Yield what names links in a list of devices (Device List Format in NetworkManager.conf(5))."""
    for each in re.split("[;,]", devices):
        kind, _, pattern = each.strip().partition(":")
        if kind == "interface-name":
            yield pattern.lstrip("=~")
        elif (kind, pattern) == ("type", "bridge"):
            yield "*"


def _profiles() -> Iterator[tuple[str, str]]:
    """Yield link and id of each profile but those with which NetworkManager only shows what others have made."""
    for root in MANAGER:
        for file in root.glob("system-connections/*"):
            found = _ini(file)
            if found.get(".nmmeta", "nm-generated", fallback="") != "true":
                link = found.get("connection", "interface-name", fallback="")
                yield link, found.get("connection", "id", fallback=file.stem)


def _ini(file: Path) -> configparser.ConfigParser:
    found = configparser.ConfigParser(interpolation=None, strict=False, delimiters=("=",))
    with suppress(configparser.Error, OSError, UnicodeError):
        found.read_string(file.read_text(encoding="utf-8"))
    return found


def _text(path: str) -> str:
    with suppress(OSError):
        return Path(path).read_text(encoding="utf-8", errors="replace").strip()
    return ""
