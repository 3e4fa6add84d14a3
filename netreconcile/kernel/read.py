"""Reads what the kernel of this host has: the only module that asks `ip`, `nft` and /proc.

It sees the network namespace of the calling thread. A whole read takes some 30 ms on a host with 20 networks.
"""

from __future__ import annotations

import ipaddress
import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from netreconcile.errors import NetreconcileError
from netreconcile.kernel.programs import ProgramFailed, run
from netreconcile.kernel.ruleset import Ruleset, from_nft, from_save
from netreconcile.kernel.state import Address, KernelState, Link, Route, Server, Settings, Unread

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

T = TypeVar("T")

PID_FILES = Path("/run/libvirt/network")
"""Where libvirt keeps the process numbers of its DNS servers (networkDnsmasqPidfile... in bridge_driver.c)."""
CONF_FILES = "/var/lib/libvirt/dnsmasq"
"""Where libvirt writes the files of its DNS servers; the same from libvirt 7.0 to 12.8."""
SETTINGS = Path("/proc/sys/net")
LEGACY_TABLES = Path("/proc/net/ip_tables_names"), Path("/proc/net/ip6_tables_names")
"""Which tables the old iptables has in the kernel. Asking `iptables-legacy-save` could load modules; this can't."""


class Unreadable(NetreconcileError):
    """A part of the kernel's state can't be read: a program is missing, or isn't permitted to."""

    exit_code = 1


def read(names: Collection[str] = ()) -> KernelState:
    """Return everything there is to know; `names` are the networks whose DNS servers are looked for.

    What can't be read is Unread, with the reason.
    """
    # The programs run side by side; a thread is in the network namespace of the one that starts it.
    with ThreadPoolExecutor(2) as pool:
        waiting = pool.submit(_part, read_rules), pool.submit(_part, read_routes)
        links = _part(read_links)
        bridges = [] if isinstance(links, Unread) else [link.name for link in links if link.kind == "bridge"]
        settings, servers = read_settings(bridges), _part(lambda: read_servers(names))
        rules, routes = waiting[0].result(), waiting[1].result()
    return KernelState(links, routes, settings, servers, rules)


def _part(reader: Callable[[], T]) -> T | Unread:
    try:
        return reader()
    except Unreadable as error:
        return Unread(str(error))


def read_links() -> tuple[Link, ...]:
    """Return all links with their addresses, in the kernel's order. Raises: Unreadable."""
    return tuple(_link(item) for item in _json("ip", "-j", "-d", "address") if "ifname" in item)


def _link(item: dict[str, Any]) -> Link:
    linked = item.get("linkinfo") or {}
    bridge = (linked.get("info_data") or {}) if linked.get("info_kind") == "bridge" else {}
    port = (linked.get("info_slave_data") or {}) if linked.get("info_slave_kind") == "bridge" else {}
    return Link(
        item["ifname"],
        number=item.get("ifindex", 0),
        kind=linked.get("info_kind", ""),
        up="UP" in item.get("flags", ()),
        mtu=item.get("mtu", 0),
        mac=item.get("address", ""),
        master=item.get("master", ""),
        port_state=port.get("state", ""),
        isolated=bool(port.get("isolated")),
        stp=bool(bridge["stp_state"]) if "stp_state" in bridge else None,
        delay=bridge["forward_delay"] / 100 if "forward_delay" in bridge else None,  # in hundredths
        vlan_filtering=bool(bridge["vlan_filtering"]) if "vlan_filtering" in bridge else None,
        peer=item.get("link_index", 0) if "link_netnsid" not in item else 0,
        addresses=tuple(
            Address(ipaddress.ip_interface(f"{found['local']}/{found['prefixlen']}"), bool(found.get("tentative")))
            for found in item.get("addr_info", ())
            if "local" in found
        ),
    )


def read_routes() -> tuple[Route, ...]:
    """Return the routes of the main tables, IPv4 first, in the kernel's order. Raises: Unreadable."""
    four, six = _json("ip", "-j", "-4", "route"), _json("ip", "-j", "-6", "route")
    return tuple(_routes(four, "0.0.0.0/0")) + tuple(_routes(six, "::/0"))


def _routes(items: list[dict[str, Any]], everything: str) -> Iterator[Route]:
    for item in items:
        to = item.get("dst", "default")
        hops = item.get("nexthops") or [item]
        for hop in hops:
            gateway = hop.get("gateway") or (hop.get("via") or {}).get("host", "")
            yield Route(
                ipaddress.ip_network(everything if to == "default" else to, strict=False),
                device=hop.get("dev", ""),
                via=gateway,
                metric=item.get("metric", 0),
                protocol=item.get("protocol", ""),
                source=item.get("prefsrc", ""),
                kind=item.get("type", "unicast"),
            )


def read_settings(bridges: Collection[str] = ()) -> Settings:
    """Return the kernel's settings, those by link for the links named."""
    disabled = {name: _number(f"ipv6/conf/{name}/disable_ipv6") for name in bridges}
    filters = {name: _number(f"ipv4/conf/{name}/rp_filter") for name in bridges}
    everywhere = _number("ipv4/conf/all/rp_filter") or 0
    return Settings(
        _switch("ipv4/ip_forward"),
        _switch("ipv6/conf/all/forwarding"),
        _switch("bridge/bridge-nf-call-iptables"),
        _switch("bridge/bridge-nf-call-ip6tables"),
        {name: bool(value) for name, value in disabled.items() if value is not None},
        {name: max(value, everywhere) for name, value in filters.items() if value is not None},
    )


def _number(name: str) -> int | None:
    try:
        return int((SETTINGS / name).read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None  # a link that has gone meanwhile, a kernel without IPv6


def _switch(name: str) -> bool | None:
    value = _number(name)
    return None if value is None else bool(value)


def read_servers(names: Collection[str]) -> dict[str, Server]:
    """Return the DNS servers of the networks that libvirt has started one for. Raises: Unreadable."""
    found = {name: _server(name) for name in names}
    return {name: server for name, server in found.items() if server}


def _server(name: str) -> Server | None:
    try:
        pid = int((PID_FILES / f"{name}.pid").read_text(encoding="ascii"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise Unreadable(f"{PID_FILES / name}.pid: {error}") from error
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
    except (FileNotFoundError, ProcessLookupError):
        return Server(pid, alive=False)
    except OSError as error:
        raise Unreadable(f"process {pid}: {error}") from error
    if words == [""]:  # it has ended, and nobody has taken note of that yet
        return Server(pid, alive=False)
    return Server(pid, alive=True, ours=f"--conf-file={CONF_FILES}/{name}.conf" in words, edited=_edited(name))


def _edited(name: str) -> float | None:
    """Return when the server's file was changed, if that was after its start, which is when it wrote its number."""
    try:
        conf = Path(CONF_FILES, f"{name}.conf").stat()
        return conf.st_mtime if conf.st_mtime_ns > (PID_FILES / f"{name}.pid").stat().st_mtime_ns else None
    except OSError:
        return None


def read_rules() -> Ruleset:
    """Return the firewall's rules, of nftables and of the old iptables where that is used. Raises: Unreadable."""
    rules = _nftables()
    for family, program, tables in (("ip", "iptables", LEGACY_TABLES[0]), ("ip6", "ip6tables", LEGACY_TABLES[1])):
        if rules.opaque:
            # What iptables made with modules of its own, it alone can tell; without it we know less.
            with suppress(Unreadable):
                rules = rules.joined(from_save(_output(f"{program}-nft-save"), family))
        with suppress(OSError):  # a kernel without the old tables
            if tables.read_text(encoding="ascii").strip():
                rules = rules.joined(from_save(_output(f"{program}-legacy-save"), family, legacy=True))
    return rules


def _nftables() -> Ruleset:
    """Return what is in nftables; a host of libvirt's need not have `nft`, but iptables then."""
    try:
        return from_nft(_json("nft", "-j", "-t", "list", "ruleset")["nftables"])
    except Unreadable as error:
        try:
            four, six = _output("iptables-nft-save"), _output("ip6tables-nft-save")
        except Unreadable:
            raise error from None
        return from_save(four, "ip").joined(from_save(six, "ip6"))


def _json(*command: str) -> Any:
    """Return the document that a program prints; nothing at all is an empty list."""
    text = _output(*command)
    try:
        return json.loads(text or "[]")
    except ValueError as error:
        raise Unreadable(f"`{' '.join(command)}` printed no JSON: {error}") from error


def _output(*command: str) -> str:
    try:
        return run(*command)
    except ProgramFailed as error:
        raise Unreadable(str(error)) from error
