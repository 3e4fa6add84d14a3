"""Networks and libvirt-like XML at random, made from the model's own bindings: a new field is covered by itself."""

from __future__ import annotations

import functools
import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

from hypothesis import strategies as st
from lxml import etree
from pydantic import TypeAdapter

from netreconcile import codec, model, spelling
from netreconcile.binding import Binding, bindings
from netreconcile.model import Network
from netreconcile.notation import WITHOUT_FORWARD

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from lxml.etree import _Element

    from netreconcile.model import Element

NASTY = (
    *(
        "1e3",
        "1E+3",
        "0o10",
        "010",
        "0x1F",
        "0b1",
        "1_000",
        "-.5",
        "+1",
        "1.",
        ".inf",
        "-.INF",
        ".nan",
        "12:30",
        "1:2:3",
    ),
    *(
        "y",
        "n",
        "Yes",
        "no",
        "ON",
        "off",
        "true",
        "False",
        "null",
        "~",
        "=",
        "<<",
        "2001-01-01",
        "2001-01-01T10:00:00Z",
    ),
    *(
        "a: b",
        "a #b",
        "#a",
        "- a",
        "-",
        "? a",
        "*a",
        "&a",
        "!a",
        "%a",
        "@a",
        "`a`",
        "|",
        ">",
        "[a]",
        "{a: b}",
        ",",
        "'",
        '"',
    ),
    *(
        "a'b",
        'a"b',
        "a\\nb",
        " a",
        "a ",
        "  ",
        "]]>",
        "<a>",
        "a&b",
        "&amp;",
        "<!-- a -->",
        "é",
        "\xa0",
        "𝄞",
        "a\u200b",
        "\ufeff",
    ),
    *("ﬁ", "e\u0301", "__a", "a#2", "a" * 200, "a " * 100, "%d", "root['a']", "x-y", "---", "...", "0", "-0", "00"),
)
"""Texts that some YAML reader, XML writer or differ could take for something else."""


def _text(spell: Callable[[str], str]) -> st.SearchStrategy[str]:
    texts = st.sampled_from(NASTY) | st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
    return texts.filter(lambda text: _spellable(spell, text))


def _spellable(spell: Callable[[str], str], text: str) -> bool:
    try:
        return spell(text) == text
    except ValueError:
        return False


def _block() -> st.SearchStrategy[str]:
    lines = st.lists(_text(spelling.plain), min_size=1, max_size=3)
    return lines.map("\n".join)


addresses = st.ip_addresses(v=4).map(str) | st.ip_addresses(v=6).map(str) | st.sampled_from(("10.0.0.1", "fd00::1"))
"""Any address; a few are likely to come twice."""
macs = st.integers(0, 2**48 - 1).map(
    lambda number: spelling.mac(":".join(f"{number & ~(1 << 40):012x}"[i : i + 2] for i in range(0, 12, 2)))
)
_PREFIXES = st.integers(1, 32)


def _cidrs() -> st.SearchStrategy[str]:
    holes = st.just("10.0.0.1/255.0.255.0")
    return st.tuples(addresses, _PREFIXES).map(lambda pair: f"{pair[0]}/{pair[1]}") | holes


def _subnets() -> st.SearchStrategy[str]:
    whole = st.sampled_from(("0.0.0.0/0", "::/0"))
    contiguous = _cidrs().filter(lambda text: "255." not in text)
    return contiguous.map(lambda cidr: str(ipaddress.ip_interface(cidr).network)) | whole


def _spans() -> st.SearchStrategy[str]:
    pairs = st.tuples(st.ip_addresses(v=4), st.ip_addresses(v=4)).map(sorted)
    return pairs.map(lambda pair: f"{pair[0]}-{pair[1]}")


def _port_spans() -> st.SearchStrategy[str]:
    pairs = st.tuples(st.integers(1, 65535), st.integers(1, 65535)).map(sorted)
    return pairs.map(lambda pair: f"{pair[0]}-{pair[1]}")


def _by_spelling() -> dict[Callable[[str], str], st.SearchStrategy[str]]:
    """Return the strategy for each way of spelling that the model has; one without an entry fails by name."""
    return {
        spelling.plain: _text(spelling.plain),
        spelling.unescaped: _text(spelling.unescaped),
        spelling.block: _block(),
        spelling.ip_address: addresses,
        spelling.cidr: _cidrs(),
        spelling.subnet: _subnets(),
        spelling.unicast_mac: macs,
        spelling.duid: st.lists(st.integers(0, 255), min_size=2, max_size=12).map(
            lambda bytes_: ":".join(f"{byte:02x}" for byte in bytes_)
        ),
        spelling.uuid: st.uuids().map(str),
        spelling.lease: st.integers(120, 2**32 - 1).map(spelling.spelled_seconds)
        | st.sampled_from(("infinite", "2m", "1h")),
        spelling.address_span: _spans(),
        spelling.port_span: _port_spans(),
        spelling.pci_address: st.from_regex(r"[0-9a-f]{4}:[0-9a-f]{2}:[01][0-9a-f]\.[0-7]", fullmatch=True),
    }


def leaves(owner: type[Element], name: str) -> st.SearchStrategy[Any]:
    """Return values that the field may have in a topology, without None."""
    return _leaves((owner, name))


@functools.cache
def _leaves(key: tuple[type[Element], str]) -> st.SearchStrategy[Any]:
    owner, name = key
    binding = next(item for item in bindings(owner) if item.name == name)
    if binding.kind is bool:
        return st.booleans()
    if get_origin(binding.kind) is Literal:
        return st.sampled_from(get_args(binding.kind))
    limits = _limits(owner, name)
    if binding.kind is int:
        low, high = limits.get("minimum", 0), limits.get("maximum", 2**32)
        return st.integers(low, high) | st.sampled_from((low, high))
    assert binding.spell is not None, f"{owner.__name__}.{name} is a text without a spelling"
    strategy: st.SearchStrategy[str] = _by_spelling()[binding.spell]
    return strategy.filter(lambda text: len(text) >= limits.get("minLength", 0))


def _limits(owner: type[Element], name: str) -> dict[str, Any]:
    """Return what the JSON Schema says of the value, or of a list's items."""
    field = owner.model_fields[name]
    schema = TypeAdapter(field.rebuild_annotation()).json_schema()
    found: dict[str, Any] = {}
    waiting: list[Any] = [schema]
    while waiting:
        part = waiting.pop()
        found.update(part)
        waiting += part.get("anyOf", [])
        waiting += [part["items"]] if "items" in part else []
    return found


def _required(owner: type[Element], binding: Binding) -> bool:
    return owner.model_fields[binding.name].is_required()


@st.composite
def elements(draw: st.DrawFn, owner: type[Element]) -> Any:
    """Return an element of a topology with some of its fields given; what goes together with what is left to chance."""
    fields = bindings(owner)
    given = draw(st.integers(0, 2 ** len(fields) - 1))
    values: dict[str, Any] = {}
    for number, binding in enumerate(fields):
        if not (given >> number & 1 or _required(owner, binding)):
            continue
        one = elements(binding.model) if binding.model else leaves(owner, binding.name)
        values[binding.name] = draw(st.lists(one, min_size=1, max_size=2) if binding.is_list else one)
    if owner is model.Vlan and len(values.get("tags", ())) > 1:
        values.pop("trunk", None)  # implied, and never off
    return owner.model_validate(values)


def _consistent(network: Network) -> Network:
    """Return the network with the mode that its parts can be read as."""
    if network.mode not in WITHOUT_FORWARD:
        return network
    mode = "isolated" if network.ips else "very-isolated"
    return network.model_copy(update={"mode": mode, "forward": Network.model_validate({"mode": "nat"}).forward})


networks: st.SearchStrategy[Network] = elements(Network).map(_consistent)
"""Networks that the codec can write; most of them no libvirt would take."""


@st.composite
def edited(draw: st.DrawFn, network: Network) -> Network:
    """Return a network that differs from the given one in a few places, anywhere."""
    for _ in range(draw(st.integers(1, 4))):
        network = draw(_edited(network))
    return _consistent(network)


@st.composite
def _edited(draw: st.DrawFn, element: Element) -> Any:
    owner = type(element)
    binding = draw(st.sampled_from(bindings(owner)))
    value = getattr(element, binding.name)
    one = elements(binding.model) if binding.model else leaves(owner, binding.name)
    if binding.is_list:
        items = list(value)
        position = draw(st.integers(0, len(items)))
        if position == len(items):
            items.append(draw(one))
        elif binding.model and draw(st.booleans()):
            items[position] = draw(_edited(items[position]))
        else:
            del items[position]
        value = tuple(items)
    elif binding.model:
        value = draw(_edited(value))
    elif _required(owner, binding):
        value = draw(one)
    else:
        value = draw(st.just(binding.default) | one)
    changed = element.model_copy(update={binding.name: value})
    if isinstance(changed, model.Vlan) and len(changed.tags) > 1:
        return changed.model_copy(update={"trunk": True})
    return changed


@st.composite
def reordered(draw: st.DrawFn, element: Element) -> Any:
    """Return the element with its lists in another order, except those whose order says something.

    Items that share an identity keep their order among themselves.
    """
    changed: dict[str, Any] = {}
    for binding in bindings(type(element)):
        value = getattr(element, binding.name)
        if binding.is_list and not binding.xml.ordered:
            items = [draw(reordered(item)) if binding.model else item for item in value]
            names = [codec.identity(item) for item in items]
            order = draw(st.permutations(range(len(items))))
            changed[binding.name] = tuple(items[i] for i in order) if len(set(names)) == len(names) else tuple(items)
        elif binding.model and not binding.is_list:
            changed[binding.name] = draw(reordered(value))
    return element.model_copy(update=changed)


FOREIGN = (
    '<x:owner xmlns:x="urn:example:1" x:role="a b" plain="1">text<x:inner/>tail</x:owner>',
    '<owner xmlns="urn:example:2"><![CDATA[a < b & c]]></owner>',
    '<x:two xmlns:x="urn:example:3" note="first&#10;second&#9;third"><!-- inside --></x:two>',
    '<y:three xmlns:y="urn:example:4">  white   space  </y:three>',
    '<y:four xmlns:y="urn:example:5" xmlns:z="urn:example:6" z:a="&lt;&quot;&amp;"><?pi data?></y:four>',
)
"""What others keep in a network's metadata."""
STRANGERS = (
    '<unknown attribute="1"/>',
    "<unknown><inner>text</inner></unknown>",
    "<!-- a comment -->",
    "<?pi data?>",
    '<u:n xmlns:u="urn:u"/>',
)
"""What may stand anywhere in XML of a libvirt that is newer than the model."""


@dataclass(frozen=True, slots=True)
class Decorated:
    """A network's XML with things in it that no field stands for."""

    xml: str
    network: Network


def places(root: _Element) -> Iterator[tuple[tuple[str, ...], _Element]]:
    """Yield the elements that stand for models, each with the path of fields and identities that leads to it."""
    network, _ = codec.parse(etree.tostring(root, encoding="unicode"))
    return _places(root, network, ())


def _places(root: _Element, there: Element, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], _Element]]:
    yield path, root
    for binding in bindings(type(there)):
        if binding.model is None:
            continue
        value, found = getattr(there, binding.name), root.findall("/".join(binding.steps))
        if binding.is_list:
            names = codec.keys(codec.identity(item) for item in value)
            for key, item, child in zip(names, value, found, strict=True):
                yield from _places(child, item, (*path, binding.name, key))
        elif found:
            yield from _places(found[0], value, (*path, binding.name))


def strange(root: _Element) -> dict[tuple[str, ...], list[str]]:
    """Return everything in the XML that no field stands for, by the path of the model it stands in."""
    found: dict[tuple[str, ...], list[str]] = {}
    for path, element in places(root):
        here = [f"@{name}={value}" for name, value in element.attrib.items() if name.startswith("strange")]
        here += (
            etree.tostring(child, with_tail=False, encoding="unicode")
            for child in element
            if not isinstance(child.tag, str) or child.tag in ("unknown", "metadata", "{urn:u}n")
        )
        if here:
            found[path] = here
    return found


@st.composite
def decorated(draw: st.DrawFn, source: st.SearchStrategy[Network] = networks) -> Decorated:
    """Return XML as a libvirt might print it that knows more than the model."""
    network: Network = draw(source)
    root = etree.fromstring(codec.new("net", network, None).encode())
    for _, element in list(places(root)):
        if draw(st.integers(0, 3)) == 0:
            element.set(f"strange{draw(st.integers(0, 2))}", draw(st.sampled_from(("1", "a & b", "é"))))
        for text in draw(st.lists(st.sampled_from(STRANGERS), max_size=2)) if draw(st.integers(0, 3)) == 0 else ():
            parent = etree.fromstring(f"<parent>{text}</parent>")
            element.insert(draw(st.integers(0, len(element))), parent[0])
    foreign = draw(st.lists(st.sampled_from(FOREIGN), max_size=3, unique=True))
    if foreign:
        parser = etree.XMLParser(strip_cdata=False)
        root.insert(
            draw(st.integers(0, len(root))), etree.fromstring(f"<metadata>{''.join(foreign)}</metadata>", parser)
        )
    if draw(st.booleans()):
        etree.indent(root, space=draw(st.sampled_from((" ", "  ", "\t"))))
    return Decorated(etree.tostring(root, encoding="unicode") + draw(st.sampled_from(("", "\n"))), network)
