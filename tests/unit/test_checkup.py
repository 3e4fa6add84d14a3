"""Hosts that aren't fit for networks, as values: what is told, and the exact fix."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_interface, ip_network
from typing import TYPE_CHECKING

import pytest

from netreconcile.below.check import Check, Mark, Surroundings
from netreconcile.below.checkup import checkup
from netreconcile.kernel.ruleset import Chain, Ruleset
from netreconcile.kernel.state import Address, Link, Route, Unread
from netreconcile.model import Accepted
from tests.unit.examples import network
from tests.unit.test_beneath import STATE, UPLINK
from tests.unit.test_kernel_rules import saved

if TYPE_CHECKING:
    from netreconcile.kernel.state import KernelState
    from netreconcile.model import Network

AROUND = Surroundings()
NAT = network(ips=[{"address": "192.168.0.1/24"}])
TOLD = Route(ip_network("::/0"), "eth0", "fe80::1", protocol="ra")


def checks(state: KernelState = STATE, around: Surroundings = AROUND, **wanted: Network) -> dict[str, Check]:
    """Return what was found, by code, the worst of each."""
    found = sorted(checkup(state, around, wanted, {}), key=lambda check: list(Mark).index(check.mark))
    return {check.code: check for check in found}


def test_a_fit_host_is_told_so() -> None:
    found = checks(net=NAT)
    assert {check.mark for check in found.values()} == {Mark.OK}
    assert not any(check.remedy for check in found.values())


@pytest.mark.parametrize(
    ("state", "where"),
    [
        (
            replace(STATE, links=(UPLINK, Link("lan0", addresses=(Address(ip_interface("192.168.0.9/16")),)))),
            "on lan0 (192.168.0.0/16)",
        ),
        (
            replace(STATE, routes=(Route(ip_network("192.168.0.128/25"), "eth0", "203.0.113.1"),)),
            "routed through 203.0.113.1 (192.168.0.128/25)",
        ),
    ],
)
def test_a_subnet_that_is_taken_is_told_with_a_free_one(state: KernelState, where: str) -> None:
    check = checks(state, net=NAT, other=network(ips=[{"address": "192.168.1.1/24"}]))["subnet-collides"]
    assert (check.mark, where in check.seen) == (Mark.FAIL, True)
    free = "172.16.0.1/24" if "lan0" in where else "192.168.2.1/24"
    assert check.remedy.endswith(f"such as {free}")


def test_a_collision_that_the_file_accepts_is_in_nobodys_way() -> None:
    twice = replace(STATE, links=(UPLINK, Link("lan0", addresses=(Address(ip_interface("192.168.0.9/16")),))))
    other = network(ips=[{"address": "192.168.1.1/24"}])
    reason = Accepted(network="net", finding="subnet-collides", subject="192.168.0.0/16 on lan0", reason="wanted")
    found = [
        each
        for each in checkup(twice, AROUND, {"net": NAT, "other": other}, {}, [reason])
        if each.remedy or each.mark is Mark.NOTE
    ]
    assert [(each.code, each.mark) for each in found] == [
        ("subnet-collides", Mark.NOTE),
        ("subnet-collides", Mark.FAIL),
    ]
    assert found[0].seen.endswith("; the file accepts that: wanted")


def test_the_networks_own_bridge_does_not_collide_with_it() -> None:
    own = Link("br1", kind="bridge", addresses=(Address(ip_interface("192.168.0.1/24")),))
    assert checks(replace(STATE, links=(UPLINK, own)), net=NAT)["subnet-collides"].mark is Mark.OK


def test_devices_of_the_host_that_the_file_names_must_be_there() -> None:
    lan = network(mode="bridge", bridge={"name": "br0"}, ips=[])
    assert "ip link add br0 type bridge" in checks(net=lan)["host-device"].remedy
    down = replace(STATE, links=(UPLINK, Link("br0", kind="bridge")))
    assert checks(down, net=lan)["host-device"].remedy == "sudo ip link set br0 up"
    up = replace(STATE, links=(UPLINK, Link("br0", kind="bridge", up=True)))
    assert checks(up, net=lan)["host-device"].mark is Mark.OK


def test_routers_that_would_not_be_heard_any_more_are_in_the_way_of_ipv6_only() -> None:
    deaf = Surroundings(accept_ra={"eth0.7": 1}, told=("eth0.7",))
    six = network(ips=[{"address": "fd00::1/64"}], mode="route")
    assert checks(around=deaf, net=NAT)["accept-ra"].mark is Mark.NOTE
    check = checks(around=deaf, net=six)["accept-ra"]
    assert check.mark is Mark.FAIL
    assert check.remedy == (
        "echo 'net/ipv6/conf/eth0.7/accept_ra = 2' | sudo tee /etc/sysctl.d/90-accept-ra-eth0.7.conf"
        " && sudo sysctl -p /etc/sysctl.d/90-accept-ra-eth0.7.conf"
    )


@pytest.mark.parametrize(
    ("accept_ra", "mark"),
    [
        ({"all": 1, "eth0": 2}, Mark.OK),
        ({"all": 0, "eth0": 0}, Mark.OK),
        ({"all": 1, "eth0": 0}, Mark.FAIL),
        ({"all": 2, "eth0": 1}, Mark.FAIL),
    ],
)
def test_routers_are_heard_as_libvirt_tells(accept_ra: dict[str, int], mark: Mark) -> None:
    six = network(ips=[{"address": "fd00::1/64"}], mode="route")
    assert checks(around=Surroundings(accept_ra=accept_ra, told=("eth0",)), net=six)["accept-ra"].mark is mark


def test_routes_that_a_network_manager_made_of_what_routers_say_are_safe() -> None:
    six = network(ips=[{"address": "fd00::1/64"}], mode="route")
    state = replace(STATE, routes=(TOLD,))
    assert "accept-ra" not in checks(state, Surroundings(accept_ra={"all": 1, "eth0": 0}), net=six)


FREE = network(mode="open", bridge={"name": "br7"}, ips=[{"address": "10.7.0.1/24"}])
DOCKER = Surroundings(running=frozenset({"dockerd"}))


def test_dockers_drop_is_in_the_way_of_what_libvirt_makes_no_rules_for() -> None:
    state = replace(STATE, rules=saved("-A FORWARD -j DOCKER-USER", policy="DROP"))
    assert checks(state, DOCKER, net=NAT)["forward"].mark is Mark.NOTE
    check = checks(state, DOCKER, net=NAT, free=FREE)["forward"]
    assert check.mark is Mark.FAIL
    assert check.seen == "chain FORWARD of table ip filter (policy drop) drops what guests of free send (Docker)"
    command, _, until = check.remedy.partition("  # ")
    assert command == "sudo iptables -I FORWARD -i br7 -j ACCEPT; sudo iptables -I FORWARD -o br7 -j ACCEPT"
    assert until == "until the next boot; for good, where your firewall's own rules are kept"
    assert checks(replace(STATE, rules=Unread("no nft")))["forward"].mark is Mark.NOTE


def test_a_rule_that_the_file_accepts_is_in_nobodys_way() -> None:
    reason = Accepted(network="free", finding="firewall.others", subject="IPv4", reason="only the host talks to it")
    state = replace(STATE, rules=saved(policy="DROP"))
    six = network(mode="open", bridge={"name": "br6"}, ips=[{"address": "10.6.0.1/24"}])
    found = [
        check for check in checkup(state, DOCKER, {"free": FREE, "other": six}, {}, [reason]) if check.code == "forward"
    ]
    assert [check.mark for check in found] == [Mark.NOTE, Mark.FAIL]
    assert found[0].seen.endswith(" send (Docker); the file accepts that: only the host talks to it")


def test_once_a_networks_packets_pass_nothing_is_in_its_way() -> None:
    lines = ("-A FORWARD -i br7 -j ACCEPT", "-A FORWARD -o br7 -j ACCEPT")
    assert checks(replace(STATE, rules=saved(*lines, policy="DROP")), DOCKER, free=FREE)["forward"].mark is Mark.OK


def test_dockers_own_place_for_rules_is_used_where_docker_has_made_it() -> None:
    rules = saved(":DOCKER-USER - [0:0]", "-A FORWARD -j DOCKER-USER", policy="DROP")
    assert checks(replace(STATE, rules=rules), free=FREE)["forward"].remedy.startswith(
        "sudo iptables -I DOCKER-USER -i br7 -j ACCEPT; "
    )


def test_firewalld_wants_the_bridge_of_an_open_network_in_a_zone() -> None:
    chain = Chain(hook="forward", policy="drop")
    rules = Ruleset(chains={("inet", "firewalld", "filter_FORWARD"): chain, ("ip", "libvirt_network", "x"): Chain()})
    assert checks(replace(STATE, rules=rules), net=NAT)["forward"].mark is Mark.OK, "libvirt puts it there itself"
    check = checks(replace(STATE, rules=rules), net=NAT, free=FREE)["forward"]
    assert check.remedy == (
        "sudo firewall-cmd --permanent --zone=libvirt-routed --add-interface=br7 && sudo firewall-cmd --reload"
    )


def test_firewalld_needs_libvirts_zone() -> None:
    runs = Surroundings(running=frozenset({"firewalld"}))
    assert checks(around=runs)["firewalld"].mark is Mark.FAIL
    assert checks(around=replace(runs, zone=True))["firewalld"].mark is Mark.OK


def test_network_manager_is_told_to_leave_bridges_alone() -> None:
    runs = Surroundings(running=frozenset({"NetworkManager"}))
    check = checks(around=runs, net=NAT)["network-manager"]
    assert check.mark is Mark.NOTE
    assert "unmanaged-devices+=interface-name:br1;interface-name:vnet*" in check.remedy
    more = network(bridge={"name": "br2"})
    check = checks(around=replace(runs, unmanaged=("br1", "vnet*")), net=NAT, new=more)["network-manager"]
    assert "leave br2 alone" in check.seen
    assert "interface-name:br1;interface-name:br2;interface-name:vnet*" in check.remedy, "what was written before stays"
    assert checks(around=replace(runs, unmanaged=("br*",)), net=NAT)["network-manager"].mark is Mark.OK
    check = checks(around=replace(runs, profiles={"br1": "My bridge"}), net=NAT)["network-manager"]
    assert (check.mark, check.remedy) == (Mark.FAIL, "sudo nmcli connection delete id 'My bridge'")


def test_another_dns_server_everywhere_is_in_the_way_of_networks_with_dns() -> None:
    taken = Surroundings(everywhere=("UDP",))
    assert checks(around=taken, net=NAT)["dns-port"].mark is Mark.FAIL
    assert checks(around=taken, net=network(dns={"enable": False}))["dns-port"].mark is Mark.NOTE


def test_as_many_dnsmasq_must_be_able_to_run_as_the_file_needs() -> None:
    check = checks(around=Surroundings(instances=20), net=NAT)["inotify"]
    assert "fs.inotify.max_user_instances = 42" in check.remedy
    assert "inotify" not in checks(around=Surroundings(instances=128), net=NAT)
