"""Changes of a running network to the calls that libvirt takes, by libvirt's own keys; or the reason for a restart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from netreconcile import codec
from netreconcile.actions import Command, Update
from netreconcile.binding import Section
from netreconcile.diff import changes
from netreconcile.live import OnlyByRestart, site, updates
from tests.unit.examples import network

if TYPE_CHECKING:
    from netreconcile.model import Network

HOST = {"mac": "52:54:00:00:00:10", "name": "web", "ip": "10.0.0.10"}
OTHER = {"mac": "52:54:00:00:00:11", "name": "db", "ip": "10.0.0.11"}


def calls(running: Network, desired: Network) -> tuple[Update, ...]:
    xml = codec.new("net", running, None)
    return updates(xml, running, desired, changes(running, desired))


def brief(running: Network, desired: Network) -> list[tuple[str, str, str]]:
    return [(call.command.name, call.section.name, call.item) for call in calls(running, desired)]


def dhcp(*hosts: dict[str, Any], ranges: tuple[str, ...] = ("10.0.0.100-10.0.0.110",)) -> dict[str, Any]:
    return {"ips": [{"address": "10.0.0.1/24", "dhcp": {"hosts": list(hosts), "ranges": list(ranges)}}]}


def dns(**records: Any) -> dict[str, Any]:
    return {"dns": records}


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (dhcp(), dhcp(HOST), [("ADD", "IP_DHCP_HOST", HOST["mac"])]),
        (dhcp(HOST), dhcp(), [("DELETE", "IP_DHCP_HOST", HOST["mac"])]),
        (dhcp(HOST), dhcp(HOST | {"name": "www"}), [("MODIFY", "IP_DHCP_HOST", HOST["mac"])]),
        (dhcp(HOST), dhcp(OTHER), [("DELETE", "IP_DHCP_HOST", HOST["mac"]), ("ADD", "IP_DHCP_HOST", OTHER["mac"])]),
        (
            dhcp(ranges=("10.0.0.100-10.0.0.110",)),
            dhcp(ranges=("10.0.0.100-10.0.0.120",)),
            [("DELETE", "IP_DHCP_RANGE", "10.0.0.100-10.0.0.110"), ("ADD", "IP_DHCP_RANGE", "10.0.0.100-10.0.0.120")],
        ),
        (
            {"forward": {"dev": "eth0"}},
            {"forward": {"dev": "eth1"}},
            [("DELETE", "FORWARD_INTERFACE", "eth0"), ("ADD", "FORWARD_INTERFACE", "eth1")],
        ),
        ({}, {"portgroups": [{"name": "a"}]}, [("ADD", "PORTGROUP", "a")]),
        (
            {"portgroups": [{"name": "a", "default": True}, {"name": "b"}]},
            {"portgroups": [{"name": "a"}, {"name": "b", "default": True}]},
            [("MODIFY", "PORTGROUP", "a"), ("MODIFY", "PORTGROUP", "b")],
        ),
        (
            {"portgroups": [{"name": "a"}, {"name": "b", "default": True}]},
            {"portgroups": [{"name": "a", "default": True}, {"name": "b"}]},
            [("MODIFY", "PORTGROUP", "b"), ("MODIFY", "PORTGROUP", "a")],
        ),
        (
            dns(hosts=[{"ip": "10.0.0.9", "hostnames": ["a"]}]),
            dns(hosts=[{"ip": "10.0.0.9", "hostnames": ["b"]}]),
            [("DELETE", "DNS_HOST", "10.0.0.9"), ("ADD", "DNS_HOST", "10.0.0.9")],
        ),
        (
            dns(txt=[{"name": "a", "value": "1"}]),
            dns(txt=[{"name": "a", "value": "2"}]),
            [("DELETE", "DNS_TXT", "a"), ("ADD", "DNS_TXT", "a")],
        ),
        (
            dns(),
            dns(srv=[{"service": "ldap", "protocol": "tcp", "target": "a"}]),
            [("ADD", "DNS_SRV", "_ldap._tcp.→a")],
        ),
    ],
)
def test_each_live_list_changes_in_place(
    before: dict[str, Any], after: dict[str, Any], expected: list[tuple[str, str, str]]
) -> None:
    assert brief(network(**before), network(**after)) == expected


@pytest.mark.parametrize(
    "after",
    [
        *(
            {"mtu": 9000},
            {"bridge": {"name": "br2", "stp": True, "delay": 0}},
            {"domain": "a.example"},
            {"dns": {"enable": False}},
        ),
        *(
            {"ips": []},
            {"ips": [{"address": "10.0.0.1/25"}]},
            {"dnsmasq_options": ["a"]},
            {"ipv6": True},
            {"mode": "route"},
        ),
        *(
            {"routes": [{"to": "10.1.0.0/16", "via": "10.0.0.2"}]},
            {"forward": {"nat": {"ports": "1-9"}}},
            {"port": {"isolated": True}},
        ),
        *(
            {"bandwidth": {"inbound": {"average": 1}}},
            {"dns": {"forwarders": ["192.0.2.1"]}},
            {"ips": [{"address": "10.0.0.1/24", "tftp": "/srv"}]},
        ),
    ],
)
def test_everything_else_takes_a_restart_and_the_reason_names_it(after: dict[str, Any]) -> None:
    running, desired = network(), network(**after)
    (change, *_) = changes(running, desired)
    with pytest.raises(OnlyByRestart, match=change.path[0]):
        calls(running, desired)


def test_one_change_without_a_section_is_enough_for_a_restart() -> None:
    with pytest.raises(OnlyByRestart, match="mtu"):
        calls(network(**dhcp()), network(**dhcp(HOST), mtu=9000))


def test_the_parent_is_the_position_among_all_addresses_of_the_running_network() -> None:
    first = {"address": "fd00::1/64"}
    running = network(ips=[first, {"address": "10.0.0.1/24", "dhcp": {"hosts": [OTHER]}}])
    desired = network(ips=[{"address": "10.0.0.1/24", "dhcp": {"hosts": [OTHER, HOST]}}, first])
    (call,) = calls(running, desired)
    assert (call.command, call.section, call.parent_index) == (Command.ADD, Section.IP_DHCP_HOST, 1)


def test_the_element_sent_is_cut_from_the_hosts_own_xml() -> None:
    xml = (
        "<network><name>a</name><forward mode='nat'/><ip address='10.0.0.1' prefix='24'><dhcp>"
        "<host mac='52:54:00:00:00:AA' ip='10.0.0.9'><unknown/></host></dhcp></ip></network>"
    )
    running, _ = codec.parse(xml)
    desired = network(
        ips=[{"address": "10.0.0.1/24", "dhcp": {"hosts": [{"mac": "52:54:00:00:00:aa", "ip": "10.0.0.8"}]}}]
    )
    desired = running.model_copy(update={"ips": desired.ips})
    (call,) = updates(xml, running, desired, changes(running, desired))
    assert call.xml == '<host mac="52:54:00:00:00:AA" ip="10.0.0.8"><unknown/></host>'


def test_a_dns_host_is_deleted_by_its_address_alone_because_names_hit_other_entries() -> None:
    shared = [{"ip": "10.0.0.8", "hostnames": ["api"]}, {"ip": "10.0.0.9", "hostnames": ["api"]}]
    (call,) = calls(network(**dns(hosts=shared)), network(**dns(hosts=shared[:1])))
    assert (call.command, call.xml) == (Command.DELETE, '<host ip="10.0.0.9"/>')


def test_deletions_come_first_over_all_lists() -> None:
    running = network(**dhcp(HOST), dns={"txt": [{"name": "a", "value": "1"}]})
    desired = network(**dhcp(OTHER), dns={"txt": [{"name": "b", "value": "1"}]})
    commands = [call.command for call in calls(running, desired)]
    assert commands == [Command.DELETE, Command.DELETE, Command.ADD, Command.ADD]


def test_addresses_are_exchanged_by_taking_both_reservations_out() -> None:
    running = network(**dhcp(HOST, OTHER))
    desired = network(**dhcp(HOST | {"ip": OTHER["ip"]}, OTHER | {"ip": HOST["ip"]}))
    found = brief(running, desired)
    assert sorted(command for command, _, _ in found) in (
        ["ADD", "ADD", "DELETE", "DELETE"],
        ["ADD", "DELETE", "MODIFY"],
    )


def test_what_libvirt_cannot_tell_apart_takes_a_restart() -> None:
    twice = network(**dns(hosts=[{"ip": "10.0.0.9", "hostnames": ["a"]}, {"ip": "10.0.0.9", "hostnames": ["b"]}]))
    with pytest.raises(OnlyByRestart, match="can't tell"):
        calls(twice, network(**dns(hosts=[{"ip": "10.0.0.9", "hostnames": ["a"]}])))


def test_what_libvirt_would_refuse_to_add_takes_a_restart() -> None:
    hosts = [{"ip": "10.0.0.8", "hostnames": ["api"]}]
    with pytest.raises(OnlyByRestart, match="another entry has a field in common"):
        calls(network(**dns(hosts=hosts)), network(**dns(hosts=[*hosts, {"ip": "10.0.0.9", "hostnames": ["api"]}])))


@pytest.mark.parametrize(
    ("path", "section"),
    [
        (("ips", "10.0.0.1", "dhcp", "hosts", "52:54:00:00:00:10", "name"), Section.IP_DHCP_HOST),
        (("portgroups", "a"), Section.PORTGROUP),
        (("portgroups", "a", "vlan", "tags", "1"), Section.PORTGROUP),
        (("dns", "hosts", "10.0.0.9", "hostnames"), Section.DNS_HOST),
        (("dns", "enable"), None),
        (("ips", "10.0.0.1"), None),
        (("mtu",), None),
    ],
)
def test_a_path_lies_in_the_nearest_list_that_libvirt_updates(path: tuple[str, ...], section: Section | None) -> None:
    place = site(path)
    assert (place.live.section if place else None) == section
