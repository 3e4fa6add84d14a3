"""Guests that run: nobody is cut off without consent, and whoever was cut off is plugged back in."""

from __future__ import annotations

import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from tests.conftest import NOTHING
from tests.guesthost import DOMAIN, ISOLATED, NAT, NETWORKS, WIRE, Said, by_bridge, by_name, mac

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from tests.conftest import Meanwhile
    from tests.guesthost import GuestHost, Networks

pytestmark = pytest.mark.guests


def changed(**more: Said) -> Networks:
    """Return the networks with some changed."""
    return {name: {**said, **more.get(name, {})} for name, said in NETWORKS.items()}


def sources(host: GuestHost) -> dict[tuple[str, str], tuple[str | None, str | None, str]]:
    """Return what each interface names as its source."""
    return {key: (plug.network, plug.bridge, plug.group) for key, plug in host.plugs().items()}


def refused(host: GuestHost, networks: Networks, *arguments: str) -> str:
    """Fail unless the apply ends with 3 before it calls anything that writes; return what it said."""
    host.forget_calls()
    ran = host.apply(networks, *arguments)
    assert ran.code == 3, ran
    assert host.writes() == []
    assert host.plugged()
    return ran.out + ran.err


# -- restarts


@pytest.mark.worlds
@pytest.mark.parametrize(
    ("networks", "restarted"),
    [
        pytest.param(changed(nat={"mtu": 1400}), {"nat"}, id="nat"),
        pytest.param(changed(isolated={"mtu": 1400}), {"isolated"}, id="isolated"),
        pytest.param(changed(wire={"mtu": 1400}), {"wire"}, id="very-isolated"),
        pytest.param(changed(nat={"mode": "route"}), {"nat"}, id="mode"),
        pytest.param(changed(nat={"bridge": {"name": "virbr-x", "stp": False}}), {"nat"}, id="bridge-name"),
        pytest.param(changed(wire={"uuid": "a1f0c5c8-3ab7-4f6e-8f0f-7d3c3a6c7f01"}), {"wire"}, id="uuid"),
        pytest.param(
            changed(nat={"bridge": ISOLATED["bridge"]}, isolated={"bridge": NAT["bridge"]}),
            {"nat", "isolated"},
            id="exchange-of-bridges",
        ),
    ],
)
def test_after_a_restart_every_guest_is_plugged_in_again(
    guests: GuestHost, networks: Networks, restarted: set[str]
) -> None:
    before, uuids = sources(guests), {name: guests.network(name).UUIDString() for name in networks}
    cut_off = {name: guests.taps(name) for name in restarted}
    names = {guest for taps in cut_off.values() for guest in taps}
    bridges = {name: guests.config(name).bridge.name or "" for name in networks}
    devices = {bridge: guests.interface(bridge) for bridge in bridges.values()}

    said = refused(guests, networks)
    assert f"this plan cuts off {len(names)} guests: " in said
    assert all(name in said for name in names)

    ran = guests.applied(networks, "--allow-disruption", "-o", "json").plan
    assert guests.plugged()
    assert ran["verified"]
    told = {f"{step['domain']} {step['target']}": step for step in ran["steps"] if step["action"] == "Replug"}
    assert told.keys() == names
    assert all(step["outcome"] == "done" and step["cut_seconds"] > 0 for step in told.values())

    renamed = {bridges[name]: guests.config(name).bridge.name for name in restarted}
    assert sources(guests) == {
        key: (network, renamed.get(bridge or "", bridge), group) for key, (network, bridge, group) in before.items()
    }
    for name in networks:
        assert (guests.network(name).UUIDString() == uuids[name]) == ("uuid" not in networks[name])
        if name not in restarted:
            assert guests.interface(bridges[name]) == devices[bridges[name]]
    assert guests.drifted(networks) == ()


def test_the_report_says_how_long_each_guest_was_cut_off(guests: GuestHost) -> None:
    taps = guests.taps("wire")
    ran = guests.applied(changed(wire={"mtu": 1400}), "--allow-disruption")
    for name in taps:
        assert f"wire: {name} was cut off for " in ran.err


def test_nothing_comes_between_the_stop_of_a_network_and_its_guests_return(guests: GuestHost) -> None:
    plan = guests.planned(changed(nat={"mtu": 1400}, wire={"mtu": 1400}))
    for name in ("nat", "wire"):
        own = [(at, step["action"]) for at, step in enumerate(plan["steps"]) if step["network"] == name]
        (stop,) = (at for at, action in own if action == "Stop")
        after = [action for at, action in own if at > stop]
        assert after == ["Start", *["Replug"] * (len(after) - 1)]
        assert [step["network"] for step in plan["steps"][stop : stop + 1 + len(after)]] == [name] * (1 + len(after))


def test_a_guest_that_is_gone_in_the_meantime_is_no_failure(guests: GuestHost, meanwhile: Meanwhile) -> None:
    meanwhile(lambda: guests.connection.lookupByName("double").destroy())
    report = guests.applied(changed(wire={"mtu": 1400}), "--allow-disruption", "-o", "json").plan
    assert report["verified"]
    assert {step["message"] for step in report["steps"] if step.get("domain") == "double"} == {"it is gone meanwhile"}
    assert guests.plugged()


def test_an_interface_that_was_moved_in_the_meantime_stays_where_its_owner_put_it(
    guests: GuestHost, meanwhile: Meanwhile
) -> None:
    domain = guests.connection.lookupByName("twin")
    meanwhile(lambda: domain.updateDeviceFlags(by_name(1, "isolated"), 1))
    report = guests.applied(changed(wire={"mtu": 1400}), "--allow-disruption", "-o", "json").plan
    assert report["verified"]
    assert guests.plugs()["twin", mac(1)].network == "isolated"
    assert guests.plugged()
    domain.destroy()


def test_a_guest_that_can_not_be_plugged_in_is_an_error_and_the_others_are_plugged_in(guests: GuestHost) -> None:
    tap = guests.plugs()["web", mac(1)].target
    guests.lab.run("ip", "link", "delete", tap, check=True)
    ran = guests.apply(changed(nat={"mtu": 1400}), "--allow-disruption")
    assert ran.code == 1
    assert f"failed: nat: plug web {tap} back in: " in ran.err
    assert f"ip link set {tap} master virbr-n" in ran.err
    guests.connection.lookupByName("web").destroy()
    assert guests.plugged()
    assert guests.drifted(changed(nat={"mtu": 1400})) == ()


# -- live changes


def test_a_live_change_cuts_nobody_off(guests: GuestHost) -> None:
    """A client with a TCP connection to the bridge's address hangs on each bridge, besides the guests."""
    with talk(guests, "virbr-n", "10.11.0") as nat, talk(guests, "virbr-i", "10.12.0") as isolated:
        for networks in live_changes():
            before, bridges = guests.plugs(), {name: guests.interface(f"virbr-{name[0]}") for name in networks}
            found = guests.planned(networks)
            assert (found["impact"], found["needs_consent"]) == ("live", False)
            guests.applied(networks)
            assert guests.plugs() == before
            assert {name: guests.interface(f"virbr-{name[0]}") for name in networks} == bridges
            nat()
            isolated()
            assert guests.plugged()
            assert guests.drifted(networks) == ()


def live_changes() -> Iterator[Networks]:
    """Yield networks that differ from one another in each section that libvirt changes live."""
    for last in (20, 21):
        dhcp = {
            subnet: {
                "dhcp": {
                    "ranges": [f"{subnet}.100-{subnet}.200"],
                    "hosts": [
                        {"mac": mac(1), "name": f"h{last}", "ip": f"{subnet}.{last}"},
                        {"mac": mac(2), "ip": f"{subnet}.{last + 10}"},
                    ],
                }
            }
            for subnet in ("10.11.0", "10.12.0")
        }
        ips = {subnet: {"ips": [{"address": f"{subnet}.1/24", **more}]} for subnet, more in dhcp.items()}
        yield changed(nat=ips["10.11.0"], isolated=ips["10.12.0"])
        dns = {
            "hosts": [{"ip": "10.11.0.9", "hostnames": [f"a{last}"]}],
            "txt": [{"name": "t", "value": str(last)}],
            "srv": [{"service": "ldap", "protocol": "tcp", "target": "a.lab", "port": last}],
        }
        yield changed(nat={**ips["10.11.0"], "dns": dns}, isolated={**ips["10.12.0"], "dns": dns})
        groups = {"portgroups": [{"name": "fast", "default": last == 20}, {"name": f"g{last}"}]}
        yield changed(nat={**ips["10.11.0"], **groups}, isolated=ips["10.12.0"], wire=groups)


TALK = """
import socket, sys
talk = socket.create_connection((sys.argv[1], 7), timeout=20)
talk.settimeout(20)
for line in sys.stdin:
    talk.sendall(line.encode())
    print(talk.recv(100).decode(), end="", flush=True)
"""
ECHO = """
import socket, sys
server = socket.create_server((sys.argv[1], 7))
print("ready", flush=True)
talk, _ = server.accept()
while data := talk.recv(100):
    talk.sendall(data)
"""


@contextmanager
def talk(host: GuestHost, bridge: str, subnet: str) -> Generator[Callable[[], None]]:
    """Yield what sends a line over a TCP connection from a client on the bridge to the host, and expects it back."""
    space, inner, outer = f"ns-{bridge}", "eth0", f"t-{bridge}"
    for command in (
        f"netns add {space}",
        f"link add {outer} type veth peer name {inner} netns {space}",
        f"link set {outer} master {bridge} up",
        f"-n {space} addr add {subnet}.77/24 dev {inner}",
        f"-n {space} link set {inner} up",
    ):
        host.lab.run("ip", *command.split(), check=True)
    server = program(host, "python3", "-c", ECHO, f"{subnet}.1")
    assert told(server) == "ready"
    client = program(host, "ip", "netns", "exec", space, "python3", "-c", TALK, f"{subnet}.1")
    count = 0

    def say() -> None:
        nonlocal count
        count += 1
        assert client.stdin is not None
        client.stdin.write(f"{count}\n")
        client.stdin.flush()
        assert told(client) == str(count)

    try:
        say()
        yield say
    finally:
        for process in (client, server):
            process.kill()
            process.communicate()
        host.lab.run("ip", "netns", "delete", space, check=True)


def program(host: GuestHost, *command: str) -> subprocess.Popen[str]:
    """Return a program that runs inside the lab."""
    return subprocess.Popen(
        host.lab.running.command(*command), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def told(process: subprocess.Popen[str]) -> str:
    """Return the next line that a program prints; empty where it has ended."""
    assert process.stdout is not None
    return process.stdout.readline().strip()


# -- guests that somebody else cut off


@pytest.mark.parametrize("name", NETWORKS)
def test_guests_that_lost_their_link_are_drift_and_plugged_in_without_a_restart(guests: GuestHost, name: str) -> None:
    taps = guests.taps(name)
    guests.restart(name)
    assert not guests.plugged()
    device = guests.interface(guests.config(name).bridge.name or "")
    assert sorted(guests.drifted(NETWORKS)) == sorted(f"{name}: guest unplugged: {guest}" for guest in taps)
    plan = guests.planned(NETWORKS)
    assert (plan["impact"], plan["needs_consent"]) == ("live", False)
    before = guests.snapshot(name)
    guests.applied(NETWORKS)
    assert guests.plugged()
    assert guests.snapshot(name)[1] == before[1]
    assert guests.interface(guests.config(name).bridge.name or "") == device
    assert guests.drifted(NETWORKS) == ()


@pytest.mark.parametrize("name", NETWORKS)
def test_who_loses_a_link_is_seen_although_all_was_well_a_moment_ago(guests: GuestHost, name: str) -> None:
    assert guests.drifted(NETWORKS) == ()
    guests.forget_calls()
    assert guests.drifted(NETWORKS) == ()
    assert "virNetworkGetDHCPLeases" not in guests.lab.calls()  # it was only looked whether anything has changed
    taps = guests.taps(name)
    guests.restart(name)
    assert sorted(guests.drifted(NETWORKS)) == sorted(f"{name}: guest unplugged: {guest}" for guest in taps)


def test_a_stopped_network_is_started_and_its_guests_plugged_in(guests: GuestHost) -> None:
    guests.network("nat").destroy()
    assert guests.drifted(NETWORKS) == ("nat: stopped",)
    guests.applied(NETWORKS)
    assert guests.plugged()
    assert guests.drifted(NETWORKS) == ()


def test_a_network_that_was_removed_is_made_again_and_its_guests_plugged_in(guests: GuestHost) -> None:
    guests.network("wire").destroy()
    guests.network("wire").undefine()
    guests.applied(NETWORKS)
    assert guests.plugged()
    assert guests.drifted(NETWORKS) == ()


# -- removal


@pytest.mark.parametrize(
    "networks",
    [
        pytest.param({**NETWORKS, "nat": {**NAT, "state": "inactive"}}, id="inactive"),
        pytest.param({**NETWORKS, "nat": {**NAT, "state": "absent"}}, id="absent"),
        pytest.param({name: said for name, said in NETWORKS.items() if name != "nat"}, id="left-out"),
        pytest.param({**NOTHING, "isolated": ISOLATED, "wire": WIRE}, id="left-out-for-another"),
    ],
)
def test_a_network_goes_with_consent_only(guests: GuestHost, networks: Networks) -> None:
    taps = guests.taps("nat")
    said = refused(guests, networks)
    assert all(guest in said for guest in taps)
    assert f"later {mac(9)}" in said, "its next start would fail"
    found = guests.planned(networks)
    (part,) = (part for part in found["networks"] if part["name"] == "nat")
    assert (part["impact"], found["needs_consent"]) == ("remove", True)
    assert {guest["domain"] for guest in part["guests"]} == {"web", "straight", "router", "later"}
    guests.applied(networks, "--allow-disruption")
    assert guests.drifted(networks) == ()


def test_destroy_needs_consent_and_names_every_guest(guests: GuestHost) -> None:
    file = guests.file(NETWORKS)
    taps = {guest for name in NETWORKS for guest in guests.taps(name)}
    guests.forget_calls()
    ran = guests.run("destroy", file)
    assert (ran.code, guests.writes()) == (3, [])
    assert all(guest in ran.err for guest in {*taps, f"later {mac(9)}"})
    assert guests.plugged()
    assert guests.run("destroy", file, "--allow-disruption").code == 0
    assert guests.names() == set()


# -- who isn't affected, and who isn't reachable


def test_who_does_not_run_is_cut_off_by_no_restart(guests: GuestHost) -> None:
    for name in ("web", "straight", "router"):
        guests.connection.lookupByName(name).destroy()
    found = guests.planned(changed(nat={"mtu": 1400}))
    assert (found["impact"], found["needs_consent"]) == ("restart", False)
    guests.applied(changed(nat={"mtu": 1400}))
    assert guests.plugged()


def test_who_runs_elsewhere_is_nobodys_business(guests: GuestHost) -> None:
    found = guests.planned(changed(wire={"mtu": 1400}))
    (part,) = (part for part in found["networks"] if part["impact"] != "none")
    assert {(guest["domain"], guest["mac"]) for guest in part["guests"]} == {
        ("twin", mac(1)),
        ("double", mac(6)),
        ("double", mac(7)),
    }


def test_a_connection_without_domains_names_who_holds_a_port_and_says_that_it_can_not_plug_them_in(
    guests: GuestHost,
) -> None:
    uri = guests.uri.replace("qemu+", "network+")
    file = guests.file(changed(wire={"mtu": 1400}))
    found = guests.run("plan", file, "-c", uri, "-o", "json").plan
    (part,) = (part for part in found["networks"] if part["impact"] != "none")
    assert sorted(guest["domain"] for guest in part["guests"]) == ["double", "double", "twin"]
    assert "double, twin can't be plugged back in over this connection" in " ".join(part["notes"])
    assert guests.run("apply", file, "-c", uri).code == 3
    guests.run("apply", file, "-c", uri, "--allow-disruption")
    assert not guests.plugged()
    assert guests.run("apply", file).code == 0
    assert guests.plugged()


# -- networks whose bridge or NIC is the host's own


@pytest.fixture
def lan(guests: GuestHost) -> Iterator[GuestHost]:
    """A host with a bridge and a NIC of its own, and without guests."""
    guests.remove_guests()
    guests.lab.run("ip", "-batch", "-", input="link add br-lan type bridge\nlink set br-lan up\n", check=True)
    guests.lab.run("ip", "-batch", "-", input="link add nic type veth peer name far\nlink set nic up\n", check=True)
    yield guests
    guests.remove_guests()
    guests.clear()
    for link in ("br-lan", "nic"):
        guests.lab.run("ip", "link", "delete", link, check=True)


LAN: Said = {"mode": "bridge", "bridge": "br-lan"}
MACVTAP: Said = {"mode": "bridge", "forward": {"interfaces": ["nic"]}}


def test_who_hangs_on_a_bridge_of_the_hosts_loses_nothing_by_a_restart(lan: GuestHost) -> None:
    lan.applied({"lan": LAN})
    for name, devices in {"web": by_name(1, "lan"), "straight": by_bridge(2, "br-lan")}.items():
        lan.connection.createXML(DOMAIN.format(name=name, interfaces=devices))
    assert {plug.master for plug in lan.plugs().values()} == {"br-lan"}
    lan.restart("lan")
    assert {plug.master for plug in lan.plugs().values()} == {"br-lan"}
    assert lan.drifted({"lan": LAN}) == ()
    lan.network("lan").destroy()
    lan.applied({"lan": LAN})
    assert {plug.master for plug in lan.plugs().values()} == {"br-lan"}

    (part,) = lan.planned({"lan": {**LAN, "trust_guest_rx_filters": True}})["networks"]
    assert [guest["domain"] for guest in part["guests"]] == ["web"]
    lan.applied({"lan": {**LAN, "trust_guest_rx_filters": True}}, "--allow-disruption")
    assert {plug.master for plug in lan.plugs().values()} == {"br-lan"}


def test_who_hangs_on_a_nic_of_the_hosts_keeps_its_link_when_the_network_is_started_again(lan: GuestHost) -> None:
    lan.applied({"lan": MACVTAP})
    lan.connection.createXML(DOMAIN.format(name="web", interfaces=by_name(1, "lan")))
    links = {name: link["ifindex"] for name, link in lan.links().items()}
    assert "devices of its pool are in use (web)" in refused_pool(lan)
    lan.network("lan").destroy()
    assert lan.drifted({"lan": MACVTAP}) == ("lan: stopped",)
    lan.applied({"lan": MACVTAP})
    assert {name: link["ifindex"] for name, link in lan.links().items()} == links
    assert lan.drifted({"lan": MACVTAP}) == ()


def refused_pool(host: GuestHost) -> str:
    ran = host.apply({"lan": {**MACVTAP, "trust_guest_rx_filters": True}}, "--allow-disruption")
    assert ran.code == 3
    return ran.out
