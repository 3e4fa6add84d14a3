"""Whatever goes wrong in the middle of a change, the host is as wanted or as it was, and the exit code says which."""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import assume, event, given, note
from hypothesis import strategies as st

from netreconcile.actions import Replug, SetAutostart, Start
from netreconcile.document import fingerprint
from netreconcile.entry import Ended, Status
from netreconcile.errors import Unfinished, Unreachable
from netreconcile.observed import state_of
from netreconcile.plan import plan
from netreconcile.transaction import Transaction
from netreconcile.worker import AT_ONCE, Worker
from tests.unit.examples import GUEST, header, network, topology
from tests.unit.simulator import Simulator
from tests.unit.test_restore import assert_as_before
from tests.unit.wire import DEADLY, SURVIVED, Fault, Killed, Scene, Wire, calls, scene
from tests.unit.worlds import hosts, topologies

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from netreconcile.actions import Step
    from netreconcile.model import Topology
    from netreconcile.observed import Host
    from netreconcile.plan import Plan


def assert_as_wanted(wanted: Topology, host: Simulator, code: int) -> None:
    left = plan(wanted, host.host())
    assert left.steps == ()
    assert code == (3 if left.refused else 0)


# -- one thing goes wrong


@given(topologies(), hosts(), st.sampled_from(SURVIVED), st.data())
def test_one_failed_call_anywhere_leaves_the_host_as_wanted_or_as_it_was(
    wanted: Topology, host: Simulator, fault: Fault, data: st.DataObject
) -> None:
    before = host.host()
    found = plan(wanted, before)
    assume(found.steps)
    wire = Wire(host, {data.draw(st.integers(2, calls(wanted, host) - 1)): fault})
    with scene(host) as here:
        ran = here.apply(wanted, wire=wire)
        note(ran.said)
        event(f"{fault}: {ran.code}")
        (entry,) = here.journal.entries()
        if ran.code == 4:
            assert entry.status is Status.ROLLED_BACK
            assert_as_before(host.host(), before)
        else:
            assert entry.status is Status.APPLIED
            assert_as_wanted(wanted, host, ran.code)
        assert not here.journal.pending()


@given(topologies(), hosts(), st.data())
def test_several_failed_calls_leave_the_host_as_said_and_what_is_left_can_be_taken_back(
    wanted: Topology, host: Simulator, data: st.DataObject
) -> None:
    before = host.host()
    found = plan(wanted, before)
    assume(found.steps)
    faults = st.dictionaries(st.integers(2, 2 * calls(wanted, host)), st.sampled_from(SURVIVED), min_size=2)
    wire = Wire(host, data.draw(faults))
    with scene(host) as here:
        ran = here.apply(wanted, wire=wire)
        note(ran.said)
        (entry,) = here.journal.entries()
        event(f"{ran.code}, {entry.status}")
        match entry.status:
            case Status.APPLIED:
                assert_as_wanted(wanted, host, ran.code)
            case Status.ROLLED_BACK:
                assert ran.code == 4
                assert_as_before(host.host(), before)
            case Status.PARTLY:
                assert ran.code == 1
            case _:
                assert ran.code == 1
                assert isinstance(ran.error, Unfinished) or "netreconcile rollback" in ran.said
        if entry.status is not Status.ROLLED_BACK:
            assert here.take_back(entry)
            assert_as_before(host.host(), before)
            assert not here.journal.pending()


# -- the process dies


@given(topologies(), hosts(), st.sampled_from(DEADLY), st.data())
def test_a_killed_change_is_taken_back(wanted: Topology, host: Simulator, fault: Fault, data: st.DataObject) -> None:
    before = host.host()
    found = plan(wanted, before)
    assume(found.steps)
    with scene(host) as here:
        with pytest.raises(Killed):
            here.apply(wanted, wire=Wire(host, {data.draw(st.integers(2, calls(wanted, host) - 1)): fault}))
        entry = here.journal.pending()
        assert entry
        assert here.take_back(entry)
        assert_as_before(host.host(), before)
        assert here.journal.entry(entry.number).status is Status.UNDONE


@given(topologies(), hosts(), st.sampled_from(DEADLY), st.data())
def test_a_killed_change_is_finished_by_the_next_apply_and_can_still_be_taken_back(
    wanted: Topology, host: Simulator, fault: Fault, data: st.DataObject
) -> None:
    before = host.host()
    found = plan(wanted, before)
    assume(found.steps and not found.refused)
    with scene(host) as here:
        with pytest.raises(Killed):
            here.apply(wanted, wire=Wire(host, {data.draw(st.integers(2, calls(wanted, host) - 1)): fault}))
        ran = here.apply(wanted)
        note(ran.said)
        assert_as_wanted(wanted, host, ran.code)
        last, *earlier = here.journal.entries()
        event(f"{len(earlier)} earlier, {last.status}")
        assert last.status is Status.APPLIED
        assert [entry.status for entry in earlier] == [Status.CONTINUED] * len(earlier)
        assert here.take_back(last)
        assert_as_before(host.host(), before)


# -- what never works


def is_wanted(host: Simulator, before: Host, name: str) -> bool:
    """Return whether a network's config is neither what it was nor what it ran."""
    was, there = before.networks.get(name), host.known[name]
    return was is None or there.config not in (was.config_xml, was.running_xml)


@given(topologies(), hosts())
def test_networks_that_cannot_start_as_wanted_are_taken_back_with_everything_else(
    wanted: Topology, host: Simulator
) -> None:
    before = host.host()
    starting = {step.network for step in plan(wanted, before).steps if isinstance(step.action, Start)}
    assume(starting)

    def refuses(step: Step) -> bool:
        return isinstance(step.action, Start) and is_wanted(host, before, step.network)

    with scene(host) as here:
        ran = here.apply(wanted, wire=Wire(host, refuses=refuses))
        note(ran.said)
        event(str(ran.code))
        if ran.code != 4:  # they start as they were: their config is right already
            assert_as_wanted(wanted, host, ran.code)
            return
        assert_as_before(host.host(), before)
        assert "failed, and rolled back: the host is as it was before (entry 1)" in ran.said
        assert not here.journal.pending()


@given(topologies(), hosts())
def test_with_keep_going_only_the_network_that_failed_is_taken_back(wanted: Topology, host: Simulator) -> None:
    before = host.host()
    found = plan(wanted, before)
    starting = [step.network for step in found.steps if isinstance(step.action, Start)]
    assume(starting)
    bad = starting[0]

    def refuses(step: Step) -> bool:
        return isinstance(step.action, Start) and step.network == bad and is_wanted(host, before, bad)

    with scene(host) as here:
        ran = here.apply(wanted, "--on-error", "keep-going", wire=Wire(host, refuses=refuses))
        note(ran.said)
        (entry,) = here.journal.entries()
        event(f"{ran.code}, {entry.status}")
        after = host.host()
        if ran.code != 1:
            assert_as_wanted(wanted, host, ran.code)
            return
        failed = {line.split(":")[1].strip() for line in ran.said.splitlines() if line.startswith("failed: ")}
        left = {step.network for step in plan(wanted, after).steps}
        assert left <= failed, "all else is as wanted"
        if entry.status is Status.PARTLY:
            was = before.networks.get(bad)
            there = after.networks.get(bad)
            assert (there and there.config_xml) == (was and was.config_xml)
            assert bool(there and there.active) == bool(was and was.active)
        else:  # another network has taken what it had
            assert "this could not be taken back" in ran.said


# -- somebody asks to stop


@given(topologies(), hosts(), st.sampled_from((signal.SIGINT, signal.SIGTERM, signal.SIGHUP)), st.booleans(), st.data())
def test_a_signal_is_heeded_between_steps_and_everything_is_taken_back(
    wanted: Topology,
    host: Simulator,
    number: signal.Signals,
    keep_going: bool,  # noqa: FBT001 -- drawn
    data: st.DataObject,
) -> None:
    before = host.host()
    found = plan(wanted, before)
    assume(found.steps)
    at = data.draw(st.integers(0, len(found.steps) - 1), label="step")
    wire = Wire(host, hook=lambda tried: os.kill(os.getpid(), number) if tried == at else None)
    with scene(host) as here:
        ran = here.apply(wanted, *(("--on-error", "keep-going") if keep_going else ()), wire=wire)
        note(ran.said)
        (entry,) = here.journal.entries()
        event(f"{ran.code}")
        assert {str(step) for step in found.steps[: at + 1]} <= set(wire.done), "no step is torn"
        if ran.code != 4:  # every step was under way already
            assert at >= len(found.steps) - AT_ONCE
            assert_as_wanted(wanted, host, ran.code)
            return
        assert len(wire.done) < 2 * len(found.steps) + 9
        assert_as_before(host.host(), before)
        assert entry.ended
        assert entry.ended.message == f"{number.name} asked to stop"


# -- one case each

ONE = topology(dmz=network(mode="very-isolated", uuid=None, mac=None, bridge="br2", ips=[]), net=network(mtu=9000))


@pytest.fixture
def here() -> Iterator[Scene]:
    """A host with a network that ONE restarts, and that has a guest."""
    host = Simulator()
    with scene(host) as here:
        assert here.apply(topology(net=network())).code == 0
        host.guests["net"] = (GUEST,)
        yield here


def replugs(step: Step) -> bool:
    return isinstance(step.action, Replug)


@pytest.mark.parametrize("option", ["rollback", "keep-going"])
def test_a_guest_that_cannot_be_plugged_in_is_no_reason_to_cut_off_others(here: Scene, option: str) -> None:
    ran = here.apply(ONE, "--on-error", option, wire=Wire(here.host, refuses=replugs))
    assert ran.code == 1
    assert "failed: net: plug web vnet7 back in: libvirt can't" in ran.said
    assert "taken back" not in ran.said
    assert here.host.host().networks["net"].running == here.host.host().networks["net"].config
    (entry, _) = here.journal.entries()
    assert entry.status is Status.PARTLY
    assert here.apply(ONE).code == 0
    assert not here.host.host().networks["net"].loose


def test_steps_that_take_something_back_are_not_counted_as_steps_of_the_plan(here: Scene) -> None:
    ran = here.apply(ONE, wire=Wire(here.host, refuses=lambda step: str(step) == "dmz: start"))
    assert ran.code == 4
    steps = [line for line in ran.said.splitlines() if line.startswith("[")]
    begun = next(at for at, line in enumerate(steps) if line.endswith("dmz: start"))
    assert all(line.startswith(f"[{at + 1}/") for at, line in enumerate(steps[: begun + 1]))
    assert steps[begun + 1 :]
    assert all(line.startswith("[back] ") for line in steps[begun + 1 :])


def test_a_step_without_the_wanted_effect_is_a_failure(here: Scene) -> None:
    before = here.host.host()
    ran = here.apply(ONE, wire=Wire(here.host, ignores=lambda step: isinstance(step.action, SetAutostart)))
    assert ran.code == 4
    assert "taken back because of dmz: every step was done, and libvirt has something else" in ran.said
    assert_as_before(here.host.host(), before)


def test_with_keep_going_only_the_network_without_the_wanted_effect_is_taken_back(here: Scene) -> None:
    wire = Wire(here.host, ignores=lambda step: isinstance(step.action, SetAutostart))
    ran = here.apply(ONE, "--on-error", "keep-going", wire=wire)
    assert ran.code == 1
    after = here.host.host()
    assert set(after.networks) == {"net"}
    assert after.networks["net"].running is not None
    assert after.networks["net"].running.mtu == 9000
    assert here.journal.entries()[0].status is Status.PARTLY


def toggled(host: Simulator, name: str) -> None:
    """Somebody else changes the network."""
    host.known[name] = replace(host.known[name], autostart=not host.known[name].autostart)


def test_what_somebody_else_changes_before_a_step_is_left_to_them_and_all_else_is_taken_back(here: Scene) -> None:
    before = here.host.host()
    ran = here.apply(ONE, wire=Wire(here.host, hook=lambda tried: toggled(here.host, "net") if tried == 0 else None))
    assert ran.code == 4
    assert "failed: net: define: somebody else has changed this network meanwhile" in ran.said
    toggled(here.host, "net")
    assert_as_before(here.host.host(), before)


def test_with_keep_going_what_somebody_else_changes_is_left_to_them_and_all_else_is_done(here: Scene) -> None:
    before = here.host.host().networks["net"].config_xml
    wire = Wire(here.host, hook=lambda tried: toggled(here.host, "net") if tried == 0 else None)
    ran = here.apply(ONE, "--on-error", "keep-going", wire=wire)
    assert ran.code == 1
    assert here.host.known["dmz"].running
    assert here.host.known["net"].config == before
    assert here.journal.entries()[0].status is Status.PARTLY


def test_what_somebody_else_changes_between_our_steps_stays_and_is_told(here: Scene) -> None:
    steps = [str(step) for step in plan(ONE, here.host.host()).steps]
    at = steps.index("dmz: start")
    assert steps.index("net: define") < at < steps.index("net: stop")
    ran = here.apply(ONE, wire=Wire(here.host, hook=lambda tried: toggled(here.host, "net") if tried == at else None))
    assert ran.code == 1
    assert "net: refused: somebody else has changed it meanwhile; it stays as it is" in ran.said
    assert not here.host.known["net"].autostart
    assert set(here.host.known) == {"net"}
    assert here.journal.entries()[0].status is Status.UNFINISHED


def test_what_cannot_be_written_down_is_not_done_and_what_was_done_is_taken_back(here: Scene) -> None:
    before = here.host.host()
    there = here.journal.folder.path
    *steps, plug = plan(ONE, before).steps
    assert isinstance(plug.action, Replug)
    for number in range(len(steps)):
        ran = here.apply(ONE, "--again", wire=Wire(here.host, hook=lost(there, number)))
        (there / "elsewhere").rename(there / f"{number + 2}.jsonl")
        assert ran.code == 4, ran.said
        assert "can't keep the journal in" in ran.said
        assert_as_before(here.host.host(), before)
        assert here.take_back(here.journal.entry(number + 2))


def test_a_change_whose_end_cannot_be_written_down_is_unfinished(here: Scene) -> None:
    steps = plan(ONE, here.host.host()).steps
    ran = here.apply(ONE, wire=Wire(here.host, hook=lost(here.journal.folder.path, len(steps) - 1)))
    assert isinstance(ran.error, Unfinished)
    assert plan(ONE, here.host.host()).steps == ()


def lost(journal: Path, number: int) -> Callable[[int], None]:
    """Return what takes the newest entry away at a step."""

    def hook(tried: int) -> None:
        if tried == number:
            newest = max(journal.glob("*.jsonl"), key=lambda path: int(path.stem))
            newest.rename(journal / "elsewhere")

    return hook


def test_a_connection_that_does_not_come_back_leaves_the_entry_unfinished(here: Scene) -> None:
    before = here.host.host()

    class Gone(Wire):
        def reopen(self) -> None:
            raise Unreachable("libvirt is gone")

    ran = here.apply(ONE, wire=Gone(here.host, {8: Fault.LOST_AFTER}))
    assert isinstance(ran.error, Unfinished)
    assert "libvirt is gone\nThe change broke off here; entry 2 of the journal has what the networks were" in str(
        ran.error
    )
    pending = here.journal.pending()
    assert pending
    assert here.take_back(pending)
    assert_as_before(here.host.host(), before)


def test_what_another_topology_has_left_unfinished_stays_so(here: Scene) -> None:
    before = here.host.host()
    with pytest.raises(Killed):
        here.apply(ONE, wire=Wire(here.host, {8: Fault.KILLED_AFTER}))
    other = topology(wire=network(mode="very-isolated", uuid=None, mac=None, bridge="br3", ips=[]))
    other = other.model_copy(update={"name": "other"})
    for _ in range(2):
        ran = here.apply(other)
        assert ran.code == 0
        assert "entry 2, apply of lab" in ran.said
    pending = here.journal.pending()
    assert pending
    assert pending.number == 2
    assert here.take_back(pending)
    del here.host.known["wire"]
    assert_as_before(here.host.host(), before)


# -- what apply looks at before it changes anything


def test_an_entry_that_lacks_only_its_end_gets_one(here: Scene) -> None:
    with pytest.raises(Killed):
        here.apply(ONE, wire=Wire(here.host, {calls(ONE, here.host) - 1: Fault.KILLED_BEFORE}))
    assert here.journal.pending()
    ran = here.apply(ONE)
    assert (ran.code, here.journal.pending()) == (0, None)
    assert "nothing to do: 2 networks in sync" in ran.said
    (entry, _) = here.journal.entries()
    assert entry.status is Status.APPLIED
    assert entry.ended
    assert "a later run found nothing left" in entry.ended.message


def test_nothing_is_applied_over_what_waits_for_its_confirmation(here: Scene) -> None:
    (first,) = here.journal.entries()
    waits = Ended(status=Status.UNCONFIRMED, when=1_700_000_000, confirm_until=1_700_000_060)
    here.journal.reopened(first).add(waits)
    wire = Wire(here.host)
    ran = here.apply(ONE, wire=wire)
    assert ran.code == 3
    assert str(ran.error) == "nothing was changed: entry 1 is to be confirmed or taken back first"
    assert not wire.tried
    assert here.apply(topology(net=network())).code == 0, "what is in sync already hurts nobody"


def test_only_the_plan_that_was_expected_is_carried_out(here: Scene) -> None:
    found, wire = plan(ONE, here.host.host()), Wire(here.host)
    ran = here.apply(ONE, "--expect", "0" * 20, wire=wire)
    assert ran.code == 3
    assert f"the plan's fingerprint is {fingerprint(found)} now, not {'0' * 20}; nothing was done" in str(ran.error)
    assert "dmz: create" in ran.said
    assert not wire.tried
    assert here.apply(ONE, "--expect", fingerprint(found)).code == 0
    assert here.apply(ONE, "--expect", "0" * 20).code == 0, "nothing to do is what everybody expects"


def test_a_file_that_cut_guests_off_in_vain_is_not_applied_again_as_it_is(here: Scene) -> None:
    before, bad = here.host.host(), Wire(here.host, refuses=lambda step: str(step) == "dmz: start")
    assert here.apply(ONE, wire=bad).code == 4
    ran = here.apply(ONE)
    assert ran.code == 3
    assert "applied before (entry 2 of the journal) and is rolled back: dmz: start: libvirt can't." in str(ran.error)
    assert here.host.host() == before
    assert here.apply(topology(net=network(mtu=1400))).code == 0
    assert here.apply(ONE).code == 0, "another change of the same topology came between"


def test_a_file_that_was_taken_back_is_applied_again_if_that_is_said(here: Scene) -> None:
    assert here.apply(ONE).code == 0
    assert here.take_back(here.journal.entries()[0])
    assert here.apply(ONE).code == 3
    assert here.apply(ONE, "--again").code == 0


@pytest.mark.parametrize("refused", [False, True])
def test_what_was_applied_waits_for_its_confirmation(here: Scene, *, refused: bool) -> None:
    """Also where one network has failed and everything else is done."""
    found = plan(ONE, here.host.host())
    before = here.host.host()
    snapshot = {step.network: before.networks.get(step.network) for step in found.steps}
    entry = here.journal.begin(header(snapshot))
    known = {name: state_of(was) for name, was in snapshot.items()}
    wire = Wire(here.host, refuses=lambda step: refused and str(step) == "dmz: start")
    worker = Worker(wire.connection, known, lambda _, __, ___: None, lambda: "")

    def replan() -> tuple[Plan, Host]:
        return plan(ONE, here.host.host()), here.host.host()

    transaction = Transaction("lab", found, before, snapshot, frozenset(), {}, replan)
    report = transaction.carry_out(worker, entry, keep_going=True, confirm_within=60)
    assert report.verified != refused
    pending = here.journal.pending()
    assert pending
    assert pending.status is Status.UNCONFIRMED
    assert pending.ended
    assert pending.ended.confirm_until == pytest.approx(pending.ended.when + 60)
    assert pending.ended.message == ("dmz: start: libvirt can't" if refused else "")
    assert here.take_back(pending)
    assert_as_before(here.host.host(), before)
