"""The rules over several values: each finds its mistake at its place, and leaves alone what is merely odd."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from netreconcile.checks import check, requirements
from netreconcile.errors import Severity
from netreconcile.model import Network, Topology

if TYPE_CHECKING:
    from netreconcile.errors import Path, Problem

Fragment = dict[str, Any]
UUID = "7e2a1c0e-7d4f-4a55-9d0b-0d6c5a3b9f10"
MAC = "52:54:00:00:00:10"


def nat(*addresses: str, **more: object) -> Fragment:
    return {"mode": "nat", "ips": [{"address": address} for address in addresses or ("10.9.0.1/24",)], **more}


def dhcp(address: str = "10.9.0.1/24", /, **served: object) -> Fragment:
    return {"mode": "isolated", "ips": [{"address": address, "dhcp": served}]}


def dns(**said: object) -> Fragment:
    return nat(dns=said)


def mode(name: str, **more: object) -> Fragment:
    return {"mode": name, **more}


def problems(*networks: Fragment, names: tuple[str, ...] = ("one", "two")) -> list[Problem]:
    data = {"version": 1, "name": "test", "networks": dict(zip(names, networks, strict=False))}
    return list(check(Topology.model_validate(data)))


def found(*networks: Fragment, names: tuple[str, ...] = ("one", "two")) -> list[tuple[str, Path, Severity]]:
    return [(problem.code, problem.path[1:], problem.severity) for problem in problems(*networks, names=names)]


RANGE = ("ips", 0, "dhcp", "ranges", 0)
HOST = ("ips", 0, "dhcp", "hosts", 0)
BOOTP = ("ips", 0, "dhcp", "bootp")

REFUSED_AT_DEFINE: tuple[tuple[Fragment, str, Path], ...] = (
    (mode("bridge", bridge="br0", mac=MAC), "refused-by-mode", ("mac",)),
    (mode("bridge", bridge="br0", mtu=9000), "refused-by-mode", ("mtu",)),
    (mode("bridge", bridge={"name": "br0", "stp": False}), "refused-by-mode", ("bridge", "stp")),
    (mode("bridge", bridge={"name": "br0", "delay": 0}), "refused-by-mode", ("bridge", "delay")),
    (mode("bridge", bridge={"name": "br0", "zone": "trusted"}), "refused-by-mode", ("bridge", "zone")),
    (mode("private", bridge="br0", forward={"dev": "eth1"}), "refused-by-mode", ("bridge", "name")),
    (mode("bridge", bridge="br0", domain="lab"), "refused-by-mode", ("domain",)),
    (
        mode("bridge", bridge="br0", dns={"hosts": [{"ip": "10.0.0.1", "hostnames": ["a"]}]}),
        "refused-by-mode",
        ("dns", "hosts"),
    ),
    (mode("very-isolated", ips=[{"address": "10.9.0.1/24"}]), "refused-by-mode", ("ips",)),
    (
        mode("route", ips=[{"address": "10.9.0.1/24"}], forward={"nat": {"ipv6": True}}),
        "refused-by-mode",
        ("forward", "nat"),
    ),
    (
        mode("open", ips=[{"address": "10.9.0.1/24"}], forward={"dev": "eth1"}),
        "refused-by-mode",
        ("forward", "interfaces"),
    ),
    (mode("very-isolated", forward={"pf": "eth1"}), "refused-by-mode", ("forward", "pf")),
    (nat(forward={"addresses": ["0000:03:10.0"]}), "refused-by-mode", ("forward", "addresses")),
    (nat(forward={"managed": True}), "refused-by-mode", ("forward", "managed")),
    (nat(forward={"driver": {"model": "mlx5_vfio_pci"}}), "refused-by-mode", ("forward", "driver", "model")),
    (
        mode("private", forward={"dev": "eth1"}, bandwidth={"inbound": {"average": 1}}),
        "refused-by-mode",
        ("bandwidth",),
    ),
    (mode("nat"), "address-missing", ("mode",)),
    (mode("isolated"), "address-missing", ("mode",)),
    (nat(forward={"interfaces": ["eth1", "eth2"]}), "forward-interfaces", ("forward", "interfaces", 1)),
    (mode("private", forward={"dev": "eth1", "pf": "eth2"}), "forward-pools", ("forward", "pf")),
    (mode("bridge", bridge="br0", forward={"dev": "eth1"}), "forward-and-bridge", ("forward", "interfaces")),
    (mode("private", forward={"interfaces": ["eth1", "eth1"]}), "forward-duplicate", ("forward", "interfaces", 1)),
    (nat(forward={"nat": {"addresses": "1.0.0.2-1.1.0.2"}}), "nat-addresses", ("forward", "nat", "addresses")),
    (nat(bridge="virbr%d"), "bridge-name-template", ("bridge", "name")),
    (nat(vlan={"tags": [42]}), "vlan-refused", ("vlan",)),
    (
        mode(
            "passthrough",
            forward={"dev": "eth1"},
            portgroups=[{"name": "a", "virtualport": "802.1Qbh", "vlan": {"tags": [42]}}],
        ),
        "vlan-refused",
        ("portgroups", 0, "vlan"),
    ),
    (mode("bridge", bridge="br0", vlan={"trunk": True}), "vlan-tags", ("vlan",)),
    (
        mode(
            "bridge",
            bridge="br0",
            vlan={"tags": [{"id": 1, "native_mode": "tagged"}, {"id": 2, "native_mode": "tagged"}]},
        ),
        "vlan-native",
        ("vlan", "tags", 1, "native_mode"),
    ),
    (
        mode("bridge", bridge="br0", vlan={"tags": [{"id": 1, "native_mode": "tagged"}, 1]}),
        "vlan-duplicate",
        ("vlan", "tags", 1),
    ),
    (mode("private", forward={"dev": "eth1"}, virtualport={"profileid": "a"}), "virtualport-type", ("virtualport",)),
    (
        mode("private", forward={"dev": "eth1"}, virtualport={"type": "802.1Qbg", "profileid": "a"}),
        "virtualport-parameter",
        ("virtualport", "profileid"),
    ),
    (
        mode("bridge", bridge="br0", virtualport={"type": "openvswitch", "profileid": "ä" * 20}),
        "virtualport-profile",
        ("virtualport", "profileid"),
    ),
    (nat(portgroups=[{"name": "a"}, {"name": "a"}]), "portgroup-name", ("portgroups", 1, "name")),
    (
        nat(portgroups=[{"name": "a", "default": True}, {"name": "b", "default": True}]),
        "portgroup-default",
        ("portgroups", 1, "default"),
    ),
    (nat(bandwidth={"inbound": {"average": 1, "floor": 1}}), "bandwidth-floor", ("bandwidth", "inbound", "floor")),
    (nat(bandwidth={"outbound": {"peak": 1}}), "bandwidth-average", ("bandwidth", "outbound")),
    (
        mode(
            "isolated",
            ips=[
                {"address": "10.8.0.1/24", "dhcp": {"ranges": ["10.8.0.2-10.8.0.9"]}},
                {"address": "10.9.0.1/24", "dhcp": {"hosts": [{"name": "a", "ip": "10.9.0.2"}]}},
            ],
        ),
        "dhcp-twice",
        ("ips", 1, "dhcp"),
    ),
    (dhcp(ranges=[{"start": "10.9.0.2", "end": "fd00::2"}]), "range-family", (*RANGE, "end")),
    (dhcp(ranges=["10.9.0.9-10.9.0.2"]), "range-backwards", RANGE),
    (dhcp(ranges=["10.9.0.2-10.9.1.2"]), "range-outside-subnet", (*RANGE, "end")),
    (dhcp(ranges=["10.9.0.0-10.9.0.2"]), "range-subnet-address", (*RANGE, "start")),
    (dhcp(ranges=["10.9.0.2-10.9.0.255"]), "range-broadcast-address", (*RANGE, "end")),
    (dhcp("10.0.0.1/8", ranges=["10.0.0.2-10.1.0.2"]), "range-too-large", RANGE),
    (dhcp("fd00::1/64", ranges=["fd00::ffff-fd00::1:0"]), "range-too-large", RANGE),
    (dhcp("fd00::1/64", hosts=[{"mac": MAC, "name": "a", "ip": "fd00::2"}]), "reservation-mac-ipv6", (*HOST, "mac")),
    (dhcp(hosts=[{"ip": "10.9.0.2"}]), "reservation-client", HOST),
    (dhcp("fd00::1/64", hosts=[{"ip": "fd00::2"}]), "reservation-client", HOST),
    (dhcp(hosts=[{"name": "_a", "ip": "10.9.0.2"}]), "reservation-name", (*HOST, "name")),
    (mode("isolated", ips=[{"address": "fd00::1/64", "tftp": "/srv"}]), "tftp-ipv6", ("ips", 0, "tftp")),
    (dhcp("fd00::1/64", ranges=["fd00::2-fd00::9"], bootp="a"), "bootp-ipv6", BOOTP),
    (dhcp(ranges=["10.9.0.2-10.9.0.9"], bootp={"server": "10.9.0.1"}), "bootp-file", BOOTP),
    (dhcp(bootp="pxelinux.0"), "bootp-without-dhcp", BOOTP),
    (nat(routes=[{"to": "10.50.0.0/16", "via": "fd00::2"}]), "route-family", ("routes", 0, "via")),
    (nat(routes=[{"to": "10.50.0.0/16", "via": "10.8.0.2"}]), "route-gateway", ("routes", 0, "via")),
    (nat(domain={"local_only": True}), "domain-name", ("domain",)),
    (nat(domain={"name": "lab", "register": True}), "domain-register", ("domain", "register")),
    (dns(enable=False, forwarders=["192.0.2.1"]), "dns-disabled", ("dns", "forwarders")),
    (dns(forwarders=[{"domain": None}]), "forwarder-address", ("dns", "forwarders", 0)),
    (dns(hosts=[{"ip": "10.9.0.2"}]), "dns-host-name", ("dns", "hosts", 0)),
    (dns(txt=[{"name": "a b", "value": "c"}]), "txt-name", ("dns", "txt", 0, "name")),
    (dns(txt=[{"name": "a"}]), "txt-value", ("dns", "txt", 0)),
    (dns(srv=[{"service": "a.b", "protocol": "tcp"}]), "srv-service", ("dns", "srv", 0, "service")),
    (dns(srv=[{"service": "a", "protocol": "_tcp"}]), "srv-protocol", ("dns", "srv", 0, "protocol")),
    (dns(srv=[{"service": "a", "protocol": "tcp", "port": 80}]), "srv-target", ("dns", "srv", 0)),
)

REFUSED_AT_START: tuple[tuple[Fragment, str, Path], ...] = (
    (nat(bridge="bridge-of-sixteen"), "device-name-too-long", ("bridge", "name")),
    (nat(bridge="br/0"), "bridge-name", ("bridge", "name")),
    (nat(bridge="br%s"), "bridge-name", ("bridge", "name")),
    (nat(bridge="brà"), "bridge-name", ("bridge", "name")),
    (nat(bridge="lo"), "bridge-name", ("bridge", "name")),
    (nat(forward={"dev": "interface-of-21-bytes"}), "device-name-too-long", ("forward", "interfaces", 0)),
    (nat(forward={"nat": {"ports": "5000-5000"}}), "nat-ports", ("forward", "nat", "ports")),
    (nat("10.9.0.1/255.0.255.0"), "netmask", ("ips", 0, "address")),
    (nat("10.9.0.1/0.0.0.255"), "netmask", ("ips", 0, "address")),
    (nat("10.9.0.1/24", "10.9.0.1/24"), "address-duplicate", ("ips", 1, "address")),
    (
        mode("isolated", ips=[{"address": "fd00::1/64"}, {"address": "fd00::1/80"}]),
        "address-duplicate",
        ("ips", 1, "address"),
    ),
    (mode("isolated", ips=[{"address": "ff02::1/64"}]), "address-special", ("ips", 0, "address")),
    (
        mode("isolated", ips=[{"address": "10.9.0.1/20", "local_ptr": True}]),
        "local-ptr-prefix",
        ("ips", 0, "local_ptr"),
    ),
    (
        mode("isolated", ips=[{"address": "fd00::1/126", "local_ptr": True}]),
        "local-ptr-prefix",
        ("ips", 0, "local_ptr"),
    ),
    (nat("0.0.0.0/0"), "address-prefix", ("ips", 0, "address")),
    (nat(mtu=67), "mtu", ("mtu",)),
    (mode("isolated", mtu=1279, ips=[{"address": "fd00::1/64"}]), "mtu", ("mtu",)),
    (nat(mac="00:00:00:00:00:00"), "mac", ("mac",)),
    (dhcp("fd00::1/63", ranges=["fd00::2-fd00::9"]), "dhcp-prefix", ("ips", 0, "dhcp")),
    (dns(txt=[{"name": "a", "value": 'a"b'}]), "dnsmasq-quote", ("dns", "txt", 0)),
    (nat(dnsmasq_options=['dhcp-option=67,"a']), "dnsmasq-quote", ("dnsmasq_options", 0)),
    (nat(domain="läb"), "dns-name", ("domain", "name")),
    (nat(domain="a" * 64), "dns-name", ("domain", "name")),
    (dns(srv=[{"service": "a" * 63, "protocol": "tcp"}]), "dns-name", ("dns", "srv", 0)),
    (dns(srv=[{"service": "a", "protocol": "tcp", "target": "b,c"}]), "dns-comma", ("dns", "srv", 0, "target")),
)

UNDERSTOOD_OTHERWISE: tuple[tuple[Fragment, str, Path], ...] = (
    (dns(txt=[{"name": "a", "value": "b" * 1011 + "conf-script=/x"}]), "dnsmasq-line", ("dns", "txt", 0)),
    (nat(domain="a." * 600), "dnsmasq-line", ("domain", "name")),
    (nat(dnsmasq_options=["#" + "a" * 1024]), "dnsmasq-line", ("dnsmasq_options", 0)),
    (nat(dns={"enable": False}, dnsmasq_options=["é" * 513]), "dnsmasq-line", ("dnsmasq_options", 0)),
    (
        mode("isolated", ips=[{"address": "10.9.0.1/24", "tftp": "/" * 1015}]),
        "dnsmasq-line",
        ("ips", 0, "tftp", "root"),
    ),
)
"""What could make dnsmasq run a program: `tests/real/test_permissions.py` shows it."""

MISTAKES: tuple[tuple[Fragment, str, Path], ...] = (
    (mode("bridge", bridge="br0", dnsmasq_options=["cache-size=0"]), "ignored-by-mode", ("dnsmasq_options",)),
    (mode("very-isolated", domain="lab"), "ignored-by-mode", ("domain",)),
    (mode("private", forward={"dev": "eth1"}, port={"isolated": True}), "ignored-by-mode", ("port",)),
    (nat(forward={"pf": "eth1"}), "ignored-by-mode", ("forward", "pf")),
    (nat(dns={"enable": False}, dnsmasq_options=["no-resolv"]), "dnsmasq-not-running", ("dnsmasq_options",)),
    (mode("bridge"), "pool-empty", ("mode",)),
    (mode("hostdev"), "pool-empty", ("mode",)),
    (mode("bridge", bridge="bridge-of-sixteen"), "device-name-too-long", ("bridge", "name")),
    (nat("10.9.0.1/24", "fd00::1/64"), "nat-ipv6-routed", ("mode",)),
    (nat(forward={"nat": {"ipv6": True}}), "nat-ipv6-unused", ("forward", "nat", "ipv6")),
    (nat(virtualport="openvswitch"), "virtualport-mode", ("virtualport",)),
    (mode("bridge", bridge="br0", virtualport="802.1Qbg"), "virtualport-mode", ("virtualport",)),
    (mode("passthrough", forward={"dev": "eth1"}, vlan={"tags": [1, 2]}), "vlan-trunk", ("vlan",)),
    (mode("bridge", bridge="br0", vlan={"tags": [1, 1]}), "vlan-duplicate", ("vlan", "tags", 1)),
    (nat(bandwidth={"inbound": {"average": 2, "peak": 1}}), "bandwidth-peak", ("bandwidth", "inbound", "peak")),
    (nat("127.5.0.1/24"), "address-special", ("ips", 0, "address")),
    (nat("240.0.0.1/24"), "address-special", ("ips", 0, "address")),
    (nat("10.9.0.0/24"), "address-of-subnet", ("ips", 0, "address")),
    (nat("10.9.0.255/24"), "address-of-subnet", ("ips", 0, "address")),
    (nat("10.9.0.2/31"), "address-of-subnet", ("ips", 0, "address")),
    (nat("10.9.0.1/24", "10.9.0.1/25"), "address-duplicate", ("ips", 1, "address")),
    (nat("10.9.0.1/24", "10.9.1.1/16"), "subnet-overlaps", ("ips", 1, "address")),
    (dhcp(ranges=["10.9.0.1-10.9.0.9"]), "range-contains-gateway", RANGE),
    (dhcp(ranges=["10.9.0.2-10.9.0.9", "10.9.0.9-10.9.0.12"]), "range-overlaps", (*RANGE[:-1], 1)),
    (
        dhcp(hosts=[{"mac": MAC, "ip": "10.9.0.2"}, {"mac": MAC, "ip": "10.9.0.3"}]),
        "reservation-mac",
        (*HOST[:-1], 1, "mac"),
    ),
    (
        dhcp(hosts=[{"mac": MAC, "ip": "10.9.0.2"}, {"name": "a", "ip": "10.9.0.2"}]),
        "reservation-ip",
        (*HOST[:-1], 1, "ip"),
    ),
    (dhcp(hosts=[{"name": "a", "ip": "10.8.0.2"}]), "reservation-outside-subnet", (*HOST, "ip")),
    (dhcp(hosts=[{"name": "a", "ip": "10.9.0.1"}]), "reservation-of-gateway", (*HOST, "ip")),
    (dhcp(hosts=[{"name": "a", "ip": "10.9.0.0"}]), "reservation-of-subnet", (*HOST, "ip")),
    (dhcp(hosts=[{"name": "a b", "ip": "10.9.0.2"}]), "reservation-ignored", (*HOST, "name")),
    (dhcp(hosts=[{"name": "12h", "ip": "10.9.0.2"}]), "reservation-ignored", (*HOST, "name")),
    (dhcp(hosts=[{"name": "a", "id": "00:03", "ip": "10.9.0.2"}]), "reservation-id-ipv4", (*HOST, "id")),
    (dhcp(ranges=["10.9.0.2-10.9.0.9"], bootp="a,b"), "bootp-comma", (*BOOTP, "file")),
    (mode("isolated", ips=[{"address": "10.9.0.1/24", "tftp": "srv"}]), "tftp-relative", ("ips", 0, "tftp", "root")),
    (nat(routes=[{"to": "10.9.0.0/24", "via": "10.9.0.2"}]), "route-to-own-subnet", ("routes", 0, "to")),
    (nat(routes=[{"to": "10.50.0.0/16", "via": "10.9.0.1"}]), "route-to-self", ("routes", 0, "via")),
    (nat(routes=[{"to": "0.0.0.0/0", "via": "10.9.0.2"}]), "route-default", ("routes", 0, "to")),
    (
        nat(routes=[{"to": "10.50.0.0/16", "via": f"10.9.0.{n}"} for n in (2, 3)]),
        "route-duplicate",
        ("routes", 1, "to"),
    ),
    (dns(forwarders=["10.9.0.1"]), "forwarder-loop", ("dns", "forwarders", 0, "addr")),
    (dns(hosts=[{"ip": "10.9.0.2", "hostnames": ["ä"]}]), "dns-host-ignored", ("dns", "hosts", 0, "hostnames", 0)),
    (dns(hosts=[{"ip": "10.9.0.2", "hostnames": ["a b"]}]), "dns-host-space", ("dns", "hosts", 0, "hostnames", 0)),
    (dns(hosts=[{"ip": "10.9.0.2", "hostnames": [n]} for n in "ab"]), "dns-host-duplicate", ("dns", "hosts", 1, "ip")),
    (nat(domain="a,b"), "dns-comma", ("domain", "name")),
    (dns(srv=[{"service": "a", "protocol": "tcp", "domain": "b,c"}]), "dns-comma", ("dns", "srv", 0, "domain")),
    (dns(srv=[{"service": "a", "protocol": "tcp", "target": "b,80"}]), "dns-comma", ("dns", "srv", 0, "target")),
)

FINE: tuple[Fragment, ...] = (
    nat(),
    nat(domain={"name": "lab", "local_only": True}, dnsmasq_options=["address=/apps.lab/10.9.0.9"]),
    nat("10.9.0.1/24", "10.9.0.2/24", "10.9.0.3/32", "192.0.2.1/31"),
    nat(portgroups=[{"name": "Trunk Core"}], port={"isolated": True}),
    nat(virtualport={}, vlan={}, dns={}, bandwidth={}),
    nat("fd00::1/64", forward={"nat": {"ipv6": True}}),
    mode("open", ips=[{"address": "2620:cf:cf:fc00::1/64"}], dns={"enable": False}),
    mode("open"),
    mode("open", bridge={"zone": "trusted"}, ips=[{"address": "10.9.0.1/24"}]),
    mode("very-isolated", bridge={"name": "l00-s0", "stp": False, "delay": 0}, mtu=9216, dns={"enable": False}),
    mode("bridge", bridge="br0"),
    mode("bridge", bridge="ovsbr0", virtualport="openvswitch", portgroups=[{"name": "a", "vlan": {"tags": [1, 2]}}]),
    mode("bridge", bridge="br0", vlan={"tags": [42]}),
    mode("bridge", forward={"interfaces": ["eth1", "eth2"]}, trust_guest_rx_filters=True),
    mode("passthrough", forward={"pf": "eth1"}, vlan={"tags": [42]}),
    mode("hostdev", forward={"pf": "eth1", "managed": True, "driver": "vfio"}),
    mode("isolated", ips=[{"address": "10.9.0.1/20", "local_ptr": True}], dns={"enable": False}),
    mode("isolated", ips=[{"address": "10.9.0.1/24", "tftp": "/srv"}]),
    dhcp(ranges=["10.9.0.2-10.9.0.254"], hosts=[{"mac": MAC, "name": "web", "ip": "10.9.0.10"}]),
    dhcp("10.0.0.1/8", ranges=["10.1.0.0-10.1.255.255"]),
    dhcp("10.0.0.1/8", ranges=["10.0.255.255-10.1.0.0"]),
    dhcp("fd00::1/120", ranges=["fd00::2-fd00::ff"], hosts=[{"id": "0:3:0:1", "ip": "fd00::9"}]),
    dhcp("192.0.2.1/30", hosts=[{"name": "run", "ip": "192.0.2.2"}]),
    dns(hosts=[{"ip": f"10.9.0.{n}", "hostnames": ["api", "*.apps"]} for n in (2, 3)]),
    nat(dnsmasq_options=["#", 'txt-record=a,"b \\" #" # "', "auth-server=a,"]),
    dns(txt=[{"name": "a", "value": "b, c"}, {"name": "a", "value": ""}], srv=[{"service": "a", "protocol": "sctp"}]),
    dns(forwarders=[{"domain": "apps.lab"}, {"addr": "127.0.0.1"}]),
    nat(routes=[{"to": "10.64.0.0/12", "via": "10.9.0.2", "metric": 5}]),
)
"""What operators really write; `scenarios` of real projects are among it."""


ALWAYS = [*REFUSED_AT_DEFINE, *UNDERSTOOD_OTHERWISE]


@pytest.mark.parametrize(("fragment", "code", "path"), ALWAYS, ids=str)
def test_what_libvirt_refuses_loses_or_does_harm_with_is_an_error_always(
    fragment: Fragment, code: str, path: Path
) -> None:
    for state in ("active", "inactive"):
        assert (code, ("one", *path), Severity.ERROR) in found({**fragment, "state": state})


@pytest.mark.parametrize(("fragment", "code", "path"), REFUSED_AT_START, ids=str)
def test_what_fails_at_start_is_an_error_for_networks_that_start(fragment: Fragment, code: str, path: Path) -> None:
    assert (code, ("one", *path), Severity.ERROR) in found(fragment)
    inactive = found({**fragment, "state": "inactive"})
    assert (code, ("one", *path), Severity.WARNING) in inactive
    assert all(severity is Severity.WARNING for _, _, severity in inactive)


@pytest.mark.parametrize(("fragment", "code", "path"), MISTAKES, ids=str)
def test_what_is_legal_and_looks_like_a_mistake_is_a_warning(fragment: Fragment, code: str, path: Path) -> None:
    findings = found(fragment)
    assert (code, ("one", *path), Severity.WARNING) in findings
    assert all(severity is Severity.WARNING for _, _, severity in findings)


@pytest.mark.parametrize("fragment", FINE, ids=str)
def test_what_operators_really_write_is_left_alone(fragment: Fragment) -> None:
    assert problems(fragment) == []


def test_a_network_that_must_not_exist_is_free() -> None:
    assert problems({"mode": "nat", "state": "absent"}, nat(bridge="a b", state="absent")) == []


@pytest.mark.parametrize(("fragment", "code", "path"), [*ALWAYS, *REFUSED_AT_START, *MISTAKES], ids=str)
def test_every_finding_tells_what_to_do(fragment: Fragment, code: str, path: Path) -> None:
    problem = next(problem for problem in problems(fragment) if (problem.code, problem.path[2:]) == (code, path))
    assert problem.hint
    assert not problem.message.endswith(".")


@pytest.mark.parametrize(
    ("name", "fragment", "code"),
    [
        ("", nat(), "network-name"),
        ("a/b", nat(), "network-name"),
        ("a" * 248, mode("very-isolated"), "network-name-too-long"),
        ("ä" * 123, nat(), "network-name-too-long"),
        ("driver", nat(), "network-name-driver"),
    ],
)
def test_a_name_that_can_be_no_file_is_found(name: str, fragment: Fragment, code: str) -> None:
    assert [problem.code for problem in problems(fragment, names=(name,))] == [code]


def test_a_long_name_is_fine_where_no_dnsmasq_runs() -> None:
    assert problems(mode("very-isolated"), names=("a" * 247,)) == []
    assert problems(nat(dns={"enable": False}), names=("a" * 247,)) == []


ROUTED = nat("10.8.0.1/24", routes=[{"to": "10.50.0.0/24", "via": "10.8.0.2"}])

TOGETHER: tuple[tuple[Fragment, Fragment, str, Path, Severity], ...] = (
    (nat(uuid=UUID), nat("10.8.0.1/24", uuid=UUID), "uuid-shared", ("uuid",), Severity.ERROR),
    (nat(bridge="a"), nat("10.8.0.1/24", bridge="a"), "bridge-shared", ("bridge", "name"), Severity.ERROR),
    (nat(bridge="a"), mode("bridge", bridge="a"), "bridge-shared", ("bridge", "name"), Severity.WARNING),
    (nat(mac=MAC), nat("10.8.0.1/24", mac=MAC), "mac-shared", ("mac",), Severity.WARNING),
    (nat(), nat("10.9.0.2/24"), "subnet-shared", ("ips", 0, "address"), Severity.ERROR),
    (ROUTED, nat("10.50.0.1/24"), "subnet-shared", ("ips", 0, "address"), Severity.ERROR),
    (nat("10.50.0.1/24"), ROUTED, "subnet-shared", ("routes", 0, "to"), Severity.ERROR),
    (
        nat(routes=[{"to": "10.50.0.0/24", "via": "10.9.0.2", "metric": 9}]),
        ROUTED,
        "subnet-shared",
        ("routes", 0, "to"),
        Severity.ERROR,
    ),
    (
        mode("open", ips=[{"address": "fd00::1/64"}]),
        mode("open", ips=[{"address": "fd00::2/64"}]),
        "subnet-shared",
        ("ips", 0, "address"),
        Severity.WARNING,
    ),
    (nat(), nat("10.9.0.1/16"), "address-shared", ("ips", 0, "address"), Severity.ERROR),
    (nat(), nat("10.9.0.1/16", dns={"enable": False}), "address-shared", ("ips", 0, "address"), Severity.WARNING),
    (nat("10.9.1.1/16"), nat(), "subnet-overlaps", ("ips", 0, "address"), Severity.WARNING),
    (nat(), nat("10.9.1.1/16"), "subnet-overlaps", ("ips", 0, "address"), Severity.WARNING),
    (
        mode("passthrough", forward={"dev": "eth1"}),
        mode("hostdev", forward={"pf": "eth1"}),
        "device-shared",
        ("forward", "pf"),
        Severity.WARNING,
    ),
)


@pytest.mark.parametrize(("one", "two", "code", "path", "severity"), TOGETHER, ids=str)
def test_networks_that_get_in_each_others_way(
    one: Fragment, two: Fragment, code: str, path: Path, severity: Severity
) -> None:
    assert found(one, two) == [(code, ("two", *path), severity)]


def test_an_inactive_network_may_wait_for_the_subnet_but_not_for_the_bridge_name() -> None:
    waiting = nat(bridge="a", state="inactive")
    assert [(code, severity) for code, _, severity in found(nat(bridge="a"), waiting)] == [
        ("bridge-shared", Severity.ERROR),
        ("subnet-shared", Severity.WARNING),
    ]


def test_an_active_rival_counts_more_than_an_inactive_one() -> None:
    rivals = (nat(state="inactive"), nat(), nat())
    assert [(path[0], severity) for _, path, severity in found(*rivals, names=("a", "b", "c"))] == [
        ("b", Severity.WARNING),
        ("c", Severity.ERROR),
    ]


@pytest.mark.parametrize(
    ("one", "two"),
    [
        (nat(bridge="a"), nat("10.8.0.1/24", bridge="b")),
        (mode("bridge", bridge="br0"), mode("bridge", bridge="br0")),
        (mode("private", forward={"dev": "eth1"}), mode("bridge", forward={"dev": "eth1"})),
        (nat("10.9.0.1/24", "fe80::1/64"), nat("10.8.0.1/24", "fe80::1/64")),
        (nat(routes=[{"to": "10.0.0.0/8", "via": "10.9.0.2"}]), nat("10.8.0.1/24")),
        (nat(uuid=UUID, state="absent"), nat(uuid=UUID)),
    ],
    ids=str,
)
def test_networks_that_get_on_with_each_other(one: Fragment, two: Fragment) -> None:
    assert problems(one, two) == []


@pytest.mark.parametrize(
    ("fragment", "needed"),
    [
        (nat(), []),
        (nat(title="a"), [(("title",), (9, 7, 0))]),
        (mode("hostdev", forward={"driver": {"model": "a"}}), [(("forward", "driver", "model"), (10, 0, 0))]),
        (nat(domain={"name": "a", "local_only": True, "register": True}), [(("domain", "register"), (10, 1, 0))]),
        (dns(forwarders=[{"addr": "192.0.2.1", "port": 5353}]), [(("dns", "forwarders", 0, "port"), (12, 0, 0))]),
        (mode("open"), [(("mode",), (10, 8, 0))]),
        (dhcp("10.0.0.1/8", ranges=["10.0.0.2-10.1.0.1"]), [(RANGE, (11, 3, 0))]),
        (nat(forward={"nat": {"addresses": "1.0.255.255-1.1.0.0"}}), [(("forward", "nat", "addresses"), (11, 3, 0))]),
        (mode("bridge", bridge="br0", vlan={"tags": [42]}), [(("vlan",), (11, 0, 0))]),
        (
            mode("bridge", bridge="br0", portgroups=[{"name": "a", "vlan": {"tags": [42]}}]),
            [(("portgroups", 0, "vlan"), (11, 0, 0))],
        ),
        (mode("bridge", bridge="br0", virtualport="openvswitch", vlan={"tags": [42]}), []),
        (mode("passthrough", forward={"dev": "eth1"}, vlan={"tags": [42]}), []),
    ],
    ids=str,
)
def test_what_older_releases_lack_is_a_requirement(fragment: Fragment, needed: list[tuple[Path, object]]) -> None:
    network = Network.model_validate(fragment)
    assert [(path, version) for path, version, _ in requirements(network)] == needed


MANY = 200
"""So many that a message for each pair would be thousands."""


def many_networks() -> list[Fragment]:
    """Return networks that want one bridge, and subnets that lie in each other."""
    return [nat(f"10.{i}.0.1/{8 + i % 8}", bridge="br1", dns={"enable": i % 2 == 0}) for i in range(MANY)]


def test_what_is_wrong_between_many_is_told_once_for_each() -> None:
    networks = many_networks()
    names = tuple(f"n{i}" for i in range(MANY))
    told = Counter((problem.code, problem.path) for problem in problems(*networks, names=names))
    assert max(told.values()) == 1
    assert len([code for code, _ in told if code == "bridge-shared"]) == MANY - 1
    assert len([code for code, _ in told if code == "subnet-overlaps"]) > MANY / 2
    ips: list[Fragment] = [ip for network in networks for ip in network["ips"]]
    ranges = [f"10.0.{i}.2-10.0.{i + 2}.1" for i in range(MANY)]
    one = {"mode": "nat", "ips": [{**ips[0], "dhcp": {"ranges": ranges}}, *ips[1:]]}
    told = Counter((problem.code, problem.path) for problem in problems(one))
    assert max(told.values()) == 1
    assert len([code for code, _ in told if code == "range-overlaps"]) == MANY - 1


@pytest.mark.parametrize("state", ["active", "inactive"])
def test_the_first_network_that_makes_it_an_error_is_named(state: str) -> None:
    mild = mode("very-isolated", bridge="br1", state=state)
    host_bridge = mode("bridge", bridge="br1")
    networks = [host_bridge] * 5 + [{**mild}] * 5
    names = tuple(f"n{i}" for i in range(10))
    found = [str(problem) for problem in problems(*networks, names=names)]
    assert "n0 has the bridge 'br1' already" in found[0]
    assert all("n5 has the bridge 'br1' already" in text for text in found[1:])
    assert len(found) == 5


def test_long_lists_of_allowed_subnets_are_shown_in_part() -> None:
    allowed = [f"172.16.{i}.0/24" for i in range(200)]
    data = {"version": 1, "name": "test", "policy": {"allowed_subnets": allowed}, "networks": {"n": nat()}}
    (problem,) = check(Topology.model_validate(data))
    assert problem.hint.startswith("allowed: 172.16.0.0/24, 172.16.1.0/24, ")
    assert problem.hint.endswith(", …")
    data["networks"] = {"n": nat("172.16.7.1/25"), "o": nat("172.16.9.1/24")}
    assert list(check(Topology.model_validate(data))) == []


def test_a_long_name_that_is_not_ascii_is_told_without_its_spelling_in_ascii() -> None:
    (problem,) = (each for each in problems(nat(domain="é" * 300)) if each.code == "dns-name")
    assert problem.hint == "write it as ASCII"
