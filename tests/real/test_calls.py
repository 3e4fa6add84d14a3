"""How many calls of libvirt a command makes: that is what it costs, and unlike time it can be counted."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from netreconcile.memory import FILE

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.conftest import LabHost

pytestmark = [pytest.mark.lab, pytest.mark.worlds(modular=True)]
Networks = dict[str, Any]


def networks(count: int, *, last: int = 100) -> Networks:
    """Return so many open networks; the first one's range ends where it is told."""
    return {
        f"n{number}": {
            "mode": "open",
            "bridge": f"virbr-n{number}",
            "ips": [
                {
                    "address": f"10.{number}.0.1/24",
                    "dhcp": {"ranges": [f"10.{number}.0.50-10.{number}.0.{100 if number else last}"]},
                }
            ],
        }
        for number in range(count)
    }


def counted(host: LabHost, command: str, topology: Mapping[str, object]) -> Counter[str]:
    """Return the calls about networks that the command makes, by name; it must succeed."""
    file = host.file(topology)
    host.forget_calls()
    assert host.run(command, file).code == 0
    return Counter(call for call in host.lab.calls() if call.startswith("virNetwork"))


def each_more(host: LabHost, command: str, *, forget: Path | None = None) -> Counter[str]:
    """Return the calls that one network more makes, on a host that is in sync."""
    found = []
    for size in (2, 5):
        host.applied(networks(size))
        counted(host, command, networks(size))
        for kept in forget.rglob(FILE) if forget else ():
            kept.unlink()
        found.append(counted(host, command, networks(size)))
    more = found[1] - found[0]
    assert all(count % 3 == 0 for count in more.values()), more
    return Counter({name: count // 3 for name, count in more.items()})


def test_a_clean_drift_reads_both_definitions_of_each_network(host: LabHost) -> None:
    assert each_more(host, "drift") == {"virNetworkGetXMLDesc": 2}


def test_a_plan_reads_no_more_of_networks_that_are_in_sync(host: LabHost) -> None:
    assert each_more(host, "plan") == {"virNetworkGetXMLDesc": 2}


def test_a_drift_that_remembers_nothing_looks_twice_more(host: LabHost, tmp_path: Path) -> None:
    assert each_more(host, "drift", forget=tmp_path) == {"virNetworkGetXMLDesc": 6}


def test_an_apply_of_nothing_is_a_plan(host: LabHost) -> None:
    assert each_more(host, "apply") == each_more(host, "plan")


def test_a_change_of_one_network_costs_the_others_one_look(host: LabHost) -> None:
    costs = []
    for size in (2, 5):
        host.applied(networks(size))
        costs.append(counted(host, "apply", networks(size, last=90)))
        assert [name for name in costs[-1] if name.startswith("virNetworkDefine")] == ["virNetworkDefineXMLFlags"]
        assert costs[-1]["virNetworkUpdate"]
    more = costs[1] - costs[0]
    assert {name: count / 3 for name, count in more.items()} == {"virNetworkGetXMLDesc": 2}
    # Of the one that changes, before that and after.
    assert costs[0]["virNetworkListAllPorts"] == costs[0]["virNetworkGetDHCPLeases"] == 2


def test_a_network_that_is_made_is_read_before_and_after_each_step_and_once_more(host: LabHost) -> None:
    costs = []
    for size in (2, 5):
        host.clear()
        costs.append(counted(host, "apply", networks(size)))
    more = costs[1] - costs[0]
    reads = 5  # before and after define, autostart and start; before the first there is nothing to read
    assert {name: count / 3 for name, count in more.items()} == {
        "virNetworkLookupByName": 1,
        "virNetworkIsPersistent": reads,
        "virNetworkIsActive": reads,
        "virNetworkGetAutostart": reads,
        "virNetworkGetXMLDesc": reads + 1 + 2,
        "virNetworkDefineXMLFlags": 1,
        "virNetworkSetAutostart": 1,
        "virNetworkCreate": 1,
        "virNetworkListAllPorts": 1,
        "virNetworkGetDHCPLeases": 1,
    }
