"""The ownership mark in a network's metadata."""

from __future__ import annotations

import pytest
from lxml import etree

from netreconcile.codec import parse_xml
from netreconcile.mark import Mark, read_mark, write_mark

MARK = Mark("home-lab", "0123456789abcdef")


@pytest.mark.parametrize(
    "xml",
    [
        "<network><name>a</name></network>",
        "<network><name>a</name><metadata/></network>",
        "<network><name>a</name><metadata><x:y xmlns:x='urn:x'/></metadata></network>",
        "<network xmlns:netreconcile='urn:other'><name>a</name></network>",
    ],
)
def test_a_mark_that_is_written_is_read(xml: str) -> None:
    root = parse_xml(xml)
    assert read_mark(root) is None
    write_mark(root, MARK)
    assert read_mark(root) == MARK


def test_the_namespace_is_declared_on_the_mark_itself_because_libvirt_drops_it_otherwise() -> None:
    root = parse_xml("<network><name>a</name></network>")
    write_mark(root, MARK)
    text = etree.tostring(root, encoding="unicode")
    assert '<netreconcile:owner xmlns:netreconcile="urn:netreconcile:1" topology="home-lab"' in text


def test_metadata_stands_behind_the_name_where_libvirts_schema_wants_it() -> None:
    root = parse_xml("<network><name>a</name><forward/></network>")
    write_mark(root, MARK)
    assert [child.tag for child in root] == ["name", "metadata", "forward"]


def test_protection_is_set_and_taken_away() -> None:
    root = parse_xml("<network><name>a</name></network>")
    write_mark(root, Mark("t", "d", protect=True))
    assert read_mark(root) == Mark("t", "d", protect=True)
    write_mark(root, MARK)
    assert read_mark(root) == MARK
    assert len(root.findall("metadata/*")) == 1


def test_a_mark_of_an_unknown_version_is_nobodys() -> None:
    assert (
        read_mark(
            parse_xml("<network><metadata><o:owner xmlns:o='urn:netreconcile:2' topology='t'/></metadata></network>")
        )
        is None
    )


def test_an_incomplete_mark_is_still_somebodys() -> None:
    assert read_mark(
        parse_xml("<network><metadata><o:owner xmlns:o='urn:netreconcile:1'/></metadata></network>")
    ) == Mark("", "")
