"""From whatever a host has to whatever a file says in one apply; what isn't the file's is left exactly as it was."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from netreconcile import codec
from netreconcile.diff import changes
from netreconcile.loader import load

if TYPE_CHECKING:
    from tests.conftest import LabHost

pytestmark = pytest.mark.worlds

Said = dict[str, Any]
Networks = dict[str, Said]
UUIDS = tuple(f"a1f0c5c8-3ab7-4f6e-8f0f-7d3c3a6c7f0{number}" for number in range(5))
BRIDGES = ("virbr-1", "virbr-2", "virbr-3", "virbr0", "virbr1")
SUBNETS = ("10.1.0.1/24", "10.2.0.1/24", "10.3.0.1/24", "10.4.0.1/24", "10.5.0.1/24")
THEIRS = """
<metadata><netreconcile:owner xmlns:netreconcile='urn:netreconcile:1' topology='somebody' desired='0'/></metadata>
"""
FOREIGN = (
    "<network><name>foreign1</name><bridge name='virbr-1'/></network>",
    "<network><name>foreign2</name><bridge name='virbr-f'/><ip address='10.2.0.1' prefix='24'/></network>",
    "<network><name>foreign3</name><forward mode='bridge'/><bridge name='br1'/></network>",
    f"<network><name>foreign4</name>{THEIRS}<bridge name='virbr-g'/></network>",
    f"<network><name>n1</name>{THEIRS}<bridge name='virbr-h'/></network>",
)


def network(number: int, **said: Any) -> Said:
    return {"mode": "open", "bridge": BRIDGES[number], "ips": [{"address": SUBNETS[number]}], **said}


def check(host: LabHost, networks: Networks) -> None:
    """Fail unless the host has what the file says, and neither more nor less is left to do."""
    topology = load([host.file(networks)]).topology
    for name, wanted in topology.networks.items():
        assert (name in host.names()) == (wanted.state != "absent")
        if wanted.state == "absent":
            continue
        found = host.config(name)
        assert bool(host.network(name).autostart()) == wanted.autostart
        assert bool(host.network(name).isActive()) == (wanted.state == "active")
        assert found.mode == wanted.mode
        assert wanted.uuid in (None, host.network(name).UUIDString())
        assert wanted.bridge.name in (None, found.bridge.name)
        assert set(found.ips) == set(wanted.ips)
        if wanted.state == "active":
            assert changes(found, host.running(name)) == ()
    ran = host.run("plan", host.file(networks), "--exit-code")
    assert ran.code == 0, ran.out


def converge(host: LabHost, before: Networks, after: Networks) -> None:
    host.applied(before)
    check(host, before)
    host.applied(after)
    check(host, after)


ROTATIONS = [
    order for size in (2, 3) for order in permutations(range(size)) if all(i != n for i, n in enumerate(order))
]


@pytest.mark.parametrize("order", ROTATIONS, ids=str)
@pytest.mark.parametrize(
    ("state", "keys"),
    [
        ("active", ("bridge",)),
        ("active", ("ips",)),
        ("active", ("uuid",)),
        ("active", ("mac",)),
        ("active", ("uuid", "bridge", "ips", "mac")),
        ("inactive", ("bridge",)),
        ("inactive", ("uuid",)),
        ("inactive", ("uuid", "bridge", "ips", "mac")),
    ],
    ids=str,
)
def test_networks_exchange_what_they_have(
    host: LabHost, state: str, keys: tuple[str, ...], order: tuple[int, ...]
) -> None:
    before = {
        f"n{number}": network(number, uuid=UUIDS[number], mac=f"52:54:00:00:00:0{number}", state=state)
        for number in range(len(order))
    }
    after = {
        f"n{number}": {**before[f"n{number}"], **{key: before[f"n{other}"][key] for key in keys}}
        for number, other in enumerate(order)
    }
    converge(host, before, after)
    converge(host, before, dict(reversed(after.items())))


@pytest.mark.parametrize("mixed", ["active", "inactive"])
def test_a_running_network_exchanges_bridges_with_a_stopped_one(host: LabHost, mixed: str) -> None:
    first, second = ("active", "inactive") if mixed == "active" else ("inactive", "active")
    before = {"n0": network(0, state=first), "n1": network(1, state=second)}
    converge(host, before, {"n0": network(0, bridge=BRIDGES[1]), "n1": network(1, bridge=BRIDGES[0])})


def test_networks_exchange_names(host: LabHost) -> None:
    one, two = network(0, uuid=UUIDS[0], mtu=1400), network(1, uuid=UUIDS[1], domain="lab.test")
    converge(host, {"n0": one, "n1": two}, {"n0": two, "n1": one})


@pytest.mark.parametrize("uuid", [None, UUIDS[0]], ids=["new-uuid", "same-uuid"])
def test_a_network_is_renamed(host: LabHost, uuid: str | None) -> None:
    said = network(0, uuid=uuid)
    converge(host, {"old": said}, {"new": said})
    assert host.names() == {"new"}


def test_a_chain_of_networks_takes_over_one_from_the_other(host: LabHost) -> None:
    """The last one goes, each other one takes what its successor had, and a new one begins the chain."""
    before = {f"n{number}": network(number) for number in range(4)}
    after = {f"n{number}": network(number + 1) for number in range(3)} | {"new": network(0)}
    converge(host, before, after)
    converge(host, after, before)


def test_the_order_of_the_file_is_nothing(host: LabHost) -> None:
    networks = {f"n{number}": network(number) for number in range(3)}
    host.applied(networks)
    assert "nothing to do" in host.applied(dict(reversed(networks.items()))).err


@pytest.mark.parametrize("key", ["bridge", "ips", "uuid"])
@pytest.mark.parametrize("names", [("a", "z"), ("z", "a")], ids="-to-".join)
def test_a_removed_network_hands_something_to_a_new_one(host: LabHost, key: str, names: tuple[str, str]) -> None:
    old, new = names
    said = network(0, uuid=UUIDS[0])
    converge(host, {old: said}, {new: {**network(1, uuid=UUIDS[1]), key: said[key]}})


@pytest.mark.parametrize("names", [("a", "z"), ("z", "a")], ids="-then-".join)
def test_a_stopped_network_hands_its_subnet_to_a_started_one(host: LabHost, names: tuple[str, str]) -> None:
    old, new = names
    host.applied({old: network(0), new: network(1, ips=network(0)["ips"], state="inactive")})
    after = {old: network(0, state="inactive"), new: network(1, ips=network(0)["ips"])}
    host.applied(after)
    check(host, after)


def test_a_subnet_becomes_a_route_of_another_network(host: LabHost) -> None:
    routed = network(1, routes=[{"to": "10.1.0.0/24", "via": "10.2.0.9"}])
    converge(host, {"n0": network(0), "n1": network(1)}, {"n0": network(2), "n1": routed})
    converge(host, {"n0": network(2), "n1": routed}, {"n0": network(0), "n1": network(1)})


def test_an_address_moves_with_another_prefix(host: LabHost) -> None:
    before = {"n0": network(0), "n1": network(1)}
    converge(host, before, {"n0": network(2), "n1": network(1, ips=[{"address": "10.1.0.1/25"}])})


@pytest.mark.parametrize("names", [("a", "z"), ("z", "a")], ids="-".join)
@pytest.mark.parametrize("taken", [("virbr0",), ("virbr1",), ("virbr0", "virbr2")], ids="-".join)
def test_automatic_bridges_keep_clear_of_those_in_the_file(
    host: LabHost, names: tuple[str, str], taken: tuple[str, ...]
) -> None:
    automatic, named = names
    networks = {f"{automatic}{number}": {"mode": "very-isolated"} for number in range(2)}
    networks |= {f"{named}{bridge}": {"mode": "very-isolated", "bridge": bridge} for bridge in taken}
    host.applied(networks)
    check(host, networks)
    bridges = {name: host.config(name).bridge.name for name in networks}
    assert len(set(bridges.values())) == len(networks)
    host.applied(networks)
    assert {name: host.config(name).bridge.name for name in networks} == bridges


def test_a_bridge_that_libvirt_chose_is_not_taken_away(host: LabHost) -> None:
    host.applied({"n0": {"mode": "very-isolated"}})
    assert host.config("n0").bridge.name == "virbr0"
    ran = host.apply({"n0": {"mode": "very-isolated"}, "n1": {"mode": "very-isolated", "bridge": "virbr0"}})
    assert ran.code == 3
    assert "bridge virbr0 is in use by network 'n0'" in ran.out


@pytest.mark.parametrize("names", [("a", "z"), ("z", "a")], ids="-over-".join)
def test_a_bridge_network_over_another_networks_bridge(host: LabHost, names: tuple[str, str]) -> None:
    over, own = names
    networks = {over: {"mode": "bridge", "bridge": BRIDGES[0]}, own: network(0)}
    converge(host, networks, networks)
    converge(host, {over: network(1), own: network(2)}, networks | {own: network(0, ips=network(1)["ips"])})


@pytest.mark.parametrize("taken", ["bridge", "ips", "uuid"])
def test_what_a_foreign_network_has_is_refused(host: LabHost, taken: str) -> None:
    host.define(
        f"<network><name>foreign1</name><uuid>{UUIDS[0]}</uuid><bridge name='virbr-1'/>"
        "<ip address='10.1.0.1' prefix='24'/></network>",
        start=True,
    )
    before = host.snapshot("foreign1")
    mine = {**network(1), taken: network(0, uuid=UUIDS[0])[taken]}
    ran = host.apply({"n0": mine, "n1": network(2)})
    assert ran.code == 3
    assert "in use by network 'foreign1', which keeps it" in ran.out
    assert host.snapshot("foreign1") == before
    check(host, {"n1": network(2)})


def test_a_subnet_of_a_foreign_network_that_does_not_run_is_free(host: LabHost) -> None:
    host.define(FOREIGN[1])
    networks = {"n1": network(1)}
    converge(host, networks, networks)


def test_the_bridge_under_a_foreign_network_is_refused(host: LabHost) -> None:
    host.define("<network><name>foreign</name><forward mode='bridge'/><bridge name='virbr-1'/></network>")
    ran = host.apply({"n0": network(0)})
    assert ran.code == 3
    assert "bridge virbr-1 is in use by network 'foreign'" in ran.out


# -- random pairs of host and file


@dataclass(frozen=True, slots=True)
class Past:
    """What a host went through before an apply."""

    networks: Networks
    foreign: tuple[str, ...]
    edits: tuple[tuple[str, str], ...]


@st.composite
def networks(draw: st.DrawFn) -> Networks:
    """Return 1 to 4 networks; no two of them want the same bridge, subnet or UUID."""
    names = draw(st.lists(st.sampled_from(["n1", "n2", "n3", "n4", "n5"]), unique=True, min_size=1, max_size=4))
    bridges, subnets = draw(st.permutations(BRIDGES)), draw(st.permutations(SUBNETS))
    uuids = draw(st.permutations(UUIDS))
    modes = st.sampled_from(["open", "open", "isolated", "isolated", "very-isolated", "bridge", "route", "nat"])
    states = st.sampled_from(["active", "active", "active", "inactive", "absent"])
    found: Networks = {}
    for number, name in enumerate(names):
        mode = draw(modes)
        said: Said = {"mode": mode, "state": draw(states), "autostart": draw(st.booleans())}
        if mode == "bridge":
            said["bridge"] = draw(st.sampled_from(["br0", "br1"]))
        elif draw(st.booleans()):
            said["bridge"] = bridges[number]
        if mode not in ("bridge", "very-isolated"):
            said["ips"] = [{"address": subnets[number]}]
            if draw(st.booleans()):
                said["ips"].append({"address": f"fd0{number}::1/64"})
            if mode == "open" and draw(st.booleans()):
                said["dns"] = {"hosts": [{"ip": "10.1.0.9", "hostnames": ["a"]}]}
        if draw(st.integers(0, 3)) == 0:
            said["uuid"] = uuids[number]
        found[name] = said
    return found


EDITS = ("stop", "remove", "undefine", "autostart", "config", "live")
PASTS = st.builds(
    Past,
    networks(),
    st.lists(st.sampled_from(FOREIGN), unique=True, max_size=2).map(tuple),
    st.lists(st.tuples(st.sampled_from(["n1", "n2", "n3"]), st.sampled_from(EDITS)), max_size=3).map(tuple),
)


def edit(host: LabHost, name: str, what: str) -> None:
    """Change a network behind the back of the tool, if it is there and libvirt takes it."""
    import libvirt

    if name not in host.names():
        return
    there = host.network(name)
    active, persistent = bool(there.isActive()), bool(there.isPersistent())
    dns_host = "<host ip='10.1.0.8'><hostname>stranger</hostname></host>"
    if what in ("stop", "remove") and active:
        there.destroy()
    if what in ("remove", "undefine") and persistent:
        there.undefine()
    if what == "autostart" and persistent:
        there.setAutostart(not there.autostart())
    if what == "config" and persistent and host.config(name).own_bridge:
        host.define(codec.overlay(host.config_xml(name), host.config(name).model_copy(update={"mtu": 1400}), None))
    if what == "live" and active and host.running(name).mode != "bridge":
        section = libvirt.VIR_NETWORK_SECTION_DNS_HOST
        live, add = libvirt.VIR_NETWORK_UPDATE_AFFECT_LIVE, libvirt.VIR_NETWORK_UPDATE_COMMAND_ADD_LAST
        there.update(add, section, -1, dns_host, live)


def is_foreign(host: LabHost, name: str) -> bool:
    return name.startswith("foreign") or "somebody" in host.config_xml(name)


@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(past=PASTS, wanted=networks())
def test_any_host_converges_to_any_file(host: LabHost, past: Past, wanted: Networks) -> None:
    host.clear()
    host.apply(past.networks)
    for xml in past.foreign:
        name = codec.parse_xml(xml).findtext("name")
        bridges = {host.config(there).bridge.name for there in host.names()}
        addresses = {ip.address for there in host.names() for ip in host.config(there).ips}
        mine = codec.parse(xml)[0]
        if name not in host.names() and mine.bridge.name not in bridges:
            host.define(xml, start=addresses.isdisjoint(ip.address for ip in mine.ips))
    for name, what in past.edits:
        edit(host, name, what)
    foreign = {name: host.snapshot(name) for name in host.names() if is_foreign(host, name)}

    plan = host.planned(wanted)
    refused = {part["name"] for part in plan["networks"] if part["refusal"]}
    ran = host.apply(wanted)
    assert ran.code == (3 if refused else 0), f"{ran.out}\n{ran.err}"
    assert {name: host.snapshot(name) for name in foreign} == foreign
    after = host.planned(wanted)
    assert after["steps"] == []
    assert {part["name"] for part in after["networks"] if part["refusal"]} == refused
    if not refused:
        check(host, wanted)
        assert host.names() - foreign.keys() == {name for name in wanted if wanted[name]["state"] != "absent"}
