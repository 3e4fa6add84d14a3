"""Plans, reports, hosts and problems as JSON for machines."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema

from netreconcile.actions import Replug
from netreconcile.apply import Outcome, Report, Result
from netreconcile.document import host_document, plan_document, problems_document, report_document
from netreconcile.errors import Position, Problem, Severity
from netreconcile.observed import Lease
from netreconcile.plan import plan
from tests.unit.examples import GUEST, UUID, host, network, there, topology

SCHEMA = json.loads((Path(__file__).parents[2] / "schemas" / "plan.schema.json").read_text())


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
    document = printed(plan_document(plan(wanted, before), before))
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
    document = printed(report_document(found, Report(results, found), before))
    assert [step["outcome"] for step in document["steps"]] == ["done", "skipped", "skipped"]
    assert not document["verified"]
    assert [part["name"] for part in document["remaining"]] == ["net"]


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
    document = printed(report_document(found, Report(results, found), before))
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
