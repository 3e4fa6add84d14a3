"""libvirt's network XML to `Network` and back, driven by the model's bindings; knows no field by name.

Reading never fails on what a host has: a value that can't be spelled canonically is kept as libvirt wrote it.
Writing overlays: in the host's own XML only what differs is changed, so that everything else survives.
"""

from __future__ import annotations

import functools
import re
from collections import Counter
from typing import TYPE_CHECKING, Any, cast

from lxml import etree

from netreconcile.binding import NAMESPACES, Binding, bindings
from netreconcile.mark import Mark, read_mark, write_mark
from netreconcile.model import Element, Network
from netreconcile.printable import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from lxml.etree import _Element

_INTEGER = re.compile(r"[0-9]{1,20}")


class UnreadableXml(ValueError):
    """The text is not the XML of a network; libvirt itself prints such where a name holds `&` or `<`."""


def parse_xml(xml: str) -> _Element:
    """Return the root of a network's XML; comments and processing instructions stay in it.

    The limits are libxml2's usual ones, which libvirt reads with, too. Raises UnreadableXml.
    """
    parser = etree.XMLParser(resolve_entities=False, no_network=True, strip_cdata=False)
    try:
        root = etree.fromstring(xml.encode(), parser)
    except (etree.XMLSyntaxError, UnicodeEncodeError) as error:
        reason = error.msg if isinstance(error, etree.XMLSyntaxError) else str(error)
        raise UnreadableXml(printable(reason)) from error
    if root.getroottree().docinfo.internalDTD is not None:
        msg = "it has a document type, which libvirt doesn't print and whose entities could be endless"
        raise UnreadableXml(msg)
    if root.tag != "network":
        msg = f"the root element is <{printable(etree.QName(root).localname)}>, not <network>"
        raise UnreadableXml(msg)
    return root


@functools.lru_cache(
    maxsize=2048
)  # a host is read again after each change, which leaves most of its networks as they were
def parse(xml: str) -> tuple[Network, Mark | None]:
    """Return the network that the XML describes, and the ownership mark in it. Raises UnreadableXml."""
    root = parse_xml(xml)
    return _read(root, Network), read_mark(root)


def overlay(xml: str, network: Network, mark: Mark | None) -> str:
    """Return the XML with the network's values and, unless None, the mark in it, and all else as it was.

    The text comes back unchanged if it says all that already. Raises UnreadableXml.
    """
    root = parse_xml(xml)
    current = _read(root, Network)
    marked = mark is None or read_mark(root) == mark
    if marked and same(current, network):
        return xml
    _write(root, current, network)
    if mark is not None:
        write_mark(root, mark)
    return etree.tostring(root, encoding="unicode")


def new(name: str, network: Network, mark: Mark | None) -> str:
    """Return the XML that defines a network that doesn't exist yet, indented."""
    root = etree.Element("network")
    etree.SubElement(root, "name").text = name
    _write(root, _read(root, Network), network)
    if mark is not None:
        write_mark(root, mark)
    etree.indent(root)
    return etree.tostring(root, encoding="unicode") + "\n"


def items_xml(xml: str, network: Network, path: tuple[str, ...]) -> Callable[[str], str]:
    """Return a function from an item's key to its element, for one list in the XML that reads as the network.

    The path alternates fields and keys of lists, and leads to a list: `("ips", "10.0.0.1", "dhcp", "hosts")`.
    """
    element = parse_xml(xml)
    holder: Element = network
    items: dict[str, _Element] = {}
    steps = iter(path)
    for name in steps:
        binding = next(item for item in bindings(type(holder)) if item.name == name)
        value, found = getattr(holder, name), _found(element, binding)
        if not binding.is_list:
            element, holder = found[0] if found else element, value
            continue
        items = dict(zip(_keys_of(value), found, strict=True))
        if (key := next(steps, None)) is not None:
            element, holder = items[key], value[list(items).index(key)]
    return lambda key: etree.tostring(items[key], encoding="unicode", with_tail=False)


def same(left: Network, right: Network) -> bool:
    """Return whether both say the same of the definition, lists in the same order."""
    return all(getattr(left, item.name) == getattr(right, item.name) for item in bindings(Network))


def keys(identities: Iterable[str]) -> Iterator[str]:
    """Yield the identities, the second of equal ones as `identity#2`, so that each names one item of a list."""
    seen: Counter[str] = Counter()
    taken: set[str] = set()
    for identity in identities:
        key = identity
        while key in taken:
            seen[identity] += 1
            key = f"{identity}#{seen[identity] + 1}"
        taken.add(key)
        yield key


def identity(item: object) -> str:
    """Return what tells a list's item from the others: a model's identity, or the text itself."""
    return str(item.identity if isinstance(item, Element) else item)


def _read(element: _Element, model: type[Element]) -> Any:
    values = dict(_outside(model))
    children = [child.tag for child in element]  # most fields are left out: a look for each of them is what costs
    for binding in bindings(model):
        there = not binding.steps or binding.steps[0] in children
        values[binding.name] = _read_field(element, binding) if there else binding.default
    return model.model_construct(None, **values)


@functools.cache
def _outside(model: type[Element]) -> dict[str, Any]:
    """Return the defaults of the fields that the XML doesn't hold."""
    inside = {binding.name for binding in bindings(model)}
    return {name: field.default for name, field in model.model_fields.items() if name not in inside}


def _read_field(element: _Element, binding: Binding) -> Any:
    found = _found(element, binding)
    if binding.is_list:
        return tuple(_read(item, binding.model) if binding.model else _leaf(item, binding) or "" for item in found)
    if not found:
        return binding.default
    if binding.model:
        return _read(found[0], binding.model)
    value = _leaf(found[0], binding)
    return binding.default if value is None else value


def _found(element: _Element, binding: Binding) -> list[_Element]:
    """Return the elements that hold the field: all of a list's, at most one else."""
    steps = binding.steps
    for step in steps[:-1]:
        child = element.find(step)
        if child is None:
            return []
        element = child
    if not steps:
        return [element]
    return element.findall(steps[-1]) if binding.is_list else element.findall(steps[-1])[:1]


def _leaf(element: _Element, binding: Binding) -> Any:
    xml = binding.xml
    if xml.notation:
        text = xml.notation.read(element)
    else:
        text = element.get(binding.attribute) if binding.attribute else (element.text or None)
    if text is None:
        return None
    if binding.kind is bool:
        return {xml.words[0]: True, xml.words[1]: False}.get(text, text)
    if binding.kind is int:
        return int(text) if _INTEGER.fullmatch(text) else text
    if binding.spell:
        try:
            return binding.spell(text)
        except ValueError:
            return text
    return text


def _write(element: _Element, current: Element, desired: Element) -> None:
    """Change the element, which reads as `current`, so that it reads as `desired`."""
    for binding in bindings(type(desired)):
        before, after = getattr(current, binding.name), getattr(desired, binding.name)
        if before == after:
            continue
        if binding.is_list:
            _write_list(element, binding, before, after)
        elif binding.model:
            found = _found(element, binding)
            child = _reach(element, binding.steps)
            # A mode without `<forward>` has taken it out just now, with all that was in it.
            _write(child, before if found else _read(child, binding.model), after)
            _prune(element, binding.steps)
        else:
            value = None if after == binding.default else after
            _write_leaf(_reach(element, binding.steps), binding, value)
            if value is None:
                _prune(element, binding.steps)


def _write_leaf(element: _Element, binding: Binding, value: Any) -> None:
    xml = binding.xml
    text = value if value is None or isinstance(value, str) else str(value)
    if isinstance(value, bool):
        text = xml.words[0] if value else xml.words[1]
    if xml.notation:
        xml.notation.write(element, text)
    elif binding.attribute is None:
        element.text = text
    elif text is None:
        element.attrib.pop(binding.attribute, None)
    else:
        element.set(binding.attribute, text)


def _write_list(element: _Element, binding: Binding, before: tuple[Any, ...], after: tuple[Any, ...]) -> None:
    container = _reach(element, binding.steps[:-1])
    existing = dict(zip(_keys_of(before), zip(_found(element, binding), before, strict=True), strict=True))
    wanted = dict(zip(_keys_of(after), after, strict=True))
    for key in existing.keys() - wanted.keys():
        container.remove(existing.pop(key)[0])
    last = next(reversed(container.findall(binding.steps[-1])), None)
    following = None if last is None else last.getnext()
    # To insert by position is to count from the start each time.
    add = container.append if following is None else following.addprevious
    written = []
    for key, item in wanted.items():
        if key in existing:
            child, current = existing[key]
        else:
            child = container.makeelement(binding.steps[-1], nsmap=_nsmap(binding.xml.path))
            add(child)
            current = _read(child, type(item)) if isinstance(item, Element) else None
        if isinstance(item, Element):
            _write(child, cast("Element", current), item)
        elif current != item:
            _write_leaf(child, binding, item)
        written.append(child)
    if binding.xml.ordered:
        for child in written:
            container.remove(child)
            container.append(child)
    if binding.xml.first and after:
        element.set(binding.xml.first, _leaf(_found(element, binding)[0], binding))
    elif binding.xml.first:
        element.attrib.pop(binding.xml.first, None)
    _prune(element, binding.steps[:-1])


def _keys_of(items: Iterable[object]) -> Iterator[str]:
    return keys(identity(item) for item in items)


def _reach(element: _Element, steps: tuple[str, ...]) -> _Element:
    """Return the descendant at the end of the steps, made if need be."""
    for step in steps:
        child = element.find(step)
        element = etree.SubElement(element, step, nsmap=_nsmap(step)) if child is None else child
    return element


def _prune(element: _Element, steps: tuple[str, ...]) -> None:
    """Take out what has become empty along the steps, innermost first.

    With it goes a second element of the same name: nobody reads it, but when the first has gone it would be read.
    """
    children = element.findall(steps[0]) if steps else []
    if not children:
        return
    child = children[0]
    _prune(child, steps[1:])
    if not len(child) and not child.attrib and not (child.text or "").strip():
        for each in children:
            element.remove(each)


def _nsmap(name: str) -> dict[str, str] | None:
    return next(({prefix: uri} for prefix, uri in NAMESPACES.items() if prefix in name or uri in name), None)
