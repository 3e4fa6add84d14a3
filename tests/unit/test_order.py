"""The order of steps over all networks."""

from __future__ import annotations

from dataclasses import replace

import pytest

from netreconcile.actions import Start, Stop, Undefine
from netreconcile.model import Network
from netreconcile.networkplan import Verb
from netreconcile.plan import Plan, plan
from tests.unit.examples import GUEST, host, network, there, topology
from tests.unit.simulator import Simulator

A, B, C = (f"00000000-0000-4000-8000-00000000000{number}" for number in "abc")


def net(uuid: str, bridge: str, subnet: int, **more: object) -> Network:
    own = {"name": bridge, "stp": True, "delay": 0}
    mac = f"52:54:00:00:00:0{uuid[-1]}"
    return network(uuid=uuid, mac=mac, bridge=own, ips=[{"address": f"10.0.{subnet}.1/24"}], **more)


def sentences(found: Plan) -> list[str]:
    return [str(step) for step in found.steps]


def test_a_subnet_is_let_go_before_it_is_taken() -> None:
    one, two = net(A, "br1", 1), net(B, "br2", 2)
    found = plan(
        topology(a=net(A, "br1", 3), b=net(B, "br2", 1)), host(there(one, one, name="a"), there(two, two, name="b"))
    )
    order = sentences(found)
    assert order.index("a: stop") < order.index("b: start")


def test_a_network_that_goes_makes_room_for_a_new_one() -> None:
    old = net(A, "br1", 1)
    found = plan(topology(new=net(B, "br1", 1)), host(there(old, old, name="old")))
    assert sentences(found) == ["old: stop", "old: undefine", "new: define", "new: autostart on", "new: start"]


def test_a_device_of_the_hosts_own_keeps_its_name() -> None:
    """A start that finds the name taken fails, and from libvirt 11 on takes that bridge away."""
    old = net(A, "br1", 1)
    there_is = replace(host(there(old, old, name="a")), links=frozenset(("lo", "br0", "br1")))
    found = plan(topology(a=net(A, "br0", 1), new=net(B, "br2", 2)), there_is)
    refusals = {part.name: part.refusal for part in found.networks if part.refusal}
    assert refusals.keys() == {"a"}
    assert "the host has a device br0 that is no network's" in refusals["a"]
    assert not plan(topology(a=old), there_is).steps
    restarted = plan(topology(a=net(A, "br1", 3)), there_is)
    assert "a: start" in sentences(restarted)
    shares = network(uuid=A, mac=None, mode="bridge", bridge="br0", ips=[])
    assert not plan(topology(a=shares), there_is).refused
    shared = replace(host(there(shares, shares, name="a")), links=there_is.links)
    assert plan(topology(a=net(A, "br0", 1)), shared).refused


def test_what_libvirt_left_of_a_network_is_in_nobodys_way_and_told() -> None:
    """Its bridge is there, and it's stopped: libvirt was killed while it started it."""
    old = net(A, "br1", 1)
    stopped = host(there(old, name="a"))
    left = replace(stopped, links=frozenset(("lo", "br1")), left_behind=frozenset(("a",)))
    for wanted in (old, net(A, "br2", 1), network(state="absent")):
        (part,) = plan(topology(a=wanted), left).networks
        assert part.steps
        assert part.notes[-1].startswith("libvirt was killed while it started this")
    assert plan(topology(a=old), replace(left, left_behind=frozenset())).refused


def test_a_renamed_network_keeps_its_uuid() -> None:
    old = net(A, "br1", 1)
    found = plan(topology(new=old), host(there(old, old, name="old")))
    assert sentences(found) == ["old: stop", "old: undefine", "new: define", "new: autostart on", "new: start"]


def test_of_two_networks_that_exchange_bridges_the_one_with_fewer_guests_is_taken_down() -> None:
    one, two = net(A, "br1", 1), net(B, "br2", 2)
    found = plan(
        topology(a=net(A, "br2", 1), b=net(B, "br1", 2)),
        host(there(one, one, name="a", guests=(GUEST,)), there(two, two, name="b")),
    )
    assert [str(step) for step in found.steps if isinstance(step.action, Undefine)] == ["b: undefine"]
    assert found.needs_consent


@pytest.mark.parametrize("shift", [1, 2])
def test_three_networks_pass_bridges_and_subnets_around(shift: int) -> None:
    uuids = (A, B, C)
    before = topology(**{f"n{i}": net(uuids[i], f"br{i}", i) for i in range(3)})
    after = topology(**{f"n{i}": net(uuids[i], f"br{(i + shift) % 3}", (i + shift) % 3) for i in range(3)})
    simulator = Simulator()
    for wanted in (before, after):
        for step in plan(wanted, simulator.host()).steps:
            simulator.perform(step)
        assert plan(wanted, simulator.host()).steps == ()


def test_what_a_network_outside_the_file_holds_is_not_taken() -> None:
    foreign = net(A, "br1", 1)
    found = plan(topology(mine=net(B, "br1", 2)), host(there(foreign, foreign, name="theirs", owner=None)))
    (part,) = found.networks
    assert part.verb is Verb.REFUSE
    assert part.refusal == "bridge br1 is in use by network 'theirs', which keeps it"
    assert found.steps == ()


def test_a_bridge_that_libvirt_chose_stays_with_its_network() -> None:
    silent = Network.model_validate({"mode": "nat", "ips": [{"address": "10.0.1.1/24"}], "uuid": C})
    known = net(A, "br1", 1)
    found = plan(topology(a=silent, b=net(B, "br1", 2)), host(there(known, name="a")))
    assert {part.name: part.refusal for part in found.refused} == {
        "b": "bridge br1 is in use by network 'a', which keeps it"
    }


def test_names_that_the_file_gives_are_taken_before_libvirt_picks_one() -> None:
    silent = Network.model_validate({"mode": "very-isolated"})
    found = plan(topology(a=silent, b=silent.model_copy(update={"bridge": network().bridge})), host())
    assert sentences(found)[:2] == ["b: define", "a: define"]


def test_what_libvirt_can_refuse_without_harm_comes_first() -> None:
    one, two = net(A, "br1", 1), net(B, "br2", 2)
    found = plan(
        topology(a=net(A, "br1", 1, mtu=1400), b=net(B, "br2", 2, mtu=1400)),
        host(there(one, one, name="a"), there(two, two, name="b")),
    )
    assert sentences(found) == ["a: define", "b: define", "a: stop", "a: start", "b: stop", "b: start"]
    assert [type(step.action) for step in found.steps[2:4]] == [Stop, Start]


def test_a_transient_network_whose_uuid_changes_is_not_undefined() -> None:
    transient = net(A, "br1", 1)
    found = plan(topology(a=net(B, "br1", 1)), host(there(None, transient, name="a", autostart=False)))
    assert sentences(found) == ["a: stop", "a: define", "a: autostart on", "a: start"]


def test_no_protected_network_is_taken_down_to_break_a_circle() -> None:
    one, two = net(A, "br1", 1, protect=True), net(B, "br2", 2, protect=True)
    swapped = net(A, "br2", 1, protect=True), net(B, "br1", 2, protect=True)
    before = host(
        there(swapped[0], one, name="a", guests=(GUEST,)),
        there(swapped[1], two, name="b", guests=(GUEST,)),
    )
    found = plan(topology(a=one, b=two), before)
    assert found.steps == ()
    reason = "a and b exchange what they hold: one must go down, and all are protected"
    assert {part.refusal for part in found.refused} == {reason}
    free = one.model_copy(update={"protect": False})
    assert sentences(plan(topology(a=free, b=two), before))[:2] == ["a: stop", "a: undefine"]
