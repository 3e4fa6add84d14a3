"""The far end of a way out has addresses to which the host has no route."""

from __future__ import annotations

import ipaddress

import pytest

from netreconcile.errors import ProbeFailed
from netreconcile.verify.farend import spare

TESTS = ipaddress.IPv4Network("198.18.0.0/15")


def test_each_bridge_has_a_far_end_of_its_own() -> None:
    found = {spare(number, ()) for number in range(3, 300)}
    assert len(found) == 297
    assert all(subnet.subnet_of(TESTS) and subnet.prefixlen == 30 for subnet in found)


def test_what_the_host_has_routes_to_is_left_alone() -> None:
    first = spare(7, ())
    routed = [str(first), "198.19.0.0/16", "198.18.3.1", "default", "fe80::/64", ""]
    second = spare(7, routed)
    assert not any(second.overlaps(ipaddress.ip_network(to)) for to in routed[:3])


def test_a_host_with_routes_to_all_of_them_is_told_so() -> None:
    with pytest.raises(ProbeFailed, match=r"routes to all of 198\.18\.0\.0/15"):
        spare(7, ["198.18.0.0/16", "198.19.0.0/16"])
