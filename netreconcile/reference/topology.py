"""The JSON Schema of topology files, for editors; it takes every file that `validate` takes.

Draft 7, because that is the newest that yaml-language-server validates with (its README: "JSON Schema 7 and below").
There, keywords beside `$ref` are ignored: constraints never stand beside one.

An editor sees one file, and a topology may be made of several: what can stand in another file is not asked for.
"""

from __future__ import annotations

import inspect
from typing import Any

from netreconcile.checks.finding import listed
from netreconcile.model import Accepted, Element, Network, Policy, Topology
from netreconcile.reference import rules, wording
from netreconcile.reference.keys import Key, keys, places
from netreconcile.reference.texts import RANGE, SPELLINGS, Spelling, truth

Schema = dict[str, Any]
_TYPES = {bool: ("boolean", "string"), int: ("integer",), str: ("string",)}
"""JSON's types for a leaf; a truth value may also be one of some words."""
_TRUTH = Spelling("truth", "true or false, yes or no, on or off", truth())


def topology_schema() -> Schema:
    """Return the schema of a topology file."""
    elements: list[type[Element]] = [Policy, Accepted, *places()]
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "netreconcile topology",
        "description": "The virtual networks that a libvirt host must have. Several files can make one topology; "
        "what may stand in another file (version, name, a mode in defaults) is not missed here, but by `validate`.",
        "type": ["object", "null"],
        "properties": _top_level(),
        "additionalProperties": False,
        "allOf": rules.top_level(),
        "definitions": {
            **{element.__name__: element_schema(element) for element in elements},
            **{item.name: _text(item) for item in (*SPELLINGS.values(), RANGE, _TRUTH)},
            "rules": {"description": "What libvirt takes together, and in which mode.", "allOf": rules.network()},
        },
    }


def _top_level() -> Schema:
    version, name, policy, networks = keys(Topology)
    network = {"anyOf": [_reference(Network), {"type": "null"}]}
    return {
        "version": {"description": version.doc, "enum": [*version.choices, None], "default": version.choices[0]},
        "name": {"description": name.doc, **_leaf(name, required=False), "examples": list(name.examples)},
        "policy": {"description": policy.doc, "anyOf": [_reference(Policy), {"type": "null"}]},
        "defaults": {"description": "What every network has that doesn't say otherwise.", **network},
        "networks": {
            "description": networks.doc,
            "type": ["object", "null"],
            "additionalProperties": network,
        },
    }


def element_schema(element: type[Element]) -> Schema:
    """Return the schema of an element; those inside it, and kinds of text, are references to definitions."""
    body = {
        "type": "object",
        "properties": {key.name: _property(key, element) for key in keys(element)},
        "additionalProperties": False,
        **_required(element),
        **_exclusive(element),
    }
    head = {"title": element.__name__, "description": " ".join(inspect.cleandoc(element.__doc__ or "").split())}
    if not element.short:
        return {**head, **body}
    return {**head, "anyOf": [body, _short(element)]}


def _required(element: type[Element]) -> Schema:
    """Return the keys that each item must have; a network's may come from `defaults`, as `rules` knows."""
    needed = [key.name for key in keys(element) if key.required and element is not Network]
    return {"required": needed} if needed else {}


def _exclusive(element: type[Element]) -> Schema:
    """Return the rules that a key and the one that it is short for exclude each other."""
    excluded = [
        {
            "not": {"allOf": [rules.given(key.name), rules.given(key.short_for)]},
            "errorMessage": f"{key.name} is short for {key.short_for} with one item: give one of the two",
        }
        for key in keys(element)
        if key.short_for
    ]
    return {"allOf": excluded} if excluded else {}


def _short(element: type[Element]) -> Schema:
    """Return the schema of the scalar that stands for the element."""
    first, hyphen, _ = element.short.partition("-")
    if hyphen:
        return {"type": "string", "allOf": [_spelled(RANGE)], "description": wording.short_form(element)}
    key = next(key for key in keys(element) if key.name == first)
    return {**_leaf(key, required=True), "description": key.doc}


def _property(key: Key, element: type[Element]) -> Schema:
    annotations: Schema = {"description": _description(key, element)}
    if key.default is not None and not key.is_list and not key.element and not key.chosen:
        annotations["default"] = key.default
    if key.examples:
        annotations["examples"] = list(key.examples)
    return {**annotations, **_value(key)}


def _value(key: Key) -> Schema:
    if key.is_list:
        item = _reference(key.element) if key.element else _leaf(key, required=True)
        return {"type": ["array", "null"], "items": item}
    if key.element:
        return {"anyOf": [_reference(key.element), {"type": "null"}]}
    return _leaf(key, required=key.required)


def _leaf(key: Key, *, required: bool) -> Schema:
    """Return the schema of a scalar; null is the same as a key left out."""
    if key.choices:
        return {"enum": [*key.choices, *([] if required else [None])]}
    types = [*_TYPES[key.kind], *([] if required else ["null"])]
    limits = {"minimum": key.lowest, "maximum": key.highest, "minLength": key.shortest, "maxLength": key.longest}
    text = _TRUTH if key.kind is bool else SPELLINGS.get(key.spell) if key.spell else None
    return {
        "type": types if len(types) > 1 else types[0],
        **{name: limit for name, limit in limits.items() if limit is not None},
        **({"allOf": [_spelled(text)]} if text else {}),
    }


def _description(key: Key, element: type[Element]) -> str:
    if element not in places():
        return key.doc
    modes, default, cost = wording.modes(key, element), wording.default(key), wording.cost(key, element)
    facts = [
        f"Default: {default}." if default else "",
        f"Works only in mode {listed(modes, 'or')}." if modes else "",
        wording.since(key),
        f"Short form: {wording.short_form(key.element)}" if key.element and key.element.short else "",
        f"Changing it on a running network: {cost}." if cost else "",
        f"libvirt: {', '.join(f'`{path}`' for path in wording.xml(key, element))}." if key.xml else "",
    ]
    return "\n\n".join([key.doc, *(fact for fact in facts if fact)])


def _text(text: Spelling) -> Schema:
    return {"title": text.name, "pattern": text.pattern, "patternErrorMessage": f"must be {text.wanted}"}


def _spelled(text: Spelling) -> Schema:
    return {"$ref": f"#/definitions/{text.name}"}


def _reference(element: type[Element]) -> Schema:
    return {"$ref": f"#/definitions/{element.__name__}"}
