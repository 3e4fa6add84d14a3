"""A plan that is carried out leaves nothing to do, whatever the host had and in whatever order it was named."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import assume, event, given, note
from hypothesis import strategies as st

from netreconcile import codec
from netreconcile.actions import Define, Impact, Replug, Start, Step, Stop
from netreconcile.drift import Cause
from netreconcile.fill import mark_of
from netreconcile.model import Network, Topology
from netreconcile.networkplan import Verb
from netreconcile.plan import Plan, plan, removal
from tests.unit.simulator import Refused, Simulator
from tests.unit.worlds import BRIDGES, NAMES, hosts, topologies

if TYPE_CHECKING:
    import random


def _carry_out(found: Plan, simulator: Simulator) -> None:
    for step in found.steps:
        note(str(step))
    for step in found.steps:
        simulator.perform(step)


@given(topologies(), hosts(), st.booleans())
def test_a_plan_that_is_carried_out_leaves_nothing_to_do(topology: Topology, host: Simulator, take_over: bool) -> None:  # noqa: FBT001 -- drawn
    before = host.host()
    found = plan(topology, before, take_over=take_over)
    event(f"{len(found.steps)} steps, {len(found.refused)} refused")
    _carry_out(found, host)
    after = host.host()
    left = plan(topology, after, take_over=take_over)
    assert {part.name: part.drifts for part in left.networks if part.drifts and not part.refusal} == {}
    assert left.steps == ()
    assert {part.name for part in left.refused} <= {part.name for part in found.refused}
    touched = {step.network for step in found.steps}
    for name, there in before.networks.items():
        if name not in touched:
            assert after.networks[name] == there
        if there.mark and there.mark.topology != "lab" and not take_over:
            assert name not in touched
        if there.mark is None and name not in topology.networks:
            assert name not in touched


@given(topologies(), hosts(), st.booleans())
def test_every_running_guest_is_plugged_in_when_the_plan_is_carried_out(
    topology: Topology,
    host: Simulator,
    take_over: bool,  # noqa: FBT001 -- drawn
) -> None:
    before = host.host()
    found = plan(topology, before, take_over=take_over)
    _carry_out(found, host)
    after = host.host().networks
    for part in found.networks:
        there = after.get(part.name)
        if there is None or not there.active or part.refusal:
            continue
        assert not [guest for guest in there.loose if guest.reachable]
        event(f"{len(there.connected)} plugged in, {len(there.loose)} of whom only the port is known cut off")
        assert not there.loose or part.impact is Impact.RESTART


@given(topologies(), hosts())
def test_guests_without_a_link_are_plugged_in_and_nothing_is_restarted_for_it(
    topology: Topology, host: Simulator
) -> None:
    first = plan(topology, host.host())
    assume(not first.refused)  # protection no longer holds a change back once its guests have no link
    _carry_out(first, host)
    for name, guests_of in host.guests.items():
        host.guests[name] = tuple(replace(guest, plugged=False) for guest in guests_of)
    before = host.host()
    found = plan(topology, before)
    cut_off = {
        (part.name, guest.domain)
        for part in found.networks
        if not part.refusal and part.name in before.networks and before.networks[part.name].active
        for guest in before.networks[part.name].loose
        if guest.reachable
    }
    drifts = [(part.name, drift) for part in found.networks if not part.refusal for drift in part.drifts]
    plugged = {(step.network, step.action.domain) for step in found.steps if isinstance(step.action, Replug)}
    assert len(plugged) == len(found.steps)
    assert cut_off == plugged == {(name, drift.guest.domain) for name, drift in drifts if drift.guest}
    assert {drift.cause for _, drift in drifts} <= {Cause.UNPLUGGED}
    assert not found.needs_consent


@given(topologies(), hosts(), st.randoms(use_true_random=False))
def test_a_plan_does_not_depend_on_the_order_of_networks(
    topology: Topology, host: Simulator, chance: random.Random
) -> None:
    before = host.host()
    names, there = list(topology.networks), list(before.networks)
    chance.shuffle(names)
    chance.shuffle(there)
    other = topology.model_copy(update={"networks": {name: topology.networks[name] for name in names}})
    shuffled = replace(before, networks={name: before.networks[name] for name in there})
    one, two = plan(topology, before), plan(other, shuffled)
    assert {part.name: part for part in one.networks} == {part.name: part for part in two.networks}
    assert sorted(map(str, one.steps)) == sorted(map(str, two.steps))
    _carry_out(two, host)
    assert plan(topology, host.host()).steps == ()


@given(topologies(), hosts())
def test_nobody_is_cut_off_without_being_named(topology: Topology, host: Simulator) -> None:
    before = host.host()
    found = plan(topology, before)
    stopped = {step.network for step in found.steps if isinstance(step.action, Stop)}
    cut_off = {name for name in stopped if before.networks[name].connected}
    gone = {part.name for part in found.networks if part.impact is Impact.REMOVE and part.guests}
    assert {part.name for part in found.networks if part.cut} == cut_off | gone
    assert found.needs_consent == bool(cut_off | gone)
    for part in found.networks:
        assert not part.cut or set(part.cut) >= set(before.networks[part.name].connected)
    assert not any(topology.networks[name].protect for name in cut_off if name in topology.networks)


@given(topologies(), hosts())
def test_removal_takes_what_is_ours_and_nothing_else(topology: Topology, host: Simulator) -> None:
    before = host.host()
    found = removal(topology, before)
    _carry_out(found, host)
    ours = {name for name, item in before.networks.items() if item.mark and item.mark.topology == topology.name}
    protected = {name for name in ours if (mark := before.networks[name].mark) and mark.protect}
    assert set(host.known) == set(before.networks) - ours | protected


@given(topologies())
def test_what_was_created_is_in_sync_and_removable(topology: Topology) -> None:
    host = Simulator()
    _carry_out(plan(topology, host.host()), host)
    assert set(host.known) == {name for name, network in topology.networks.items() if network.state != "absent"}
    second = plan(topology, host.host())
    assert not second.steps
    assert not second.drifted
    marks = {name: there.mark for name, there in host.host().networks.items()}
    assert marks == {name: mark_of(topology, topology.networks[name]) for name in host.known}


@given(st.permutations(range(3)))
def test_networks_that_exchange_bridges_and_subnets_converge_in_one_apply(order: list[int]) -> None:
    host = Simulator()

    def ring(shift: int) -> Topology:
        networks = {
            NAMES[i]: Network.model_validate(
                {
                    "mode": "nat",
                    "bridge": BRIDGES[(i + shift) % 3],
                    "ips": [{"address": f"10.0.{(i + shift) % 3}.1/24"}],
                }
            )
            for i in order
        }
        return Topology(version=1, name="lab", networks=networks)

    for shift in range(3):
        found = plan(ring(shift), host.host())
        _carry_out(found, host)
        assert plan(ring(shift), host.host()).steps == ()
        assert {part.verb for part in found.networks} == {Verb.UPDATE if shift else Verb.CREATE}


def test_the_simulator_refuses_what_libvirt_refuses() -> None:
    host = Simulator()
    wanted = Network.model_validate({"mode": "nat", "bridge": "br1", "ips": [{"address": "10.0.0.1/24"}]})
    host.perform(Step("a", Define(codec.new("a", wanted, None)), Impact.NONE))
    host.perform(Step("a", Start(), Impact.NONE))
    with pytest.raises(Refused, match="already in use"):
        host.define(codec.new("b", wanted, None), "b")
    with pytest.raises(Refused, match="already exists with uuid"):
        host.define(codec.new("a", wanted, None), "a")
    with pytest.raises(Refused, match="already active"):
        host.start("a")
