"""Clients that really hold a lease are named, with until when, by the plan that takes their address away."""

from __future__ import annotations

import json
import os
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from netreconcile.lab import programs
from tests.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from tests.conftest import LabHost

pytestmark = pytest.mark.worlds

Said = dict[str, Any]
BRIDGE, MAC = "virbr-t", "52:54:00:00:00:77"


def open_network(pool: str = "10.1.0.50-10.1.0.60", *hosts: Said, address: str = "10.1.0.1/24") -> Said:
    return {
        "mode": "open",
        "bridge": {"name": BRIDGE, "stp": False},
        "ips": [{"address": address, "dhcp": {"ranges": [pool], "hosts": list(hosts)}}],
    }


@contextmanager
def client(host: LabHost) -> Generator[str]:
    """Yield the address of a DHCP client on the bridge, which keeps its lease."""
    for command in (
        "netns add client",
        "link add t-client type veth peer name eth0 netns client",
        f"link set t-client master {BRIDGE} up",
        f"-n client link set eth0 address {MAC} up",
    ):
        host.lab.run("ip", *command.split(), check=True)
    try:
        ask = ("udhcpc", "-i", "eth0", "-f", "-q", "-n", "-t", "10", "-s", "/bin/true", "-x", "hostname:web")
        host.lab.run("ip", "netns", "exec", "client", *ask, check=True, capture_output=True)
        # dnsmasq answers the client first, and lets its script write down the lease for libvirt afterwards.
        assert eventually(host.network("t").DHCPLeases)
        (lease,) = host.network("t").DHCPLeases()
        yield lease["ipaddr"]
    finally:
        host.lab.run("ip", "netns", "delete", "client", check=True)


@pytest.fixture
def leased(host: LabHost) -> Iterator[str]:
    """The address that a client called web has from the network."""
    if shutil.which("udhcpc", path=programs.search_path()) is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("udhcpc is missing: apt-get install udhcpc")
    host.applied({"t": open_network()})
    with client(host) as address:
        yield address


def notes(host: LabHost, network: Said) -> list[str]:
    (part,) = host.planned({"t": network})["networks"]
    return [note for note in part["notes"] if note.startswith("lease hit: ")]


def test_whose_lease_a_change_hits_is_told_and_until_when(host: LabHost, leased: str) -> None:
    reserved = open_network("10.1.0.50-10.1.0.60", {"mac": "52:54:00:00:00:78", "name": "db", "ip": leased})
    told = {
        "no range has it any more": open_network("10.1.0.100-10.1.0.110"),
        "no subnet of the network has it any more": open_network("10.2.0.50-10.2.0.60", address="10.2.0.1/24"),
        "it is reserved for db now": reserved,
        "its reservation is 10.1.0.99 now": open_network("10.1.0.50-10.1.0.60", {"mac": MAC, "ip": "10.1.0.99"}),
    }
    for why, network in told.items():
        (note,) = notes(host, network)
        assert note.startswith(f"lease hit: web has a lease of {leased} until ")
        assert note.endswith(f" UTC: {why}")
    assert notes(host, open_network("10.1.0.40-10.1.0.70")) == []


def test_a_lease_outlives_live_changes_and_restarts(host: LabHost, leased: str) -> None:
    live = open_network("10.1.0.50-10.1.0.60", {"mac": "52:54:00:00:00:78", "name": "db", "ip": "10.1.0.10"})
    for network in (live, {**live, "mtu": 1400}):
        host.applied({"t": network})
        (lease,) = host.network("t").DHCPLeases()
        assert (lease["ipaddr"], lease["mac"]) == (leased, MAC)


def test_show_counts_leases_and_tells_them(host: LabHost, leased: str) -> None:
    assert host.run("show").out.splitlines()[1].split()[-1] == "1"
    (network,) = json.loads(host.run("show", "-o", "json").out)["networks"]
    (lease,) = network["leases"]
    assert (lease["ip"], lease["mac"], lease["name"]) == (leased, MAC, "web")
    assert lease["expires"] > 0
