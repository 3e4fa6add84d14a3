"""Every field of a topology on a real network: its change has the impact that the documentation promises, and lasts.

A row of `ROWS` is one network before and after a change of some fields. What this kernel or host can't start is
checked on a network that is only defined.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from netreconcile.binding import bindings
from netreconcile.loader import load
from netreconcile.model import Element, Network
from tests.conftest import NOTHING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import LabHost

pytestmark = pytest.mark.worlds

Said = dict[str, Any]
BRIDGE = "virbr-t"
PERMISSIONS = ("--allow-dnsmasq-options", "--allow-tftp-root")
OPEN: Said = {"mode": "open", "bridge": BRIDGE, "ips": [{"address": "10.1.0.1/24"}]}
NAT: Said = {**OPEN, "mode": "nat"}
LAN: Said = {"mode": "bridge", "bridge": "br0"}
SWITCH: Said = {**LAN, "virtualport": "openvswitch"}
POOL: Said = {"mode": "passthrough", "forward": {"interfaces": ["eth1", "eth2"]}}
FUNCTIONS: Said = {"mode": "hostdev", "forward": {"pf": "eth3"}}
RANGE = "10.1.0.10-10.1.0.20"
MAC = "52:54:00:00:00:01"
HOST: Said = {"mac": MAC, "name": "web", "ip": "10.1.0.2"}
SRV: Said = {"service": "ldap", "protocol": "tcp", "domain": "lab.test", "target": "a.lab.test", "port": 389}
ONE, OTHER = "a1f0c5c8-3ab7-4f6e-8f0f-7d3c3a6c7f01", "a1f0c5c8-3ab7-4f6e-8f0f-7d3c3a6c7f02"
QBG: Said = {"type": "802.1Qbg", "managerid": 1, "typeid": 2, "typeidversion": 3, "instanceid": ONE}
OTHER_QBG: Said = {"type": "802.1Qbg", "managerid": 4, "typeid": 5, "typeidversion": 6, "instanceid": OTHER}
QBG_FIELDS = "{0}.managerid {0}.typeid {0}.typeidversion {0}.instanceid"
RATES: Said = {
    "inbound": {"average": 1000, "peak": 2000, "burst": 512},
    "outbound": {"average": 1001, "peak": 2001, "burst": 513},
}
RATE_FIELDS = " ".join(
    f"{{0}}.{way}.{name}" for way in ("inbound", "outbound") for name in ("average", "peak", "burst")
)


@dataclass(frozen=True, slots=True)
class Row:
    """Fields, the network before and after they change, and the impact.

    The impact `none` is that of networks that are only defined, and of values without an effect on a running one.
    """

    fields: str
    before: Said
    after: Said
    impact: str
    active: bool = True

    def __str__(self) -> str:
        return f"{self.fields.split()[0]}-{self.impact}{'' if self.active else '-inactive'}"

    def networks(self, said: Said) -> dict[str, Said]:
        """Return the networks of the topology."""
        return {"t": said if self.active else {**said, "state": "inactive"}}


def group(**said: Any) -> Said:
    return {"portgroups": [{"name": "fast", **said}]}


def dhcp(**said: Any) -> Said:
    return {"ips": [{"address": "10.1.0.1/24", "dhcp": said}]}


ROWS = (
    Row("mode", {**OPEN, "mode": "isolated"}, OPEN, "restart"),
    Row("mode", OPEN, {**OPEN, "mode": "route"}, "restart"),
    Row("mode ips.address", {"mode": "very-isolated", "bridge": BRIDGE}, OPEN, "restart"),
    Row("mode bridge.name", {"mode": "very-isolated", "bridge": BRIDGE, "mac": MAC}, LAN, "restart"),
    Row("uuid", {**OPEN, "uuid": ONE}, {**OPEN, "uuid": OTHER}, "restart"),
    Row("title", OPEN, {**OPEN, "title": "For people"}, "none"),
    Row("description", OPEN, {**OPEN, "description": "For people"}, "none"),
    Row("mac", {**OPEN, "mac": MAC}, {**OPEN, "mac": "52:54:00:00:00:02"}, "restart"),
    Row("mtu", OPEN, {**OPEN, "mtu": 1400}, "restart"),
    Row("ipv6", OPEN, {**OPEN, "ipv6": True}, "restart"),
    Row("trust_guest_rx_filters", OPEN, {**OPEN, "trust_guest_rx_filters": True}, "restart"),
    Row("bridge.name", OPEN, {**OPEN, "bridge": "virbr-u"}, "restart"),
    Row(
        "bridge.stp bridge.delay",
        {**OPEN, "bridge": {"name": BRIDGE, "stp": True, "delay": 0}},
        {**OPEN, "bridge": {"name": BRIDGE, "stp": False, "delay": 2}},
        "restart",
    ),
    Row("bridge.zone", NAT, {**NAT, "bridge": {"name": BRIDGE, "zone": "trusted"}}, "none", active=False),
    Row(
        "bridge.mac_table_manager",
        OPEN,
        {**OPEN, "bridge": {"name": BRIDGE, "mac_table_manager": "libvirt"}},
        "none",
        active=False,
    ),
    Row("forward.interfaces", NAT, {**NAT, "forward": {"dev": "eth1"}}, "live"),
    Row("forward.interfaces", {**NAT, "forward": {"dev": "eth1"}}, {**NAT, "forward": {"dev": "eth2"}}, "live"),
    Row("forward.interfaces", POOL, {**POOL, "forward": {"interfaces": ["eth1", "eth4"]}}, "live"),
    Row(
        "forward.nat.addresses forward.nat.ports",
        NAT,
        {**NAT, "forward": {"nat": {"addresses": "203.0.113.10-203.0.113.20", "ports": "5000-5999"}}},
        "restart",
    ),
    Row("forward.nat.ipv6", NAT, {**NAT, "forward": {"nat": {"ipv6": True}}}, "restart"),
    Row("forward.pf", FUNCTIONS, {"mode": "hostdev", "forward": {"pf": "eth4"}}, "none", active=False),
    Row(
        "forward.managed forward.driver.name",
        FUNCTIONS,
        {"mode": "hostdev", "forward": {"pf": "eth3", "managed": True, "driver": "vfio"}},
        "none",
        active=False,
    ),
    Row(
        "forward.driver.model",
        {"mode": "hostdev", "forward": {"pf": "eth3", "driver": "vfio"}},
        {"mode": "hostdev", "forward": {"pf": "eth3", "driver": {"name": "vfio", "model": "mlx5_vfio_pci"}}},
        "none",
        active=False,
    ),
    Row("virtualport.type", LAN, SWITCH, "restart"),
    Row(
        QBG_FIELDS.format("virtualport"),
        {**POOL, "virtualport": QBG},
        {**POOL, "virtualport": OTHER_QBG},
        "restart",
    ),
    Row(
        "virtualport.type virtualport.profileid",
        {**POOL, "virtualport": QBG},
        {**POOL, "virtualport": {"type": "802.1Qbh", "profileid": "gold"}},
        "restart",
    ),
    Row(
        "virtualport.interfaceid virtualport.profileid",
        {**LAN, "virtualport": {"type": "openvswitch", "interfaceid": ONE}},
        {**LAN, "virtualport": {"type": "openvswitch", "interfaceid": OTHER, "profileid": "gold"}},
        "restart",
    ),
    Row("portgroups.name", {**OPEN, **group()}, {**OPEN, "portgroups": [{"name": "slow"}]}, "live"),
    Row("portgroups.default", {**OPEN, **group()}, {**OPEN, **group(default=True)}, "live"),
    Row(
        "portgroups.trust_guest_rx_filters",
        {**OPEN, **group()},
        {**OPEN, **group(trust_guest_rx_filters=True)},
        "live",
    ),
    Row("portgroups.virtualport.type", {**LAN, **group()}, {**LAN, **group(virtualport="openvswitch")}, "live"),
    Row(
        QBG_FIELDS.format("portgroups.virtualport"),
        {**POOL, **group(virtualport=QBG)},
        {**POOL, **group(virtualport=OTHER_QBG)},
        "live",
    ),
    Row(
        "portgroups.virtualport.profileid portgroups.virtualport.interfaceid",
        {**LAN, **group(virtualport="openvswitch")},
        {**LAN, **group(virtualport={"type": "openvswitch", "profileid": "gold", "interfaceid": ONE})},
        "live",
    ),
    Row(RATE_FIELDS.format("portgroups.bandwidth"), {**OPEN, **group()}, {**OPEN, **group(bandwidth=RATES)}, "live"),
    Row(
        "portgroups.vlan.tags.id portgroups.vlan.trunk portgroups.vlan.tags.native_mode",
        {**SWITCH, **group(vlan={"tags": [42]})},
        {**SWITCH, **group(vlan={"tags": [{"id": 47, "native_mode": "untagged"}, 48]})},
        "live",
    ),
    Row("domain.name domain.local_only", OPEN, {**OPEN, "domain": {"name": "lab.test", "local_only": True}}, "restart"),
    Row(
        "domain.register",
        {**OPEN, "domain": {"name": "lab.test", "local_only": True}},
        {**OPEN, "domain": {"name": "lab.test", "local_only": True, "register": True}},
        "none",
        active=False,  # it starts only with systemd-resolved
    ),
    Row("dns.enable", OPEN, {**OPEN, "dns": {"enable": False}}, "restart"),
    Row("dns.forward_plain_names", OPEN, {**OPEN, "dns": {"forward_plain_names": False}}, "restart"),
    Row(
        "dns.forwarders.addr dns.forwarders.domain",
        {**OPEN, "dns": {"forwarders": ["192.0.2.53"]}},
        {**OPEN, "dns": {"forwarders": [{"addr": "192.0.2.54", "domain": "a.test"}, {"domain": "b.test"}]}},
        "restart",
    ),
    Row(
        "dns.forwarders.port",
        {**OPEN, "dns": {"forwarders": ["192.0.2.53"]}},
        {**OPEN, "dns": {"forwarders": [{"addr": "192.0.2.53", "port": 5353}]}},
        "restart",
    ),
    Row(
        "dns.hosts.ip",
        {**OPEN, "dns": {"hosts": [{"ip": "10.1.0.2", "hostnames": ["a"]}]}},
        {**OPEN, "dns": {"hosts": [{"ip": "10.1.0.3", "hostnames": ["a"]}]}},
        "live",
    ),
    Row(
        "dns.hosts.hostnames",
        {**OPEN, "dns": {"hosts": [{"ip": "10.1.0.2", "hostnames": ["a", "b"]}]}},
        {**OPEN, "dns": {"hosts": [{"ip": "10.1.0.2", "hostnames": ["b", "c"]}]}},
        "live",
    ),
    Row(
        "dns.txt.name",
        {**OPEN, "dns": {"txt": [{"name": "one", "value": "a b"}]}},
        {**OPEN, "dns": {"txt": [{"name": "two", "value": "a b"}]}},
        "live",
    ),
    Row(
        "dns.txt.value",
        {**OPEN, "dns": {"txt": [{"name": "one", "value": "a b"}]}},
        {**OPEN, "dns": {"txt": [{"name": "one", "value": "c & d"}]}},
        "live",
    ),
    *(
        Row(
            f"dns.srv.{name}", {**OPEN, "dns": {"srv": [SRV]}}, {**OPEN, "dns": {"srv": [{**SRV, name: value}]}}, "live"
        )
        for name, value in (
            ("service", "kerberos"),
            ("protocol", "udp"),
            ("domain", "other.test"),
            ("target", "b.lab.test"),
            ("port", 636),
            ("priority", 10),
            ("weight", 20),
        )
    ),
    Row(RATE_FIELDS.format("bandwidth"), OPEN, {**OPEN, "bandwidth": RATES}, "none", active=False),
    Row(
        "vlan.tags.id vlan.trunk vlan.tags.native_mode",
        {**POOL, "vlan": {"tags": [42]}},
        {**POOL, "vlan": {"tags": [{"id": 47, "native_mode": "tagged"}, 48]}},
        "restart",
    ),
    Row("port.isolated", OPEN, {**OPEN, "port": {"isolated": True}}, "restart"),
    Row("ips.address", OPEN, {**OPEN, "ips": [{"address": "10.1.0.1/25"}]}, "restart"),
    Row("ips.address", OPEN, {**OPEN, "ips": [*OPEN["ips"], {"address": "fd01::1/64"}]}, "restart"),
    Row("ips.local_ptr", OPEN, {**OPEN, "ips": [{"address": "10.1.0.1/24", "local_ptr": True}]}, "restart"),
    Row("ips.tftp.root", OPEN, {**OPEN, "ips": [{"address": "10.1.0.1/24", "tftp": "/srv"}]}, "restart"),
    Row(
        "ips.dhcp.ranges.start ips.dhcp.ranges.end",
        {**OPEN, **dhcp(ranges=[RANGE])},
        {**OPEN, **dhcp(ranges=["10.1.0.11-10.1.0.21"])},
        "live",
    ),
    Row(
        "ips.dhcp.ranges.lease",
        {**OPEN, **dhcp(ranges=[RANGE])},
        {**OPEN, **dhcp(ranges=[{"start": "10.1.0.10", "end": "10.1.0.20", "lease": "2h"}])},
        "live",
    ),
    Row(
        "ips.dhcp.hosts.mac",
        {**OPEN, **dhcp(hosts=[HOST])},
        {**OPEN, **dhcp(hosts=[{**HOST, "mac": "52:54:00:00:00:02"}])},
        "live",
    ),
    *(
        Row(
            f"ips.dhcp.hosts.{name}",
            {**OPEN, **dhcp(hosts=[HOST])},
            {**OPEN, **dhcp(hosts=[{**HOST, name: value}])},
            "live",
        )
        for name, value in (("name", "db"), ("ip", "10.1.0.3"), ("lease", "infinite"))
    ),
    Row(
        "ips.dhcp.hosts.id",
        {
            **OPEN,
            "ips": [{"address": "fd01::1/64", "dhcp": {"hosts": [{"id": "0:3:0:1:52:54:0:0:0:1", "ip": "fd01::2"}]}}],
        },
        {
            **OPEN,
            "ips": [{"address": "fd01::1/64", "dhcp": {"hosts": [{"id": "0:3:0:1:52:54:0:0:0:2", "ip": "fd01::2"}]}}],
        },
        "live",
    ),
    Row(
        "ips.dhcp.bootp.file ips.dhcp.bootp.server",
        {**OPEN, **dhcp(ranges=[RANGE], bootp="one")},
        {**OPEN, **dhcp(ranges=[RANGE], bootp={"file": "two", "server": "10.1.0.9"})},
        "restart",
    ),
    Row(
        "routes.to routes.via",
        {**OPEN, "routes": [{"to": "10.64.0.0/16", "via": "10.1.0.2"}]},
        {**OPEN, "routes": [{"to": "10.65.0.0/16", "via": "10.1.0.3"}]},
        "restart",
    ),
    Row(
        "routes.metric",
        {**OPEN, "routes": [{"to": "10.64.0.0/16", "via": "10.1.0.2"}]},
        {**OPEN, "routes": [{"to": "10.64.0.0/16", "via": "10.1.0.2", "metric": 5}]},
        "restart",
    ),
    Row(
        "dnsmasq_options",
        {**OPEN, "dnsmasq_options": ["cache-size=0", "log-queries"]},
        {**OPEN, "dnsmasq_options": ["log-queries", "no-negcache", "cache-size=0"]},
        "restart",
    ),
)
ELSEWHERE = {
    "state": "test_state_is_what_libvirt_does",
    "autostart": "test_autostart_is_changed_alone",
    "protect": "test_protection_outlives_the_entry",
    "forward.dev": "test_dev_is_short_for_one_interface",
    "forward.addresses": "test_pci_addresses_are_left_to_libvirt_to_judge",
    **dict.fromkeys(
        (f"{place}bandwidth.{way}.floor" for place in ("", "portgroups.") for way in ("inbound", "outbound")),
        "test_a_floor_that_libvirt_refuses_is_an_error_of_the_file",
    ),
}


def leaves(model: type[Element], prefix: str = "") -> Iterator[str]:
    """Yield the paths of all fields that hold a value themselves."""
    models = {binding.name: binding.model for binding in bindings(model)}
    for name in model.model_fields:
        inner = models.get(name)
        if inner:
            yield from leaves(inner, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"


def values(element: Any, path: str) -> object:
    """Return what stands at a path: for lists, a tuple of what stands there in each item."""
    name, _, rest = path.partition(".")
    value: Any = getattr(element, name)
    if not rest:
        return value
    return values(value, rest) if isinstance(value, Element) else tuple(values(item, rest) for item in value)


def test_every_field_has_a_row() -> None:
    covered = {field for row in ROWS for field in row.fields.split()} | ELSEWHERE.keys()
    assert set(leaves(Network)) - covered == set()
    assert covered - set(leaves(Network)) == set()
    assert all(test in globals() for test in ELSEWHERE.values())


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_a_change_has_its_impact_and_lasts(host: LabHost, row: Row) -> None:
    since = max((version(field) for field in row.fields.split()), default=(0, 0, 0))
    if since > host.release:
        check_refusal(host, row, since)
        return
    before, after = row.networks(row.before), row.networks(row.after)
    host.applied(before, *PERMISSIONS)
    first = host.snapshot("t")
    wanted, bridge = load([host.file(before)]).topology.networks["t"], host.config("t").bridge.name or ""
    device = host.interface(bridge)

    changed = load([host.file(after)]).topology.networks["t"]
    plan = host.planned(after, *PERMISSIONS)
    assert (plan["impact"], plan["needs_consent"]) == (row.impact, False), plan
    host.applied(after, *PERMISSIONS)
    for field in row.fields.split():
        assert values(wanted, field) != values(changed, field)
        assert values(host.config("t"), field) == values(changed, field)
        if row.active and field not in {"title", "description"}:
            assert values(host.running("t"), field) == values(changed, field)
    if row.active and row.impact != "restart":
        assert host.interface(bridge) == device
    elif row.active and wanted.own_bridge and changed.own_bridge:
        assert host.interface(bridge) != device
    check_idle(host, after)

    host.applied(before)
    check_idle(host, before)
    assert host.snapshot("t") == first


def version(field: str) -> tuple[int, int, int]:
    """Return the libvirt release from which a field is understood."""
    model: Any = Network
    since = (0, 0, 0)
    for name in field.split("."):
        binding = next((item for item in bindings(model) if item.name == name), None)
        if binding:
            since, model = max(since, binding.since or since), binding.model
    return since


def check_refusal(host: LabHost, row: Row, since: tuple[int, int, int]) -> None:
    """Fail unless the change is refused with the release that it needs, and nothing is done."""
    host.applied(row.networks(row.before))
    before = host.snapshot("t")
    ran = host.apply(row.networks(row.after))
    assert ran.code == 3, ran
    assert f"needs libvirt {'.'.join(map(str, since))}, the host has" in ran.out
    assert host.snapshot("t") == before


def check_idle(host: LabHost, networks: dict[str, Said]) -> None:
    """Fail unless applying what is applied says so, and calls nothing in libvirt that could change anything."""
    host.forget_calls()
    ran = host.applied(networks)
    assert "nothing to do" in ran.err
    assert host.writes() == []
    assert host.drifted(networks) == ()


def test_state_is_what_libvirt_does(host: LabHost) -> None:
    for state, verb, impact in (
        ("inactive", "create", "none"),
        ("active", "update", "none"),
        ("inactive", "update", "remove"),
        ("active", "update", "none"),
        ("absent", "remove", "remove"),
        ("absent", "nothing", "none"),
        ("active", "create", "none"),
    ):
        networks = {"t": {**OPEN, "state": state}}
        (part,) = host.planned(networks)["networks"]
        assert (part["verb"], part["impact"]) == (verb, impact), state
        host.applied(networks)
        assert host.names() == ({"t"} if state != "absent" else set())
        if state != "absent":
            assert host.network("t").isActive() == (state == "active")
        check_idle(host, networks)


def test_autostart_is_changed_alone(host: LabHost) -> None:
    for wanted in (True, False, True):
        networks = {"t": {**OPEN, "autostart": wanted}}
        host.forget_calls()
        host.applied(networks)
        assert host.network("t").autostart() == wanted
        check_idle(host, networks)
    host.forget_calls()
    host.applied({"t": {**OPEN, "autostart": False}})
    assert host.writes() == ["virNetworkSetAutostart"]


def test_protection_outlives_the_entry(host: LabHost) -> None:
    host.applied({"t": OPEN})
    before = host.interface(BRIDGE)
    host.applied({"t": {**OPEN, "protect": True}})
    check_idle(host, {"t": {**OPEN, "protect": True}})
    for networks in (
        NOTHING,
        {"t": {**OPEN, "protect": True, "state": "inactive"}},
        {"t": {**OPEN, "state": "absent"}},
    ):
        ran = host.apply(networks)
        assert (ran.code, host.interface(BRIDGE)) == (3, before), ran
        assert "protected" in ran.out
    host.applied({"t": OPEN})
    host.applied(NOTHING)
    assert host.names() == set()


def test_dev_is_short_for_one_interface(host: LabHost) -> None:
    host.applied({"t": {**NAT, "forward": {"dev": "eth1"}}})
    assert host.config("t").forward.interfaces == host.running("t").forward.interfaces == ("eth1",)
    check_idle(host, {"t": {**NAT, "forward": {"interfaces": ["eth1"]}}})


def test_saying_what_libvirt_chose_changes_nothing(host: LabHost) -> None:
    said: Said = {"mode": "nat", "ips": [{"address": "10.1.0.1/24"}]}
    host.applied({"t": said})
    found, before = host.config("t"), host.snapshot("t")
    bridge = {"name": found.bridge.name, "stp": True, "delay": 0}
    chosen = {"uuid": found.uuid, "mac": found.mac, "bridge": bridge, "forward": {"nat": {"ports": "1024-65535"}}}
    for key, value in chosen.items():
        check_idle(host, {"t": {**said, key: value}})
    check_idle(host, {"t": {**said, **chosen}})
    host.applied({"t": {**said, "mtu": 1400}})
    host.applied({"t": said})
    assert host.snapshot("t") == before


def test_pci_addresses_are_left_to_libvirt_to_judge(host: LabHost) -> None:
    ran = host.apply({"t": {"mode": "hostdev", "forward": {"addresses": ["0000:03:10.0"]}, "state": "inactive"}})
    assert ran.code == 4
    assert "t: define: " in ran.err
    assert host.names() == set()


def test_a_floor_that_libvirt_refuses_is_an_error_of_the_file(host: LabHost) -> None:
    for way in ("inbound", "outbound"):
        limits = {"bandwidth": {way: {"average": 1000, "floor": 200}}}
        for said in (limits, group(**limits)):
            ran = host.apply({"t": {**OPEN, **said, "state": "inactive"}})
            assert ran.code == 65, ran
            assert "floor" in ran.err
