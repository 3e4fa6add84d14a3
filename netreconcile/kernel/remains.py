"""What libvirt leaves on this host when it is killed while it starts a network: found, and cleared away.

Bridge, dnsmasq and rules stay, libvirt calls the network inactive, and every start fails: "File exists", "already in
use by interface" or "Address already in use" (seen in 9.0 and 11.3).
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from netreconcile.checks.addresses import interface
from netreconcile.kernel.programs import PATIENCE, ProgramMissing, run
from netreconcile.kernel.read import CONF_FILES, LEGACY_TABLES, PID_FILES, read_links
from netreconcile.kernel.ruleset import handles, saved_rules

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from netreconcile.kernel.state import Link
    from netreconcile.model import Network

_PROC = Path("/proc")
_IPTABLES = (
    ("iptables-nft", None),
    ("ip6tables-nft", None),
    ("iptables-legacy", LEGACY_TABLES[0]),
    ("ip6tables-legacy", LEGACY_TABLES[1]),
)
"""The programs that may have made the rules, and what tells whether the old ones have any tables."""


def suspected(name: str, bridge: str) -> bool:
    """Return whether a stopped network may have left something; that takes microseconds."""
    return bridge in {link for _, link in socket.if_nameindex()} or (PID_FILES / f"{name}.pid").exists()


def left_behind(stopped: Mapping[str, Network]) -> frozenset[str]:
    """Return which of the stopped networks have left their bridge. Raises: Unreadable."""
    links = read_links()
    return frozenset(name for name, config in stopped.items() if _own(config, links))


def clear(name: str, config: Network) -> str:
    """Nothing of the stopped network is left on this host; return what was, in words.

    Where another device has the bridge's name, nothing is touched. Raises: ProgramFailed, Unreadable.
    """
    links = read_links()
    bridge = _own(config, links)
    if bridge is None and any(link.name == config.bridge.name for link in links):
        return ""
    ended = _end(name)
    if not bridge and not ended:
        return ""
    _forget(config)
    if bridge:  # last of all: as long as it is there, nobody else can start the network
        run("ip", "link", "delete", bridge.name)
    what = " and ".join((*((f"bridge {bridge.name}",) if bridge else ()), *(("dnsmasq",) if ended else ())))
    return f"cleared away what libvirt had left of it when it was killed: {what}"


def _own(config: Network, links: Iterable[Link]) -> Link | None:
    """Return the bridge that libvirt made for the network, which it calls stopped; None where nobody can tell that.

    libvirt gives a bridge the network's MAC address as it makes it (virNetDevBridgeCreate). One that something hangs
    on may be of use to somebody.
    """
    links = tuple(links)
    if not config.own_bridge or any(link.master == config.bridge.name for link in links):
        return None
    known = (link for link in links if link.kind == "bridge" and link.mac == config.mac)
    return next((link for link in known if link.name == config.bridge.name), None)


def _serves(pid: int, name: str) -> bool:
    """Return whether the process is the network's dnsmasq, in this network namespace: a lab may have its like."""
    with suppress(OSError):  # it has ended meanwhile
        words = (_PROC / f"{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
        if f"--conf-file={CONF_FILES}/{name}.conf" in words:
            return (_PROC / f"{pid}/ns/net").stat().st_ino == (_PROC / "thread-self/ns/net").stat().st_ino
    return False


def _end(name: str) -> bool:
    """Each process of the network's dnsmasq has ended; return whether there was one."""
    numbers = (int(entry.name) for entry in _PROC.iterdir() if entry.name.isdigit())
    found = [pid for pid in numbers if _serves(pid, name)]
    for pid in found:
        with suppress(ProcessLookupError):  # one is there for the script of the other, and ends with that
            descriptor = os.pidfd_open(pid)
            try:
                if _serves(pid, name):  # and not another process that has got the number meanwhile
                    _stop(descriptor)
            finally:
                os.close(descriptor)
    return bool(found)


def _stop(descriptor: int) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        signal.pidfd_send_signal(descriptor, number)
        if select.select([descriptor], [], [], PATIENCE)[0]:
            return


def _forget(config: Network) -> None:
    """No rule of libvirt's is left for the network: it would let through what the network's next mode forbids."""
    about = {config.bridge.name or "", *(str(own.network) for own in map(interface, config.ips) if own)}
    for program, tables in _IPTABLES:
        with suppress(ProgramMissing, FileNotFoundError):
            if tables is None or tables.read_text(encoding="ascii").strip():
                for table, rule in saved_rules(run(f"{program}-save")):
                    if rule[0].startswith("LIBVIRT_") and about.intersection(rule):
                        run(program, "-w", "-t", table, "-D", *rule)
    with suppress(ProgramMissing):
        items = json.loads(run("nft", "-j", "-t", "list", "ruleset"))["nftables"]
        for (family, table, chain), handle, values in handles(items):
            if table == "libvirt_network" and about & values:
                run("nft", "delete", "rule", family, table, chain, "handle", str(handle))
