"""Networks to the text of a topology file, on examples; `test_properties` has what holds for all."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from netreconcile import codec
from netreconcile.dump import topology_text
from netreconcile.fill import filled
from netreconcile.loader import load_text
from netreconcile.mark import Mark
from netreconcile.model import Network
from netreconcile.observed import observed
from tests.unit.examples import UUID, network, there


def dumped(network: Network, **more: Any) -> str:
    return topology_text("lab", {"net": replace(there(network, network), **more)})


def test_a_file_says_only_what_is_not_the_default() -> None:
    wanted = network(
        ips=[
            {
                "address": "10.0.0.1/24",
                "dhcp": {"ranges": ["10.0.0.2-10.0.0.9"], "hosts": [{"mac": "52:54:00:00:00:10", "ip": "10.0.0.10"}]},
            }
        ],
        forward={"dev": "eth0"},
    )
    assert dumped(wanted) == (
        "version: 1\n"
        "name: lab\n"
        "networks:\n"
        "  net:\n"
        "    mode: nat\n"
        f"    uuid: '{UUID}'\n"
        "    mac: '52:54:00:00:00:01'\n"
        "    bridge: br1\n"
        "    forward: {dev: eth0}\n"
        "    ips:\n"
        "    - address: 10.0.0.1/24\n"
        "      dhcp:\n"
        "        ranges: [10.0.0.2-10.0.0.9]\n"
        "        hosts:\n"
        "        - mac: '52:54:00:00:00:10'\n"
        "          ip: 10.0.0.10\n"
    )


def test_state_autostart_and_protection_are_said_where_they_are_not_the_default() -> None:
    text = dumped(network(), running_xml=None, autostart=False, mark=Mark("lab", "", protect=True))
    said = load_text(text, "t.yaml").topology.networks["net"]
    assert (said.state, said.autostart, said.protect) == ("inactive", False, True)


def test_what_no_key_says_is_told_in_a_comment() -> None:
    xml = "<network><name>net</name><new a='1'/><bridge name='br1' flavour='x'/></network>"
    text = topology_text("lab", {"net": observed("net", UUID, config_xml=xml, running_xml=None, autostart=True)})
    assert "  # libvirt also has /network/bridge/@flavour, which no key stands for: it is kept as it is\n" in text
    assert "/network/new" in text
    assert load_text(text, "t.yaml").topology.networks["net"].mode == "very-isolated"


def test_a_host_without_networks_is_a_topology_without_networks() -> None:
    assert load_text(topology_text("lab", {}), "t.yaml").topology.networks == {}


@pytest.mark.parametrize(
    "text", ["a\nb", "a\n\nb\n", "\n", " a", "a \nb", "# a\n- b", "é\nü", "a: b\nc: d", "a" * 300, "%\n---\n...\n"]
)
def test_descriptions_of_several_lines_survive(text: str) -> None:
    wanted = network(description=text)
    assert filled(load_text(dumped(wanted), "t.yaml").topology.networks["net"], wanted) == wanted


@pytest.mark.parametrize(
    "name",
    [
        "a\u202eb",
        "\u2066a: \u2069#",
        "a\u2028b",
        "a\x85b",
        "a\ufeffb",
        "1e3",
        "no",
        "<<",
        "0o10",
        "::1",
        "𝄞",
        "a" * 200,
    ],
)
def test_a_name_that_some_reader_could_misread_is_quoted(name: str) -> None:
    xml = codec.new("net", Network.model_validate({"mode": "very-isolated"}), None)
    text = topology_text("lab", {name: observed(name, UUID, config_xml=xml, running_xml=None, autostart=True)})
    from netreconcile.reader import read

    value: Any = read(text.encode(), "t.yaml").value
    assert list(value["networks"]) == [name]
