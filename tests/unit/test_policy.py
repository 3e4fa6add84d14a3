"""Caps and standing rules: what they hold back, and that the rest is planned."""

from __future__ import annotations

from typing import Any

import pytest

from netreconcile.actions import Impact
from netreconcile.errors import InvalidTopology
from netreconcile.loader import load_text
from netreconcile.model import Network, Policy, Topology
from netreconcile.networkplan import NetworkPlan, Verb
from netreconcile.plan import Plan, plan, removal
from tests.unit.examples import GUEST, host, network, there

LIVE = {"dns": {"hosts": [{"ip": "10.0.0.9", "hostnames": ["nine"]}]}}
RESTART = {"mtu": 9000}


def isolated(number: int, **values: Any) -> Network:
    """Return one of several networks that have nothing in common."""
    return network(
        mode="isolated",
        uuid=f"11111111-2222-4333-8444-{number:012}",
        bridge={"name": f"br{number}", "stp": True, "delay": 0},
        ips=[{"address": f"10.{number}.0.1/24"}],
        **values,
    )


def limited(policy: dict[str, Any], *, max_impact: Impact = Impact.REMOVE, **changes: dict[str, Any] | None) -> Plan:
    """Return the plan for running networks with a guest each: changed as given, or gone from the file with None."""
    numbers = {name: number for number, name in enumerate(changes, 1)}
    hosted = host(
        *(there(isolated(number), isolated(number), name=name, guests=(GUEST,)) for name, number in numbers.items())
    )
    wanted = {name: isolated(numbers[name], **change) for name, change in changes.items() if change is not None}
    topology = Topology(version=1, name="lab", policy=Policy.model_validate(policy), networks=wanted)
    return plan(topology, hosted, max_impact=max_impact)


def parts(found: Plan) -> dict[str, NetworkPlan]:
    return {part.name: part for part in found.networks}


def test_what_is_above_the_cap_is_held_back_and_the_rest_is_planned() -> None:
    found = parts(limited({}, max_impact=Impact.LIVE, a=LIVE, b=RESTART))
    assert found["a"].verb is Verb.UPDATE
    assert found["a"].steps
    assert (found["b"].verb, found["b"].steps) == (Verb.HOLD, ())
    assert "above --max-impact live" in found["b"].refusal


def test_the_file_can_cap_too_and_names_its_rule() -> None:
    found = parts(limited({"max_impact": "live"}, a=RESTART))
    assert found["a"].rule == ("policy", "max_impact")
    assert found["a"].drifts, "what is held back is still told"


@pytest.mark.parametrize(("allowed", "held"), [(2, False), (1, True), (0, True)])
def test_with_more_removals_than_allowed_nothing_is_removed(*, allowed: int, held: bool) -> None:
    found = limited({"max_removed": allowed}, a=None, b=None, c=LIVE)
    removed = [part for part in found.networks if part.name != "c"]
    assert all((part.verb is Verb.HOLD) == held for part in removed)
    assert parts(found)["c"].steps


@pytest.mark.parametrize(("allowed", "held"), [(2, False), (1, True)])
def test_with_more_guests_to_restart_than_allowed_none_is_restarted(*, allowed: int, held: bool) -> None:
    found = limited({"max_restarted_guests": allowed}, a=RESTART, b=RESTART)
    assert [part.verb is Verb.HOLD for part in found.networks] == [held, held]
    assert found.needs_consent == (not held)


@pytest.mark.parametrize("change", [RESTART, None, {"state": "inactive"}])
def test_a_network_that_is_protected_by_name_keeps_its_guests(change: dict[str, Any] | None) -> None:
    found = parts(limited({"protected_networks": ["x", "prod*"]}, prodweb=change, other=LIVE))
    assert found["prodweb"].verb is Verb.HOLD
    assert found["prodweb"].rule == ("policy", "protected_networks", 1)
    assert found["other"].steps


def test_a_protected_network_may_be_changed_live() -> None:
    assert limited({"protected_networks": ["*"]}, a=LIVE).steps


def test_a_file_without_networks_removes_nothing() -> None:
    (part,) = limited({}, a=None).networks
    assert (part.verb, part.steps) == (Verb.REFUSE, ())
    assert "netreconcile destroy" in part.refusal


def test_removal_of_everything_keeps_to_the_policy() -> None:
    hosted = host(*(there(isolated(number), isolated(number), name=f"n{number}") for number in (1, 2)))
    topology = Topology(version=1, name="lab", policy=Policy(max_removed=1))
    assert not removal(topology, hosted).steps
    assert removal(topology.model_copy(update={"policy": Policy()}), hosted).steps


def test_an_address_outside_the_allowed_subnets_is_told_with_its_place() -> None:
    text = """\
version: 1
name: lab
policy: {allowed_subnets: [10.0.0.0/8, "fd00::/8"]}
networks:
  inside: {mode: open, ips: [{address: 10.1.0.1/24}, {address: "fd00:1::1/64"}]}
  outside: {mode: open, ips: [{address: 192.168.1.1/24}]}
"""
    with pytest.raises(InvalidTopology) as caught:
        load_text(text, "t.yaml")
    (problem,) = caught.value.problems
    assert (problem.code, problem.path[1]) == ("subnet-not-allowed", "outside")
    assert str(problem.position) == "t.yaml:6:41"


def test_two_files_with_a_policy_and_unknown_rules_are_errors() -> None:
    with pytest.raises(InvalidTopology, match="max_removd"):
        load_text("version: 1\nname: lab\npolicy: {max_removd: 1}\nnetworks: {}\n", "t.yaml")
