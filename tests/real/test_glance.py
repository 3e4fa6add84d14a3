"""What the host hears on its networks when nothing is plugged in: of healthy, busy, damaged and invaded ones."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from netreconcile.lab import Lab
from tests.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.lab, pytest.mark.worlds]

GLANCE = """
import json, os, sys
from dataclasses import asdict
from netreconcile.errors import ProbeFailed
from netreconcile.host import connect
from netreconcile.kernel.read import read
from netreconcile.loader import load
from netreconcile.verify.glance import glance
from netreconcile.verify.questions import inquiry
from netreconcile.verify.target import targets
with connect(os.environ["LIBVIRT_DEFAULT_URI"], readonly=True) as connection:
    found = targets(load([sys.argv[1]]).topology, connection.read())
state = read([target.name for target in found])
target = next(target for target in found if target.name == sys.argv[2])
try:
    seen = glance(target, inquiry(target.network, 32), state)
except ProbeFailed as error:
    print(json.dumps({"failed": str(error)}))
else:
    seen = asdict(seen)
    del seen["records"]
    print(json.dumps(seen))
"""
DISCOVER = """
import sys
from netreconcile.verify.talk import Dhcp4
with Dhcp4("eth0") as client:
    print("asking", flush=True)
    print(client.discover(["52:54:00:00:00:77"], 10.0)["52:54:00:00:00:77"][0].address, flush=True)
"""
NETWORKS: dict[str, Any] = {
    "nat": {
        "mode": "nat",
        "bridge": {"name": "v-nat", "stp": False},
        "domain": "nat.lab",
        "ips": [
            {
                "address": "10.60.0.1/24",
                "dhcp": {
                    "ranges": ["10.60.0.100-10.60.0.199"],
                    "hosts": [
                        {"mac": "52:54:00:60:00:01", "ip": "10.60.0.11"},
                        {"mac": "52:54:00:60:00:02", "name": "web", "ip": "10.60.0.12"},
                    ],
                },
            },
            {"address": "fd60::1/64", "dhcp": {"ranges": ["fd60::100-fd60::1ff"]}},
        ],
    },
    "quiet": {"mode": "isolated", "bridge": {"name": "v-quiet", "stp": False}, "ips": [{"address": "10.61.0.1/24"}]},
}
GUEST = """
ip netns add guest
ip link add p-{bridge} type veth peer name eth0 netns guest
ip link set p-{bridge} master {bridge} up
ip -n guest link set eth0 up
"""
ROGUE = """
ip -n guest address add 10.61.0.66/24 dev eth0
ip netns exec guest dnsmasq --conf-file=/dev/null --pid-file= --interface=eth0 --bind-dynamic --port=0 --no-ping \
  --dhcp-range=10.61.0.100,10.61.0.150 --dhcp-leasefile=/run/rogue.leases
"""


class Glancer:
    """A lab with the networks, and what its host gets to hear there."""

    def __init__(self, lab: Lab, file: str) -> None:
        self.lab = lab
        self.file = file

    def shell(self, commands: str) -> None:
        """Run commands inside, each of which works."""
        self.lab.run("sh", "-ec", commands, check=True)

    def seen(self, network: str) -> dict[str, Any]:
        """Return the experience, as JSON has it."""
        ran = self.lab.run(sys.executable, "-c", GLANCE, self.file, network, capture_output=True, check=True)
        found: dict[str, Any] = json.loads(ran.stdout)
        return found

    def servers(self, network: str) -> list[str]:
        """Return who answers a DHCPINFORM."""
        return [offer["server"] for offer in self.seen(network)["informs"]]

    def leases(self) -> str:
        """Return what dnsmasq has lent."""
        return self.lab.run("sh", "-c", "cat /var/lib/libvirt/dnsmasq/*.status", capture_output=True).stdout.strip()


@pytest.fixture
def host(tmp_path_factory: pytest.TempPathFactory, libvirt_root: str) -> Iterator[Glancer]:
    """A host with the networks, and nobody on them."""
    path = tmp_path_factory.mktemp("glance") / "topology.yaml"
    path.write_text(yaml.safe_dump({"version": 1, "name": "glance", "networks": NETWORKS}))
    with Lab(root=libvirt_root) as lab:
        lab.run(sys.executable, "-m", "netreconcile", "apply", str(path), capture_output=True, check=True)
        yield Glancer(lab, str(path))


def test_the_hosts_own_servers_tell_the_host_what_they_tell_guests(host: Glancer) -> None:
    seen = host.seen("nat")
    (told,) = seen["informs"]
    assert (told["server"], told["routers"], told["dns"]) == ("10.60.0.1", ["10.60.0.1"], ["10.60.0.1"])
    assert told["domain"] == "nat.lab"
    assert {mac: offer["address"] for mac, offer in seen["reserved"].items()} == {
        "52:54:00:60:00:01": "10.60.0.11",
        "52:54:00:60:00:02": "10.60.0.12",
    }
    # Without a port the bridge can't use its IPv6 address yet.
    assert (list(seen["resolvers"]), seen["inform6"]) == (["10.60.0.1"], None)
    assert host.leases() in ("", "[]")
    assert host.servers("quiet") == []


def test_with_a_guest_ipv6_is_asked_too(host: Glancer) -> None:
    host.shell(GUEST.format(bridge="v-nat"))
    assert eventually(lambda: list(host.seen("nat")["resolvers"]) == ["10.60.0.1", "fd60::1"])
    seen = host.seen("nat")
    assert all("why" not in answer for answer in seen["resolvers"].values())
    assert seen["inform6"]["dns"] == ["fd60::1"]


def test_a_dnsmasq_that_is_busy_with_a_guest_is_waited_for(host: Glancer) -> None:
    host.shell(GUEST.format(bridge="v-nat"))
    command = ("ip", "netns", "exec", "guest", sys.executable, "-c", DISCOVER)
    with subprocess.Popen(host.lab.running.command(*command), stdout=subprocess.PIPE, text=True) as guest:
        assert guest.stdout
        assert guest.stdout.readline() == "asking\n"
        seen = host.seen("nat")
        assert guest.stdout.readline().startswith("10.60.0.1")
    assert [offer["server"] for offer in seen["informs"]] == ["10.60.0.1"]
    assert all("why" not in answer for answer in (*seen["resolvers"].values(), *seen["reserved"].values()))


def test_a_server_that_a_guest_runs_is_heard(host: Glancer) -> None:
    host.shell(GUEST.format(bridge="v-quiet") + ROGUE)
    assert eventually(lambda: host.servers("quiet") == ["10.61.0.66"])


def test_what_does_not_answer_is_told(host: Glancer) -> None:
    host.shell("kill $(cat /run/libvirt/network/nat.pid)")
    assert eventually(lambda: host.servers("nat") == [])
    assert host.seen("nat")["resolvers"] == {"10.60.0.1": {"why": "nothing listens there"}}


def test_an_address_that_is_gone_is_not_asked_elsewhere(host: Glancer) -> None:
    host.shell("ip address delete 10.61.0.1/24 dev v-quiet")
    assert host.seen("quiet")["resolvers"] == {}


def test_a_bridge_that_is_down_or_gone_is_the_reason(host: Glancer) -> None:
    host.shell("ip link set v-nat down")
    assert host.seen("nat") == {"failed": "v-nat is down"}
    host.shell("ip link delete v-nat")
    assert host.seen("nat") == {"failed": "there is no v-nat"}
