"""A plan from the state that a real libvirt host exported is the plan for the host, to the byte."""

from __future__ import annotations

import json
import re
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from netreconcile.state import State, load_state
from tests.conftest import LabHost, Ran, schema
from tests.guesthost import ISOLATED, NAT, NETWORKS, GuestHost
from tests.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Mapping

pytestmark = pytest.mark.lab

Said = dict[str, Any]
ROOT = Path(__file__).parents[2]
OPEN: Said = {
    "mode": "open",
    "bridge": {"name": "virbr-t", "stp": False},
    "ips": [{"address": "10.1.0.1/24", "dhcp": {"ranges": ["10.1.0.50-10.1.0.60"]}}],
}
LAN: Said = {"mode": "bridge", "bridge": "br0"}


@pytest.fixture
def file(tmp_path: Path) -> str:
    """Where the state is exported to."""
    return str(tmp_path / "exported.json")


def exported(host: LabHost, file: str) -> State:
    """Return the state of the host, after a look whether its file is as its schema says."""
    ran = host.run("show", "--export", file)
    assert (ran.code, ran.out) == (0, "")
    schema("state").validate(json.loads(Path(file).read_text()))
    return load_state(file)


def from_state(host: LabHost, command: str, file: str, *arguments: str) -> Ran:
    """Run a command with the state instead of a connection."""
    return host.run(command, "-c", "", "--state", file, *arguments)


def check_same(host: LabHost, file: str, networks: Mapping[str, object]) -> Ran:
    """Return the plan from the state; fail unless plan and drift are those for the host, in text and in JSON."""
    topology = host.file(networks)
    for command, *output in (("drift",), ("drift", "-o", "json"), ("plan", "-o", "json"), ("plan",)):
        live = at_one_moment(host, file, command, *output, topology)
        offline = from_state(host, command, file, *output, topology)
        assert (offline.code, compared(offline.out)) == (live.code, compared(live.out))
        assert f"state of {host.uri}, taken less than a minute ago\n" in offline.err
    return offline


def compared(out: str) -> str:
    """Return what was printed, without why nothing is known of what is below libvirt."""
    return re.sub(r'"below_unknown": ".*"', "", out)


def at_one_moment(host: LabHost, file: str, *command: str) -> Ran:
    """Return how a command ran, and export the state that the host had then: guests get leases while they start."""
    before = exported(host, file)
    while True:
        ran = host.run(*command)
        after = exported(host, file)
        if after.host() == before.host():
            return ran
        before = after


def test_a_plan_from_a_state_is_that_for_the_host_with_its_guests(guests: GuestHost, file: str) -> None:
    guests.restart("isolated")
    assert exported(guests, file).networks.keys() == NETWORKS.keys()
    restart = check_same(guests, file, {**NETWORKS, "nat": {**NAT, "mtu": 1400}})
    assert "guest unplugged" in restart.out
    assert "router" in restart.out
    check_same(guests, file, {"isolated": ISOLATED})
    check_same(guests, file, NETWORKS)


def test_guests_of_a_network_that_is_gone_are_in_the_state(guests: GuestHost, file: str) -> None:
    guests.network("wire").destroy()
    guests.network("wire").undefine()
    state = exported(guests, file)
    assert {guest.domain for guest in state.waiting["wire"]} == {"twin", "double"}
    ran = check_same(guests, file, NETWORKS)
    assert ran.out.count(" back in") == len(state.waiting["wire"])


def test_leases_are_in_the_state(host: LabHost, file: str) -> None:
    host.applied({"t": OPEN})
    for command in (
        "netns add client",
        "link add t-client type veth peer name eth0 netns client",
        "link set t-client master virbr-t up",
        "-n client link set eth0 address 52:54:00:00:00:77 up",
    ):
        host.lab.run("ip", *command.split(), check=True)
    try:
        ask = ("udhcpc", "-i", "eth0", "-f", "-q", "-n", "-t", "10", "-s", "/bin/true", "-x", "hostname:web")
        host.lab.run("ip", "netns", "exec", "client", *ask, check=True, capture_output=True)
        assert eventually(host.network("t").DHCPLeases)
        (lease,) = exported(host, file).networks["t"].leases
        assert (lease.mac, lease.name) == ("52:54:00:00:00:77", "web")
        elsewhere = {**OPEN, "ips": [{"address": "10.1.0.1/24", "dhcp": {"ranges": ["10.1.0.100-10.1.0.110"]}}]}
        assert "lease hit" in check_same(host, file, {"t": elsewhere}).out
    finally:
        host.lab.run("ip", "netns", "delete", "client", check=True)


def test_what_libvirt_only_runs_or_only_has_defined_is_in_the_state(host: LabHost, file: str) -> None:
    host.connection.networkCreateXML("<network><name>passing</name><bridge name='virbr-p'/></network>")
    host.define("<network><name>resting</name><bridge name='virbr-r'/></network>")
    exported(host, file)
    check_same(host, file, {name: {"mode": "very-isolated"} for name in ("passing", "resting", "new")})


def test_a_plan_saved_from_a_state_is_applied_on_the_host_if_nothing_has_changed(
    host: LabHost, file: str, tmp_path: Path
) -> None:
    host.applied({"t": OPEN})
    exported(host, file)
    topology, plan = host.file({"t": {**OPEN, "mtu": 1400}, "lan": LAN}), str(tmp_path / "plan.json")
    assert from_state(host, "plan", file, "--out", plan, topology).code == 0
    assert host.run("apply", plan).code == 0
    assert host.drifted({"t": {**OPEN, "mtu": 1400}, "lan": LAN}) == ()
    stale = host.run("apply", plan)
    assert stale.code == 3
    assert "no longer: " in stale.err


def test_a_state_that_is_exported_from_elsewhere_lacks_the_machine_and_says_why(host: LabHost, file: str) -> None:
    host.applied({"lan": LAN})
    ran = host.run("show", "--export", file)
    why = "libvirt runs in another network namespace (outside of this container, or in a lab): run this there"
    assert why in ran.err
    state = load_state(file)
    assert (state.machine, state.machine_unknown) == (None, why)
    assert stat.S_IMODE(Path(file).stat().st_mode) == 0o600


def test_a_state_that_is_exported_on_the_host_has_the_machine_without_what_libvirt_makes(
    host: LabHost,
) -> None:
    host.applied({"lan": LAN, "t": {**OPEN, "mode": "nat", "forward": {"dev": "eth1"}}})
    for command in ("link set eth2 master br0", "address add 192.0.2.7/24 dev br0"):
        host.lab.run("ip", *command.split(), check=True)
    try:
        ran = host.lab.run(
            *(sys.executable, "-m", "netreconcile", "show", "--export", "-"),
            cwd=ROOT,
            capture_output=True,
            check=True,
        )
    finally:
        for command in ("link set eth2 nomaster", "address del 192.0.2.7/24 dev br0"):
            host.lab.run("ip", *command.split(), check=True)
    found = State.model_validate_json(ran.stdout).machine
    assert found
    links = {link.name: link for link in found.links}
    assert {"br0", "eth1", "eth2"} <= links.keys()
    assert "virbr-t" not in links
    assert links["eth2"].master == "br0"
    assert "192.0.2.7/24" in map(str, links["br0"].addresses)
    assert ("192.0.2.0/24", "br0") in {(str(route.to), route.device) for route in found.routes}
    assert found.forwarding4 is True
