"""Who holds a port is named, and what cuts it off needs consent; ports are taken by hand, so no guest runs here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.conftest import NOTHING

if TYPE_CHECKING:
    from tests.conftest import LabHost

pytestmark = pytest.mark.worlds

Said = dict[str, Any]
OPEN: Said = {"mode": "open", "bridge": "virbr-t", "ips": [{"address": "10.1.0.1/24"}]}
POOL: Said = {"mode": "passthrough", "forward": {"interfaces": ["eth1", "eth2"]}}
CHANGED: Said = {**OPEN, "mtu": 1400}
LIVE: Said = {**OPEN, "dns": {"hosts": [{"ip": "10.1.0.9", "hostnames": ["a"]}]}}
MAC = "52:54:00:00:00:11"
PORT = """
<networkport>
  <uuid>a1f0c5c8-3ab7-4f6e-8f0f-7d3c3a6c7f08</uuid>
  <owner><name>guest</name><uuid>a1f0c5c8-3ab7-4f6e-8f0f-7d3c3a6c7f09</uuid></owner>
  <mac address='52:54:00:00:00:11'/>
</networkport>
"""


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


@pytest.mark.parametrize(
    ("networks", "impact"),
    [
        pytest.param({"t": CHANGED}, "restart", id="restart"),
        pytest.param({"t": {**OPEN, "state": "inactive"}}, "remove", id="stop"),
        pytest.param(NOTHING, "remove", id="remove"),
    ],
)
def test_cutting_a_guest_off_needs_consent(host: LabHost, networks: dict[str, Said], impact: str) -> None:
    host.applied({"t": OPEN})
    connected(host)
    plan = host.planned(networks)
    assert (plan["impact"], plan["needs_consent"]) == (impact, True)
    (part,) = (part for part in plan["networks"] if part["name"] == "t")
    assert [guest["domain"] for guest in part["guests"]] == ["guest"]
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
    for networks in (
        {"t": {**CHANGED, "protect": True}},
        {"t": {**OPEN, "protect": True, "state": "inactive"}},
        NOTHING,
    ):
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


@pytest.mark.parametrize("networks", [NOTHING, {"t": {**POOL, "state": "inactive"}}], ids=["remove", "stop"])
def test_a_pool_in_use_goes_with_consent(host: LabHost, networks: dict[str, Said]) -> None:
    host.applied({"t": POOL})
    connected(host)
    refused(host, networks)
    host.applied(networks, "--allow-disruption")
