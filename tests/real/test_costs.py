"""What a change costs, as the reference page and the plan say it, proved on a NAT network: a change for each key."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from netreconcile.model import (
    Dhcp,
    DhcpHost,
    DhcpRange,
    Dns,
    DnsHost,
    DnsSrv,
    DnsTxt,
    Element,
    Forward,
    Network,
    PortGroup,
)
from netreconcile.reference.keys import keys, places, price
from tests.real.rules import FROM, ipv4_rules, no_rules

if TYPE_CHECKING:
    from tests.conftest import LabHost

pytestmark = pytest.mark.worlds

Said = dict[str, Any]
BRIDGE = "virbr-t"
NAT: Said = {"mode": "nat", "bridge": BRIDGE, "ips": [{"address": "10.1.0.1/24"}]}
RANGE: Said = {"start": "10.1.0.100", "end": "10.1.0.200"}
HOST: Said = {"mac": "52:54:00:00:00:01", "name": "web", "ip": "10.1.0.2"}
TARGET: Said = {"target": "a.lab.test", "port": 389, "priority": 1, "weight": 1}
SRV: Said = {"service": "ldap", "protocol": "tcp", "domain": "lab.test", **TARGET}


def dhcp(**said: Any) -> Said:
    return {**NAT, "ips": [{"address": "10.1.0.1/24", "dhcp": said}]}


def hosts(**more: Any) -> Said:
    return dhcp(ranges=[RANGE], hosts=[{**HOST, **more}])


def ranges(**more: Any) -> Said:
    return dhcp(ranges=[{**RANGE, **more}])


def dns(**said: Any) -> Said:
    return {**NAT, "dns": said}


def group(**more: Any) -> Said:
    return {**NAT, "portgroups": [{"name": "fast", **more}]}


@dataclass(frozen=True, slots=True)
class Row:
    """A key of an element, and a change of nothing but it."""

    element: type[Element]
    key: str
    before: Said
    after: Said

    def __str__(self) -> str:
        return f"{self.element.__name__}.{self.key}"

    @property
    def costs(self) -> set[str]:
        """Return what the reference page says."""
        (key,) = (key for key in keys(self.element) if key.name == self.key)
        return {str(price(key, place)) for place in places()[self.element]}


ROWS = (
    Row(Network, "portgroups", NAT, group()),
    Row(PortGroup, "name", group(), {**NAT, "portgroups": [{"name": "slow"}]}),
    Row(PortGroup, "default", group(), group(default=True)),
    Row(PortGroup, "trust_guest_rx_filters", group(), group(trust_guest_rx_filters=True)),
    Row(Forward, "interfaces", {**NAT, "forward": {"dev": "eth1"}}, {**NAT, "forward": {"dev": "eth2"}}),
    Row(Dns, "hosts", NAT, dns(hosts=[{"ip": "10.1.0.9", "hostnames": ["a"]}])),
    Row(
        DnsHost,
        "ip",
        dns(hosts=[{"ip": "10.1.0.9", "hostnames": ["a"]}]),
        dns(hosts=[{"ip": "10.1.0.8", "hostnames": ["a"]}]),
    ),
    Row(
        DnsHost,
        "hostnames",
        dns(hosts=[{"ip": "10.1.0.9", "hostnames": ["a"]}]),
        dns(hosts=[{"ip": "10.1.0.9", "hostnames": ["a", "b"]}]),
    ),
    Row(Dns, "txt", NAT, dns(txt=[{"name": "a", "value": "1"}])),
    Row(DnsTxt, "name", dns(txt=[{"name": "a", "value": "1"}]), dns(txt=[{"name": "b", "value": "1"}])),
    Row(DnsTxt, "value", dns(txt=[{"name": "a", "value": "1"}]), dns(txt=[{"name": "a", "value": "2"}])),
    Row(Dns, "srv", NAT, dns(srv=[SRV])),
    Row(DnsSrv, "service", dns(srv=[SRV]), dns(srv=[{**SRV, "service": "sip"}])),
    Row(DnsSrv, "protocol", dns(srv=[SRV]), dns(srv=[{**SRV, "protocol": "udp"}])),
    Row(DnsSrv, "domain", dns(srv=[SRV]), dns(srv=[{**SRV, "domain": "other.test"}])),
    Row(DnsSrv, "target", dns(srv=[SRV]), dns(srv=[{**SRV, "target": "b.lab.test"}])),
    Row(DnsSrv, "port", dns(srv=[SRV]), dns(srv=[{**SRV, "port": 390}])),
    Row(DnsSrv, "priority", dns(srv=[SRV]), dns(srv=[{**SRV, "priority": 2}])),
    Row(DnsSrv, "weight", dns(srv=[SRV]), dns(srv=[{**SRV, "weight": 2}])),
    Row(DhcpRange, "start", ranges(), ranges(start="10.1.0.99")),
    Row(DhcpRange, "end", ranges(), ranges(end="10.1.0.201")),
    Row(DhcpRange, "lease", ranges(), ranges(lease="2h")),
    Row(DhcpHost, "mac", hosts(), hosts(mac="52:54:00:00:00:02")),
    Row(DhcpHost, "name", hosts(), hosts(name="mail")),
    Row(DhcpHost, "ip", hosts(), hosts(ip="10.1.0.3")),
    Row(DhcpHost, "lease", hosts(), hosts(lease="2h")),
    Row(Network, "mtu", NAT, {**NAT, "mtu": 1400}),
    Row(Network, "ipv6", NAT, {**NAT, "ipv6": True}),
    Row(Network, "mode", NAT, {**NAT, "mode": "route"}),
    Row(Dns, "forward_plain_names", NAT, dns(forward_plain_names=False)),
)


def running(host: LabHost) -> tuple[int | None, str, list[str]]:
    """Return the numbers of the bridge and of dnsmasq's process, and the firewall rules of the network, in order."""
    pid = host.lab.run("cat", "/run/libvirt/network/t.pid", capture_output=True, check=True).stdout.strip()
    return host.interface(BRIDGE), pid, rules(host)


def rules(host: LabHost) -> list[str]:
    ours = [line for line in ipv4_rules(host.lab) if BRIDGE in line or "10.1.0.0/24" in line]
    return [re.sub("eth[12]", "NIC", line) for line in ours]  # a change of the NIC is in the rules


def lose_a_rule(host: LabHost) -> None:
    """A rule of the network's is gone: it comes back when libvirt makes the network's rules anew, and not otherwise."""
    host.lab.run("sh", "-euc", no_rules(f"{FROM} .?{BRIDGE}.*reject"), check=True, capture_output=True)


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_a_change_costs_what_the_reference_page_says(host: LabHost, row: Row) -> None:
    host.applied({"t": row.before})
    bridge, dnsmasq, all_rules = running(host)
    lose_a_rule(host)
    left = rules(host)
    assert len(left) == len(all_rules) - 1

    plan = host.planned({"t": row.after})
    blinks = {step["blinks"] for step in plan["steps"] if step["blinks"]}
    printed = f"{plan['impact']} ({', '.join(blinks)})" if blinks else plan["impact"]
    assert printed in row.costs

    host.applied({"t": row.after})
    after_bridge, after_dnsmasq, after_rules = running(host)
    assert (after_bridge != bridge) == (plan["impact"] == "restart")
    assert (after_dnsmasq != dnsmasq) == (plan["impact"] == "restart" or "dnsmasq restarted" in printed)
    if plan["impact"] != "restart":
        made_anew = "firewall rules re-created" in printed
        assert (sorted(after_rules) == sorted(all_rules), sorted(after_rules) == sorted(left)) == (
            made_anew,
            not made_anew,
        )


def test_every_live_key_of_a_nat_network_is_proved() -> None:
    proved = {(row.element, row.key) for row in ROWS}
    told = {
        (element, key.name)
        for element, at in places().items()
        for key in keys(element)
        for place in at
        if element is PortGroup or place.path[:1] != ("portgroups",)
        if str(price(key, place)).startswith("live") and (key.element is None or key.is_list)
    }
    # An IPv6 reservation has an id; the rest of a portgroup is of no use in a NAT network.
    assert told - proved == {(Dhcp, "hosts"), (Dhcp, "ranges"), (DhcpHost, "id")}
