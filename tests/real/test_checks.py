"""The rules agree with a real libvirt: what they let pass is taken as it is and starts, what they refuse is not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import libvirt
import pytest

from netreconcile import codec
from netreconcile.checks import check, requirements
from netreconcile.checks.finding import Stage
from netreconcile.errors import Severity
from netreconcile.fill import filled
from netreconcile.model import Network, Topology
from tests.real.rules import has_own_table
from tests.unit.test_checks import FINE, MISTAKES, REFUSED_AT_DEFINE, REFUSED_AT_START, TOGETHER
from tests.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from netreconcile.lab import Lab
    from tests.conftest import LabHost
    from tests.unit.test_checks import Fragment

pytestmark = [pytest.mark.lab, pytest.mark.worlds]

ALONE = [fragment for fragment, _, _ in (*REFUSED_AT_DEFINE, *REFUSED_AT_START, *MISTAKES)] + list(FINE)
PAIRS = [(one, two) for one, two, _, _, _ in TOGETHER]
NAMES = [
    "a/b",
    "a" * 245,
    "a" * 246,
    "a" * 247,
    "a" * 248,
    "ä" * 122,
    "ä" * 123,
    "a b",
    "a.b",
    "..",
    "日本",
    "a&b",
    "a'b",
]
OWN_ADDRESS: Fragment = {"ips": [{"address": "10.9.0.1/24"}]}
MODES: dict[str, Fragment] = {
    **{mode: {"mode": mode, **OWN_ADDRESS} for mode in ("nat", "route", "open", "isolated")},
    "very-isolated": {"mode": "very-isolated"},
    "bridge": {"mode": "bridge", "bridge": {"name": "br0"}},
    "macvtap": {"mode": "bridge", "forward": {"interfaces": ["eth1"]}},
    **{mode: {"mode": mode, "forward": {"interfaces": ["eth1"]}} for mode in ("private", "vepa", "passthrough")},
    "hostdev": {"mode": "hostdev"},
}
SETTINGS: tuple[Fragment, ...] = (
    {"mac": "52:54:00:00:00:01"},
    {"mtu": 1400},
    {"bridge": {"name": "a"}},
    {"bridge": {"stp": True}},
    {"bridge": {"delay": 0}},
    {"bridge": {"delay": 2}},
    {"bridge": {"zone": "trusted"}},
    {"bridge": {"mac_table_manager": "kernel"}},
    {"domain": {"name": "lab"}},
    {"domain": {"name": "lab", "local_only": True}},
    {"dns": {"hosts": [{"ip": "10.9.0.2", "hostnames": ["a"]}]}},
    {"dns": {"txt": [{"name": "a", "value": "b"}]}},
    {"dns": {"srv": [{"service": "a", "protocol": "tcp"}]}},
    {"dns": {"forwarders": ["192.0.2.1"]}},
    {"dns": {"enable": False}},
    {"dns": {"forward_plain_names": False}},
    {"dnsmasq_options": ["cache-size=0"]},
    {"ipv6": True},
    {"trust_guest_rx_filters": True},
    {"port": {"isolated": True}},
    {"ips": []},
    {"ips": [{"address": "10.8.0.1/24"}]},
    {"routes": [{"to": "10.50.0.0/16", "via": "10.9.0.2"}]},
    {"forward": {"nat": {"ipv6": True}}},
    {"forward": {"nat": {"ports": "1024-2000"}}},
    {"forward": {"interfaces": ["eth1"]}},
    {"forward": {"interfaces": ["eth1", "eth2"]}},
    {"forward": {"pf": "eth3"}},
    {"forward": {"pf": "eth3", "interfaces": []}},
    {"forward": {"managed": True}},
    {"forward": {"driver": {"name": "vfio"}}},
    {"bandwidth": {"inbound": {"average": 100}}},
    {"bandwidth": {"inbound": {"floor": 100}}},
    {"portgroups": [{"name": "a"}]},
    {"portgroups": [{"name": "a", "bandwidth": {"outbound": {"average": 100}}}]},
    *(
        setting
        for kind in ("openvswitch", "802.1Qbg", "802.1Qbh", "midonet")
        for setting in (
            {"virtualport": {"type": kind}},
            {"virtualport": {"type": kind}, "vlan": {"tags": [42]}},
            {"portgroups": [{"name": "a", "virtualport": {"type": kind}, "vlan": {"tags": [42]}}]},
            {"portgroups": [{"name": "a", "vlan": {"tags": [42]}}], "virtualport": {"type": kind}},
            {"portgroups": [{"name": "a", "default": True}], "vlan": {"tags": [42]}, "virtualport": {"type": kind}},
        )
    ),
    {"vlan": {"tags": [42]}},
    {"vlan": {"tags": [{"id": 42, "native_mode": "untagged"}, 43]}},
    {"portgroups": [{"name": "a", "default": True, "virtualport": {"type": "openvswitch"}}], "vlan": {"tags": [42]}},
    {"portgroups": [{"name": "a", "virtualport": {"profileid": "b"}, "vlan": {"tags": [42]}}]},
)


@pytest.fixture(scope="module", autouse=True)
def _loopback(lab: Lab) -> Iterator[None]:
    """A start that fails over a bridge named `lo` makes libvirt 11.3 switch that off."""
    yield
    lab.run("ip", "link", "set", "lo", "up", check=True)


def topology(networks: dict[str, Fragment], state: str = "active") -> Topology:
    said = {name: {**fragment, "state": state} for name, fragment in networks.items()}
    return Topology.model_validate({"version": 1, "name": "test", "networks": said})


def errors(networks: dict[str, Fragment], state: str) -> list[str]:
    return [problem.code for problem in check(topology(networks, state)) if problem.severity is Severity.ERROR]


def refused(host: LabHost, name: str, network: Network, *, start: bool) -> tuple[Stage, str]:
    """Return when libvirt refuses the network, or changes what it says, and the network stays as far as it came."""
    try:
        host.define(codec.new(name, network, None))
    except libvirt.libvirtError as error:
        return Stage.DEFINE, str(error)
    try:
        there = host.config(name)
    except codec.UnreadableXml as error:
        return Stage.DEFINE, str(error)
    if not codec.same(filled(network, there), there):
        return Stage.DEFINE, f"became {there!r}"
    why = started(host, name) if start else ""
    return (Stage.START, why) if why else (Stage.NEVER, "")


def started(host: LabHost, name: str) -> str:
    """Return why the network doesn't start; that the last one's dnsmasq isn't gone yet is waited for."""
    why = ""

    def settled() -> bool:
        nonlocal why
        try:
            host.network(name).create()
        except libvirt.libvirtError as error:
            why = str(error)
            return "Address already in use" not in why
        why = ""
        return True

    eventually(settled)
    return why


def start_tells_of_the_host(host: LabHost, network: Network) -> bool:
    """Return whether more than the file decides over the start: traffic control, firewalld, SR-IOV, VLAN filtering.

    Nor is it in the file which firewall backend there is; only iptables refuses to translate all addresses.
    """
    bandwidth = network.bandwidth != type(network.bandwidth)()
    everything = network.mode == "nat" and any(ip.address.endswith("/0") for ip in network.ips)
    beyond = network.forward.pf or network.bridge.zone or network.bridge.mac_table_manager
    return bandwidth or bool(beyond) or (everything and has_own_table(host.lab))


def lacking(host: LabHost, network: Network) -> bool:
    return any(version > host.release for _, version, _ in requirements(network))


def agree(host: LabHost, name: str, fragment: Fragment) -> None:
    network = topology({name: fragment}).networks[name]
    start = not start_tells_of_the_host(host, network)
    stage, why = refused(host, name, network, start=start)
    if lacking(host, network):
        assert stage is Stage.DEFINE, "an older libvirt takes it after all"
        return
    assert bool(errors({name: fragment}, "inactive")) == (stage is Stage.DEFINE), why
    if start:
        assert bool(errors({name: fragment}, "active")) == (stage is not Stage.NEVER), why


@pytest.mark.parametrize("fragment", ALONE, ids=str)
def test_a_network_is_refused_when_libvirt_would_refuse_it(host: LabHost, fragment: Fragment) -> None:
    agree(host, "one", fragment)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("more", [{}, {"dns": {"enable": False}}], ids=["dns", "silent"])
def test_a_name_is_refused_when_it_can_be_no_file(host: LabHost, name: str, more: Fragment) -> None:
    agree(host, name, {**MODES["open"], **more})


@pytest.mark.parametrize("kind", MODES)
def test_each_mode_takes_what_libvirt_takes(host: LabHost, kind: str) -> None:
    disagreed: list[str] = []
    for setting in SETTINGS:
        fragment = merged(MODES[kind], setting)
        network = topology({"one": fragment}).networks["one"]
        stage, why = refused(host, "one", network, start=False)
        found = errors({"one": fragment}, "inactive")
        if (bool(found) or lacking(host, network)) != (stage is Stage.DEFINE):
            disagreed.append(f"{setting}: {found or 'fine'}, but libvirt says {why or 'fine'}")
        host.clear()
    assert disagreed == []


@pytest.mark.parametrize(("one", "two"), PAIRS, ids=str)
@pytest.mark.parametrize("state", ["active", "inactive"])
def test_two_networks_are_refused_when_libvirt_would_refuse_the_second(
    host: LabHost, one: Fragment, two: Fragment, state: str
) -> None:
    networks = {"one": one, "two": two}
    _, (stage, why) = (
        refused(host, name, network, start=state == "active" and not start_tells_of_the_host(host, network))
        for name, network in topology(networks).networks.items()
    )
    assert bool(errors(networks, state)) == (stage is not Stage.NEVER), why


def merged(one: Fragment, two: Fragment) -> Fragment:
    both: dict[str, Any] = {**one, **two}
    for key in one.keys() & two.keys():
        if isinstance(one[key], dict):
            both[key] = merged(one[key], two[key])
    return both
