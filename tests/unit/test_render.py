"""Plans, reports and hosts as text for people."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from netreconcile.actions import Replug
from netreconcile.document import fingerprint
from netreconcile.entry import Begun, Closed, Done, Ended, Entry, Status
from netreconcile.observed import Lease
from netreconcile.plan import Plan, plan
from netreconcile.render import (
    drift_lines,
    entry_lines,
    fingerprint_lines,
    guest_names,
    history_lines,
    host_lines,
    pending_lines,
    plan_lines,
    report_lines,
    summary,
)
from netreconcile.results import Outcome, Report, Result, Undone
from tests.unit.examples import GUEST, header, host, network, there, topology

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from netreconcile.observed import Host
    from netreconcile.render import Line


def text(lines: Iterable[Line]) -> str:
    return "\n".join(line.text for line in lines)


def planned(before: Host, **networks: object) -> Plan:
    return plan(
        topology(**{name: network(**values) for name, values in networks.items() if isinstance(values, dict)}), before
    )


def test_a_plan_tells_differences_price_and_steps() -> None:
    before = host(there(network(), network(), guests=(GUEST,)))
    assert text(plan_lines(planned(before, net={"mtu": 9000}), before)) == (
        "topology lab on test:///unit, libvirt 12.0.0\n"
        "\n"
        "~ net: update, impact restart (1 guest: web vnet7)\n"
        "    + mtu: 9000  (file changed)\n"
        "    restart: libvirt can't change mtu of a running network\n"
        "    with bridge.stp on, a port that is plugged in forwards only after about 4 seconds\n"
        "\n"
        "steps, in this order:\n"
        "  1. net: define\n"
        "  2. net: stop  (restart)\n"
        "  3. net: start  (restart)\n"
        "  4. net: plug web vnet7 back in  (restart)\n"
        "\n"
        "1 to update; impact: restart; 1 guest loses its link"
    )


def test_drift_is_a_line_a_difference_and_silence_without() -> None:
    before = host(there(network(), network()))
    assert text(drift_lines(planned(before, net={}))) == ""
    assert text(drift_lines(planned(before, net={"mtu": 9000, "domain": "a.example"}))).split("\n") == [
        "net: file changed: domain.name: a.example",
        "net: file changed: mtu: 9000",
    ]


def test_a_refusal_is_told_in_plan_and_drift() -> None:
    before = host(there(network(), owner="other"))
    found = planned(before, net={})
    assert text(drift_lines(found)) == "net: refused: it belongs to topology 'other'; --take-over makes it this one's"
    assert "! net: refuse" in text(plan_lines(found, before))
    assert summary(found).startswith("1 refused")


def test_a_plan_in_sync_is_one_line() -> None:
    before = host(there(network(), network()))
    assert summary(planned(before, net={})) == "nothing to do: 1 network in sync"


def test_long_values_are_cut() -> None:
    before = host(there(network(), network()))
    found = planned(before, net={"title": "x" * 500})
    assert all(len(line.text) < 200 for line in plan_lines(found, before))


@pytest.mark.parametrize(("value", "shown"), [("[bold]", "[bold]"), ("grün", "grün"), ("a\u202eb", "a\\u202eb")])
def test_values_are_shown_as_they_are_unless_they_drive_a_terminal(value: str, shown: str) -> None:
    before = host(there(network(), network()))
    assert shown in text(plan_lines(planned(before, net={"title": value}), before))


def test_a_report_says_what_failed_what_was_skipped_and_what_is_left() -> None:
    before = host(there(network(), network()))
    found = planned(before, net={"mtu": 9000})
    define, stop, start = found.steps
    results = (
        Result(define, Outcome.DONE),
        Result(stop, Outcome.FAILED, "no permission"),
        Result(start, Outcome.SKIPPED),
    )
    told = text(report_lines(Report(results, found), 7))
    assert "failed: net: stop: no permission" in told
    assert "skipped: net: start, because an earlier step of this network failed" in told
    assert "net: file changed: mtu: 9000" in told
    assert told.endswith("1 step done, 1 failed; the host does not match the file")


def test_a_report_says_how_long_each_guest_was_cut_off() -> None:
    before = host(there(network(), network(), guests=(GUEST, replace(GUEST, domain="db", target=""))))
    found = planned(before, net={"mtu": 9000})
    results = tuple(
        Result(step, Outcome.DONE, cut=0.256 if isinstance(step.action, Replug) else None) for step in found.steps
    )
    told = text(report_lines(Report(results, found), 7))
    assert "net: web vnet7 was cut off for 0.26 s" in told
    assert "net: db 52:54:00:00:00:99 was cut off for 0.26 s" in told


def test_a_guest_without_a_link_is_named_in_plan_and_drift() -> None:
    before = host(there(network(), network(), guests=(replace(GUEST, plugged=False),)))
    found = planned(before, net={})
    assert text(drift_lines(found)) == "net: guest unplugged: web vnet7"
    assert "    guest unplugged: web vnet7" in text(plan_lines(found, before))
    assert summary(found) == "1 to update; impact: live; no guest loses its link"


def test_a_verified_report_is_one_line() -> None:
    before = host(there(network(), network()))
    empty = planned(before, net={})
    step = planned(before, net={"mtu": 9000}).steps[0]
    assert (
        text(report_lines(Report((Result(step, Outcome.DONE),), empty), 7))
        == "done: 1 step, and the host matches the file"
    )


def test_a_plan_that_does_something_has_a_fingerprint() -> None:
    before = host(there(network(), network()))
    found = planned(before, net={"mtu": 9000})
    assert text(fingerprint_lines(found)) == f"fingerprint {fingerprint(found)}"
    assert not text(fingerprint_lines(planned(before, net={})))


# -- what was taken back


def failed(*, everything: bool, complete: bool) -> str:
    """Return the report on a change whose second step failed, and whose first one was taken back, or not."""
    found = planned(host(there(network(), network())), net={"mtu": 9000})
    define, stop, start = found.steps
    results = (
        Result(define, Outcome.DONE),
        Result(stop, Outcome.FAILED, "no permission"),
        Result(start, Outcome.SKIPPED),
    )
    back = Result(define, Outcome.DONE) if complete else Result(define, Outcome.FAILED, "no permission either")
    undone = Undone((back,), Plan("lab", (), ()) if complete else found, complete=complete)
    return text(report_lines(Report(results, found, undone, "net: stop: no permission", everything=everything), 7))


def test_a_report_on_what_was_taken_back_says_why_and_that_the_host_is_as_before() -> None:
    assert failed(everything=True, complete=True) == (
        "failed: net: stop: no permission\n"
        "taken back because of net: stop: no permission\n"
        "taken back: 1 step\n"
        "failed, and rolled back: the host is as it was before (entry 7)"
    )


def test_a_report_on_a_network_that_was_taken_back_says_what_is_left() -> None:
    told = failed(everything=False, complete=True)
    assert "skipped: net: start, because an earlier step of this network failed" in told
    assert "taken back: 1 step\nthe host still differs from the file:\nnet: file changed: mtu: 9000" in told
    assert told.endswith("1 step done, 1 failed; the host does not match the file")


def test_a_report_on_what_could_not_be_taken_back_says_so() -> None:
    told = failed(everything=True, complete=False)
    assert "failed: net: define: no permission either" in told
    assert "this could not be taken back; `netreconcile rollback` tries again:\nnet: file changed: mtu: 9000" in told
    assert "as it was before" not in told
    assert told.endswith("1 step done, 1 failed; the host does not match the file")


# -- the journal


@pytest.fixture
def _clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """It is as late here as in Greenwich."""
    monkeypatch.setenv("TZ", "UTC0")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


BEGUN = Begun(network="net", step="net: stop", stops=True, undo=False)
DONE = Done(network="net", outcome="done", message="", state="after")


def entry(*lines: Begun | Done | Ended | Closed, number: int = 3, **values: Any) -> Entry:
    return Entry(number, header({"net": None}, **values), lines)


@pytest.mark.usefixtures("_clock")
def test_a_change_that_broke_off_is_told_with_what_to_do() -> None:
    assert list(pending_lines(None)) == []
    told, advice = pending_lines(entry(BEGUN, DONE, BEGUN))
    assert told.startswith("entry 3, apply of lab (root on host), has no end: it is running, or broke off")
    assert told.endswith(" after 1 step at 2023-11-14 22:13:20")
    assert advice == "if it broke off: `netreconcile apply` finishes it, `netreconcile rollback` undoes it"


@pytest.mark.usefixtures("_clock")
def test_a_change_that_is_not_confirmed_is_told_with_its_end() -> None:
    ended = Ended(status=Status.UNCONFIRMED, when=1_700_000_000, confirm_until=1_700_000_060)
    assert list(pending_lines(entry(BEGUN, DONE, ended))) == [
        "entry 3, apply of lab (root on host), is not confirmed; it is taken back at 2023-11-14 22:14:20",
        "`netreconcile confirm` keeps it, `netreconcile rollback` takes it back at once",
    ]


@pytest.mark.usefixtures("_clock")
def test_history_is_a_table() -> None:
    many = header(dict.fromkeys("fedcba"))
    ended = Ended(status=Status.ROLLED_BACK, when=1_700_000_001)
    table = text(history_lines((Entry(12, many, (ended,)), entry(plan={}, command="rollback 1"))))
    assert table.split("\n") == [
        "entry  when                 command     topology  status       impact  networks               who",
        "12     2023-11-14 22:13:20  apply       lab       rolled back  live    a, b, c, d and 2 more  root on host",
        "3      2023-11-14 22:13:20  rollback 1  lab       unfinished           net                    root on host",
    ]


@pytest.mark.usefixtures("_clock")
def test_an_entry_tells_what_was_wanted_done_and_taken_back() -> None:
    lines = (
        BEGUN,
        DONE.model_copy(update={"outcome": "failed", "message": "no"}),
        BEGUN.model_copy(update={"undo": True}),
        DONE,
        Ended(status=Status.ROLLED_BACK, when=1_700_000_001, message="net: stop: no"),
    )
    assert text(entry_lines(entry(*lines))) == (
        "entry 3: apply by root on host at 2023-11-14 22:13:20: rolled back\n"
        "files: lab.yaml; topology digest 0123456789abcdef0123\n"
        "fingerprint abcdef0123456789abcd\n"
        "\n"
        "topology lab\n"
        "nothing else\n"
        "\n"
        "what was done:\n"
        "  net: stop: failed: no\n"
        "  back: net: stop: done\n"
        "ended at 2023-11-14 22:13:21: net: stop: no"
    )
    assert text(entry_lines(entry(BEGUN, files=()))).endswith("what was done:\n  net: stop: broke off here")
    assert "files:" not in text(entry_lines(entry(files=())))


def test_hosts_are_a_table() -> None:
    leases = tuple(Lease(f"10.0.0.{number}", f"52:54:00:00:00:0{number}", "", 0) for number in (2, 3, 4))
    net = replace(there(network(), network(), guests=(GUEST,)), leases=leases)
    table = text(host_lines(host(net, there(network(), name="other", owner=None)))).split("\n")
    assert [line.split()[0] for line in table] == ["network", "net", "other"]
    assert {"lab", "br1", "10.0.0.1/24", "3"} <= set(table[1].split())


def test_guests_are_named_by_domain_and_interface() -> None:
    assert guest_names((GUEST,)) == "1 guest: web vnet7"
