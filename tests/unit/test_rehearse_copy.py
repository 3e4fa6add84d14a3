"""What is copied of a host, and what a copy has to do without; it runs nothing that nobody permits."""

from __future__ import annotations

import ipaddress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from netreconcile.allowance import EVERYTHING, NOTHING, Allowance
from netreconcile.kernel.state import Address, Link, Route
from netreconcile.machine import Machine
from netreconcile.observed import Guest
from netreconcile.record import recorded
from netreconcile.rehearse.copy import Blueprint, blueprint
from netreconcile.state import State
from tests.unit.examples import GUEST, host, network, there, topology

if TYPE_CHECKING:
    from netreconcile.model import Network
    from netreconcile.observed import Host

OTHER = network(uuid=None, mac=None, bridge="br2", ips=[{"address": "10.2.0.1/24"}])
LAN = network(uuid=None, mac=None, mode="bridge", bridge="br0", ips=[])
POOL = network(uuid=None, mac=None, mode="private", bridge={}, ips=[], forward={"interfaces": ["eth1"]})


def machine(*links: Link, routes: tuple[Route, ...] = ()) -> Machine:
    return Machine("host", links, routes, forwarding4=True, forwarding6=False)


def link(name: str, *addresses: str, **said: Any) -> Link:
    found = tuple(Address(ipaddress.ip_interface(each)) for each in addresses)
    return Link(name, mac="52:54:00:00:00:01", up=True, addresses=found, **said)


def copied(there: Host, below: Machine | None = None, allowed: Allowance = NOTHING, **wanted: Network) -> Blueprint:
    state = State(
        format_version=1,
        taken=0.0,
        connection=there.uri,
        version=there.version,
        networks={name: recorded(each) for name, each in there.networks.items()},
        waiting=dict(there.waiting),
        machine=below,
        machine_unknown="" if below else "it is far away",
    )
    return blueprint(topology(**wanted), state, allowed)


def test_networks_are_copied_as_they_are() -> None:
    found = host(there(network(), network(mtu=1400)), there(OTHER, name="resting"))
    copy = copied(found, machine(), net=network())
    assert copy.host == found
    assert copy.topology == topology(net=network())
    assert (copy.left_out, copy.unseen) == ((), frozenset())


def test_a_running_guest_has_a_stand_in_with_its_link_name_and_mac() -> None:
    stopped = Guest("off", "52:54:00:00:00:97", running=False)
    loose = Guest("loose", "52:54:00:00:00:96", "vnet9", plugged=False)
    copy = copied(host(there(network(), network(), guests=(GUEST, stopped, loose))), machine())
    found = {each.guest.domain: (each.device, each.mac, each.bridge) for each in copy.stand_ins}
    assert found == {"web": ("vnet7", GUEST.mac, "br1"), "loose": ("vnet9", loose.mac, "")}


def test_a_guest_of_a_network_that_is_gone_hangs_loose() -> None:
    copy = copied(replace(host(), waiting={"gone": (replace(GUEST, plugged=False),)}), machine())
    assert [(each.network, each.bridge) for each in copy.stand_ins] == [("gone", "")]


def test_a_guest_on_a_bridge_of_the_host_stays_there() -> None:
    copy = copied(host(there(LAN, LAN, guests=(GUEST,))), machine(link("br0", kind="bridge")))
    assert [each.bridge for each in copy.stand_ins] == ["br0"]


@pytest.mark.parametrize("target", ["", "eth0", "br1", "no name\nnetns exec x y", "a" * 16])
def test_a_link_name_that_cannot_be_had_is_replaced(target: str) -> None:
    guests = (replace(GUEST, target=target), replace(GUEST, domain="twin", target=target))
    copy = copied(host(there(network(), network(), guests=guests)), machine(link("eth0", "192.0.2.1/24")))
    assert [each.device for each in copy.stand_ins] == ["nrs0", "nrs1"]


def test_two_guests_with_one_link_name_get_two() -> None:
    guests = (GUEST, replace(GUEST, domain="twin"))
    copy = copied(host(there(network(), network(), guests=guests)), machine())
    assert [each.device for each in copy.stand_ins] == ["vnet7", "nrs1"]


def test_a_guest_on_a_device_has_no_stand_in() -> None:
    copy = copied(host(there(POOL, POOL, guests=(GUEST,))), machine(link("eth1")))
    assert copy.stand_ins == ()
    assert copy.left_out == ("guest web vnet7 of net: it hangs on a device, not on a bridge",)


def test_links_and_routes_of_the_machine_are_copied_without_what_the_kernel_makes_of_itself() -> None:
    own = Route(ipaddress.ip_network("192.0.2.0/24"), "eth0", protocol="kernel")
    far = Route(ipaddress.ip_network("198.51.100.0/24"), "eth0", via="192.0.2.254")
    gone = Route(ipaddress.ip_network("203.0.113.0/24"), "wg0")
    links = (
        link("lo", "127.0.0.1/8"),
        link("eth0", "192.0.2.1/24", "fe80::1/64", mtu=9000, master="br0"),
        link("br0", "10.0.0.7/8", kind="bridge"),
        link("br1", "10.0.0.1/24", kind="bridge"),
        link("vnet7", master="br1"),
    )
    copy = copied(host(there(network(), network())), machine(*links, routes=(own, far, gone)))
    found = [(each.name, each.bridge, each.mtu, each.master, each.addresses) for each in copy.links]
    assert found == [("br0", True, 1500, "", ("10.0.0.7/8",)), ("eth0", False, 9000, "br0", ("192.0.2.1/24",))]
    assert copy.routes == (far,)
    assert len({each.far_end for each in copy.links}) == len(copy.links)


def test_of_an_unknown_machine_the_links_that_networks_name_are_made_up() -> None:
    copy = copied(host(there(LAN, LAN, name="lan")), None, new=POOL, net=network(forward={"dev": "eth9"}))
    assert [(each.name, each.bridge) for each in copy.links] == [("br0", True), ("eth1", False), ("eth9", False)]
    assert copy.left_out == (
        "the machine below libvirt isn't known (it is far away): its other links, addresses and routes",
    )


@pytest.mark.parametrize("value", ["b&#10;conf-file=/x", "b&#13;conf-file=/x", "x" * 1030])
def test_what_dnsmasq_would_read_as_an_option_is_not_copied(value: str) -> None:
    plain = there(network(), network())
    assert plain.config_xml is not None
    xml = plain.config_xml.replace("</network>", f"<dns><txt name='a' value='{value}'/></dns></network>")
    copy = copied(
        host(replace(plain, config_xml=xml), there(OTHER, name="other")), machine(), net=network(), other=OTHER
    )
    assert copy.unseen == {"net"}
    assert copy.topology.networks.keys() == copy.host.networks.keys() == {"other"}
    assert copy.left_out[0].startswith("network net: ")


def test_a_network_that_cannot_be_read_is_not_copied() -> None:
    copy = copied(host(replace(there(network()), config_xml="<network>")), machine(), net=network())
    assert copy.unseen == {"net"}


def test_settings_that_nobody_permits_are_left_out_on_both_sides() -> None:
    ips = [{"address": "10.0.0.1/24", "tftp": "/srv"}]
    before = network(ips=ips, dnsmasq_options=["dhcp-script=/x", "log-queries"])
    after = network(ips=ips, dnsmasq_options=["dhcp-script=/x", "log-queries"], mtu=9000)
    allowed = Allowance(dnsmasq_options=("log-queries",))
    copy = copied(host(there(before, before, guests=(GUEST,))), machine(), allowed, net=after)
    bare = network(dnsmasq_options=["log-queries"])
    found = copy.host.networks["net"]
    assert found.config == found.running == bare
    assert found.guests == (GUEST,)
    assert copy.topology.networks["net"] == network(dnsmasq_options=["log-queries"], mtu=9000)
    assert copy.left_out == (
        "network net: dnsmasq_options 'dhcp-script=/x' (--allow-dnsmasq-options copies it)",
        "network net: ips[10.0.0.1].tftp.root '/srv' (--allow-tftp-root copies it)",
    )
    assert copied(host(there(before)), machine(), EVERYTHING).host == host(there(before))


def test_a_network_that_the_lab_refuses_is_gone_from_the_copy_with_its_guests() -> None:
    there_is = host(there(network(), network(), guests=(GUEST,)), there(OTHER, name="other"))
    copy = copied(there_is, machine(), net=network(), other=OTHER).without("net", "no such device")
    assert copy.host.networks.keys() == copy.topology.networks.keys() == {"other"}
    assert copy.stand_ins == ()
    assert copy.unseen == {"net"}
    assert copy.left_out == ("network net: no such device",)
