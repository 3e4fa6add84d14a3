"""Guests: who is connected is named, a change that cuts somebody off needs consent, and a live one cuts nobody off."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest

from netreconcile.lab import Lab, programs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.conftest import LabHost

Said = dict[str, Any]
OPEN: Said = {"mode": "open", "bridge": "virbr-t", "ips": [{"address": "10.1.0.1/24"}]}
POOL: Said = {"mode": "passthrough", "forward": {"interfaces": ["eth1", "eth2"]}}
CHANGED: Said = {**OPEN, "mtu": 1400}
LIVE: Said = {**OPEN, "dns": {"hosts": [{"ip": "10.1.0.9", "hostnames": ["a"]}]}}
MAC = "52:54:00:00:00:11"
DOMAIN = """
<domain type='qemu'>
  <name>{name}</name>
  <memory unit='MiB'>32</memory>
  <os><type arch='x86_64' machine='pc'>hvm</type></os>
  <devices>
    <interface type='{kind}'>
      <mac address='{mac}'/>
      <source {source}/>
      <model type='virtio'/>
    </interface>
  </devices>
</domain>
"""
PORT = """
<networkport>
  <uuid>a1f0c5c8-3ab7-4f6e-8f0f-7d3c3a6c7f08</uuid>
  <owner><name>guest</name><uuid>a1f0c5c8-3ab7-4f6e-8f0f-7d3c3a6c7f09</uuid></owner>
  <mac address='52:54:00:00:00:11'/>
</networkport>
"""


def domain(name: str, source: str = "network='t'", kind: str = "network") -> str:
    return DOMAIN.format(name=name, kind=kind, source=source, mac=MAC)


def connected(host: LabHost) -> None:
    """Take a port of the network, as libvirt's QEMU driver does for a guest that starts."""
    host.network("t").portCreateXML(PORT)


def refused(host: LabHost, networks: dict[str, Said], *arguments: str) -> str:
    """Fail unless the apply ends with 3 before it calls anything that writes; return what it said."""
    host.forget_calls()
    ran = host.apply(networks, *arguments)
    assert ran.code == 3, ran
    assert host.writes() == []
    return ran.out + ran.err


# -- ports, which need no guest


@pytest.mark.parametrize(
    ("networks", "impact"),
    [
        pytest.param({"t": CHANGED}, "restart", id="restart"),
        pytest.param({"t": {**OPEN, "state": "inactive"}}, "remove", id="stop"),
        pytest.param({}, "remove", id="remove"),
    ],
)
def test_cutting_a_guest_off_needs_consent(host: LabHost, networks: dict[str, Said], impact: str) -> None:
    host.applied({"t": OPEN})
    connected(host)
    plan = host.planned(networks)
    assert (plan["impact"], plan["needs_consent"]) == (impact, True)
    assert [guest["domain"] for guest in plan["networks"][0]["guests"]] == ["guest"]
    said = refused(host, networks)
    assert f"this plan cuts off 1 guest: guest {MAC}; --allow-disruption permits it. Nothing was changed." in said
    assert len(host.network("t").listAllPorts()) == 1
    host.applied(networks, "--allow-disruption")
    assert host.drifted(networks) == ()


def test_destroy_needs_consent_too(host: LabHost) -> None:
    host.applied({"t": OPEN})
    connected(host)
    file = host.file({})
    host.forget_calls()
    assert host.run("destroy", file).code == 3
    assert host.writes() == []
    assert host.run("destroy", file, "--allow-disruption").code == 0
    assert host.names() == set()


@pytest.mark.parametrize(
    "said", [pytest.param(LIVE, id="live"), pytest.param({**OPEN, "autostart": False}, id="autostart")]
)
def test_what_cuts_nobody_off_needs_no_consent(host: LabHost, said: Said) -> None:
    host.applied({"t": OPEN})
    connected(host)
    plan = host.planned({"t": said})
    assert plan["needs_consent"] is False
    host.applied({"t": said})
    assert len(host.network("t").listAllPorts()) == 1


def test_a_guest_makes_many_live_updates_better_than_a_restart(host: LabHost) -> None:
    hosts = [{"mac": f"52:54:00:00:01:{number}", "ip": f"10.1.0.{number}"} for number in range(10, 35)]
    host.applied({"t": OPEN})
    connected(host)
    many = {"t": {**OPEN, "ips": [{"address": "10.1.0.1/24", "dhcp": {"hosts": hosts}}]}}
    assert host.planned(many)["impact"] == "live"
    host.applied(many)
    assert len(host.network("t").listAllPorts()) == 1


def test_protection_counts_more_than_consent(host: LabHost) -> None:
    host.applied({"t": {**OPEN, "protect": True}})
    connected(host)
    for networks in ({"t": {**CHANGED, "protect": True}}, {"t": {**OPEN, "protect": True, "state": "inactive"}}, {}):
        assert "protected" in refused(host, networks, "--allow-disruption")
    host.applied({"t": {**LIVE, "protect": True}})
    assert len(host.network("t").listAllPorts()) == 1


@pytest.mark.parametrize(
    "said",
    [
        pytest.param({**POOL, "forward": {"interfaces": ["eth1", "eth2", "eth3"]}}, id="live"),
        pytest.param({**POOL, "portgroups": [{"name": "p"}]}, id="portgroup"),
        pytest.param({**POOL, "trust_guest_rx_filters": True}, id="restart"),
    ],
)
def test_a_pool_in_use_is_not_touched(host: LabHost, said: Said) -> None:
    """After any live change or restart libvirt would hand out eth1 a second time."""
    host.applied({"t": POOL})
    connected(host)
    before = host.snapshot("t")
    text = refused(host, {"t": said}, "--allow-disruption")
    assert "guest" in text
    assert "libvirt forget who uses what" in text
    assert host.snapshot("t") == before
    host.network("t").listAllPorts()[0].delete()
    host.applied({"t": said})


@pytest.mark.parametrize("networks", [{}, {"t": {**POOL, "state": "inactive"}}], ids=["remove", "stop"])
def test_a_pool_in_use_goes_with_consent(host: LabHost, networks: dict[str, Said]) -> None:
    host.applied({"t": POOL})
    connected(host)
    refused(host, networks)
    host.applied(networks, "--allow-disruption")


# -- real guests


@pytest.fixture(scope="module")
def guests_lab() -> Iterator[Lab]:
    """A lab with QEMU."""
    if os.geteuid() != 0:
        pytest.skip("libvirt's QEMU driver runs for root only")
    lacking = programs.missing(guests=True)
    if lacking:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(programs.install_command(lacking))
    with Lab(guests=True, log=True) as lab:
        yield lab


@pytest.fixture
def guests(guests_lab: Lab, host: LabHost, tmp_path: Path) -> Iterator[LabHost]:
    """A host with QEMU, without domains and networks before and after the test."""
    there = type(host)(guests_lab, tmp_path)
    yield there
    for found in there.connection.listAllDomains():
        persistent = bool(found.isPersistent())
        if found.isActive():
            found.destroy()
        if persistent:
            found.undefine()
    there.clear()
    there.connection.close()


def taps(host: LabHost) -> list[str]:
    """Return the devices that are plugged into the bridge."""
    ran = host.lab.run("ip", "-j", "link", "show", "master", "virbr-t", capture_output=True, check=True)
    return [link["ifname"] for link in json.loads(ran.stdout or "[]")]


@pytest.mark.guests
@pytest.mark.parametrize(("kind", "source"), [("network", "network='t'"), ("bridge", "bridge='virbr-t'")])
def test_a_running_guest_is_named_and_kept(guests: LabHost, kind: str, source: str) -> None:
    guests.applied({"t": OPEN})
    guests.connection.createXML(domain("web", source, kind))
    (tap,) = taps(guests)

    guests.applied({"t": LIVE})
    assert taps(guests) == [tap]
    for networks in ({"t": {**LIVE, "mtu": 1400}}, {}):
        plan = guests.planned(networks)
        assert plan["needs_consent"] is True
        (guest,) = plan["networks"][0]["guests"]
        assert (guest["domain"], guest["mac"], guest["target"], guest["running"]) == ("web", MAC, tap, True)
        assert f"this plan cuts off 1 guest: web {tap}" in refused(guests, networks)
    assert taps(guests) == [tap]

    row = next(line for line in guests.run("show").out.splitlines() if line.startswith("t "))
    assert row.split()[-2:] == ["1", "0"]
    guests.applied({}, "--allow-disruption")
    assert guests.names() == set()


@pytest.mark.guests
def test_a_stopped_guest_counts_only_when_its_network_goes(guests: LabHost) -> None:
    guests.applied({"t": OPEN})
    guests.connection.defineXML(domain("later"))
    assert guests.planned({"t": CHANGED})["needs_consent"] is False
    guests.applied({"t": CHANGED})
    plan = guests.planned({})
    assert plan["needs_consent"] is True
    (guest,) = plan["networks"][0]["guests"]
    assert (guest["domain"], guest["mac"], guest["target"], guest["running"]) == ("later", MAC, None, False)
    assert "later" in refused(guests, {})
    guests.applied({}, "--allow-disruption")


@pytest.mark.guests
def test_guests_of_other_networks_are_nobodys_business(guests: LabHost) -> None:
    guests.applied({"t": OPEN, "w": {"mode": "very-isolated", "bridge": "virbr-w"}})
    guests.connection.createXML(domain("elsewhere", "network='w'"))
    assert guests.planned({"t": CHANGED, "w": {"mode": "very-isolated", "bridge": "virbr-w"}})["needs_consent"] is False
    guests.applied({"t": CHANGED, "w": {"mode": "very-isolated", "bridge": "virbr-w"}})
