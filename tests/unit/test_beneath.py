"""What a host has beneath a network, as values, against what libvirt says that it runs."""

from __future__ import annotations

import socket
from dataclasses import replace
from ipaddress import ip_interface, ip_network
from typing import TYPE_CHECKING, Any

import pytest

from netreconcile.kernel.here import on_this_host
from netreconcile.kernel.state import Address, KernelState, Link, Route, Server, Settings, Unread
from netreconcile.verify.beneath import beneath
from netreconcile.verify.experience import Experience
from netreconcile.verify.glance import glance
from netreconcile.verify.questions import Inquiry
from netreconcile.verify.target import Level, Target
from netreconcile.verify.verdict import NetworkVerdict, Outcome, Remark, Verdict
from netreconcile.verify.verify import announcement, verify
from tests.unit.examples import MAC, network
from tests.unit.test_kernel_rules import saved

if TYPE_CHECKING:
    from pathlib import Path

    from netreconcile.model import Network

BRIDGE = Link(
    "br1", 3, "bridge", up=True, mac=MAC, stp=True, delay=2.0, addresses=(Address(ip_interface("10.0.0.1/24")),)
)
UPLINK = Link("eth0", 2, up=True, mac="52:54:00:aa:aa:aa", addresses=(Address(ip_interface("203.0.113.2/24")),))
STATE = KernelState(
    (UPLINK, BRIDGE),
    (Route(ip_network("0.0.0.0/0"), "eth0", "203.0.113.1"),),
    Settings(forwarding4=True, forwarding6=True, rp_filter={"br1": 2}),
    {"net": Server(7, alive=True)},
    saved(),
)


def target(running: Network | None = None, *, name: str = "net", active: bool = True) -> Target:
    """Return a network that runs as the file says."""
    running = running or network()
    bridge = "" if running.pool else running.bridge.name or ""
    return Target(name, running, running if active else None, bridge)


def bridge(**changes: Any) -> KernelState:
    """Return the host with its bridge changed."""
    return replace(STATE, links=(UPLINK, replace(BRIDGE, **changes)))


def broken(running: Network, state: KernelState) -> dict[str, str]:
    """Return what was seen of each promise that is broken, by code."""
    verdicts, _ = beneath(target(running), state)
    return {verdict.code: verdict.seen for verdict in verdicts if verdict.outcome is Outcome.BROKEN}


def remarks(running: Network, state: KernelState) -> list[str]:
    """Return the codes of the remarks."""
    return [remark.code for remark in beneath(target(running), state)[1]]


def test_a_host_that_has_all_keeps_everything() -> None:
    verdicts, told = beneath(target(), STATE)
    assert {verdict.outcome for verdict in verdicts} == {Outcome.KEPT}
    assert {verdict.code for verdict in verdicts} == {
        *("bridge", "bridge.up", "bridge.mtu", "bridge.mac", "bridge.stp", "bridge.address"),
        *("dnsmasq", "forwarding4", "firewall", "firewall.others"),
    }
    assert told == ()


def test_a_network_that_does_not_run_has_nothing_beneath_it() -> None:
    assert beneath(target(active=False), KernelState()) == ((), ())


def test_of_a_bridge_that_is_not_there_only_that_is_told() -> None:
    verdicts, _ = beneath(target(), replace(STATE, links=(UPLINK,)))
    assert [verdict.code for verdict in verdicts if verdict.code.startswith("bridge")] == ["bridge"]
    assert broken(network(), replace(STATE, links=(UPLINK,))) == {"bridge": "no such link"}


def test_another_device_with_the_name_is_no_bridge() -> None:
    assert broken(network(), bridge(kind="dummy")) == {"bridge": "br1 is no bridge"}


@pytest.mark.parametrize(
    ("changes", "code", "seen"),
    [
        ({"up": False}, "bridge.up", "down"),
        ({"mtu": 9000}, "bridge.mtu", "9000"),
        ({"mac": "52:54:00:00:00:02"}, "bridge.mac", "52:54:00:00:00:02"),
        ({"stp": False}, "bridge.stp", "off"),
        ({"addresses": ()}, "bridge.address", "none"),
        ({"addresses": (Address(ip_interface("10.0.0.1/16")),)}, "bridge.address", "10.0.0.1/16, not this one"),
    ],
)
def test_a_bridge_that_is_set_otherwise_breaks_one_promise(changes: dict[str, Any], code: str, seen: str) -> None:
    assert broken(network(), bridge(**changes)) == {code: seen}


def test_a_bridge_takes_the_mtu_of_its_ports_where_the_network_says_none() -> None:
    port = Link("vnet0", kind="tun", up=True, mtu=1400, master="br1")
    state = replace(STATE, links=(UPLINK, replace(BRIDGE, mtu=1400), port))
    assert broken(network(), state) == {}
    assert broken(network(mtu=1500), state) == {"bridge.mtu": "1400"}


@pytest.mark.parametrize(
    ("delay", "kernel", "kept"), [(0, 2.0, True), (5, 5.0, True), (5, 2.0, False), (60, 30.0, True)]
)
def test_a_delay_counts_as_far_as_the_kernel_takes_it(*, delay: int, kernel: float, kept: bool) -> None:
    running = network(bridge={"name": "br1", "stp": True, "delay": delay})
    assert ("bridge.delay" in broken(running, bridge(delay=kernel))) is not kept


def test_an_ipv6_address_may_be_tentative() -> None:
    running = network(ips=[{"address": "fd00::1/64"}], mode="isolated")
    six = Address(ip_interface("fd00::1/64"), tentative=True)
    assert "bridge.address" not in broken(running, bridge(addresses=(six,)))


def test_a_very_isolated_network_wants_no_address_not_even_a_link_local_one() -> None:
    running = network(mode="very-isolated", ips=[])
    own = Address(ip_interface("fe80::1/64"))
    assert "bridge.address" not in broken(running, bridge(addresses=()))
    assert broken(running, bridge(addresses=(own,)))["bridge.address"] == "fe80::1/64"


def test_routes_lead_through_the_bridge() -> None:
    running = network(routes=[{"to": "10.9.0.0/16", "via": "10.0.0.2"}])
    route = Route(ip_network("10.9.0.0/16"), "br1", "10.0.0.2", metric=1)
    assert broken(running, replace(STATE, routes=(route,))) == {}
    assert broken(running, STATE) == {"bridge.route": "no such route"}
    assert broken(running, replace(STATE, routes=(replace(route, via="10.0.0.3"),))) == {
        "bridge.route": "10.9.0.0/16 via 10.0.0.3"
    }
    assert broken(running, replace(STATE, routes=(replace(route, device="eth0"),))) == {"bridge.route": "no such route"}


@pytest.mark.parametrize(
    ("servers", "seen"),
    [
        ({}, "none was started"),
        ({"net": Server(7, alive=False)}, "process 7 has ended"),
        ({"net": Server(7, alive=True, ours=False)}, "process 7 is something else"),
    ],
)
def test_a_network_needs_its_own_dnsmasq(servers: dict[str, Server], seen: str) -> None:
    assert broken(network(), replace(STATE, servers=servers)) == {"dnsmasq": seen}
    assert broken(network(dns={"enable": False}), replace(STATE, servers=servers)) == {}


def test_only_a_way_out_needs_forwarding() -> None:
    off = replace(STATE, settings=Settings(forwarding4=False, forwarding6=False))
    assert broken(network(), off) == {"forwarding4": "off"}
    assert "forwarding4" not in broken(network(mode="isolated"), off)


def test_what_libvirt_lacks_and_what_others_drop_are_two_things() -> None:
    lacking = replace(STATE, rules=saved(without="-A LIBVIRT_FWX"))
    assert broken(network(), lacking) == {"firewall": "nothing accepts packets between guests on br1"}
    dropping = replace(STATE, rules=saved("-A FORWARD -i br1 -j DROP", "-A INPUT -i br1 -j DROP"))
    assert broken(network(), dropping) == {
        "firewall.others": (
            "chain FORWARD of table ip filter drops the way out; chain INPUT of table ip filter drops DNS"
        )
    }


def test_packets_between_guests_pass_the_rules_only_with_br_netfilter() -> None:
    state = replace(STATE, rules=saved("-A FORWARD -i br1 -o br1 -j DROP"))
    assert broken(network(), state) == {}
    filtered = replace(state, settings=replace(STATE.settings, filtered4=True))
    assert broken(network(), filtered) == {"firewall.others": "chain FORWARD of table ip filter drops guest to guest"}
    assert broken(network(port={"isolated": True}), filtered) == {}


def test_libvirt_makes_no_rules_for_an_open_network() -> None:
    codes = {verdict.code for verdict in beneath(target(network(mode="open")), STATE)[0]}
    assert "firewall" not in codes
    assert "firewall.others" in codes


def test_what_cannot_be_read_is_not_seen_and_not_broken() -> None:
    why = Unread("`nft` isn't installed")
    state = replace(STATE, rules=why, servers=why, settings=Settings())
    verdicts, _ = beneath(target(), state)
    unseen = {verdict.code: verdict.hint for verdict in verdicts if verdict.outcome is Outcome.UNSEEN}
    assert set(unseen) == {"dnsmasq", "forwarding4", "firewall"}
    assert unseen["firewall"] == "`nft` isn't installed"
    assert [verdict.outcome for verdict in beneath(target(), replace(STATE, links=why))[0]] == [Outcome.UNSEEN]


def test_a_subnet_that_is_elsewhere_too_is_a_remark() -> None:
    twin = replace(UPLINK, addresses=(Address(ip_interface("10.0.0.9/16")),))
    assert remarks(network(), replace(STATE, links=(twin, BRIDGE))) == ["subnet-collides"]
    inside = Route(ip_network("10.0.0.128/25"), "tun0")
    wider = Route(ip_network("10.0.0.0/8"), "tun0")
    assert remarks(network(), replace(STATE, routes=(inside,))) == ["subnet-collides"]
    assert remarks(network(), replace(STATE, routes=(wider,))) == []


def test_only_a_very_isolated_network_needs_a_filter() -> None:
    unfiltered = replace(STATE, settings=replace(STATE.settings, rp_filter={"br1": 0}))
    assert remarks(network(mode="very-isolated", ips=[]), unfiltered) == ["host-hears-very-isolated"]
    assert remarks(network(), unfiltered) == []


def test_a_bridge_of_the_hosts_is_there_and_leads_somewhere() -> None:
    lan = network(mode="bridge", bridge="br0", ips=[], mac=None)
    host, nic = Link("br0", kind="bridge", up=True), Link("eth1", up=True, master="br0")
    guest = Link("vnet0", kind="tun", up=True, master="br0")
    assert (broken(lan, KernelState((host, nic))), remarks(lan, KernelState((host, nic)))) == ({}, [])
    assert remarks(lan, KernelState((host, guest))) == ["no-uplink"]
    assert broken(lan, KernelState((replace(host, up=False), nic))) == {"host-bridge": "down"}
    assert broken(lan, KernelState()) == {"host-bridge": "no such link"}


@pytest.mark.parametrize(("filtering", "seen"), [(True, {}), (False, {"off"}), (None, {"the kernel can't"})])
def test_vlans_need_a_bridge_that_keeps_them_apart(*, filtering: bool | None, seen: set[str]) -> None:
    storage = {"name": "storage", "vlan": {"tags": [42]}}
    lan = network(mode="bridge", bridge="br0", ips=[], mac=None, portgroups=[storage])
    state = KernelState((Link("br0", kind="bridge", up=True, vlan_filtering=filtering),))
    assert set(broken(lan, state).values()) == set(seen)
    switch = network(mode="bridge", bridge="br0", ips=[], mac=None, portgroups=[storage], virtualport="openvswitch")
    assert broken(switch, state) == broken(network(mode="bridge", bridge="br0", ips=[], mac=None), state) == {}


def test_a_macvtap_network_needs_its_nics() -> None:
    macvtap = network(mode="bridge", bridge={}, ips=[], mac=None, forward={"interfaces": ["eth0", "eth9"]})
    verdicts, _ = beneath(target(macvtap), STATE)
    assert [(verdict.subject, verdict.outcome) for verdict in verdicts] == [
        ("eth0", Outcome.KEPT),
        ("eth9", Outcome.BROKEN),
    ]


@pytest.mark.parametrize(
    ("uri", "reason"),
    [
        ("qemu+ssh://root@hv01/system", "hv01 is another host"),
        ("qemu://hv01/system", "hv01 is another host"),
        ("test:///default", "in memory only"),
        ("qemu:///session", "no networks of the host's"),
        ("network+unix:///system?socket=/nowhere/libvirt-sock", "nobody listens at /nowhere/libvirt-sock"),
    ],
)
def test_a_connection_elsewhere_is_told(uri: str, reason: str) -> None:
    assert reason in on_this_host(uri)


def test_a_socket_that_another_program_passes_on_is_no_libvirt_of_this_host(tmp_path: Path) -> None:
    path = str(tmp_path / "forwarded")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as forwarder:
        forwarder.bind(path)
        forwarder.listen()
        assert f"and not libvirt, listens at {path}" in on_this_host(f"qemu+unix:///system?socket={path}")


def test_networks_are_told_in_order_whatever_is_done_first() -> None:
    targets = [target(name=f"n{number}", active=False) for number in range(30)]
    done: list[NetworkVerdict] = []
    told = verify(targets, level=Level.QUICK, lan=False, state=STATE, watch=done.append)
    assert [verdict.network for verdict in told] == [item.name for item in targets]
    assert sorted(done, key=lambda verdict: verdict.network) == sorted(told, key=lambda verdict: verdict.network)
    assert all([verdict.code for verdict in item.broken] == ["runs"] for item in told)
    assert verify((), level=Level.FULL, lan=True, state=STATE) == ()


def test_a_network_that_cannot_be_looked_at_spoils_no_other() -> None:
    lost = target(network(bridge={"name": "nrv-none", "stp": True, "delay": 0}), name="lost")
    told = verify([lost, target(active=False)], level=Level.QUICK, lan=False, state=STATE)
    assert outcomes(told[0])["probe"] is Outcome.UNSEEN
    assert outcomes(told[0])["bridge"] is Outcome.BROKEN
    assert [verdict.network for verdict in told] == ["lost", "net"]


@pytest.mark.parametrize("level", list(Level))
def test_where_the_host_cannot_be_seen_the_reason_is_told_once_a_network(level: Level) -> None:
    (told,) = verify([target()], level=level, lan=False, state=Unread("hv01 is another host"))
    assert outcomes(told) == {"runs": Outcome.KEPT, "bridge": Outcome.UNSEEN, "probe": Outcome.UNSEEN}
    assert {verdict.hint for verdict in told.verdicts} == {"", "hv01 is another host"}


def test_a_glance_leaves_lans_and_networks_without_the_host_alone() -> None:
    for running in (network(mode="bridge", bridge="br0", ips=[]), network(mode="very-isolated", ips=[])):
        assert glance(target(running), Inquiry(), KernelState()) == Experience()


def test_it_is_announced_what_is_plugged_in_where() -> None:
    lan = target(network(mode="bridge", bridge="br0", ips=[]), name="lan")
    quick = " ".join(announcement([target(), lan], level=Level.QUICK, lan=False))
    assert "nothing is plugged in" in quick
    full = announcement([target(), lan], level=Level.FULL, lan=False)
    assert any("plugs" in line and "net" in line for line in full)
    assert any(line.startswith("nothing is plugged into lan") for line in full)
    assert any(
        "MAC addresses appear" in line and "lan" in line for line in announcement([lan], level=Level.FULL, lan=True)
    )


def outcomes(told: NetworkVerdict) -> dict[str, Outcome]:
    """Return how the promises stand, by code."""
    assert all(isinstance(item, Verdict) for item in told.verdicts)
    assert all(isinstance(item, Remark) for item in told.remarks)
    return {verdict.code: verdict.outcome for verdict in told.verdicts}
