"""Values that libvirt spreads over attributes: read as it means them, and written in the style that is there."""

from __future__ import annotations

import pytest
from lxml import etree

from netreconcile.notation import CIDR, LEASE, MODE, PCI, SPAN


@pytest.mark.parametrize(
    ("xml", "value"),
    [
        ('<ip address="10.0.0.1" prefix="24"/>', "10.0.0.1/24"),
        ('<ip address="10.0.0.1" netmask="255.255.255.0"/>', "10.0.0.1/255.255.255.0"),
        ('<ip address="10.0.0.1"/>', "10.0.0.1/8"),
        ('<ip address="172.16.0.1"/>', "172.16.0.1/16"),
        ('<ip address="192.168.0.1"/>', "192.168.0.1/24"),
        ('<ip address="10.0.0.1" prefix="0"/>', "10.0.0.1/8"),
        ('<ip family="ipv6" address="fd00::1"/>', "fd00::1/64"),
        ('<route address="0.0.0.0" gateway="10.0.0.2"/>', "0.0.0.0/0"),
        ('<route address="0.0.0.0" prefix="0" gateway="10.0.0.2"/>', "0.0.0.0/0"),
        ('<route family="ipv6" address="::" gateway="fd00::2"/>', "::/0"),
        ('<ip address="not.an.address"/>', "not.an.address/8"),
        (f'<ip address="{"9" * 20}.1"/>', f"{'9' * 20}.1/24"),
        (f'<ip address="{"9" * 5000}.1"/>', f"{'9' * 5000}.1/8"),
        ("<ip/>", None),
    ],
)
def test_an_address_without_a_prefix_has_its_class(xml: str, value: str | None) -> None:
    assert CIDR.read(etree.fromstring(xml)) == value


@pytest.mark.parametrize(
    ("before", "value", "after"),
    [
        ("<ip/>", "10.0.0.1/24", {"address": "10.0.0.1", "prefix": "24"}),
        ('<ip netmask="255.0.0.0"/>', "10.0.0.1/24", {"address": "10.0.0.1", "netmask": "255.255.255.0"}),
        ('<ip prefix="8"/>', "10.0.0.1/255.0.255.0", {"address": "10.0.0.1", "netmask": "255.0.255.0"}),
        ('<ip netmask="255.0.0.0"/>', "fd00::1/64", {"address": "fd00::1", "prefix": "64", "family": "ipv6"}),
        ('<ip family="ipv6" prefix="64"/>', "10.0.0.1/24", {"address": "10.0.0.1", "prefix": "24"}),
        ('<ip family="ipv4" prefix="8"/>', "10.0.0.1/24", {"address": "10.0.0.1", "prefix": "24", "family": "ipv4"}),
    ],
)
def test_a_host_that_writes_netmasks_keeps_its_netmask(before: str, value: str, after: dict[str, str]) -> None:
    element = etree.fromstring(before)
    CIDR.write(element, value)
    assert dict(element.attrib) == after


@pytest.mark.parametrize(
    ("xml", "value"),
    [
        ('<lease expiry="120"/>', "2h"),
        ('<lease expiry="90" unit="seconds"/>', "90s"),
        ('<lease expiry="12" unit="hours"/>', "12h"),
        ('<lease expiry="0"/>', "infinite"),
        ('<lease expiry="0" unit="hours"/>', "infinite"),
        ('<lease expiry="soon"/>', "soon"),
        ("<lease/>", None),
    ],
)
def test_a_lease_without_a_unit_is_in_minutes(xml: str, value: str | None) -> None:
    assert LEASE.read(etree.fromstring(xml)) == value


def test_an_absurdly_long_lease_is_kept_as_it_is() -> None:
    absurd = "9" * 5000
    assert LEASE.read(etree.fromstring(f'<lease expiry="{absurd}"/>')) == absurd


@pytest.mark.parametrize(
    ("value", "attributes"),
    [
        ("90s", {"expiry": "90", "unit": "seconds"}),
        ("12h", {"expiry": "12", "unit": "hours"}),
        ("infinite", {"expiry": "0"}),
        (None, {}),
    ],
)
def test_a_lease_is_written_with_its_unit(value: str | None, attributes: dict[str, str]) -> None:
    element = etree.fromstring('<lease expiry="7" unit="minutes"/>')
    LEASE.write(element, value)
    assert dict(element.attrib) == attributes


@pytest.mark.parametrize(
    ("xml", "value"),
    [
        ('<address domain="0x0000" bus="0x03" slot="0x10" function="0x1"/>', "0000:03:10.1"),
        ('<address bus="3" slot="16" function="1"/>', "0000:03:10.1"),
        ('<address domain="?" bus="3" slot="4" function="5"/>', "?:3:4:5"),
    ],
)
def test_a_pci_address_is_read_in_hexadecimal_and_decimal(xml: str, value: str) -> None:
    assert PCI.read(etree.fromstring(xml)) == value


def test_a_pci_address_is_written_as_libvirt_prints_it() -> None:
    element = etree.fromstring("<address/>")
    PCI.write(element, "0000:03:10.1")
    assert dict(element.attrib) == {"type": "pci", "domain": "0x0000", "bus": "0x03", "slot": "0x10", "function": "0x1"}


@pytest.mark.parametrize(
    ("xml", "value"), [('<port start="1" end="9"/>', "1-9"), ('<port start="1"/>', "1-1"), ("<port/>", None)]
)
def test_a_span_without_an_end_is_one_long(xml: str, value: str | None) -> None:
    assert SPAN.read(etree.fromstring(xml)) == value


def test_a_span_is_taken_out_with_both_ends() -> None:
    element = etree.fromstring('<port start="1" end="9"/>')
    SPAN.write(element, None)
    assert dict(element.attrib) == {}


@pytest.mark.parametrize(
    ("xml", "mode"),
    [
        ("<network/>", "very-isolated"),
        ("<network><ip address='10.0.0.1'/></network>", "isolated"),
        ("<network><forward mode='none'/></network>", "very-isolated"),
        ("<network><forward mode='none'/><ip address='10.0.0.1'/></network>", "isolated"),
        ("<network><forward/></network>", "nat"),
        ("<network><forward mode='route'/></network>", "route"),
        ("<network><forward mode='hostdev'/></network>", "hostdev"),
    ],
)
def test_the_mode_is_told_by_forward_and_addresses(xml: str, mode: str) -> None:
    assert MODE.read(etree.fromstring(xml)) == mode


@pytest.mark.parametrize(
    ("before", "mode", "after"),
    [
        ("<network/>", "nat", '<network><forward mode="nat"/></network>'),
        (
            '<network><forward mode="nat" dev="eth0"/></network>',
            "route",
            '<network><forward mode="route" dev="eth0"/></network>',
        ),
        ('<network><forward mode="nat"/></network>', "isolated", "<network/>"),
        ("<network/>", "very-isolated", "<network/>"),
    ],
)
def test_isolation_is_the_absence_of_forward(before: str, mode: str, after: str) -> None:
    element = etree.fromstring(before)
    MODE.write(element, mode)
    assert etree.tostring(element, encoding="unicode") == after
