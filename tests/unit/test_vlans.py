"""VLANs on a bridge of the host's: what libvirt makes of a port, and what is told of what guests heard."""

from __future__ import annotations

from typing import Any

import pytest

from netreconcile.model import Vlan
from netreconcile.verify.experience import Crossing, Experience, Nothing
from netreconcile.verify.promises import judge
from netreconcile.verify.target import Level
from netreconcile.verify.verdict import Outcome
from netreconcile.verify.vlans import Member, foreign, members, tagged, usual
from tests.unit.examples import network
from tests.unit.lives import DEAF, HEARD, SILENCE, target

STORAGE: dict[str, Any] = {"name": "storage", "vlan": {"tags": [42]}}
TRUNK: dict[str, Any] = {"name": "trunk", "vlan": {"tags": [{"id": 42, "native_mode": "untagged"}, 47]}}
TRIED: dict[tuple[str, int], Crossing] = {("storage", 1): SILENCE, ("storage", 42): HEARD}


def lan(*groups: dict[str, Any], **more: Any) -> Any:
    return network(mode="bridge", bridge="br0", ips=[], mac=None, portgroups=list(groups), **more)


def told(seen: Experience, *groups: dict[str, Any]) -> dict[str, Outcome]:
    """Return how the promises about VLANs stand, by subject."""
    verdicts, _ = judge(target(lan(*groups or (STORAGE,))), seen, level=Level.FULL)
    return {verdict.subject: verdict.outcome for verdict in verdicts if verdict.code == "vlan"}


@pytest.mark.parametrize(
    ("vlan", "expected"),
    [
        ({"tags": [42]}, [Member(42, native=True, untagged=True)]),
        ({"tags": [42], "trunk": True}, [Member(42)]),
        ({"tags": [42, 47]}, [Member(42), Member(47)]),
        (TRUNK["vlan"], [Member(42, native=True, untagged=True), Member(47)]),
        ({"tags": [{"id": 50, "native_mode": "tagged"}, 51]}, [Member(50, native=True), Member(51)]),
        ({"tags": [0]}, []),
    ],
)
def test_a_guests_port_is_what_libvirt_makes_it(vlan: dict[str, Any], expected: list[Member]) -> None:
    assert list(members(Vlan.model_validate(vlan))) == expected


def test_guests_without_a_group_take_the_default_ones_vlans_and_else_the_networks() -> None:
    own: dict[str, Any] = {"vlan": {"tags": [7]}}
    plain, default = {"name": "plain", "default": True}, {**STORAGE, "default": True}
    assert [tag.id for tag in usual(lan(STORAGE, **own)).tags] == [7]
    assert [tag.id for tag in usual(lan(plain, **own)).tags] == [7]
    assert [tag.id for tag in usual(lan(default, **own)).tags] == [42]
    assert list(tagged(lan(STORAGE, **own))) == ["", "storage"]
    assert list(tagged(lan(default, **own))) == ["storage"]


def test_a_vlan_that_a_guest_must_not_be_in_is_one_that_others_are_in_where_there_is_one() -> None:
    vlan = Vlan.model_validate({"tags": [1, 2]})
    assert foreign(vlan, (0, 1, 42)) == 42
    assert foreign(vlan, (0, 1)) == 3


def test_guests_must_be_heard_in_their_vlans_and_not_in_another() -> None:
    assert told(Experience(forwarding=0.0, vlans=TRIED)) == {"storage 1": Outcome.KEPT, "storage 42": Outcome.KEPT}
    leaking = {("storage", 1): HEARD, ("storage", 42): SILENCE}
    assert set(told(Experience(forwarding=0.0, vlans=leaking)).values()) == {Outcome.BROKEN}
    assert set(told(Experience(forwarding=0.0, vlans=dict.fromkeys(TRIED, DEAF))).values()) == {Outcome.UNSEEN}


def test_vlans_that_could_not_be_tried_are_unseen_and_where_nobody_was_plugged_in_nothing_is_told() -> None:
    off = Experience(forwarding=0.0, vlans=Nothing("br0 doesn't filter VLANs"))
    assert told(off, STORAGE, TRUNK) == dict.fromkeys(("storage 42", "trunk 42", "trunk 47"), Outcome.UNSEEN)
    assert told(Experience(forwarding=Nothing("no link"))) == {"storage 42": Outcome.UNSEEN}
    assert told(Experience()) == {}


def test_a_vlan_that_no_other_port_carries_is_a_remark() -> None:
    seen = Experience(forwarding=0.0, vlans=TRIED, carriers={42: ("eth0",), 47: ()})
    _, remarks = judge(target(lan(STORAGE, TRUNK)), seen, level=Level.FULL)
    assert [remark.message.split(" leaves")[0] for remark in remarks if remark.code == "vlan-ends-here"] == ["VLAN 47"]
