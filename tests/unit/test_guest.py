"""Guests of a probe are called the same each time, and are nobody else."""

from __future__ import annotations

import ipaddress

from netreconcile.verify import guest

ONE, OTHER = (guest.seed(name) for name in ("default", "backend"))


def test_guests_of_a_network_have_the_same_mac_addresses_each_time() -> None:
    assert guest.seed("default") == ONE
    assert guest.mac(ONE, 0) == guest.mac(guest.seed("default"), 0)


def test_all_guests_have_different_mac_addresses() -> None:
    assert len({guest.mac(made_of, number) for made_of in (ONE, OTHER) for number in (0, 1)}) == 4


def test_mac_addresses_are_those_of_no_maker_and_of_one_device() -> None:
    assert all(int(guest.mac(made_of, 1)[:2], 16) & 3 == 2 for made_of in (ONE, OTHER))


def test_a_cable_of_the_longest_bridge_has_a_name_that_the_kernel_takes() -> None:
    names = {guest.link(bridge, which) for bridge in ("virbr0", "a-long-bridge15") for which in "abf"}
    assert len(names) == 6
    assert all(len(name) < 16 and name.startswith("nrv") for name in names)


def test_an_address_is_made_of_a_mac_address_as_the_kernel_makes_it() -> None:
    subnet = ipaddress.IPv6Network("fd00:1::/64")
    assert str(guest.made_of_mac(subnet, "52:54:00:12:34:56")) == "fd00:1::5054:ff:fe12:3456"
