"""What holds for every network: of the codec, the differ and the dump."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, cast

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from netreconcile import codec, dump, reader
from netreconcile.diff import Change, Tree, changes, tree
from netreconcile.fill import digest
from netreconcile.mark import Mark
from netreconcile.model import Network
from netreconcile.notation import WITHOUT_FORWARD
from netreconcile.observed import observed
from netreconcile.unmodelled import unmodelled
from tests.unit.strategies import NASTY, Decorated, decorated, edited, networks, reordered, strange

MARK = Mark("lab", "0123456789abcdef")


@given(networks)
def test_what_is_written_is_read_back(network: Network) -> None:
    assert codec.parse(codec.new("net", network, MARK)) == (network, MARK)


@given(decorated())
def test_reading_and_writing_the_same_changes_no_byte(there: Decorated) -> None:
    network, mark = codec.parse(there.xml)
    assert codec.overlay(there.xml, network, None) == there.xml
    marked = codec.overlay(there.xml, network, MARK)
    assert mark is None
    assert codec.overlay(marked, network, MARK) == marked


@given(decorated(), st.data())
def test_after_an_overlay_the_xml_says_what_is_wanted(there: Decorated, data: st.DataObject) -> None:
    wanted = data.draw(edited(there.network))
    result = codec.overlay(there.xml, wanted, MARK)
    network, mark = codec.parse(result)
    assert changes(network, wanted) == ()
    assert mark == MARK
    assert codec.overlay(result, wanted, MARK) == result


@given(decorated(), st.data())
def test_an_overlay_leaves_alone_what_no_field_stands_for(there: Decorated, data: st.DataObject) -> None:
    wanted = data.draw(edited(there.network))
    before = strange(codec.parse_xml(there.xml))
    result = codec.parse_xml(codec.overlay(there.xml, wanted, None))
    after = strange(result)
    for path, things in before.items():
        if not _gone(path, wanted):
            assert after.get(path) == things, path
    assert after.keys() <= before.keys()


def _gone(path: tuple[str, ...], wanted: Network) -> bool:
    """Return whether the place goes with a list's item that isn't wanted any more, or with `<forward>`."""
    if path[:1] == ("forward",) and wanted.mode in WITHOUT_FORWARD:
        return True
    place: Any = tree(wanted)
    for name in path:
        if name not in place:
            return True
        place = {} if isinstance(place, tuple) else place[name]
    return False


@given(decorated())
def test_the_mark_disturbs_nothing_else(there: Decorated) -> None:
    network, _ = codec.parse(there.xml)
    root = codec.parse_xml(codec.overlay(there.xml, network, MARK))
    own = root.find("metadata/{urn:netreconcile:1}owner")
    assert own is not None
    metadata = own.getparent()
    assert metadata is not None
    metadata.remove(own)
    if not len(metadata) and not metadata.attrib:
        root.remove(metadata)
    assert _canonical(etree.tostring(root, encoding="unicode")) == _canonical(there.xml)


def _canonical(xml: str) -> str:
    return etree.canonicalize(xml, strip_text=True)


@given(networks)
def test_a_network_does_not_differ_from_itself(network: Network) -> None:
    assert changes(network, network) == ()
    assert changes(network, network.model_copy(deep=True)) == ()


@given(networks, st.data())
def test_order_is_no_difference_where_it_says_nothing(network: Network, data: st.DataObject) -> None:
    other = data.draw(reordered(network))
    assert changes(network, other) == ()


@given(networks, st.data())
def test_the_changes_lead_from_one_network_to_the_other(network: Network, data: st.DataObject) -> None:
    other = data.draw(edited(network))
    found = changes(network, other)
    assert _trimmed(_changed(tree(network), found)) == _trimmed(tree(other))
    assert [change.path for change in found] == sorted({change.path for change in found})
    assert all(change.before != change.after for change in found)
    back = [Change(change.path, change.after, change.before) for change in found]
    assert changes(other, network) == tuple(back)


@given(networks, networks)
def test_networks_without_a_difference_have_equal_trees(network: Network, other: Network) -> None:
    assert (changes(network, other) == ()) == (tree(network) == tree(other))


def _changed(start: Tree, found: tuple[Change, ...]) -> Tree:
    """Return the tree with the changes made."""
    for change in found:
        place = start
        for name in change.path[:-1]:
            place = place[name]
        place[change.path[-1]] = change.after
    return start


def _trimmed(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    whole = cast("Tree", value)
    inner = {key: _trimmed(item) for key, item in whole.items()}
    return {key: item for key, item in inner.items() if item is not None and item is not False and item not in ((), {})}


@given(
    networks, st.sampled_from(NASTY) | st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp")), min_size=1)
)
def test_every_yaml_reader_reads_a_dump_alike_and_it_says_what_was_dumped(network: Network, name: str) -> None:
    xml = codec.new("net", network, None)
    text = dump.topology_text(name, {name: observed(name, "", config_xml=xml, running_xml=None, autostart=True)})
    document: Any = reader.read(text.encode(), "t.yaml").value
    assert yaml.load(text, yaml.SafeLoader) == document
    assert document["name"] == name
    ((key, said),) = document["networks"].items()
    assert key == name
    loaded = Network.model_validate(said)
    bridge = {field: value for field, value in (("stp", True), ("delay", 0)) if getattr(loaded.bridge, field) is None}
    silent = network.model_copy(update={"bridge": network.bridge.model_copy(update=dict.fromkeys(bridge))})
    assert loaded.model_copy(update={"state": "active"}) == silent


@given(networks)
def test_ruamel_reads_a_dump_as_we_do(network: Network) -> None:
    ruamel = pytest.importorskip("ruamel.yaml")
    xml = codec.new("net", network, None)
    text = dump.topology_text("t", {"net": observed("net", "", config_xml=xml, running_xml=None, autostart=True)})
    assert ruamel.YAML(typ="safe", pure=True).load(text) == reader.read(text.encode(), "t.yaml").value


@given(st.lists(st.sampled_from(("a", "b", "a#2", "a#2#2", "b#3")), max_size=8))
def test_no_two_items_of_a_list_have_the_same_key(identities: list[str]) -> None:
    found = list(codec.keys(identities))
    assert len(set(found)) == len(identities)
    assert found == list(codec.keys(identities))
    assert all(key.startswith(identity) for key, identity in zip(found, identities, strict=True))


@given(networks, networks)
def test_the_digest_tells_networks_apart_by_what_libvirt_gets(network: Network, other: Network) -> None:
    assert digest(network) == digest(network.model_copy(update={"autostart": False, "state": "inactive"}))
    assert (digest(network) == digest(other)) == codec.same(network, other)


@given(decorated())
def test_everything_that_no_field_stands_for_is_named(there: Decorated) -> None:
    told = unmodelled(there.xml)
    assert list(told) == sorted(set(told))
    assert all(one < other for one, other in pairwise(told))
    things = [thing for here in strange(codec.parse_xml(there.xml)).values() for thing in here]
    named = [thing for thing in things if thing.startswith(("@", "<unknown", "<u:n"))]
    assert bool(named) == any("strange" in path or "unknown" in path or path.endswith("/n") for path in told)
