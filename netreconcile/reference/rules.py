"""What a schema can say about values that belong together: what each mode takes, and what needs what.

A network that must not exist is free of rules, as in `checks`. Rules that `checks` keeps as data are taken from there;
the few others stand here as data, and tests hold them against `validate`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

from netreconcile import spelling
from netreconcile.checks.finding import listed
from netreconcile.checks.modes import SETTINGS
from netreconcile.errors import dotted
from netreconcile.model import OWN_BRIDGE_MODES, Element, ModeName, Network
from netreconcile.reference.keys import LIST, Key, keys
from netreconcile.reference.texts import same_ports, truth

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Schema = dict[str, Any]
_ABSENT = {"properties": {"state": {"const": "absent"}}, "required": ["state"]}
_NO_VLANS = (*OWN_BRIDGE_MODES, "private", "vepa")
_NO_BANDWIDTH = ("private", "vepa", "passthrough", "hostdev")
_NEEDING_ADDRESS = ("nat", "route", "isolated")
_TRUNK = {"properties": {"tags": {"type": "array", "minItems": 2}}, "required": ["tags"]}
_NO_TRUNK = {"properties": {"trunk": {"not": {"enum": [False, "no", "off"]}}}}


def top_level() -> list[Schema]:
    """Return the rules that compare a file's top-level keys.

    Only one file of a topology can have `defaults`: a network next to them gets its mode there or has it itself. A
    file without them leaves open what another file's say of the mode, but neither addresses nor absence are expected
    there: they would make all networks clash, or all go.
    """
    with_mode, absent = _defaults(given("mode")), _defaults({"type": "object", **_ABSENT})
    addresses = {"properties": {"ips": {"type": "array", "minItems": 1}}, "required": ["ips"]}
    with_address = _defaults({"type": "object", **addresses})
    needs_address = _unless_absent(_in_modes(_NEEDING_ADDRESS, addresses))
    names = {"properties": {"networks": {"patternProperties": {"^$|/": {"type": "object", **_ABSENT}}}}}
    return [
        {
            "if": {"allOf": [given("defaults"), {"not": with_mode}]},
            "then": _networks({"type": "object", "required": ["mode"]}),
        },
        {"if": {"not": {"anyOf": [with_address, absent]}}, "then": _networks(needs_address)},
        {"if": {"not": absent}, "then": _networks(_unless_absent({"$ref": "#/definitions/rules"}))},
        {"if": {"not": absent}, "then": names},
    ]


def network() -> list[Schema]:
    """Return the rules of a network that is to exist."""
    return [*_settings(), *_more()]


def given(name: str) -> Schema:
    """Return the schema of mappings that say something about a key."""
    return {"properties": {name: {"not": {"type": "null"}}}, "required": [name], "type": "object"}


def _settings() -> Iterator[Schema]:
    for setting in SETTINGS:
        message = f"{dotted(setting.path)} is for mode {listed(setting.modes, 'or')}"
        refusing = [mode for mode in get_args(ModeName) if mode not in (*setting.modes, *setting.ignored)]
        if refusing:
            yield _in_modes(refusing, _at(setting.path, message))


def _more() -> Iterator[Schema]:
    one = {"properties": {"forward": {"properties": {"interfaces": {"maxItems": 1}}}}}
    yield _in_modes(("nat", "route"), one)
    for outer in ((), ("portgroups", LIST)):
        yield _in_modes(_NO_VLANS, _at((*outer, "vlan", "tags"), "this mode takes no VLAN"))
        yield _in_modes(_NO_BANDWIDTH, _at((*outer, "bandwidth"), "libvirt limits no bandwidth in this mode"))
        for direction in ("inbound", "outbound"):
            yield _at((*outer, "bandwidth", direction, "floor"), "libvirt takes no floor in a network")
        yield _inside((*outer, "vlan"), {"if": _TRUNK, "then": _NO_TRUNK})
    for path, rule in _ITEMS:
        yield _inside((*path, LIST), rule)


_ITEMS: tuple[tuple[tuple[str, ...], Schema], ...] = (
    (("dns", "forwarders"), {"anyOf": [{"not": {"type": "object"}}, given("addr"), given("domain")]}),
    (("dns", "hosts"), {"required": ["hostnames"], "properties": {"hostnames": {"type": "array", "minItems": 1}}}),
    (("dns", "txt"), {"allOf": [given("value"), {"properties": {"name": {"pattern": "^[^ ,]*$"}}}]}),
    (("dns", "srv"), {"if": given("port"), "then": given("target")}),
    (("ips", LIST, "dhcp", "hosts"), {"anyOf": [given("mac"), given("id"), given("name")]}),
)
"""What each item of a list needs; items come from one place, so `defaults` can't complete them."""


def _defaults(rule: Schema) -> Schema:
    return {"properties": {"defaults": rule}, "required": ["defaults"]}


def _networks(rule: Schema) -> Schema:
    return {"properties": {"networks": {"additionalProperties": rule}}}


def _unless_absent(rule: Schema) -> Schema:
    return {"if": _ABSENT, "else": rule}


def _in_modes(modes: Sequence[str], rule: Schema) -> Schema:
    return {"if": {"properties": {"mode": {"enum": list(modes)}}, "required": ["mode"]}, "then": rule}


def _inside(path: Sequence[str], rule: Schema) -> Schema:
    """Return the schema of networks in which the rule holds at the path."""
    for part in reversed(path):
        rule = {"items": rule} if part == LIST else {"properties": {part: rule}}
    return rule


def _at(path: Sequence[str | int], message: str) -> Schema:
    """Return the schema of networks that say nothing at the path."""
    element: type[Element] = Network
    for part in path[:-1]:
        element = next((key.element for key in keys(element) if key.name == part and key.element), element)
    last = path[-1]
    spellings = [key for key in keys(element) if last in (key.name, key.short_for)]
    rule: Schema = {"properties": {key.name: _unset(key, message) for key in spellings}}
    if element.short == last:
        rule = {"type": ["object", "null"], "errorMessage": message, **rule}
    return _inside([str(part) for part in path[:-1]], rule)


def _unset(key: Key, message: str) -> Schema:
    """Return the schema of what is the same as leaving the key out."""
    if key.element and not key.is_list:
        inner = {inside.name: _unset(inside, message) for inside in keys(key.element)}
        return {"type": ["object", "null"], "properties": inner, "errorMessage": message}
    if key.is_list:
        return {"enum": [[], None], "errorMessage": message}
    if key.default is None:
        return {} if key.rewritten and key.kind is not bool else {"enum": [None], "errorMessage": message}
    if isinstance(key.default, bool):
        return {"not": {"const": not key.default}, "pattern": truth(value=key.default), "errorMessage": message}
    if key.spell is spelling.port_span:
        return {"pattern": same_ports(key.default), "errorMessage": message}
    return {}
