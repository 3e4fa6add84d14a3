"""What a rehearsal comes to, in words and for machines."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

from netreconcile.actions import Impact
from netreconcile.commands.rehearse import EXIT_CODES
from netreconcile.plan import Plan, plan
from netreconcile.rehearse.act import Look, difference
from netreconcile.rehearse.outcome import Act, Gap, Rehearsal, Taken, Would
from netreconcile.rehearse.report import rehearsal_document, rehearsal_lines
from netreconcile.results import Outcome, Result
from netreconcile.verify.verdict import NetworkVerdict, judged
from tests.unit.examples import GUEST, host, network, there, topology

if TYPE_CHECKING:
    from netreconcile.observed import Host

SCHEMA = json.loads((Path(__file__).parents[2] / "schemas" / "rehearsal.schema.json").read_text())
HOST = host(there(network(), network(), guests=(GUEST,)))
PLAN = plan(topology(net=network(mtu=9000)), HOST)
KEPT = NetworkVerdict("net", "nat", (judged("active", "yes", "yes", kept=True),))
BROKEN = NetworkVerdict("net", "nat", (judged("dns", "answers", "silent", kept=False, hint="start it"),))


def act(name: str = "apply", *, cut: float | None = 0.31, back: bool = True, **said: Any) -> Act:
    taken = tuple(Taken(Result(step, Outcome.DONE), 0.25) for step in PLAN.steps)
    return Act(name, taken, gaps=(Gap("net", GUEST, cut, back),), **said)


def rehearsal(*acts: Act, of: Plan = PLAN, on: Host = HOST, **said: Any) -> Rehearsal:
    return Rehearsal(of, on, (9, 0, 0), acts=acts, interval=0.01, **said)


def text(found: Rehearsal) -> list[str]:
    return [line.text for line in rehearsal_lines(found)]


ALL = (act(), act("rollback"), act("apply again"))
REFUSED = plan(topology(net=network(mtu=9000)), HOST, max_impact=Impact.LIVE)


@pytest.mark.parametrize(
    ("found", "would", "code"),
    [
        (rehearsal(*ALL, verdicts=(KEPT,)), Would.WORK, 0),
        (Rehearsal(plan(topology(net=network()), HOST), HOST), Would.DO_NOTHING, 0),
        (rehearsal(act(problem="no"), verdicts=(BROKEN,)), Would.FAIL, 1),
        (rehearsal(*ALL, verdicts=(KEPT, BROKEN)), Would.BREAK, 2),
        (rehearsal(unseen=frozenset({"net"})), Would.BE_UNKNOWN, 1),
        (rehearsal(of=REFUSED), Would.BE_REFUSED, 3),
    ],
)
def test_what_would_be_is_the_worst_that_was_seen(found: Rehearsal, would: Would, code: int) -> None:
    assert found.would is would
    assert EXIT_CODES.get(would, 0) == code
    assert text(found)[-1].startswith(f"it would {would}")
    jsonschema.validate(rehearsal_document(found), SCHEMA)


def test_consent_that_is_needed_is_no_refusal() -> None:
    assert text(rehearsal(*ALL))[-1] == "it would work; it needs --allow-disruption, for 1 guest: web vnet7"


@pytest.mark.parametrize(
    ("cut", "back", "line"),
    [
        (4.312, True, "  net: web vnet7 was cut off for 4.31 s"),
        (0.0, True, "  1 guest kept its link"),
        (0.31, False, "  net: web vnet7 is cut off, and stays so"),
        (None, True, "  net: web vnet7 had no link, and has one now"),
        (None, False, "  net: web vnet7 had no link, and still has none"),
    ],
)
def test_each_guest_is_told_what_happened_to_its_link(cut: float | None, line: str, *, back: bool) -> None:
    assert line in text(rehearsal(act(cut=cut, back=back)))


def test_the_first_act_is_told_step_by_step_and_the_others_in_a_line() -> None:
    lines = text(rehearsal(*ALL, verdicts=(KEPT,)))
    assert "apply: 4 steps in 1.00 s" in lines
    assert "   0.25 s  net: stop" in lines
    assert "verified: 1 promise kept" in lines
    assert "rollback: 4 steps in 1.00 s, guests cut off for up to 0.31 s" in lines


def test_guests_that_stay_cut_off_are_counted_in_the_acts_that_are_told_in_a_line() -> None:
    lines = text(rehearsal(act(), act("rollback", back=False)))
    assert "rollback: 4 steps in 1.00 s, 1 guest cut off for good" in lines


def test_a_machine_that_was_too_busy_to_measure_is_told() -> None:
    assert "  7 frames came too fast for this machine: gaps may be shorter than that" in text(rehearsal(act(missed=7)))


def test_a_failure_is_told_with_what_was_taken_back() -> None:
    failed, skipped = (
        Result(step, outcome, "no room")
        for step, outcome in zip(PLAN.steps, (Outcome.FAILED, Outcome.SKIPPED), strict=False)
    )
    found = rehearsal(
        Act(
            "apply",
            (Taken(failed, 0.1), Taken(skipped, 0.0)),
            (Taken(Result(PLAN.steps[0], Outcome.DONE), 0.2),),
            (),
            "no room",
        )
    )
    lines = text(found)
    assert "   0.10 s  net: define, FAILED: no room" in lines
    assert "  skipped  net: stop" in lines
    assert "   0.20 s  taken back: net: define" in lines
    assert lines[-1] == "it would fail at apply, as is told above"
    steps = rehearsal_document(found)["acts"][0]["steps"]
    assert [(step["outcome"], step["undo"]) for step in steps] == [
        ("failed", False),
        ("skipped", False),
        ("done", True),
    ]


def test_a_broken_promise_is_told_in_full() -> None:
    lines = text(rehearsal(*ALL, verdicts=(KEPT, BROKEN)))
    assert any("BROKEN" in line and "silent" in line for line in lines)


def test_what_the_copy_lacks_is_told() -> None:
    lines = text(rehearsal(*ALL, left_out=("link eth9: no such kind",), differences=("new: net: start",)))
    assert "  not copied: link eth9: no such kind" in lines
    assert "  the copy's plan: new: net: start" in lines


def test_a_copy_that_is_not_as_before_is_noticed() -> None:
    before = Look(HOST, {"net": "a.b", "other": "c."}, {"vnet7": "br1", "vnet8": ""})
    assert difference(before, replace(before, masters={"vnet7": "br1", "vnet8": "br1"})) == ""
    found = difference(before, Look(HOST, {"net": "a.b", "new": "d."}, {"vnet7": "", "vnet8": ""}))
    assert (
        found == "after it was taken back, the copy is not as it was before: networks new, other; links of guests vnet7"
    )
