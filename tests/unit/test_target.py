"""What is verified of a topology, and what a network's host serves there."""

from __future__ import annotations

from typing import Any

import pytest

from netreconcile.model import Network
from netreconcile.verify.target import targets
from tests.unit.examples import host, network, there, topology
from tests.unit.lives import IP4, IP6, SLAAC, kind, target

PLAIN4 = {"address": "10.0.0.1/24"}


def test_only_networks_that_are_to_be_active_are_verified_in_the_files_order() -> None:
    wanted = topology(b=network(), off=network(state="inactive"), gone=network(state="absent"), a=network())
    assert [target.name for target in targets(wanted, host())] == ["b", "a"]


def test_what_the_file_leaves_to_libvirt_is_taken_from_the_host() -> None:
    desired = Network.model_validate({"mode": "nat", "ips": [PLAIN4]})
    (found,) = targets(topology(net=desired), host(there(network(), network())))
    assert (found.bridge, found.network.mac, found.network.bridge.stp) == ("br1", network().mac, True)
    assert found.running == network()


def test_a_network_that_only_is_defined_does_not_run() -> None:
    (found,) = targets(topology(net=network()), host(there(network())))
    assert (found.running, found.bridge) == (None, "br1")


def test_a_network_that_is_missing_does_not_run_and_has_no_bridge_until_libvirt_chooses_one() -> None:
    desired = Network.model_validate({"mode": "nat", "ips": [PLAIN4]})
    (found,) = targets(topology(net=desired), host())
    assert (found.running, found.bridge, found.trouble) == (None, "", "")


def test_guests_are_plugged_into_the_bridge_that_runs_not_the_one_of_the_file() -> None:
    running = network()
    desired = network(bridge={"name": "br9", "stp": True, "delay": 0})
    (found,) = targets(topology(net=desired), host(there(running, running)))
    assert (found.bridge, found.network.bridge.name) == ("br1", "br9")


@pytest.mark.parametrize(
    ("mode", "lan", "bridge"),
    [
        ("nat", False, "br1"),
        ("isolated", False, "br1"),
        ("very-isolated", False, "br1"),
        ("bridge", True, "br0"),
        ("private", True, ""),
        ("vepa", True, ""),
        ("passthrough", True, ""),
        ("hostdev", True, ""),
    ],
)
def test_guests_of_the_lan_kinds_sit_on_something_that_is_not_libvirts_own(
    mode: str, bridge: str, *, lan: bool
) -> None:
    desired = kind(mode).network
    (found,) = targets(topology(net=desired), host(there(desired, desired)))
    assert (found.lan, found.bridge) == (lan, bridge)


def test_macvtap_in_bridge_mode_has_no_bridge() -> None:
    desired = network(mode="bridge", ips=[], mac=None, bridge={}, forward={"interfaces": ["eth7"]})
    (found,) = targets(topology(net=desired), host(there(desired, desired)))
    assert (found.lan, found.bridge) == (True, "")


@pytest.mark.parametrize(
    ("values", "served"),
    [
        ({"ips": []}, set[str]()),
        ({"ips": [PLAIN4]}, {"dns"}),
        ({"ips": [PLAIN4], "dns": {"enable": False}}, set()),
        ({"ips": [IP4]}, {"dns", "dhcp4"}),
        ({"ips": [IP4], "dns": {"enable": False}}, {"dhcp4"}),
        ({"ips": [PLAIN4, SLAAC]}, {"dns", "ra fd00::/64"}),
        # seen with libvirt 9.0: where nothing needs dnsmasq there are no router advertisements either
        ({"ips": [PLAIN4, SLAAC], "dns": {"enable": False}}, set()),
        ({"ips": [IP4, SLAAC], "dns": {"enable": False}}, {"dhcp4", "ra fd00::/64"}),
        ({"ips": [IP6]}, {"dns", "dhcp6", "ra fd00::/64"}),
        ({"ips": [SLAAC, {"address": "fd01::1/64"}]}, {"dns", "ra fd00::/64", "ra fd01::/64"}),
        ({"ips": [{"address": "fd01::1/64"}, IP6]}, {"dns", "dhcp6", "ra fd00::/64"}),
        # seen with dnsmasq 2.90: no address can be made of a longer prefix
        ({"ips": [{"address": "fd01::1/80"}]}, {"dns"}),
        (
            {"ips": [{"address": "fd01::1/80", "dhcp": {"ranges": ["fd01::10-fd01::20"]}}]},
            {"dns", "dhcp6", "ra fd01::/80"},
        ),
    ],
)
@pytest.mark.parametrize("mode", ["nat", "route", "open", "isolated"])
def test_what_libvirts_dnsmasq_serves(mode: str, values: dict[str, Any], served: set[str]) -> None:
    found = target(network(mode=mode, **values))
    said = {"dns": found.serves_dns, "dhcp4": found.serves_dhcp4, "dhcp6": found.serves_dhcp6}
    assert {name for name, serves in said.items() if serves} | {f"ra {net}" for net in found.advertised} == served
    assert found.advertises is any(name.startswith("ra") for name in served)


def test_the_hosts_addresses_are_told_by_family() -> None:
    found = target(network(ips=[SLAAC, PLAIN4, {"address": "10.0.1.1/16"}]))
    assert list(map(str, found.hosts)) == ["fd00::1/64", "10.0.0.1/24", "10.0.1.1/16"]
    assert list(map(str, found.hosts4)) == ["10.0.0.1/24", "10.0.1.1/16"]
    assert list(map(str, found.hosts6)) == ["fd00::1/64"]


@pytest.mark.parametrize(
    ("mac", "router"),
    [
        ("52:54:00:9a:d2:6d", "fe80::5054:ff:fe9a:d26d"),  # seen in an advertisement
        ("02:00:00:00:00:01", "fe80::ff:fe00:1"),
        (None, ""),
    ],
)
def test_the_host_advertises_itself_by_the_address_made_of_its_mac(mac: str | None, router: str) -> None:
    assert target(network(mac=mac)).router6 == router
