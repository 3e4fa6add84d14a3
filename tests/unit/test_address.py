"""A guest that isn't given an address takes one that is nobody else's."""

from __future__ import annotations

import ipaddress
from itertools import islice

import pytest

from netreconcile.model import Ip
from netreconcile.verify.address import candidates, own_address, pair

SEEDS = tuple(bytes([number]) * 32 for number in range(256))


def ip(address: str, *ranges: str, reserved: tuple[str, ...] = ()) -> Ip:
    hosts = [{"mac": f"52:54:00:00:00:{number:02}", "ip": address} for number, address in enumerate(reserved)]
    return Ip.model_validate({"address": address, "dhcp": {"ranges": list(ranges), "hosts": hosts}})


def test_two_guests_of_a_network_have_two_addresses_of_their_own_making() -> None:
    for made_of in SEEDS:
        one, other = pair(made_of)
        assert one != other
        assert all(ipaddress.ip_address(own) in ipaddress.ip_network("169.254.177.0/24") for own in (one, other))


def test_guests_of_different_networks_mostly_have_different_addresses() -> None:
    assert len({pair(made_of) for made_of in SEEDS}) > 100


@pytest.mark.parametrize("made_of", SEEDS[::51])
def test_the_host_and_reserved_addresses_are_never_taken(made_of: bytes) -> None:
    found = set(candidates(ip("10.0.0.1/29", reserved=("10.0.0.4", "10.0.0.5")), made_of))
    assert found == {"10.0.0.2", "10.0.0.3", "10.0.0.6"}


@pytest.mark.parametrize("made_of", SEEDS[::51])
def test_what_dhcp_may_lend_comes_last(made_of: bytes) -> None:
    found = list(candidates(ip("10.0.0.1/29", "10.0.0.2-10.0.0.4"), made_of))
    assert (set(found[:2]), set(found[2:])) == ({"10.0.0.5", "10.0.0.6"}, {"10.0.0.2", "10.0.0.3", "10.0.0.4"})


def test_a_subnet_without_room_has_no_address() -> None:
    assert not list(candidates(ip("10.0.0.1/32"), SEEDS[1]))


def test_a_link_between_two_has_one_address_left() -> None:
    assert list(candidates(ip("10.0.0.0/31"), SEEDS[1])) == ["10.0.0.1"]


def test_a_large_subnet_is_not_counted_through() -> None:
    assert len(list(islice(candidates(ip("10.0.0.1/8"), SEEDS[7]), 8))) == 8


def test_an_ipv6_address_is_taken_only_where_chance_makes_it_nobody_elses() -> None:
    wide, narrow = ipaddress.IPv6Network("fd00::/64"), ipaddress.IPv6Network("fd00::/120")
    assert ipaddress.IPv6Address(own_address(wide, SEEDS[9])) in wide
    assert not own_address(narrow, SEEDS[9])
