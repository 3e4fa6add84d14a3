"""Pictures of a topology: what is in them, and that no name can draw anything."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from lxml import etree

from netreconcile.graph.dot import dot
from netreconcile.graph.graph import MOST_GUESTS, Graph, Tone, Way, of_host, of_plan, of_topology
from netreconcile.graph.mermaid import mermaid
from netreconcile.graph.svg import WIDTH, svg
from netreconcile.loader import load
from netreconcile.observed import Guest, Host
from netreconcile.plan import plan
from tests.unit import hostile
from tests.unit.examples import GUEST, host, network, there, topology

SAMPLES = Path(__file__).parents[2] / "sample-topologies"
SVG = "{http://www.w3.org/2000/svg}"


def sample(name: str) -> Graph:
    return of_topology(load([str(SAMPLES / f"{name}.yaml")]).topology)


def node(graph: Graph, name: str) -> tuple[str, ...]:
    (found,) = (node for node in graph.networks if node.name == name)
    return found.mode, *found.details


def ways(graph: Graph) -> dict[str, list[str]]:
    return {node.name: [way.title for way in node.ways] for node in graph.networks}


def texts(drawing: str) -> list[str]:
    """Return what can be read in a drawing, what shows when somebody points at it left out."""
    return [element.text or (element[0].tail or "") for element in etree.fromstring(drawing).iter(f"{SVG}text")]


def test_each_kind_of_network_hangs_on_what_it_has_as_a_way_out() -> None:
    assert ways(sample("four-kinds")) == {
        "default": ["the host's routes"],
        "backend": ["the host only"],
        "wire": ["no way out"],
        "lan": ["br0"],
    }
    assert ways(sample("macvtap")) == {
        "cards": ["eth1", "eth2"],
        "apart": ["eth1"],
        "switch-decides": ["eth1"],
        "one-card-each": ["eth2"],
    }
    pools = topology(
        pf=network(mode="hostdev", bridge=None, mac=None, ips=[], forward={"pf": "eth3"}),
        one=network(mode="hostdev", bridge=None, mac=None, ips=[], forward={"addresses": ["0000:03:10.0"]}),
        two=network(mode="hostdev", bridge=None, mac=None, ips=[], forward={"addresses": ["3:10.0", "3:10.1"]}),
        through=network(forward={"dev": "eth0"}),
    )
    assert ways(of_topology(pools)) == {
        "pf": ["eth3"],
        "one": ["0000:03:10.0"],
        "two": ["2 PCI functions"],
        "through": ["eth0"],
    }


def test_a_network_says_what_people_look_for() -> None:
    assert node(sample("four-kinds"), "default") == ("nat", "virbr0", "192.168.122.1/24, DHCP, 1 reserved")
    assert node(sample("four-kinds"), "backend") == ("isolated", "10.20.0.1/24", "domain backend.lab")
    ips = [{"address": f"10.0.{number}.1/24"} for number in range(6)]
    groups = [{"name": name, "vlan": {"tags": [number]}} for number, name in enumerate("ab", 1)]
    wanted = network(mtu=9000, state="inactive", ips=ips, vlan={"tags": [5]}, portgroups=groups)
    assert node(of_topology(topology(net=wanted)), "net") == (
        *("nat", "inactive", "br1, MTU 9000", "10.0.0.1/24", "10.0.1.1/24", "10.0.2.1/24", "and 3 more", "VLAN 5"),
        "port groups a, b",
    )


def test_networks_that_must_not_exist_are_not_drawn() -> None:
    assert ways(of_topology(topology(gone=network(state="absent")))) == {}


def test_a_host_is_drawn_with_its_guests_and_who_has_no_link() -> None:
    guests = (
        replace(GUEST, address="10.0.0.9"),
        replace(GUEST, domain="loose", target="", plugged=False),
        replace(GUEST, domain="off", target="", running=False, plugged=False),
    )
    (found,) = of_host(host(there(network(), network(), guests=guests))).networks
    assert [(plug.title, plug.detail, plug.linked) for plug in found.guests] == [
        ("web", "vnet7, 10.0.0.9", True),
        ("loose", "52:54:00:00:00:99, no link", False),
        ("off", "52:54:00:00:00:99, off", False),
    ]
    assert found.tone is Tone.PLAIN


def test_of_many_guests_some_are_drawn_and_the_rest_is_counted() -> None:
    guests = tuple(Guest(f"g{number}", f"52:54:00:00:03:{number:02x}") for number in range(MOST_GUESTS + 5))
    graph = of_host(host(there(network(), network(), guests=guests)))
    assert (len(graph.networks[0].guests), graph.networks[0].more) == (MOST_GUESTS, 5)
    assert all("and 5 more guests" in text for text in (mermaid(graph), dot(graph), svg(graph)))


def test_a_network_that_cannot_be_read_is_drawn_as_one() -> None:
    broken = replace(there(network(), network()), config=None, running=None, trouble="no")
    (found,) = of_host(host(broken)).networks
    assert (found.mode, found.ways) == ("unreadable", ())
    assert "unreadable" in svg(Graph("t", (found,)))


def test_what_differs_is_coloured_and_said() -> None:
    def own(number: int) -> dict[str, object]:
        uuid = f"11111111-2222-4333-8444-55555555550{number}"
        return {"uuid": uuid, "bridge": f"br{number}", "ips": [{"address": f"10.{number}.0.1/24"}]}

    wanted = topology(
        same=network(),
        changed=network(**own(2), mtu=1400),
        new=network(**own(3)),
        foreign=network(**own(4)),
        never=network(state="absent"),
    )
    changed, gone, foreign = (
        there(network(**own(number)), name=name, owner=owner)
        for name, owner, number in (("changed", "lab", 2), ("gone", "lab", 5), ("foreign", "other", 4))
    )
    before = host(there(network(), network(), name="same"), changed, gone, foreign)
    graph = of_plan(plan(wanted, before), wanted, before)
    assert {found.name: found.tone for found in graph.networks} == {
        "same": Tone.SAME,
        "changed": Tone.DIFFERS,
        "new": Tone.MISSING,
        "foreign": Tone.REFUSED,
        "gone": Tone.REMOVED,
    }
    read = texts(svg(graph))
    for tone in {found.tone for found in graph.networks}:
        assert str(tone) in read
        assert f": {tone}" in dot(graph)
        assert re.search(rf"nat: {tone}\"\]:::|nat: {tone}<br/>.*:::", mermaid(graph))


def test_what_the_file_leaves_to_libvirt_is_drawn_as_libvirt_has_it() -> None:
    wanted, before = topology(net=network(bridge={})), host(there(network(), network()))
    assert node(of_plan(plan(wanted, before), wanted, before), "net") == ("nat", "br1", "10.0.0.1/24")


# -- notations


def test_mermaid_is_a_flow_chart_with_a_line_for_each_way_and_guest() -> None:
    lines = mermaid(of_host(host(there(network(), network(), guests=(GUEST,))))).splitlines()
    assert lines == [
        "---",
        'title: "libvirt 12.0.0 at test:///unit"',
        "---",
        "flowchart LR",
        '  way0(["the host#39;s routes<br/>whichever way out it has"])',
        '  net0["net<br/>nat<br/>br1<br/>10.0.0.1/24"]',
        "  way0 --- net0",
        '  net0g0("web<br/>vnet7")',
        "  net0 --- net0g0",
    ]


def test_dot_is_a_graph_with_the_same() -> None:
    lines = dot(of_host(host(there(network(), network(), guests=(replace(GUEST, plugged=False),))))).splitlines()
    assert (lines[0], lines[-1]) == ("graph {", "}")
    assert r'  net0 [shape=box, color="#57606a", penwidth=1, label="net\nnat\nbr1\n10.0.0.1/24"]' in lines
    assert "  way0 -- net0" in lines
    assert "  net0 -- net0g0 [style=dashed]" in lines


@pytest.mark.parametrize("number", range(1, 31))
def test_a_drawing_of_any_size_has_every_network_inside_its_frame_and_none_on_another(number: int) -> None:
    networks = {f"net{each}": network(mode="nat" if each % 3 else "very-isolated", ips=[]) for each in range(number)}
    root = etree.fromstring(svg(of_topology(topology(**networks))))
    width, height = int(root.get("width") or 0), int(root.get("height") or 0)
    boxes = [
        tuple(int(box.get(side) or 0) for side in ("x", "y", "width", "height"))
        for box in root.iter(f"{SVG}rect")
        if box.get("class") in ("card", "way")
    ]
    assert sum(box.get("class") == "card" for box in root.iter(f"{SVG}rect")) == number
    for x, y, wide, high in boxes:
        assert 0 <= x <= x + wide <= width
        assert 0 <= y <= y + high <= height
    for one in boxes:
        for other in boxes:
            beside = one[0] + one[2] <= other[0] or other[0] + other[2] <= one[0]
            apart = one[1] + one[3] <= other[1] or other[1] + other[3] <= one[1]
            assert one is other or beside or apart
    assert height <= 1500


def test_part_of_a_page_is_one_column_as_wide_as_a_phone() -> None:
    networks = {f"net{each}": network() for each in range(30)}
    root = etree.fromstring(svg(of_topology(topology(**networks)), alone=False))
    assert int((root.get("viewBox") or "").split()[2]) < WIDTH + 20
    assert root.get("width") is None


def test_an_empty_topology_is_a_drawing_too() -> None:
    empty = of_host(Host("test:///unit", (9, 0, 0)))
    assert texts(svg(empty))[0] == "libvirt 9.0.0 at test:///unit"
    assert mermaid(empty).endswith("flowchart LR\n")


def test_a_long_name_is_cut_and_told_where_somebody_points() -> None:
    drawing = svg(of_topology(topology(**{"n" * 60: network()})))
    assert any(re.fullmatch("n+…", text) for text in texts(drawing))
    assert f"<title>{'n' * 60}</title>" in drawing


# -- hostile names


@pytest.fixture(scope="module")
def drawn() -> Graph:
    return of_plan(hostile.planned(), hostile.topology(), hostile.there_is())


def test_no_name_draws_anything_in_svg(drawn: Graph) -> None:
    drawing = svg(drawn)
    root = etree.fromstring(drawing)
    tags = {str(element.tag).removeprefix(SVG) for element in root.iter()}
    assert tags == {"svg", "title", "style", "text", "rect", "path", "circle"}
    attributes = {str(name) for element in root.iter() for name in element.attrib}
    assert not {name for name in attributes if name.startswith("on") or "href" in name}
    whole = "".join(root.itertext())
    assert "<script>alert(1)</script>" in whole
    assert r"line\nbreak" in whole


def test_no_name_draws_anything_in_mermaid(drawn: Graph) -> None:
    lines = mermaid(drawn).splitlines()
    assert len(drawn.networks) == len(hostile.NAMES) + 2
    label = r'"[\w .,/:#;-]*(<br/>[\w .,/:#;-]*)*"'
    shapes = rf"\(\[{label}\]\)|\[{label}\](:::\w+)?|\({label}\)"
    for line in lines[4:]:
        assert re.fullmatch(rf"  (\w+({shapes})|\w+ (---|-\.-) \w+|classDef \w+ [\w:#, -]+)", line), line


def test_no_name_draws_anything_in_dot(drawn: Graph) -> None:
    string = r'"(?:[^"\\]|\\.)*"'
    for line in dot(drawn).splitlines():
        bare = re.sub(string, "S", line)
        assert re.fullmatch(r"graph \{|\}|  (graph|node|\w+( -- \w+)?)( \[[\w=, .]+\])?", bare), line


def test_ways_are_drawn_once() -> None:
    graph = sample("macvtap")
    assert graph.ways == (Way("eth1", "interface of the host"), Way("eth2", "interface of the host"))
    assert mermaid(graph).count('(["eth1') == 1
