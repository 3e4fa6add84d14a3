"""One spelling for what is written in several ways, and a sentence for what is wrong."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netreconcile import spelling

Spell = Callable[[str], str]


@pytest.mark.parametrize(
    ("spell", "written", "spelled"),
    [
        (spelling.ip_address, "10.0.0.1", "10.0.0.1"),
        (spelling.ip_address, "FD00:0::0001", "fd00::1"),
        (spelling.cidr, "10.0.0.1/24", "10.0.0.1/24"),
        (spelling.cidr, "10.0.0.1/255.255.255.0", "10.0.0.1/24"),
        (spelling.cidr, "10.0.0.1/255.0.255.0", "10.0.0.1/255.0.255.0"),
        (spelling.cidr, "10.0.0.1/024", "10.0.0.1/24"),
        (spelling.cidr, "0.0.0.0/0", "0.0.0.0/0"),
        (spelling.cidr, "FD00::1/64", "fd00::1/64"),
        (spelling.subnet, "10.64.0.0/12", "10.64.0.0/12"),
        (spelling.subnet, "0.0.0.0/0", "0.0.0.0/0"),
        (spelling.subnet, "::/0", "::/0"),
        (spelling.mac, "52:54:0:A:b:1", "52:54:00:0a:0b:01"),
        (spelling.unicast_mac, "FE:ff:ff:ff:ff:ff", "fe:ff:ff:ff:ff:ff"),
        (spelling.duid, "0:3:0:1:52:54:00:aa:BB:cc", "00:03:00:01:52:54:00:aa:bb:cc"),
        (spelling.uuid, "7E2A1C0E7D4F4A559D0B0D6C5A3B9F10", "7e2a1c0e-7d4f-4a55-9d0b-0d6c5a3b9f10"),
        (spelling.lease, "120s", "2m"),
        (spelling.lease, "90m", "90m"),
        (spelling.lease, "3600s", "1h"),
        (spelling.lease, "infinite", "infinite"),
        (spelling.address_span, "10.0.0.1 - 10.0.0.9", "10.0.0.1-10.0.0.9"),
        (spelling.address_span, "10.0.0.1", "10.0.0.1-10.0.0.1"),
        (spelling.port_span, "01024 - 65535", "1024-65535"),
        (spelling.pci_address, "3:10.0", "0000:03:10.0"),
        (spelling.pci_address, "0000:AB:1f.7", "0000:ab:1f.7"),
    ],
)
def test_two_ways_of_writing_one_value_are_spelled_alike(spell: Spell, written: str, spelled: str) -> None:
    assert spell(written) == spelled
    assert spell(spelled) == spelled


@pytest.mark.parametrize(
    ("spell", "written", "sentence"),
    [
        (spelling.ip_address, "10.0.0", "fill the missing numbers"),
        (spelling.ip_address, "010.0.0.1", "octal"),
        (spelling.ip_address, "fe80::1%eth0", "zone"),
        (spelling.ip_address, "web", "neither an IPv4 nor an IPv6 address"),
        (spelling.ip_address, "", "neither"),
        (spelling.ip_address, "\u0661.0.0.1", "neither"),
        (spelling.cidr, "10.0.0.1", "has no prefix length"),
        (spelling.cidr, "10.0.0.1/33", "1 to 32"),
        (spelling.cidr, "10.0.0.1/0", "1 to 32"),
        (spelling.cidr, "10.0.0.1/00241", "1 to 32"),
        (spelling.cidr, "10.0.0.1/" + "9" * 5000, "1 to 32"),
        (spelling.cidr, "fd00::1/129", "1 to 128"),
        (spelling.cidr, "fd00::1/255.255.0.0", "not a netmask"),
        (spelling.cidr, "10.0.0.1/wide", "neither a prefix length nor a netmask"),
        (spelling.subnet, "10.0.0.1/24", "did you mean 10.0.0.0/24?"),
        (spelling.subnet, "10.0.0.0/255.0.255.0", "holes"),
        (spelling.mac, "52:54:00:00:00", "no MAC address"),
        (spelling.mac, "52-54-00-00-00-01", "no MAC address"),
        (spelling.unicast_mac, "01:00:5e:00:00:01", "multicast"),
        (spelling.duid, "client-1", "no DUID"),
        (spelling.uuid, "not-a-uuid", "no UUID"),
        (spelling.lease, "60s", "2m up to"),
        (spelling.lease, "1", "number and s, m or h"),
        (spelling.lease, "9999999999h", "2m up to"),
        (spelling.address_span, "10.0.0.9-10.0.0.1", "backwards"),
        (spelling.address_span, "fd00::1-fd00::2", "only IPv4"),
        (spelling.port_span, "0-10", "1 or more"),
        (spelling.port_span, "10-5", "not below"),
        (spelling.port_span, "80", "range of ports"),
        (spelling.pci_address, "0000:03:20.0", "no PCI address"),
        (spelling.pci_address, "0000:03:10.8", "no PCI address"),
    ],
)
def test_what_has_no_spelling_is_refused_with_a_sentence(spell: Spell, written: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence.replace("?", r"\?")):
        spell(written)


@given(st.text(max_size=40))
def test_any_text_is_either_spelled_or_refused(text: str) -> None:
    for spell in (
        *(spelling.ip_address, spelling.cidr, spelling.subnet, spelling.mac, spelling.unicast_mac, spelling.duid),
        *(spelling.uuid, spelling.lease, spelling.address_span, spelling.port_span, spelling.pci_address),
    ):
        try:
            spelled = spell(text)
        except ValueError:
            continue
        assert spell(spelled) == spelled


@given(st.integers(0, 2**40))
def test_seconds_keep_their_meaning(seconds: int) -> None:
    text = spelling.spelled_seconds(seconds)
    if seconds:
        assert int(text[:-1]) * {"s": 1, "m": 60, "h": 3600}[text[-1]] == seconds
    else:
        assert text == "infinite"
