"""Which interfaces of a domain hang on which network."""

from __future__ import annotations

import pytest

from netreconcile.interfaces import Interface, interfaces
from netreconcile.observed import Guest

MAC = "52:54:00:00:00:11"


def found(kind: str, source: str, target: str = "<target dev='vnet0'/>") -> tuple[Interface, ...]:
    interface = f"<interface type='{kind}'><mac address='{MAC}'/>{source}{target}</interface>"
    return interfaces("web", f"<domain><devices>{interface}</devices></domain>")


@pytest.mark.parametrize(
    ("kind", "source"),
    [
        ("network", "<source network='t' portgroup='p' portid='1' bridge='virbr0'/>"),
        ("bridge", "<source network='t' portid='1' bridge='br0'/>"),  # over a bridge of the host's
        ("direct", "<source network='t' portid='1' dev='eth0' mode='bridge'/>"),
    ],
)
def test_an_interface_names_its_network_whatever_that_leads_to(kind: str, source: str) -> None:
    group = "p" if "portgroup" in source else ""
    assert found(kind, source) == (Interface(Guest("web", MAC, "vnet0", portgroup=group), "t", None, "1"),)


def test_an_interface_can_name_a_bridge_instead() -> None:
    assert found("bridge", "<source bridge='br0'/>", "") == (Interface(Guest("web", MAC), None, "br0", ""),)


@pytest.mark.parametrize(
    ("kind", "source"), [("user", ""), ("direct", "<source dev='eth0' mode='bridge'/>"), ("hostdev", "<source/>")]
)
def test_what_hangs_on_neither_is_left_out(kind: str, source: str) -> None:
    assert found(kind, source) == ()
