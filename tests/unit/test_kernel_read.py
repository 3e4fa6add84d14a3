"""What `ip` and `nft` print, as the reader takes it; stand-ins of these programs print it here."""

from __future__ import annotations

import json
import os
from ipaddress import ip_interface, ip_network
from typing import TYPE_CHECKING

import pytest

from netreconcile.kernel import programs, read
from netreconcile.kernel.state import Address, Link, Route, Server, Unread

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Program = Callable[..., None]

BRIDGE = {
    "ifindex": 7,
    "ifname": "virbr0",
    "flags": ["NO-CARRIER", "BROADCAST", "UP"],
    "mtu": 1400,
    "operstate": "DOWN",
    "address": "52:54:00:32:7c:37",
    "linkinfo": {"info_kind": "bridge", "info_data": {"forward_delay": 200, "stp_state": 1, "vlan_filtering": 0}},
    "addr_info": [
        {"family": "inet", "local": "10.0.0.1", "prefixlen": 24},
        {"family": "inet6", "local": "fd00::1", "prefixlen": 64, "tentative": True},
        {"family": "inet6", "local": "fe80::1", "prefixlen": 64},
    ],
}
PORT = {
    "ifindex": 9,
    "link_index": 8,
    "ifname": "vnet0",
    "flags": ["UP"],
    "mtu": 1500,
    "master": "virbr0",
    "address": "fe:54:00:00:00:01",
    "linkinfo": {
        "info_kind": "tun",
        "info_slave_kind": "bridge",
        "info_slave_data": {"state": "forwarding", "isolated": True},
    },
}
HERE = {**PORT, "ifname": "veth0", "linkinfo": {"info_kind": "veth"}}
ELSEWHERE = {**HERE, "link_netnsid": 0}


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Program:
    """Let a program print something, or fail; the host's own can't be found."""
    monkeypatch.setattr(programs, "PATH", "")
    monkeypatch.setenv("PATH", str(tmp_path))

    def make(name: str, said: object = "", *, code: int = 0, error: str = "") -> None:
        (tmp_path / f"{name}.out").write_text(said if isinstance(said, str) else json.dumps(said))
        path = tmp_path / name
        path.write_text(
            f'#!/bin/sh\nwhile read -r line || [ "$line" ]; do printf \'%s\\n\' "$line"; done < {path}.out\n'
            f"printf '%s' '{error}' >&2\nexit {code}\n"
        )
        path.chmod(0o755)

    return make


def test_a_bridge_is_read_with_its_addresses(program: Program) -> None:
    program("ip", [{}, BRIDGE])
    (link,) = read.read_links()
    assert link == Link(
        "virbr0",
        7,
        "bridge",
        up=True,
        mtu=1400,
        mac="52:54:00:32:7c:37",
        stp=True,
        delay=2.0,
        vlan_filtering=False,
        addresses=(
            Address(ip_interface("10.0.0.1/24")),
            Address(ip_interface("fd00::1/64"), tentative=True),
            Address(ip_interface("fe80::1/64")),
        ),
    )
    assert [address.link_local for address in link.addresses] == [False, False, True]


def test_a_port_is_read_with_its_bridge(program: Program) -> None:
    program("ip", [PORT, HERE, ELSEWHERE])
    port, here, elsewhere = read.read_links()
    assert (port.master, port.port_state, port.isolated, port.stp) == ("virbr0", "forwarding", True, None)
    assert (here.kind, here.peer, here.port_state) == ("veth", 8, "")
    assert elsewhere.peer == 0  # the number is one of another namespace


def test_routes_are_read_with_every_hop(program: Program) -> None:
    program(
        "ip",
        [
            {"dst": "default", "gateway": "203.0.113.1", "dev": "eth0", "protocol": "dhcp", "metric": 100},
            {"dst": "10.9.0.0/16", "nexthops": [{"gateway": "10.0.0.2", "dev": "a"}, {"dev": "b"}]},
            {"dst": "10.8.0.1", "via": {"family": "inet6", "host": "fe80::1"}, "dev": "c"},
            {"type": "blackhole", "dst": "10.7.0.0/16"},
        ],
    )
    four = read.read_routes()[:5]
    assert four == (
        Route(ip_network("0.0.0.0/0"), "eth0", "203.0.113.1", 100, "dhcp"),
        Route(ip_network("10.9.0.0/16"), "a", "10.0.0.2"),
        Route(ip_network("10.9.0.0/16"), "b"),
        Route(ip_network("10.8.0.1/32"), "c", "fe80::1"),
        Route(ip_network("10.7.0.0/16"), kind="blackhole"),
    )


def test_a_program_that_prints_nothing_has_found_nothing(program: Program) -> None:
    program("ip")
    assert read.read_links() == ()
    assert read.read_routes() == ()


def test_what_cannot_be_read_says_why(program: Program) -> None:
    state = read.read()
    assert state.links == Unread("`ip` isn't installed")
    assert state.rules == Unread("`nft` isn't installed")
    program("nft", error="Operation not permitted (you must be root)", code=1)
    program("ip", "no JSON")
    state = read.read()
    assert state.rules == Unread("`nft -j -t list ruleset` failed: Operation not permitted (you must be root)")
    assert isinstance(state.links, Unread)
    assert "printed no JSON" in state.links.why
    assert (state.link("virbr0"), state.ports("virbr0")) == (None, ())


def test_without_nft_iptables_tells_its_rules(program: Program) -> None:
    for name in ("iptables-nft-save", "ip6tables-nft-save"):
        program(name, "*filter\n:FORWARD DROP [0:0]\nCOMMIT\n")
    chains = read.read_rules().chains
    assert {key: chain.policy for key, chain in chains.items() if not key[1].startswith("legacy")} == {
        ("ip", "filter", "FORWARD"): "drop",
        ("ip6", "filter", "FORWARD"): "drop",
    }


def test_a_dnsmasq_is_known_by_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read, "PID_FILES", tmp_path)
    (tmp_path / "ours.pid").write_text(f"{os.getpid()}\n")
    (tmp_path / "gone.pid").write_text(f"{2**22 + 1}\n")  # more than the kernel gives (PID_MAX_LIMIT)
    assert read.read_servers(["ours", "gone", "none"]) == {
        "ours": Server(os.getpid(), alive=True, ours=False),
        "gone": Server(2**22 + 1, alive=False),
    }
    (tmp_path / "odd.pid").write_text("seven")
    with pytest.raises(read.Unreadable, match=r"odd\.pid"):
        read.read_servers(["odd"])
