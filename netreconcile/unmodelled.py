"""What a network's XML holds beyond the fields of the model: what no file can say, and no update must lose."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from lxml import etree

from netreconcile.binding import Binding, bindings
from netreconcile.codec import parse_xml
from netreconcile.model import Element, Network

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lxml.etree import _Element

_NEEDLESS = {
    "/network/@connections",
    "/network/forward/interface/@connections",
    "/network/forward/address/@connections",
    "/network/forward/@mode",
    "/network/name",
    "/network/metadata",
}
"""What no field stands for and no file has to say: counts of users, and what is expressed in another way."""


def unmodelled(xml: str) -> tuple[str, ...]:
    """Return the paths of elements and attributes that no field stands for, sorted. Raises UnreadableXml."""
    return tuple(sorted({path for path in _unknown(parse_xml(xml), Network, "/network") if path not in _NEEDLESS}))


def _unknown(element: _Element, model: type[Element], path: str) -> Iterator[str]:
    fields = bindings(model)
    yield from _unknown_attributes(element, [item for item in fields if not item.steps or item.xml.first], path)
    seen: Counter[object] = Counter()
    for child in element.iterchildren("*"):
        below = f"{path}/{etree.QName(child).localname}"
        here = [item for item in fields if item.steps[:1] == (child.tag,)]
        seen[child.tag] += 1
        if not here or (seen[child.tag] > 1 and not any(item.is_list for item in here)):
            yield below
        elif here[0].model:
            yield from _unknown(child, here[0].model, below)
        else:
            yield from _unknown_below(child, here, below)


def _unknown_below(element: _Element, fields: list[Binding], path: str) -> Iterator[str]:
    """Yield what the fields that stand in or below one element leave over."""
    yield from _unknown_attributes(element, [item for item in fields if len(item.steps) == 1], path)
    for child in element.iterchildren("*"):
        if not any(child.tag in item.steps[1:] for item in fields):
            yield f"{path}/{etree.QName(child).localname}"


def _unknown_attributes(element: _Element, fields: list[Binding], path: str) -> Iterator[str]:
    known = {item.xml.first or item.attribute for item in fields}
    known |= {name for item in fields if item.xml.notation for name in item.xml.notation.attributes}
    yield from (f"{path}/@{name}" for name in element.attrib if name not in known)
