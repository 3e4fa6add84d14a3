"""Whatever a plan has done so far, the snapshot taken before it brings everything back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import event, given, note
from hypothesis import strategies as st

from netreconcile.actions import Stop
from netreconcile.diff import changes
from netreconcile.plan import plan
from netreconcile.restore import in_doubt, restoration
from tests.unit.worlds import hosts, topologies

if TYPE_CHECKING:
    from netreconcile.model import Topology
    from netreconcile.observed import Host, Observed
    from netreconcile.plan import Plan
    from tests.unit.simulator import Simulator


def snapshot(found: Plan, host: Host) -> dict[str, Observed | None]:
    return {step.network: host.networks.get(step.network) for step in found.steps}


def assert_as_before(host: Host, before: Host) -> None:
    """Every network is what it was: its config to the letter, what it runs in every setting, and its guests."""
    assert set(host.networks) == set(before.networks)
    for name, was in before.networks.items():
        there = host.networks[name]
        assert (there.uuid, there.config_xml, there.autostart) == (was.uuid, was.config_xml, was.autostart)
        assert (there.running is None) == (was.running is None)
        assert not there.running or not was.running or changes(there.running, was.running) == ()
        plugged = {guest.mac for guest in was.connected if guest.reachable}
        assert plugged <= {guest.mac for guest in there.connected}, name


@given(topologies(), hosts(), st.booleans(), st.data())
def test_a_plan_that_breaks_off_anywhere_is_undone(
    topology: Topology,
    host: Simulator,
    take_over: bool,  # noqa: FBT001 -- drawn
    data: st.DataObject,
) -> None:
    before = host.host()
    found = plan(topology, before, take_over=take_over)
    done = found.steps[: data.draw(st.integers(0, len(found.steps)), label="steps done")]
    event(f"{len(done)} of {len(found.steps)} steps done")
    for step in done:
        note(f"done: {step}")
        host.perform(step)
    stopped = {step.network: before.networks[step.network].guests for step in done if isinstance(step.action, Stop)}
    undo = restoration("lab", snapshot(found, before), in_doubt(host.host(), stopped), {})
    for step in undo.steps:
        note(f"undo: {step}")
    assert not undo.refused
    for step in undo.steps:
        host.perform(step)
    assert_as_before(host.host(), before)
    assert restoration("lab", snapshot(found, before), host.host(), {}).steps == ()


@given(topologies(), hosts())
def test_a_host_as_it_was_needs_nothing(topology: Topology, host: Simulator) -> None:
    before = host.host()
    found = plan(topology, before)
    undo = restoration("lab", snapshot(found, before), before, {})
    loose = {(name, guest.mac) for name, there in before.networks.items() if there.active for guest in there.loose}
    assert {(step.network, getattr(step.action, "mac", "")) for step in undo.steps} <= loose
