"""The JSON Schema of values that pydantic reads and writes as they are, from their annotations and docstrings."""

from __future__ import annotations

import dataclasses
import inspect
import ipaddress
import types
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel

from netreconcile.reference.keys import documented
from netreconcile.reference.shapes import Schema, mapping

_PLAIN: dict[object, str] = {
    str: "string",
    bool: "boolean",
    int: "integer",
    float: "number",
    types.NoneType: "null",
    ipaddress.IPv4Interface: "string",
    ipaddress.IPv6Interface: "string",
    ipaddress.IPv4Network: "string",
    ipaddress.IPv6Network: "string",
}


def record_schema(record: type, definitions: Schema) -> Schema:
    """Return the schema of a record, and put what it refers to into the definitions.

    A field that has a default may be left out.
    """
    docs = documented(record.__module__)[record.__name__]
    hints = get_type_hints(record)
    fields = _fields(record)
    found = {name: _described(_kind(hints[name], definitions), docs.get(name, "")) for name in fields}
    return {
        "description": " ".join((inspect.getdoc(record) or "").split()),
        **mapping(found),
        "required": [name for name, required in fields.items() if required],
    }


def _described(kind: Schema, description: str) -> Schema:
    """Return the schema with a description; beside `$ref` none would be seen."""
    if not description:
        return kind
    return {**({"allOf": [kind]} if "$ref" in kind else kind), "description": description}


def _fields(record: Any) -> dict[str, bool]:
    """Return the record's fields, and whether each must be there."""
    if issubclass(record, BaseModel):
        return {name: field.is_required() for name, field in record.model_fields.items()}
    return {
        field.name: field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        for field in dataclasses.fields(record)
    }


def _kind(hint: Any, definitions: Schema) -> Schema:  # noqa: PLR0911 -- one return a kind
    if hint in _PLAIN:
        return {"type": _PLAIN[hint]}
    arguments = get_args(hint)
    match get_origin(hint):
        case origin if origin is Literal:
            return {"const": arguments[0]}
        case origin if origin in (Union, types.UnionType):
            return _either([_kind(each, definitions) for each in arguments])
        case origin if origin is tuple and arguments[-1] is ...:
            return {"type": "array", "items": _kind(arguments[0], definitions)}
        case origin if origin is tuple:
            items = [_kind(each, definitions) for each in arguments]
            return {"type": "array", "items": items, "minItems": len(items), "maxItems": len(items)}
        case origin if origin is dict:
            return {"type": "object", "additionalProperties": _kind(arguments[1], definitions)}
        case _:
            return record_reference(hint, definitions)


def _either(kinds: list[Schema]) -> Schema:
    """Return the schema of what is one of these kinds."""
    if all(kind.keys() == {"type"} for kind in kinds):
        names = list(dict.fromkeys(kind["type"] for kind in kinds))
        return {"type": names if len(names) > 1 else names[0]}
    return {"oneOf": kinds}


def record_reference(record: type, definitions: Schema) -> Schema:
    """Return a reference to the schema of a record, which is put into the definitions with what it refers to."""
    name = f"{record.__name__.removesuffix('Record').lower()}_record"
    if name not in definitions:
        definitions[name] = {}  # its place, before those that it refers to
        definitions[name].update(record_schema(record, definitions))
    return {"$ref": f"#/definitions/{name}"}
