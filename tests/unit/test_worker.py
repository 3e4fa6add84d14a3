"""Steps are done in order, each on a network that is as it was left, and each is on record before and after."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pytest

from netreconcile.actions import Define, Impact, Replug, SetAutostart, Start, Step, Stop
from netreconcile.errors import ConnectionLost, JournalFailed, LibvirtFailed
from netreconcile.observed import ABSENT, state_of
from netreconcile.plan import Plan, plan
from netreconcile.results import Outcome, Report, Result
from netreconcile.worker import AT_ONCE, Worker, patiently
from tests.unit.examples import GUEST, network, topology
from tests.unit.simulator import Simulator
from tests.unit.wire import Fault, Wire

if TYPE_CHECKING:
    from collections.abc import Callable

OTHER = network(uuid=None, mac=None, bridge="br2", ips=[{"address": "10.2.0.1/24"}])
BOTH = topology(a=network(), b=OTHER)


@dataclass
class Notes:
    """What is written down, in its order; `full` says before which line there is no more room."""

    lines: list[str] = field(default_factory=list[str])
    states: dict[str, str] = field(default_factory=dict[str, str])
    full: int | None = None

    def begin(self, step: Step) -> None:
        self._write(f"begin {step}")

    def done(self, result: Result, state: str) -> None:
        self._write(f"{result.outcome} {result.step}")
        self.states[result.step.network] = state

    def _write(self, line: str) -> None:
        if self.full is not None and len(self.lines) >= self.full:
            raise JournalFailed("no space left")
        self.lines.append(line)


def worker(wire: Wire, found: Plan, interrupted: Callable[[], str] = lambda: "") -> Worker:
    """Return what does the plan's steps on the host as it is now."""
    host = wire.simulator.host()
    known = {step.network: state_of(host.networks.get(step.network)) for step in found.steps}
    return Worker(wire.connection, known, lambda _, __, ___: None, interrupted)


def outcomes(results: tuple[Result, ...]) -> dict[str, str]:
    return {str(result.step): str(result.outcome) for result in results}


def planned(wire: Wire) -> Plan:
    return plan(BOTH, wire.simulator.host())


def running() -> Wire:
    """Return a host with both networks, where `a` has a guest."""
    wire = Wire(Simulator())
    for step in planned(wire).steps:
        wire.simulator.perform(step)
    wire.simulator.guests["a"] = (GUEST,)
    return wire


def test_guests_whose_network_went_down_were_cut_off_also_where_they_are_plugged_in_again() -> None:
    wire = running()
    wanted = topology(a=network(mtu=1400), b=OTHER)
    found = plan(wanted, wire.simulator.host())
    results = worker(wire, found).perform(found.steps, Notes(), keep_going=False)
    report = Report(results, plan(wanted, wire.simulator.host()))
    assert (report.verified, report.guests_cut(found)) == (True, 1)
    assert Report((), found).guests_cut(found) == 0


def test_every_step_is_on_record_before_it_is_done_and_after() -> None:
    wire, notes = Wire(Simulator()), Notes()
    found = planned(wire)
    wire.ignores = lambda step: f"begin {step}" not in notes.lines
    one = worker(wire, found)
    results = one.perform(found.steps, notes, keep_going=False)
    assert [result.step for result in results] == list(found.steps)
    assert {result.outcome for result in results} == {Outcome.DONE}
    for word in ("begin", "done"):
        assert [line for line in notes.lines if line.startswith(word)] == [f"{word} {step}" for step in found.steps]
    after = {name: there.state for name, there in wire.simulator.host().networks.items()}
    assert one.known == after == notes.states
    assert one.touched == {"a", "b"}


def test_each_step_is_announced_and_told() -> None:
    wire = Wire(Simulator())
    found = planned(wire)
    told: list[str] = []
    one = worker(wire, found)
    one.watch = lambda step, result, _: told.append(f"{step} {result.outcome if result else '…'}")
    one.perform(found.steps, Notes(), keep_going=False)
    assert told == [
        *(line for step in found.steps[:-2] for line in (f"{step} …", f"{step} done")),
        *("a: start …", "b: start …", "a: start done", "b: start done"),
    ]


def test_a_failed_step_is_the_last_one() -> None:
    wire = Wire(Simulator(), refuses=lambda step: isinstance(step.action, SetAutostart))
    found = planned(wire)
    one = worker(wire, found)
    results = one.perform(found.steps, Notes(), keep_going=False)
    failed = next(number for number, result in enumerate(results) if result.failed)
    assert results[failed].message == "libvirt can't"
    assert {result.outcome for result in results[:failed]} == {Outcome.DONE}
    assert {result.outcome for result in results[failed + 1 :]} == {Outcome.SKIPPED}
    assert wire.tried == failed + 1


def test_with_keep_going_only_the_rest_of_the_network_is_skipped() -> None:
    wire = Wire(Simulator(), refuses=lambda step: step.network == "a" and isinstance(step.action, Define))
    found = planned(wire)
    results = worker(wire, found).perform(found.steps, Notes(), keep_going=True)
    assert {(result.step.network, result.outcome) for result in results} == {
        ("a", Outcome.FAILED),
        ("a", Outcome.SKIPPED),
        ("b", Outcome.DONE),
    }


def test_what_fails_after_it_was_done_is_a_failure_and_its_state_is_known() -> None:
    wire = Wire(Simulator(), {1: Fault.FAILED_THOUGH_DONE})
    found = planned(wire)
    one = worker(wire, found)
    first, *_ = one.perform(found.steps, Notes(), keep_going=False)
    assert first.failed
    assert one.known["a"] == wire.simulator.host().networks["a"].state != ABSENT


# -- guests


def replug(domain: str = "web") -> Step:
    return Step("a", Replug(domain, GUEST.mac, GUEST.target), Impact.RESTART)


def restart() -> tuple[Step, ...]:
    return Step("a", Stop(), Impact.RESTART), Step("a", Start(), Impact.RESTART), replug()


def busy(times: int) -> Callable[[Step], bool]:
    """Return what refuses so often to plug a guest in."""
    left = iter(range(times))
    return lambda step: isinstance(step.action, Replug) and next(left, None) is not None


def started(wire: Wire, interrupted: Callable[[], str] = lambda: "") -> Worker:
    known = {name: there.state for name, there in wire.simulator.host().networks.items()}
    return Worker(wire.connection, known, lambda _, __, ___: None, interrupted)


def test_a_guest_that_is_plugged_in_was_cut_off_for_so_long() -> None:
    wire = running()
    stop, start, plug = started(wire).perform(restart(), Notes(), keep_going=False)
    assert (stop.cut, start.cut) == (None, None)
    assert plug.cut is not None
    assert plug.cut > 0
    assert wire.simulator.guests["a"] == (GUEST,)


def test_a_guest_that_nobody_has_cut_off_now_has_no_such_time() -> None:
    wire = running()
    (plug,) = started(wire).perform([replug()], Notes(), keep_going=False)
    assert plug.outcome is Outcome.DONE
    assert plug.cut is None


def test_a_guest_that_cannot_be_plugged_in_is_tried_twice_and_holds_nobody_up() -> None:
    wire = running()
    wire.refuses = busy(times=3)
    later = Step("b", SetAutostart(enabled=False), Impact.NONE)
    results = started(wire).perform((*restart(), later), Notes(), keep_going=False)
    assert [result.outcome for result in results] == [Outcome.DONE, Outcome.DONE, Outcome.FAILED, Outcome.DONE]
    assert wire.tried == 5


def test_a_guest_that_was_busy_is_plugged_in_at_the_second_try() -> None:
    wire = running()
    wire.refuses = busy(times=1)
    *_, plug = started(wire).perform(restart(), Notes(), keep_going=False)
    assert plug.outcome is Outcome.DONE
    assert wire.simulator.guests["a"] == (GUEST,)


# -- starts


def many(count: int = 2 * AT_ONCE) -> tuple[Wire, Plan]:
    """Return a host on which so many networks are defined, and the plan that starts them."""
    wire = Wire(Simulator())
    for number in range(count):
        xml = f"<network><name>n{number}</name><bridge name='br{number}'/></network>"
        wire.simulator.perform(Step(f"n{number}", Define(xml), Impact.NONE))
    steps = tuple(Step(f"n{number}", Start(), Impact.NONE) for number in range(count))
    return wire, Plan("lab", (), steps)


def test_networks_are_started_at_the_same_time_but_not_all_of_them() -> None:
    wire, found = many()
    together, notes = threading.Barrier(AT_ONCE, timeout=60), Notes()

    def meet(_: int) -> None:
        together.wait()

    wire.hook = meet
    results = worker(wire, found).perform(found.steps, notes, keep_going=False)
    assert [result.outcome for result in results] == [Outcome.DONE] * len(found.steps)
    under_way = 0
    for line in notes.lines:
        under_way += 1 if line.startswith("begin") else -1
        assert under_way <= AT_ONCE


def test_networks_are_started_one_by_one_where_what_a_killed_libvirt_leaves_would_stay() -> None:
    wire, found = many()
    wire.clears = False
    notes = Notes()
    results = worker(wire, found).perform(found.steps, notes, keep_going=False)
    assert [result.outcome for result in results] == [Outcome.DONE] * len(found.steps)
    assert notes.lines == [line for step in found.steps for line in (f"begin {step}", f"done {step}")]


@pytest.mark.parametrize("keep_going", [False, True])
def test_what_is_under_way_when_a_start_fails_is_finished(keep_going: bool) -> None:  # noqa: FBT001
    wire, found = many()
    wire.refuses = lambda step: step.network == "n0"
    notes = Notes()
    results = worker(wire, found).perform(found.steps, notes, keep_going=keep_going)
    rest = Outcome.DONE if keep_going else Outcome.SKIPPED
    assert [result.outcome for result in results] == [
        *(Outcome.FAILED, *[Outcome.DONE] * (AT_ONCE - 1)),
        *([rest] * AT_ONCE),
    ]
    assert {line.split()[-2] for line in notes.lines} == {
        f"{result.step.network}:" for result in results if result.outcome is not Outcome.SKIPPED
    }


def test_starts_whose_connection_is_lost_are_done_over_a_new_one() -> None:
    wire, found = many()
    reads = AT_ONCE
    wire.faults = {reads: Fault.LOST_AFTER, reads + AT_ONCE + 2: Fault.LOST_BEFORE}
    results = worker(wire, found).perform(found.steps, Notes(), keep_going=False)
    assert [result.outcome for result in results] == [Outcome.DONE] * len(found.steps)
    assert all(there.active for there in wire.simulator.host().networks.values())


# -- addresses


def holding(times: int) -> Callable[[Step], bool]:
    """Return what refuses so often to start a network."""
    left = iter(range(times))
    return lambda step: isinstance(step.action, Start) and next(left, None) is not None


def test_a_network_whose_dnsmasq_is_slow_to_end_is_started_once_the_address_is_free() -> None:
    wire = running()
    wire.refuses, wire.refusal = holding(times=2), "failed to create listening socket: Address already in use"
    _, start, _ = started(wire).perform(restart(), Notes(), keep_going=False)
    assert start.outcome is Outcome.DONE


def test_a_network_that_cannot_start_for_another_reason_is_tried_once() -> None:
    wire = running()
    wire.refuses = holding(times=1)
    _, start, _ = started(wire).perform(restart(), Notes(), keep_going=False)
    assert start.outcome is Outcome.FAILED


# -- others


def test_a_network_that_somebody_else_has_changed_is_left_alone() -> None:
    wire, notes = running(), Notes()
    one = started(wire)
    theirs = replace(wire.simulator.known["a"], autostart=False)
    wire.simulator.known["a"] = theirs
    results = one.perform(restart(), notes, keep_going=False)
    assert outcomes(results) == {
        "a: stop": "failed",
        "a: start": "skipped",
        "a: plug web vnet7 back in": "skipped",
    }
    assert results[0].message == "somebody else has changed this network meanwhile"
    assert wire.simulator.known["a"] == theirs
    assert not notes.lines
    assert not one.touched
    assert not wire.tried


@pytest.mark.parametrize("change", ["made", "gone"])
def test_a_network_that_somebody_else_has_made_or_removed_is_left_alone(change: str) -> None:
    wire = Wire(Simulator()) if change == "made" else running()
    found = plan(BOTH if change == "made" else topology(a=network(mtu=9000), b=OTHER), wire.simulator.host())
    one = worker(wire, found)
    if change == "made":
        wire.simulator.define("<network><name>a</name></network>", "a")
    else:
        del wire.simulator.known["a"]
    first, *_ = one.perform(found.steps, Notes(), keep_going=False)
    assert (first.step.network, first.failed) == ("a", True)
    assert not wire.tried


# -- the connection


@pytest.mark.parametrize(("fault", "tried"), [(Fault.LOST_BEFORE, 2), (Fault.LOST_AFTER, 1)])
def test_a_step_is_repeated_on_a_new_connection_only_if_it_was_not_done(fault: Fault, tried: int) -> None:
    wire = running()
    wire.faults = {wire.calls + 1: fault}
    (result,) = started(wire).perform([Step("a", Stop(), Impact.RESTART)], Notes(), keep_going=False)
    assert result.outcome is Outcome.DONE
    assert result.message == ("the connection was lost meanwhile; it is done" if tried == 1 else "")
    assert wire.tried == tried
    assert wire.simulator.known["a"].running is None


def test_a_step_that_loses_the_connection_twice_has_failed() -> None:
    wire = running()
    wire.refuses = cutting(wire)
    (result,) = started(wire).perform([Step("a", Stop(), Impact.RESTART)], Notes(), keep_going=False)
    assert result.failed
    assert result.message == "libvirt crashed"
    assert wire.tried == 2


def cutting(wire: Wire) -> Callable[[Step], bool]:
    """Return what crashes libvirt whenever something is to be stopped."""

    def crash(step: Step) -> bool:
        if isinstance(step.action, Stop):
            wire.alive = False
            raise ConnectionLost(str(step), "libvirt crashed", 38)
        return False

    return crash


def test_what_cannot_be_read_is_read_again() -> None:
    wire = running()
    wire.faults = {0: Fault.REFUSED, 1: Fault.LOST_BEFORE}
    assert patiently(wire.connection, lambda: wire.read_network("a")) is not None
    wire.faults = dict.fromkeys(range(wire.calls, wire.calls + 3), Fault.REFUSED)
    with pytest.raises(LibvirtFailed):
        patiently(wire.connection, lambda: wire.read_network("a"))


# -- the journal and signals


@pytest.mark.parametrize("room", [0, 2])
def test_a_step_that_cannot_be_written_down_is_not_done(room: int) -> None:
    wire, notes = Wire(Simulator()), Notes(full=room)
    found = planned(wire)
    results = worker(wire, found).perform(found.steps, notes, keep_going=False)
    done = room // 2
    assert [result.outcome for result in results[:done]] == [Outcome.DONE] * done
    assert (results[done].outcome, results[done].message) == (Outcome.FAILED, "no space left")
    assert {result.outcome for result in results[done + 1 :]} == {Outcome.SKIPPED}
    assert wire.tried == done


def test_a_step_whose_end_cannot_be_written_down_is_the_last_one() -> None:
    wire, notes = Wire(Simulator()), Notes(full=3)
    found = planned(wire)
    one = worker(wire, found)
    results = one.perform(found.steps, notes, keep_going=False)
    assert (results[1].outcome, results[1].message) == (Outcome.FAILED, "done, but no space left")
    assert results[2].outcome is Outcome.SKIPPED
    assert wire.tried == 2
    assert one.known["b"] == wire.simulator.host().networks["b"].state


def test_after_a_request_to_stop_no_further_step_is_begun() -> None:
    wire = Wire(Simulator())
    found = planned(wire)
    one = worker(wire, found, lambda: "SIGTERM asked to stop" if wire.tried == 2 else "")
    results = one.perform(found.steps, Notes(), keep_going=True)
    assert [result.outcome for result in results[:3]] == [Outcome.DONE, Outcome.DONE, Outcome.SKIPPED]
    assert {result.outcome for result in results[2:]} == {Outcome.SKIPPED}
    assert wire.tried == 2
