"""The keys of a topology as its readers meet them: documented, constrained, placed in libvirt's XML, and priced.

Everything is read off the model's annotations and docstrings; no field is known by name.
"""

from __future__ import annotations

import ast
import functools
import inspect
import sys
import types
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeVar, Union, get_args, get_origin

import annotated_types
from pydantic import BeforeValidator
from pydantic.fields import FieldInfo

from netreconcile import notation
from netreconcile.actions import Impact
from netreconcile.binding import Canonical, Chosen, ConfigOnly, Live, Outside, ShortFor, Since, Version, Xml
from netreconcile.model import Element, Network

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

T = TypeVar("T")

LIST = "[]"
"""The part of a path that stands for any item of a list."""
_SPREAD: dict[object, tuple[str, ...]] = {
    notation.CIDR: ("@address", "@prefix"),
    notation.SPAN: ("@start", "@end"),
    notation.LEASE: ("@expiry", "@unit"),
    notation.PCI: ("@domain", "@bus", "@slot", "@function"),
    notation.MODE: ("forward/@mode",),
}
"""Where the parts of a value stand that has a notation."""


@dataclass(frozen=True, slots=True)
class Key:
    """A key of an element.

    `kind` is the type of the value, or of each item of a list; `element` is set where that is an element. `lowest`,
    `highest`, `shortest` and `longest` limit numbers and texts. `rewritten` says that a validator may turn a value
    into another one before all that counts.
    """

    name: str
    doc: str
    kind: Any
    element: type[Element] | None
    is_list: bool
    required: bool
    default: Any
    examples: tuple[Any, ...]
    lowest: int | None
    highest: int | None
    shortest: int | None
    longest: int | None
    spell: Callable[[str], str] | None
    rewritten: bool
    xml: Xml | None
    live: Live | None
    chosen: Chosen | None
    config_only: bool
    outside: bool
    since: Version | None
    short_for: str | None

    @property
    def choices(self) -> tuple[Any, ...]:
        """Return the values that it can have, or nothing where it isn't one of a few."""
        return get_args(self.kind) if get_origin(self.kind) is Literal else ()


@dataclass(frozen=True, slots=True)
class Place:
    """A place where an element stands: its path in a network of the file, and in libvirt's XML.

    `live` is set within a list that libvirt changes on the running network.
    """

    path: tuple[str, ...]
    xml: str
    live: Live | None = None

    def __str__(self) -> str:
        return "".join(part if part == LIST else f".{part}" for part in self.path).lstrip(".")


@dataclass(frozen=True, slots=True)
class Price:
    """What changing a key costs on a running network; `blinks` says what guests may notice of a live change."""

    impact: Impact
    blinks: str = ""

    def __str__(self) -> str:
        return f"{self.impact} ({self.blinks})" if self.blinks else str(self.impact)


@functools.cache
def keys(element: type[Element]) -> tuple[Key, ...]:
    """Return the keys of an element in the order of their definition."""
    docs = documented(element.__module__)[element.__name__]
    return tuple(_key(name, field, docs.get(name, "")) for name, field in element.model_fields.items())


@functools.cache
def places() -> dict[type[Element], tuple[Place, ...]]:
    """Return the elements of a network, outermost first, each with the places where it stands, outermost first."""
    found: dict[type[Element], list[Place]] = {}
    for element, place in _walk(Network, Place((), "/network")):
        found.setdefault(element, []).append(place)
    return {element: tuple(sorted(at, key=lambda place: len(place.path))) for element, at in found.items()}


def xml_paths(key: Key, place: Place) -> tuple[str, ...]:
    """Return where libvirt's XML has the key of the element at the place; nothing where it hasn't."""
    if key.xml is None:
        return ()
    steps = [part for part in key.xml.path.split("/") if part != "."]
    ends = _SPREAD[key.xml.notation] if key.xml.notation else ("",)
    first = (f"{place.xml}/@{key.xml.first}",) if key.xml.first else ()
    return (*("/".join(part for part in (place.xml, *steps, end) if part) for end in ends), *first)


def price(key: Key, place: Place) -> Price | None:
    """Return what changing the key at the place costs; None where its description, or another key's, has to say."""
    if key.outside or key.short_for:
        return None
    if key.config_only:
        return Price(Impact.NONE)
    live = place.live or key.live
    return Price(Impact.LIVE, live.blinks) if live else Price(Impact.RESTART)


def prices(key: Key, element: type[Element]) -> dict[Price, tuple[Place, ...]]:
    """Return what changing the key costs, and where in a topology it costs that."""
    found: dict[Price, tuple[Place, ...]] = {}
    for place in places()[element]:
        cost = price(key, place)
        if cost is not None:
            found[cost] = (*found.get(cost, ()), place)
    return found


def _walk(element: type[Element], place: Place) -> Iterator[tuple[type[Element], Place]]:
    yield element, place
    for key in keys(element):
        if key.element is not None:
            path = (*place.path, key.name, *([LIST] if key.is_list else []))
            yield from _walk(key.element, Place(path, xml_paths(key, place)[0], place.live or key.live))


def _key(name: str, field: FieldInfo, doc: str) -> Key:
    inner, metadata = _unwrapped(field.annotation)
    metadata = [*field.metadata, *metadata]
    is_list = get_origin(inner) is tuple
    if is_list:
        inner, items = _unwrapped(get_args(inner)[0])
        metadata += items
    lowest, highest = _only(metadata, annotated_types.Ge), _only(metadata, annotated_types.Le)
    shortest, longest = _only(metadata, annotated_types.MinLen), _only(metadata, annotated_types.MaxLen)
    canonical, since, short = _only(metadata, Canonical), _only(metadata, Since), _only(metadata, ShortFor)
    return Key(
        name=name,
        doc=doc,
        kind=inner,
        element=inner if isinstance(inner, type) and issubclass(inner, Element) else None,
        is_list=is_list,
        required=field.is_required(),
        default=None if field.is_required() else field.get_default(call_default_factory=True),
        examples=tuple(field.examples or ()),
        lowest=_number(lowest.ge) if lowest else None,
        highest=_number(highest.le) if highest else None,
        shortest=shortest.min_length if shortest else None,
        longest=longest.max_length if longest else None,
        spell=canonical.spell if canonical else None,
        rewritten=_only(metadata, BeforeValidator) is not None,
        xml=_only(metadata, Xml),
        live=_only(metadata, Live),
        chosen=_only(metadata, Chosen),
        config_only=_only(metadata, ConfigOnly) is not None,
        outside=_only(metadata, Outside) is not None,
        since=since.version if since else None,
        short_for=short.field if short else None,
    )


def _unwrapped(annotation: Any) -> tuple[Any, list[Any]]:
    """Return the type below Annotated and Optional, and all annotations met on the way, outermost first."""
    metadata: list[Any] = []
    while True:
        if hasattr(annotation, "__metadata__"):
            for item in annotation.__metadata__:
                metadata += item.metadata if isinstance(item, FieldInfo) else [item]
            annotation = annotation.__origin__
        elif get_origin(annotation) in (Union, types.UnionType):
            (annotation,) = (arg for arg in get_args(annotation) if arg is not types.NoneType)
        else:
            return annotation, metadata


def _only(metadata: list[Any], kind: type[T]) -> T | None:
    return next((item for item in metadata if isinstance(item, kind)), None)


def _number(limit: Any) -> int:
    """Return a limit as the whole number that it is; the annotation's type allows anything that compares."""
    return int(limit)


@functools.cache
def documented(module: str) -> dict[str, dict[str, str]]:
    """Return the docstrings that stand below the fields of a module's classes, each on one line."""
    nodes = ast.walk(ast.parse(inspect.getsource(sys.modules[module])))
    return {node.name: _field_docs(node) for node in nodes if isinstance(node, ast.ClassDef)}


def _field_docs(node: ast.ClassDef) -> dict[str, str]:
    found: dict[str, str] = {}
    for field, below in zip(node.body, node.body[1:], strict=False):
        match field, below:
            case (
                ast.AnnAssign(target=ast.Name(id=name)),
                ast.Expr(value=ast.Constant(value=str(text))),
            ):
                found[name] = " ".join(text.split())
            case _:
                pass
    return found
