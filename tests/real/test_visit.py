"""What guests see of networks that are damaged on purpose, and what of them is left: nothing, however a visit ends."""

from __future__ import annotations

import json
import os
import pickle
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from netreconcile.lab import Lab, programs
from netreconcile.verify.experience import Crossing, Experience, Nothing, Offer, Reply
from tests.real.stage import Stage, environment, lent, on
from tests.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

pytestmark = pytest.mark.lab

VISIT = """
import pickle, sys, threading
from netreconcile import loader
from netreconcile.verify import lan, questions, target, visit

networks = loader.load([sys.argv[1]]).topology.networks
seen = {}

def look(name):
    network = networks[name]
    aim = target.Target(name, network, network, network.bridge.name or "")
    seen[name] = lan.visit_lan(aim) if aim.lan else visit.visit(aim, questions.inquiry(network, 9))

threads = [threading.Thread(target=look, args=(name,), daemon=True) for name in sys.argv[2:]]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
sys.stdout.buffer.write(pickle.dumps(seen))
"""
"""Visits networks of the file, all at once, as a process of its own on the lab's host."""
NETWORKS = {
    "nat": on("v-nat", "nat", lent("10.40.0.1/24", "10.40.0.100-10.40.0.150")),
    "nat66": on(
        *("v-nat66", "nat"),
        lent("10.40.1.1/24", "10.40.1.100-10.40.1.150"),
        lent("fd40:1::1/64", "fd40:1::100-fd40:1::1ff"),
        forward={"nat": {"ipv6": True}},
    ),
    "routed": on("v-routed", "route", "10.40.2.1/24", "fd40:2::1/64", dns={"enable": False}),
    "isolated": on("v-isolated", "isolated", "10.40.3.1/24", "fd40:3::1/64"),
    "small": on("v-small", "isolated", "10.40.4.1/29", dns={"enable": False}),
    "wire": on("v-wire", "very-isolated"),
    "apart": on("v-apart", "very-isolated", port={"isolated": True}),
    "lan": {"mode": "bridge", "bridge": "br0"},
}
GROUPS = (
    {"name": "storage", "vlan": {"tags": [42]}},
    {"name": "trunk", "vlan": {"tags": [{"id": 42, "native_mode": "untagged"}, 47]}},
)
VLANS = {"vlans": {"mode": "bridge", "bridge": "v-vlans", "portgroups": list(GROUPS)}}
STRANGER = """\
ip netns add {0}
ip link add {0} type veth peer name eth0 netns {0}
ip link set {0} master {1}
ip link set {0} up
ip -n {0} link set eth0 up
"""
"""Somebody else's guest on a bridge."""
SERVER = """\
ip -n stranger addr add 10.99.0.1/24 dev eth0
ip netns exec stranger dnsmasq --conf-file=/dev/null --port=0 --interface=eth0 --bind-dynamic --pid-file= --no-ping \
  --dhcp-range=10.99.0.100,10.99.0.150 --leasefile-ro
"""
NO_RULES = """\
for family in ip ip6; do
  if ! nft flush table $family libvirt_network 2> /dev/null; then
    for chain in INP OUT FWI FWO FWX; do ${family}tables --flush LIBVIRT_$chain; done
    ${family}tables --table nat --flush LIBVIRT_PRT
  fi
done
"""
"""Takes libvirt's rules away, whichever backend it has; networks that start later get theirs."""
SILENT = Crossing(control=True)


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory, libvirt_root: str) -> Iterator[Stage]:
    """A host where all networks run, and packets from anywhere are heard."""
    if os.geteuid() != 0:
        pytest.skip("guests are plugged in by root")
    lacking = programs.missing()
    if lacking:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(programs.install_command(lacking))
    with Lab(scenery=True, root=libvirt_root) as lab:
        stage = Stage(lab, tmp_path_factory.mktemp("scene"))
        stage.shell("for name in all default; do echo 0 > /proc/sys/net/ipv4/conf/$name/rp_filter; done")
        ran = stage.inside("apply", stage.file(NETWORKS))
        assert ran.code == 0, ran.err
        yield stage
        stage.connection.close()


def begun(stage: Stage, *names: str, by: tuple[str, ...] = ()) -> subprocess.Popen[bytes]:
    file = stage.file({**NETWORKS, **VLANS})
    command = stage.lab.running.command(*by, sys.executable, "-c", VISIT, file, *names)
    there = stage.lab.running.environment(environment())
    return subprocess.Popen(command, env=there, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def visited(stage: Stage, *names: str) -> Mapping[str, Experience]:
    out, err = begun(stage, *names).communicate()
    assert not err, err.decode()
    found: Mapping[str, Experience] = pickle.loads(out)  # noqa: S301 -- of our own process
    assert found.keys() == set(names)
    return found


def heard(crossing: Crossing | None) -> Crossing:
    assert crossing
    assert len(crossing.sources) == 1
    return Crossing(control=True, sources=crossing.sources)


def neighbours(stage: Stage) -> list[str]:
    """Return whom the host knows on the networks' bridges; itself it knows by what its dnsmasq advertises."""
    found = [entry for entry in json.loads(stage.shell("ip -j neigh")) if entry["dev"].startswith("v-")]
    return [entry["dst"] for entry in found if not entry.get("lladdr", "").startswith("52:54:00")]


def test_nothing_is_left_of_a_visit(there: Stage) -> None:
    assert eventually(lambda: not neighbours(there))
    before = there.everything()
    seen = visited(there, "nat66", "small", "apart", "lan")
    assert eventually(lambda: there.everything() == before), (there.everything(), before)
    assert eventually(lambda: not neighbours(there)), neighbours(there)
    assert not there.shell("cat /run/lab/lan.leases").strip()

    nat66, lan = seen["nat66"], seen["lan"]
    assert isinstance(nat66.lease, Offer)
    assert nat66.guest4 == nat66.lease.address
    assert {"10.40.1.1": Reply(), "fd40:1::1": Reply()} == nat66.host == nat66.resolvers
    assert isinstance(lan.lease, Offer)
    assert lan.lease.server == "10.77.0.1"
    assert seen["small"].lease is None
    assert isinstance(seen["small"].resolvers["10.40.4.1"], Nothing)
    for name in ("nat66", "small", "lan"):
        assert seen[name].neighbour4 == heard(seen[name].neighbour4), name
    assert (seen["apart"].neighbour4, seen["apart"].neighbour6) == (SILENT, SILENT)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT], ids=lambda number: number.name)
def test_a_lease_is_given_back_even_if_its_taker_is_killed(there: Stage, number: signal.Signals) -> None:
    assert eventually(lambda: not neighbours(there))
    before = there.traces()
    with begun(there, "nat66") as visit:
        assert eventually(there.leases)
        (child,) = (pid for pid, command in there.processes().items() if "visit.visit" in command)
        os.kill(child, number)
        visit.communicate()
        assert visit.returncode
    assert eventually(lambda: not there.leases())
    assert eventually(lambda: there.traces() == before), (there.traces(), before)


def test_visits_of_one_network_take_turns(there: Stage) -> None:
    with ThreadPoolExecutor() as pool:
        first, second = (pool.submit(visited, there, "wire") for _ in range(2))
        one, other = first.result()["wire"], second.result()["wire"]
    assert one.neighbour4 == other.neighbour4 == heard(one.neighbour4)
    assert one.out4 == other.out4 == SILENT


@pytest.mark.worlds
def test_guests_see_a_foreign_dhcp_server_and_take_no_address_that_somebody_has(there: Stage) -> None:
    there.shell(STRANGER.format("stranger", "v-nat") + SERVER)
    there.shell(STRANGER.format("settled", "v-small"))
    there.shell("for last in 2 3 5 6; do ip -n settled addr add 10.40.4.$last/29 dev eth0; done")
    try:
        seen = visited(there, "nat", "small")
    finally:
        there.shell("ip netns pids stranger | xargs kill; ip netns del stranger; ip netns del settled")
    assert {offer.server for offer in seen["nat"].offers or ()} == {"10.40.0.1", "10.99.0.1"}
    assert isinstance(seen["nat"].lease, Offer)
    assert seen["nat"].lease.server == "10.40.0.1"
    assert seen["small"].guest4 == "10.40.4.4"


def test_guests_are_in_the_vlans_of_their_port_group_and_in_no_other(there: Stage) -> None:
    there.shell("ip link add v-vlans type bridge")
    filters = there.lab.run("ip", "link", "set", "v-vlans", "type", "bridge", "vlan_filtering", "1").returncode == 0
    try:
        there.shell("ip link set v-vlans up")
        seen = visited(there, "vlans")["vlans"]
        heard_of = {("storage", 42), ("trunk", 42), ("trunk", 47)}
        silent = {("storage", 1), ("trunk", 1)}
        tried = dict.fromkeys(heard_of, Crossing(control=True, sources=("",))) | dict.fromkeys(silent, SILENT)
        # A kernel without CONFIG_BRIDGE_VLAN_FILTERING has no VLANs that could be tried.
        assert seen.vlans == (tried if filters else Nothing("v-vlans doesn't filter VLANs"))
        assert seen.carriers == ({42: (), 47: ()} if filters else {})
    finally:
        there.shell("ip link del v-vlans")


def test_who_may_not_plug_guests_in_is_told_what_is_missing(there: Stage) -> None:
    _, err = begun(there, "wire", by=("setpriv", "--bounding-set=-sys_admin")).communicate()
    assert b"ProbeFailed: probe guests need root: a network namespace can't be made: Operation not permitted" in err


def test_what_arrives_changes_when_what_stops_it_is_taken_away(there: Stage) -> None:
    names = ("nat", "nat66", "routed", "isolated", "wire")
    whole = visited(there, *names)
    for name in ("nat", "nat66"):
        assert whole[name].out4 == Crossing(control=True, sources=(whole[name].far_address4,)), name
        assert whole[name].into4 == SILENT, name
    assert whole["nat66"].out6 == Crossing(control=True, sources=(whole["nat66"].far_address6,))
    assert whole["nat66"].into6 == SILENT
    open_both_ways(whole["routed"])
    isolated, wire = whole["isolated"], whole["wire"]
    assert (isolated.out4, isolated.out6, isolated.into4, isolated.into6) == (SILENT,) * 4
    assert (wire.out4, wire.out6, wire.into4, wire.into6) == (SILENT, SILENT, None, None)
    assert isolated.hears == Crossing(control=True, sources=(isolated.guest4,))

    there.shell(NO_RULES)
    bare = visited(there, *names)
    for name in ("nat", "nat66", "routed", "isolated"):
        assert bare[name].out4 == Crossing(control=True, sources=(bare[name].guest4,)), name
        heard(bare[name].into4)
    for name in ("nat66", "routed", "isolated"):
        open_both_ways(bare[name])
    assert bare["wire"].out4 == Crossing(control=True, sources=(bare["wire"].guest4,))

    there.shell("iptables -I INPUT -i v-isolated -p udp -j DROP")
    there.shell("echo 0 > /proc/sys/net/ipv4/ip_forward; echo 0 > /proc/sys/net/ipv6/conf/all/forwarding")
    stuck = visited(there, "routed", "isolated")
    routed = stuck["routed"]
    assert (routed.out4, routed.out6, routed.into4, routed.into6) == (SILENT,) * 4
    assert stuck["isolated"].hears == SILENT


def open_both_ways(seen: Experience) -> None:
    assert seen.out4 == Crossing(control=True, sources=(seen.guest4,))
    assert seen.out6 == Crossing(control=True, sources=(seen.guest6,))
    heard(seen.into4)
    heard(seen.into6)
