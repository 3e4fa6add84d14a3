"""Whose lease a change takes away, told with until when."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from netreconcile.leases import hits
from netreconcile.observed import Lease
from netreconcile.plan import plan
from tests.unit.examples import host, network, there, topology

if TYPE_CHECKING:
    from netreconcile.model import Network

WEB = "52:54:00:00:00:10"
LEASE = Lease(ip="10.0.0.50", mac=WEB, name="web", expires=1_800_000_000)


def dhcp(
    *hosts: dict[str, Any], ranges: tuple[str, ...] = ("10.0.0.10-10.0.0.99",), ip: str = "10.0.0.1/24"
) -> Network:
    return network(ips=[{"address": ip, "dhcp": {"ranges": list(ranges), "hosts": list(hosts)}}])


@pytest.mark.parametrize(
    ("desired", "told"),
    [
        (dhcp(ranges=("10.0.0.10-10.0.0.49",)), "no range has it any more"),
        (dhcp(ip="10.0.1.1/24", ranges=("10.0.1.10-10.0.1.99",)), "no subnet of the network has it any more"),
        (dhcp({"mac": "52:54:00:00:00:77", "name": "db", "ip": "10.0.0.50"}), "it is reserved for db now"),
        (dhcp({"mac": WEB, "ip": "10.0.0.60"}), "its reservation is 10.0.0.60 now"),
        (dhcp({"name": "web", "ip": "10.0.0.60"}), "its reservation is 10.0.0.60 now"),
    ],
)
def test_a_lease_that_is_no_longer_given_is_told(desired: Network, told: str) -> None:
    (sentence,) = hits((LEASE,), dhcp(), desired)
    assert sentence == f"web has a lease of 10.0.0.50 until 2027-01-15 08:00 UTC: {told}"


@pytest.mark.parametrize(
    "desired",
    [
        dhcp(),
        dhcp(ranges=("10.0.0.40-10.0.0.60", "10.0.0.70-10.0.0.80")),
        dhcp({"mac": WEB, "ip": "10.0.0.50"}, ranges=()),
        dhcp({"mac": "52:54:00:00:00:77", "ip": "10.0.0.51"}),
    ],
)
def test_a_lease_that_is_given_as_before_is_no_news(desired: Network) -> None:
    assert not list(hits((LEASE,), dhcp(), desired))


def test_what_was_out_of_range_before_is_no_news() -> None:
    before = dhcp(ranges=("10.0.0.10-10.0.0.20",))
    assert not list(hits((LEASE,), before, dhcp(ranges=("10.0.0.10-10.0.0.30",))))


def test_a_lease_without_a_name_is_told_by_its_client_and_one_without_end_as_such() -> None:
    lease = replace(LEASE, name="", expires=0)
    (sentence,) = hits((lease,), dhcp(), dhcp(ranges=("10.0.0.10-10.0.0.20",)))
    assert sentence.startswith(f"{WEB} has a lease of 10.0.0.50 for ever: ")


def test_the_plan_says_whom_it_hits() -> None:
    observed = replace(there(dhcp(), dhcp()), leases=(LEASE,))
    (part,) = plan(topology(net=dhcp(ranges=("10.0.0.10-10.0.0.49",))), host(observed)).networks
    assert any("web has a lease of 10.0.0.50" in note for note in part.notes)
