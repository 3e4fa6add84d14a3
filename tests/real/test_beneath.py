"""What lies beneath running networks in a lab, taken away piece by piece: exactly that is told, and how to mend it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from subprocess import PIPE
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from netreconcile.kernel.here import on_this_host
from netreconcile.lab import Lab
from tests.real.rules import FLUSH_RULES, FROM, has_own_table, no_rules
from tests.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from pathlib import Path

    Told = set[tuple[str, str, str]]

pytestmark = [pytest.mark.lab, pytest.mark.worlds]

LOOK = """
import json, os, sys
from netreconcile.host import connect
from netreconcile.kernel.here import on_this_host
from netreconcile.kernel.read import read
from netreconcile.loader import load
from netreconcile.verify.beneath import beneath
from netreconcile.verify.target import targets
uri = os.environ["LIBVIRT_DEFAULT_URI"]
topology = load([sys.argv[1]]).topology
for _ in sys.stdin:
    assert not on_this_host(uri)
    with connect(uri, readonly=True) as connection:
        found = targets(topology, connection.read())
    state = read([target.name for target in found])
    told = []
    for target in found:
        verdicts, remarks = beneath(target, state)
        told += [[target.name, v.code, v.subject, v.outcome, v.hint] for v in verdicts]
        told += [[target.name, remark.code, "", "remark", ""] for remark in remarks]
    print(json.dumps(told), flush=True)
"""
"""Tells for each line of its input what is found then."""


def own(bridge: str, mode: str, *addresses: str, **more: Any) -> dict[str, Any]:
    """Return a network on a bridge of libvirt's."""
    return {"mode": mode, "bridge": bridge, "ips": [{"address": address} for address in addresses], **more}


NETWORKS: dict[str, Any] = {
    "nat": own("v-nat", "nat", "10.40.0.1/24", "fd40::1/64", mtu=1400),
    "nat66": own("v-nat66", "nat", "10.41.0.1/24", "fd41::1/64", forward={"dev": "eth0", "nat": {"ipv6": True}}),
    "route": own("v-route", "route", "10.42.0.1/24", routes=[{"to": "10.50.0.0/16", "via": "10.42.0.9"}]),
    "open": own("v-open", "open", "10.43.0.1/24", "fd43::1/64"),
    "isolated": own("v-iso", "isolated", "10.44.0.1/24"),
    "silent": own("v-silent", "isolated", "10.45.0.1/24", dns={"enable": False}),
    "wire": own("v-wire", "very-isolated"),
    "wire6": {"mode": "very-isolated", "bridge": {"name": "v-wire6", "stp": False, "delay": 5}, "ipv6": True},
    "lan": {"mode": "bridge", "bridge": "br0"},
    "macvtap": {"mode": "bridge", "forward": {"interfaces": ["eth0"]}},
}
NETWORKS["nat"]["ips"][0]["dhcp"] = {"ranges": ["10.40.0.100-10.40.0.199"]}
NETWORKS["nat66"]["ips"][1]["dhcp"] = {"ranges": ["fd41::100-fd41::1ff"]}
OWN_RULES: Told = {
    *((name, "firewall", "IPv4") for name in ("nat", "nat66", "route", "isolated", "silent", "wire", "wire6")),
    *((name, "firewall", "IPv6") for name in ("nat", "nat66", "wire6")),
}
OUTWARD = ("nat", "nat66", "route", "open")


class Beneath:
    """A lab with the networks, and what is told of what lies beneath them."""

    def __init__(self, lab: Lab, looking: subprocess.Popen[str]) -> None:
        self.lab = lab
        self.hints: list[str] = []
        self._looking = looking

    def shell(self, commands: str) -> None:
        """Run commands inside, each of which works."""
        self.lab.run("sh", "-ec", commands, check=True)

    def broken(self) -> Told:
        """Return the promises that are broken; `hints` has how they can be kept again."""
        told = self._told()
        self.hints = [hint for *_, outcome, hint in told if outcome == "broken"]
        assert not [item for item in told if item[3] == "unseen"]
        return {(name, code, subject) for name, code, subject, outcome, _ in told if outcome == "broken"}

    def remarks(self) -> set[tuple[str, str]]:
        """Return the remarks."""
        return {(name, code) for name, code, _, outcome, _ in self._told() if outcome == "remark"}

    def follow_hints(self) -> None:
        """Do what the hints say, in the words that they say it in."""
        for command in dict.fromkeys(command for hint in self.hints for command in re.findall("`(.+?)`", hint)):
            self.shell(
                "kill -HUP $(pgrep -x 'libvirtd|virtnetworkd')" if command == "systemctl reload libvirtd" else command
            )

    def _told(self) -> list[list[str]]:
        assert self._looking.stdin
        assert self._looking.stdout
        self._looking.stdin.write("now\n")
        self._looking.stdin.flush()
        told: list[list[str]] = json.loads(self._looking.stdout.readline())
        return told


@pytest.fixture(scope="module")
def topology(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The networks as a file."""
    path: Path = tmp_path_factory.mktemp("beneath") / "topology.yaml"
    path.write_text(yaml.safe_dump({"version": 1, "name": "beneath", "networks": NETWORKS}))
    return str(path)


@contextmanager
def started(topology: str, root: str) -> Generator[Beneath]:
    """A lab with the networks running."""
    with Lab(scenery=True, root=root) as lab:
        lab.run(sys.executable, "-m", "netreconcile", "apply", topology, capture_output=True, check=True)
        command = lab.running.command(sys.executable, "-c", LOOK, topology)
        environment = lab.running.environment(os.environ)
        with subprocess.Popen(command, env=environment, stdin=PIPE, stdout=PIPE, text=True) as looking:
            yield Beneath(lab, looking)


@pytest.fixture(scope="module")
def host(topology: str, libvirt_root: str) -> Iterator[Beneath]:
    """A host that every test leaves as it was."""
    with started(topology, libvirt_root) as there:
        there.shell("for name in v-wire v-wire6; do echo 1 > /proc/sys/net/ipv4/conf/$name/rp_filter; done")
        yield there


def test_every_kind_keeps_what_libvirt_says(host: Beneath) -> None:
    assert host.broken() == set()
    assert host.remarks() == set()


@dataclass(frozen=True)
class Damage:
    """Commands that break something, and what is broken then."""

    commands: str
    broken: Told
    name: str


DAMAGES = [
    Damage("ip link set v-iso down", {("isolated", "bridge.up", "")}, "bridge down"),
    Damage("ip address delete 10.44.0.1/24 dev v-iso", {("isolated", "bridge.address", "10.44.0.1")}, "address"),
    Damage("ip address delete fd40::1/64 dev v-nat", {("nat", "bridge.address", "fd40::1")}, "IPv6 address"),
    Damage("sysctl -qw net.ipv6.conf.v-nat.disable_ipv6=1", {("nat", "bridge.address", "fd40::1")}, "IPv6 off"),
    Damage("ip address add 10.99.0.1/24 dev v-wire", {("wire", "bridge.address", "")}, "an address too many"),
    Damage("ip link set v-nat mtu 1280", {("nat", "bridge.mtu", "")}, "MTU"),
    Damage("ip link set v-nat66 mtu 1280", {("nat66", "bridge.mtu", "")}, "MTU that libvirt left alone"),
    Damage("ip link set v-nat type bridge stp_state 0", {("nat", "bridge.stp", "")}, "STP"),
    Damage("ip link set v-wire6 type bridge forward_delay 900", {("wire6", "bridge.delay", "")}, "delay"),
    Damage("ip link set v-nat address 52:54:00:12:34:56", {("nat", "bridge.mac", "")}, "MAC address"),
    Damage("ip route delete 10.50.0.0/16", {("route", "bridge.route", "10.50.0.0/16")}, "route"),
    Damage("sysctl -qw net.ipv4.ip_forward=0", {(name, "forwarding4", "") for name in OUTWARD}, "no forwarding"),
    Damage(
        "sysctl -qw net.ipv6.conf.all.forwarding=0",
        {(name, "forwarding6", "") for name in ("nat", "nat66", "open")},
        "no IPv6 forwarding",
    ),
    Damage("ip link set br0 down", {("lan", "host-bridge", "br0")}, "host's bridge down"),
]


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.name)
def test_a_damage_is_told_exactly_and_the_hint_mends_it(host: Beneath, damage: Damage) -> None:
    host.shell(damage.commands)
    assert host.broken() == damage.broken
    host.follow_hints()
    assert host.broken() == set()


FOREIGN = [
    (
        "ip6tables -I FORWARD -i v-nat -j DROP",
        "ip6tables -D FORWARD -i v-nat -j DROP",
        {("nat", "firewall.others", "IPv6")},
    ),
    (
        "iptables -I INPUT -i v-iso -p udp --dport 53 -j DROP",
        "iptables -D INPUT -i v-iso -p udp --dport 53 -j DROP",
        {("isolated", "firewall.others", "IPv4")},
    ),
    (
        (
            "nft 'add table inet mine; add chain inet mine in { type filter hook input priority 0; policy drop; }';"
            "nft add rule inet mine in iifname != v-route accept"
        ),
        "nft delete table inet mine",
        {("route", "firewall.others", "IPv4")},
    ),
    (
        "iptables-legacy -P FORWARD DROP; iptables-legacy -A FORWARD ! -i v-nat -j ACCEPT",
        "iptables-legacy -F FORWARD; iptables-legacy -P FORWARD ACCEPT",
        {("nat", "firewall.others", "IPv4")},
    ),
]


@pytest.mark.parametrize(("commands", "undone", "expected"), FOREIGN, ids=[item[0] for item in FOREIGN])
def test_what_other_rules_drop_is_told(host: Beneath, commands: str, undone: str, expected: Told) -> None:
    host.shell(commands)
    assert host.broken() == expected
    host.shell(undone)
    assert host.broken() == set()


def test_what_iptables_drops_by_default_hits_all_whose_rules_stand_in_a_table_of_libvirts_own(host: Beneath) -> None:
    host.shell("iptables -P FORWARD DROP")
    names = NETWORKS.keys() - {"lan", "macvtap"}
    hit = names if has_own_table(host.lab) else {"open"}
    assert host.broken() == {(name, "firewall.others", "IPv4") for name in hit}
    host.shell("iptables -P FORWARD ACCEPT")
    assert host.broken() == set()


def test_rules_that_depend_on_more_than_is_known_break_no_promise(host: Beneath) -> None:
    host.shell("iptables -I FORWARD -i v-nat -m mark --mark 7 -j DROP")
    assert host.broken() == set()
    host.shell("iptables -D FORWARD -i v-nat -m mark --mark 7 -j DROP")


def test_rules_of_one_network_that_are_gone_come_back_by_a_reload(host: Beneath) -> None:
    host.shell(no_rules(f"{FROM} .?v-iso.*reject") + no_rules(r"10\.4[01]\..*masquerade"))
    translated = {(name, "firewall", "IPv4") for name in ("nat", "nat66")}
    assert host.broken() == {("isolated", "firewall", "IPv4"), *translated}
    host.follow_hints()
    assert eventually(lambda: host.broken() == set())


def test_a_dnsmasq_that_was_killed_comes_back_by_a_reload(host: Beneath) -> None:
    host.shell("kill $(cat /run/libvirt/network/nat.pid)")
    assert eventually(lambda: host.broken() == {("nat", "dnsmasq", "")})
    host.follow_hints()
    assert eventually(lambda: host.broken() == set())


def test_a_process_that_has_the_number_of_a_dnsmasq_is_not_taken_for_it(host: Beneath) -> None:
    host.shell("cd /run/libvirt/network; cp nat.pid /run/kept; cat isolated.pid > nat.pid")
    assert host.broken() == {("nat", "dnsmasq", "")}
    host.shell("cat /run/kept > /run/libvirt/network/nat.pid")
    assert host.broken() == set()


def test_a_bridge_that_goes_down_takes_ipv6_addresses_and_routes_along(host: Beneath) -> None:
    host.shell("ip link set v-nat down; ip link set v-route down")
    assert host.broken() == {
        ("nat", "bridge.up", ""),
        ("nat", "bridge.address", "fd40::1"),
        ("route", "bridge.up", ""),
        ("route", "bridge.route", "10.50.0.0/16"),
    }
    host.follow_hints()
    assert host.broken() == set()


def test_what_breaks_no_promise_is_a_remark(host: Beneath) -> None:
    host.shell(
        "echo 0 > /proc/sys/net/ipv4/conf/v-wire/rp_filter; ip link set eth1 nomaster;"
        "ip address add 10.40.0.77/25 dev br0; ip route add 10.42.0.0/26 via 203.0.113.1;"
        "ip address add 10.98.0.1/24 dev v-iso"
    )
    assert host.broken() == set()
    assert host.remarks() == {
        ("wire", "host-hears-very-isolated"),
        ("lan", "no-uplink"),
        ("nat", "subnet-collides"),
        ("route", "subnet-collides"),
        ("isolated", "extra-address"),
    }
    host.shell(
        "echo 1 > /proc/sys/net/ipv4/conf/v-wire/rp_filter; ip link set eth1 master br0;"
        "ip address delete 10.40.0.77/25 dev br0; ip route delete 10.42.0.0/26;"
        "ip address delete 10.98.0.1/24 dev v-iso"
    )
    assert host.remarks() == set()


def test_a_deleted_bridge_comes_back_by_a_restart_of_the_network(host: Beneath) -> None:
    host.shell("ip link delete v-nat66")
    assert host.broken() == {("nat66", "bridge", "")}
    host.follow_hints()
    assert host.broken() == set()


NFTABLES = """
table ip libvirt_network {
  chain guest_output { ip saddr 10.40.0.0/24 iif "v-nat" counter accept; iif "v-nat" counter reject; }
  chain guest_input {
    oif "v-nat" ip daddr 10.40.0.0/24 ct state related,established counter accept; oif "v-nat" counter reject
  }
  chain guest_cross { iif "v-nat" oif "v-nat" counter accept; }
  chain forward {
    type filter hook forward priority 0; policy accept;
    counter jump guest_cross; counter jump guest_input; counter jump guest_output
  }
  chain guest_nat {
    type nat hook postrouting priority 100; policy accept;
    ip saddr 10.40.0.0/24 ip daddr 224.0.0.0/24 counter return
    ip saddr 10.40.0.0/24 ip daddr != 10.40.0.0/24 counter masquerade
  }
}
table ip6 libvirt_network {
  chain guest_output { ip6 saddr fd40::/64 iif "v-nat" counter accept; iif "v-nat" counter reject; }
  chain guest_input { ip6 daddr fd40::/64 oif "v-nat" counter accept; oif "v-nat" counter reject; }
  chain guest_cross { iif "v-nat" oif "v-nat" counter accept; }
  chain forward {
    type filter hook forward priority 0; policy accept;
    counter jump guest_cross; counter jump guest_input; counter jump guest_output
  }
}
"""
"""What libvirt's nftables backend makes for the network `nat` (network_nftables.c)."""


def test_rules_that_are_flushed_altogether_are_told_of_every_network(topology: str, libvirt_root: str) -> None:
    with started(topology, libvirt_root) as there:
        there.shell(FLUSH_RULES)
        assert there.broken() == OWN_RULES
        assert all("restart libvirtd" in hint for hint in there.hints)
        there.shell("nft flush ruleset")
        assert there.broken() == OWN_RULES
        there.lab.run("nft", "-f", "-", input=NFTABLES, check=True)
        assert there.broken() == OWN_RULES - {("nat", "firewall", "IPv4"), ("nat", "firewall", "IPv6")}


def test_a_lab_is_another_host_from_outside(host: Beneath) -> None:
    assert "another network namespace" in on_this_host(host.lab.uri)
