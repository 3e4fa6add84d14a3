"""The vocabulary of the model: each field's place in the XML, read off its annotations."""

from __future__ import annotations

import pytest

from netreconcile.binding import NAMESPACES, Section, bindings
from netreconcile.model import Bridge, Dhcp, Dns, Element, Forward, Ip, Network


@pytest.mark.parametrize(
    ("model", "field", "steps", "attribute"),
    [
        (Network, "uuid", ("uuid",), None),
        (Network, "ipv6", (), "ipv6"),
        (Network, "mtu", ("mtu",), "size"),
        (Network, "mode", (), None),
        (Network, "ips", ("ip",), None),
        (
            Network,
            "dnsmasq_options",
            tuple(f"{{{NAMESPACES['dnsmasq']}}}{name}" for name in ("options", "option")),
            "value",
        ),
    ],
)
def test_a_path_splits_into_children_and_an_attribute(
    model: type[Element], field: str, steps: tuple[str, ...], attribute: str | None
) -> None:
    binding = next(binding for binding in bindings(model) if binding.name == field)
    assert (binding.steps, binding.attribute) == (steps, attribute)


def test_fields_come_in_the_order_of_the_model_and_without_those_outside_the_xml() -> None:
    names = [binding.name for binding in bindings(Network)]
    assert names == [name for name in Network.model_fields if name in names]
    assert set(Network.model_fields) - set(names) == {"state", "autostart", "protect"}
    assert "dev" not in [binding.name for binding in bindings(Forward)]


def test_a_binding_says_everything_that_the_annotations_say() -> None:
    by_name = {binding.name: binding for binding in bindings(Dhcp)}
    hosts = by_name["hosts"]
    assert hosts.is_list
    assert hosts.live is not None
    assert (hosts.live.section, hosts.live.modify) == (Section.IP_DHCP_HOST, True)
    assert hosts.default == ()
    assert not by_name["bootp"].is_list
    assert by_name["bootp"].model is not None


@pytest.mark.parametrize(
    ("model", "field", "own_bridge"), [(Network, "uuid", False), (Network, "mac", True), (Bridge, "name", True)]
)
def test_libvirts_choices_are_marked(model: type[Element], field: str, own_bridge: bool) -> None:  # noqa: FBT001 -- a table
    chosen = next(binding.chosen for binding in bindings(model) if binding.name == field)
    assert chosen is not None
    assert chosen.own_bridge is own_bridge


def test_every_section_that_libvirt_updates_belongs_to_one_list() -> None:
    sections = [
        binding.live.section for model in (Network, Forward, Dns, Dhcp) for binding in bindings(model) if binding.live
    ]
    assert sorted(sections) == sorted(Section)


def test_a_required_field_has_no_default() -> None:
    address = next(binding for binding in bindings(Ip) if binding.name == "address")
    assert address.default is None
    assert address.spell is not None
    assert address.kind is str
