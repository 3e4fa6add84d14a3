"""The vocabulary in which the model says where each value stands in libvirt's XML and what changing it costs.

The fields of `model` carry these values as annotations. Codec, differ, planner, JSON Schema and reference page read
them with `bindings` and know no field by name.
"""

from __future__ import annotations

import functools
import types
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel

if TYPE_CHECKING:
    from collections.abc import Callable

    from lxml.etree import _Element

NAMESPACES = {"dnsmasq": "http://libvirt.org/schemas/network/dnsmasq/1.0"}
"""Prefixes that `Xml.path` may use."""

T = TypeVar("T")
Version = tuple[int, int, int]


class Section(IntEnum):
    """`virNetworkUpdateSection`: the parts of a running network that `virNetworkUpdate` can change."""

    IP_DHCP_HOST = 4
    IP_DHCP_RANGE = 5
    FORWARD_INTERFACE = 7
    PORTGROUP = 9
    DNS_HOST = 10
    DNS_TXT = 11
    DNS_SRV = 12


class Notation(Protocol):
    """A value that libvirt spreads over several attributes or elements."""

    @property
    def attributes(self) -> tuple[str, ...]:
        """Return the names of the attributes that hold it."""
        ...

    def read(self, element: _Element) -> str | None:
        """Return the value written in the element, or None where it isn't there."""
        ...

    def write(self, element: _Element, value: str | None) -> None:
        """Change the element so that `read` returns the value."""
        ...


@dataclass(frozen=True, slots=True)
class Xml:
    """Where a field stands, seen from the element of its model.

    The path is a relative XPath of child names that ends in a child (`dns`), a child's text (`uuid`) or an attribute
    (`mtu/@size`); `.` with a notation is the element itself. `words` are the texts for true and false. The first item
    of a list also stands in the attribute `first`, as `<forward dev=…>` repeats its first `<interface>`.
    """

    path: str
    notation: Notation | None = None
    words: tuple[str, str] = ("yes", "no")
    first: str | None = None
    ordered: bool = False


@dataclass(frozen=True, slots=True)
class Live:
    """A list whose items libvirt can add, delete and, with `modify`, replace on a running network.

    `blinks` tells what is disturbed for a moment on networks whose firewall rules and dnsmasq libvirt runs
    (networkUpdate in libvirt's bridge_driver.c).
    """

    section: Section
    blinks: str
    modify: bool = False


@dataclass(frozen=True, slots=True)
class Chosen:
    """Where the file is silent libvirt chooses the value at define, and what it chose is kept.

    With `own_bridge` it chooses only for networks whose bridge it makes itself.
    """

    own_bridge: bool = False


@dataclass(frozen=True, slots=True)
class ConfigOnly:
    """The value changes nothing on the running network: that the running definition lags behind is no drift."""


@dataclass(frozen=True, slots=True)
class Since:
    """The libvirt release that first understood the field; older ones drop it in silence."""

    version: Version


@dataclass(frozen=True, slots=True)
class Outside:
    """The field is a state of the network that its XML doesn't hold."""


@dataclass(frozen=True, slots=True)
class ShortFor:
    """The field is another spelling of a one-item list: after loading the list holds the value, and the field None."""

    field: str


@dataclass(frozen=True, slots=True)
class Canonical:
    """How a text is spelled when two spellings mean the same; raises ValueError with a sentence for the user.

    For values of the topology a failure is an error; the host's values are kept as they are.
    """

    spell: Callable[[str], str]

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        """Make pydantic spell the value."""
        from pydantic_core import core_schema

        return core_schema.no_info_after_validator_function(self.spell, handler(source))


@dataclass(frozen=True, slots=True)
class Binding:
    """A field of a model with everything that its annotations say.

    `steps` are the child names down to the field, in lxml's notation; `attribute` is the name at their end, or None for
    an element or its text. `model` is set where the value, or each item of the list, is a model itself; `kind` is the
    leaf's type.
    """

    name: str
    xml: Xml
    steps: tuple[str, ...]
    attribute: str | None
    kind: type
    model: type[Any] | None
    is_list: bool
    default: Any
    live: Live | None = None
    chosen: Chosen | None = None
    config_only: bool = False
    since: Version | None = None
    spell: Callable[[str], str] | None = None


@functools.cache
def bindings(model: type[BaseModel]) -> tuple[Binding, ...]:
    """Return the model's fields that stand in the XML, in the order of their definition."""
    found = []
    for name, field in model.model_fields.items():
        inner, metadata = _unwrapped(field.annotation)
        metadata = [*metadata, *field.metadata]
        xml = _only(metadata, Xml)
        if xml is None:
            continue
        is_list = get_origin(inner) is tuple
        if is_list:
            inner, item_metadata = _unwrapped(get_args(inner)[0])
            metadata += item_metadata
        parts = xml.path.split("/")
        canonical, since = _only(metadata, Canonical), _only(metadata, Since)
        found.append(
            Binding(
                name=name,
                xml=xml,
                steps=tuple(_qualified(part) for part in parts if part != "." and not part.startswith("@")),
                attribute=parts[-1][1:] if parts[-1].startswith("@") else None,
                kind=inner,
                model=inner if isinstance(inner, type) and issubclass(inner, BaseModel) else None,
                is_list=is_list,
                default=None if field.is_required() else field.get_default(call_default_factory=True),
                live=_only(metadata, Live),
                chosen=_only(metadata, Chosen),
                config_only=_only(metadata, ConfigOnly) is not None,
                since=since.version if since else None,
                spell=canonical.spell if canonical else None,
            )
        )
    return tuple(found)


def _only(metadata: list[Any], kind: type[T]) -> T | None:
    return next((item for item in metadata if isinstance(item, kind)), None)


def _unwrapped(annotation: Any) -> tuple[Any, list[Any]]:
    """Return the type below Annotated and Optional, and the annotations met on the way, outermost first."""
    metadata: list[Any] = []
    while True:
        if hasattr(annotation, "__metadata__"):
            metadata += annotation.__metadata__
            annotation = annotation.__origin__
        elif get_origin(annotation) in (Union, types.UnionType):
            (annotation,) = (arg for arg in get_args(annotation) if arg is not types.NoneType)
        else:
            return annotation, metadata


def _qualified(name: str) -> str:
    prefix, colon, local = name.partition(":")
    return f"{{{NAMESPACES[prefix]}}}{local}" if colon else name
