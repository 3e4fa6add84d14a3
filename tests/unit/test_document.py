"""Plans, reports, hosts and problems as JSON for machines."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema

from netreconcile.actions import Define, Replug
from netreconcile.allowance import EVERYTHING
from netreconcile.document import (
    differences,
    entry_document,
    fingerprint,
    history_document,
    host_document,
    plan_document,
    problems_document,
    report_document,
)
from netreconcile.entry import Begun, Closed, Done, Ended, Entry, Status
from netreconcile.errors import Position, Problem, Severity
from netreconcile.observed import Lease
from netreconcile.plan import plan
from netreconcile.results import Outcome, Report, Result, Undone
from tests.unit.examples import GUEST, UUID, header, host, network, there, topology

if TYPE_CHECKING:
    from netreconcile.observed import Host
    from netreconcile.plan import Plan

FOLDER = Path(__file__).parents[2] / "schemas"
SCHEMA = json.loads((FOLDER / "plan.schema.json").read_text())
HISTORY = json.loads((FOLDER / "history.schema.json").read_text())


def printed(document: dict[str, Any]) -> Any:
    """Return the document as a program reads it."""
    return json.loads(json.dumps(document))


def test_a_plan_has_everything_that_the_text_has() -> None:
    hosts = [{"mac": "52:54:00:00:00:10", "ip": "10.0.0.10"}]
    before = host(there(network(), network(), guests=(GUEST,)))
    wanted = network(ips=[{"address": "10.0.0.1/24", "dhcp": {"hosts": hosts}}])
    document = printed(plan_document(plan(topology(net=wanted), before), before))
    jsonschema.validate(document, SCHEMA)
    assert (document["topology"], document["libvirt"], document["in_sync"], document["impact"]) == (
        "lab",
        "12.0.0",
        False,
        "live",
    )
    (part,) = document["networks"]
    assert part["drift"] == [
        {
            "cause": "file changed",
            "path": "ips[10.0.0.1].dhcp.hosts[52:54:00:00:00:10]",
            "before": None,
            "after": {"mac": "52:54:00:00:00:10", "ip": "10.0.0.10"},
        }
    ]
    (guest,) = part["guests"]
    assert (guest["domain"], guest["mac"], guest["target"], guest["running"]) == (
        "web",
        "52:54:00:00:00:99",
        "vnet7",
        True,
    )
    define, update = document["steps"]
    assert (define["action"], define["impact"]) == ("Define", "none")
    assert (update["command"], update["section"], update["parent_index"]) == ("ADD", "IP_DHCP_HOST", 0)
    assert "52:54:00:00:00:10" in update["xml"]


def test_refusals_removals_and_ordered_lists_fit_the_schema() -> None:
    other = network(uuid="99999999-2222-4333-8444-555555555555", bridge="br2", dnsmasq_options=["b"])
    gone, foreign = there(network(), network(), name="gone"), there(network(), name="foreign", owner="other")
    wanted = topology(foreign=network(), new=other.model_copy(update={"dnsmasq_options": ("a",)}))
    before = host(gone, foreign, there(other, other, name="new", owner=None))
    document = printed(plan_document(plan(wanted, before, allowed=EVERYTHING), before))
    jsonschema.validate(document, SCHEMA)
    assert {part["name"]: part["verb"] for part in document["networks"]} == {
        "foreign": "refuse",
        "new": "update",
        "gone": "remove",
    }
    changed = {drift["path"]: drift for part in document["networks"] for drift in part["drift"] if "path" in drift}
    assert changed["dnsmasq_options"]["after"] == ["a"]


def test_a_report_is_a_plan_with_results() -> None:
    before = host(there(network(), network()))
    found = plan(topology(net=network(mtu=1400)), before)
    results = tuple(Result(step, Outcome.DONE if i == 0 else Outcome.SKIPPED, "") for i, step in enumerate(found.steps))
    document = printed(report_document(found, Report(results, found), before, 7))
    assert [step["outcome"] for step in document["steps"]] == ["done", "skipped", "skipped"]
    assert not document["verified"]
    assert [part["name"] for part in document["remaining"]] == ["net"]
    assert (document["entry"], document["rolled_back"]) == (7, None)


def test_a_report_says_what_was_taken_back_and_why() -> None:
    before = host(there(network(), network()))
    found = plan(topology(net=network(mtu=1400)), before)
    results = (Result(found.steps[0], Outcome.FAILED, "no"),)
    undone = Undone((Result(found.steps[0], Outcome.DONE),), found, complete=False)
    document = printed(
        report_document(found, Report(results, found, undone, "net: define: no", everything=True), before, 7)
    )
    jsonschema.validate(document, SCHEMA)
    back = document["rolled_back"]
    assert (back["why"], back["everything"], back["complete"]) == ("net: define: no", True, False)
    assert [(step["sentence"], step["outcome"]) for step in back["steps"]] == [("define", "done")]
    assert [part["name"] for part in back["remaining"]] == ["net"]


# -- one plan or another


def fingerprints(*found: Plan) -> set[str]:
    return {fingerprint(one) for one in found}


def test_the_fingerprint_is_that_of_what_is_done_and_to_whom() -> None:
    wanted, before = topology(net=network(mtu=1400)), there(network(), network(), guests=(GUEST,))
    first = plan(wanted, host(before))
    addressed = replace(before, guests=(replace(GUEST, address="10.0.0.9"),))
    elsewhere = replace(host(before), uri="qemu+ssh://host/system", version=(12, 1, 0))
    assert fingerprints(first, plan(wanted, host(addressed)), plan(wanted, elsewhere)) == {fingerprint(first)}
    others = (
        plan(topology(net=network(mtu=1500)), host(before)),
        plan(wanted.model_copy(update={"name": "other"}), host(replace(before, mark=None))),
        plan(wanted, host(replace(before, guests=()))),
        plan(wanted, host(replace(before, guests=(GUEST, replace(GUEST, domain="db", mac="52:54:00:00:00:98"))))),
        plan(wanted, host(there(network(), guests=(GUEST,)))),
        plan(wanted, host(there(network(domain="a"), network(), guests=(GUEST,)))),
        plan(topology(net=network(mtu=1400, protect=True)), host(before)),
    )
    assert len(fingerprints(first, *others)) == len(others) + 1


def told(before: Plan, after: Plan, known: Host) -> list[str]:
    return differences(printed(plan_document(before, known)), printed(plan_document(after, known)))


def test_plans_that_say_the_same_have_no_differences() -> None:
    before = host(there(network(), network(), guests=(GUEST,)))
    found = plan(topology(net=network(mtu=1400)), before)
    assert told(found, found, before) == []


def test_differences_name_what_is_gone_and_what_is_new() -> None:
    before = host(there(network(), network(domain="a"), guests=(GUEST,)))
    one = plan(topology(net=network(mtu=1400)), before)
    two = plan(topology(net=network(domain="b")), before)
    lines = told(one, two, before)
    assert lines[:2] == [
        "no longer: net: file changed: + mtu: 1400",
        "no longer: net: pending restart: - domain.name: a",
    ]
    assert "new: net: file changed: + domain.name: b" in lines
    edited = host(there(network(domain="a"), network(domain="a")))
    nothing = plan(topology(net=network(domain="a")), edited)
    assert "new: net: file changed: domain.name: a → b" in told(
        nothing, plan(topology(net=network(domain="b")), edited), edited
    )
    assert [line for line in lines if "define" in line] == [
        f"no longer: net: define ({shortened(one)})",
        f"new: net: define ({shortened(two)})",
    ]


def shortened(found: Plan) -> str:
    (xml,) = (step.action.xml for step in found.steps if isinstance(step.action, Define))
    return hashlib.sha256(xml.encode()).hexdigest()[:8]


def test_differences_name_who_is_cut_off_and_what_is_refused() -> None:
    before = there(network(), network(), guests=(GUEST,))
    wanted = topology(net=network(mtu=1400))
    now = replace(before, guests=(replace(GUEST, domain="db"),))
    lines = differences(
        printed(plan_document(plan(wanted, host(before)), host(before))),
        printed(plan_document(plan(wanted, host(now)), host(now))),
    )
    assert "no longer: net: cuts off web 52:54:00:00:00:99" in lines
    assert "new: net: cuts off db 52:54:00:00:00:99" in lines
    foreign = host(there(network(), network(), owner="other"))
    lines = told(plan(wanted, host(before)), plan(wanted, foreign), foreign)
    assert "new: net: refused: it belongs to topology 'other'; --take-over makes it this one's" in lines


def test_plans_with_many_entries_are_compared_quickly() -> None:
    """With a list in place of the set this would take minutes."""
    steps = [{"network": "net", "sentence": f"step {number}"} for number in range(30_000)]
    one, two = {"networks": [], "steps": steps}, {"networks": [], "steps": list(reversed(steps))}
    assert differences(one, two) == []


# -- the journal


def entry(*lines: Begun | Done | Ended | Closed, **values: Any) -> Entry:
    before = host(there(network(), network(), guests=(GUEST,)))
    found = plan(topology(net=network(mtu=1400)), before)
    given = {"plan": printed(plan_document(found, before)), "fingerprint": fingerprint(found), **values}
    return Entry(3, header({**before.networks, "new": None}, **given), lines)


LINES = (
    Begun(network="net", step="net: define", stops=False, undo=False),
    Done(network="net", outcome="failed", message="no", state="after"),
    Begun(network="net", step="net: define", stops=False, undo=True),
)


def test_history_has_the_newest_entry_first_and_fits_its_schema() -> None:
    ended = Ended(status=Status.UNCONFIRMED, when=1_700_000_009.5, confirm_until=1_700_000_069.5)
    entries = (
        entry(*LINES, ended),
        entry(undoes=2),
        entry(*LINES, Ended(status=Status.ROLLED_BACK, when=1, message="no")),
    )
    document = printed(history_document(entries))
    jsonschema.validate(document, HISTORY)
    first, second, third = document["entries"]
    assert first == {
        "entry": 3,
        "status": "unconfirmed",
        "command": "apply",
        "topology": "lab",
        "connection": "test:///unit",
        "fingerprint": entries[0].header.fingerprint,
        "began": 1_700_000_000.0,
        "ended": 1_700_000_009.5,
        "message": "",
        "who": "root on host",
        "networks": ["net", "new"],
        "impact": "restart",
        "undoes": None,
        "confirm_until": 1_700_000_069.5,
    }
    assert (second["status"], second["ended"], second["undoes"]) == ("unfinished", None, 2)
    assert (third["status"], third["message"]) == ("rolled back", "no")
    jsonschema.validate(printed(history_document(())), HISTORY)


def test_an_entry_has_everything_that_the_journal_has_of_it() -> None:
    document = printed(entry_document(entry(*LINES)))
    jsonschema.validate(document, HISTORY)
    jsonschema.validate(document["plan"], SCHEMA)
    assert document["files"] == ["lab.yaml"]
    assert document["before"]["new"] is None
    assert document["before"]["net"]["uuid"] == UUID
    assert [guest["domain"] for guest in document["before"]["net"]["guests"]] == ["web"]
    assert [(step["step"], step["undo"], step["outcome"], step["message"]) for step in document["steps"]] == [
        ("net: define", False, "failed", "no"),
        ("net: define", True, None, ""),
    ]


def test_the_schema_of_history_is_strict() -> None:
    document = printed(entry_document(entry(*LINES)))
    validator = jsonschema.Draft7Validator(HISTORY)
    for wrong in ({**document, "more": 1}, {**document, "status": "fine"}, {**document, "plan": {}}, {"entries": [1]}):
        assert list(validator.iter_errors(wrong))


def test_a_guest_without_a_link_is_a_drift_of_its_own_and_a_step() -> None:
    before = host(there(network(), network(), guests=(replace(GUEST, plugged=False, target=""),)))
    document = printed(plan_document(plan(topology(net=network()), before), before))
    jsonschema.validate(document, SCHEMA)
    (part,), (step,) = document["networks"], document["steps"]
    (drift,) = part["drift"]
    assert drift["cause"] == "guest unplugged"
    told = [drift["guest"][key] for key in ("domain", "mac", "target", "running", "by_bridge", "plugged")]
    assert told == ["web", "52:54:00:00:00:99", None, True, False, False]
    assert (step["action"], step["sentence"]) == ("Replug", "plug web 52:54:00:00:00:99 back in")
    assert [step[key] for key in ("domain", "mac", "target", "by_bridge")] == ["web", "52:54:00:00:00:99", None, False]


def test_a_report_says_how_many_seconds_each_guest_was_cut_off() -> None:
    before = host(there(network(), network(), guests=(GUEST,)))
    found = plan(topology(net=network(mtu=1400)), before)
    results = tuple(
        Result(step, Outcome.DONE, cut=0.12345 if isinstance(step.action, Replug) else None) for step in found.steps
    )
    document = printed(report_document(found, Report(results, found), before, 7))
    jsonschema.validate(document, SCHEMA)
    assert [step["cut_seconds"] for step in document["steps"]] == [None, None, None, 0.123]


def test_problems_carry_their_place() -> None:
    problem = Problem(
        "unknown-key", "unknown key", ("networks", "a", "x"), Position("t.yaml", 3, 5), severity=Severity.WARNING
    )
    assert printed(problems_document((problem,), valid=True)) == {
        "format_version": 1,
        "valid": True,
        "problems": [
            {
                "severity": "warning",
                "code": "unknown-key",
                "path": "networks.a.x",
                "message": "unknown key",
                "hint": None,
                "file": "t.yaml",
                "line": 3,
                "column": 5,
            }
        ],
    }
    assert printed(problems_document((Problem("a", "b"),), valid=False))["problems"][0]["line"] is None


def test_a_host_is_told_network_by_network() -> None:
    leases = (Lease("10.0.0.10", "52:54:00:00:00:99", "web", 1_700_000_000),)
    document = printed(host_document(host(replace(there(network(), network(), guests=(GUEST,)), leases=leases))))
    (found,) = document["networks"]
    assert (found["name"], found["uuid"], found["mode"], found["owner"], found["bridge"]) == (
        "net",
        UUID,
        "nat",
        "lab",
        "br1",
    )
    assert found["leases"] == [{"ip": "10.0.0.10", "mac": "52:54:00:00:00:99", "name": "web", "expires": 1_700_000_000}]
