"""Plans, reports and hosts as text for people."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from netreconcile.actions import Replug
from netreconcile.apply import Outcome, Report, Result
from netreconcile.observed import Lease
from netreconcile.plan import plan
from netreconcile.render import drift_lines, guest_names, host_lines, plan_lines, report_lines, summary
from tests.unit.examples import GUEST, host, network, there, topology

if TYPE_CHECKING:
    from collections.abc import Iterable

    from netreconcile.observed import Host
    from netreconcile.plan import Plan
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
    found = planned(before, net={"dnsmasq_options": ["x" * 500]})
    assert all(len(line.text) < 200 for line in plan_lines(found, before))


@pytest.mark.parametrize("value", ["[bold]", "a\u202eb"])
def test_values_are_shown_as_they_are(value: str) -> None:
    before = host(there(network(), network()))
    assert value in text(plan_lines(planned(before, net={"dnsmasq_options": [value]}), before))


def test_a_report_says_what_failed_what_was_skipped_and_what_is_left() -> None:
    before = host(there(network(), network()))
    found = planned(before, net={"mtu": 9000})
    define, stop, start = found.steps
    results = (
        Result(define, Outcome.DONE),
        Result(stop, Outcome.FAILED, "no permission"),
        Result(start, Outcome.SKIPPED),
    )
    told = text(report_lines(Report(results, found)))
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
    told = text(report_lines(Report(results, found)))
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
        text(report_lines(Report((Result(step, Outcome.DONE),), empty)))
        == "done: 1 step, and the host matches the file"
    )


def test_hosts_are_a_table() -> None:
    leases = tuple(Lease(f"10.0.0.{number}", f"52:54:00:00:00:0{number}", "", 0) for number in (2, 3, 4))
    net = replace(there(network(), network(), guests=(GUEST,)), leases=leases)
    table = text(host_lines(host(net, there(network(), name="other", owner=None)))).split("\n")
    assert [line.split()[0] for line in table] == ["network", "net", "other"]
    assert {"lab", "br1", "10.0.0.1/24", "3"} <= set(table[1].split())


def test_guests_are_named_by_domain_and_interface() -> None:
    assert guest_names((GUEST,)) == "1 guest: web vnet7"
