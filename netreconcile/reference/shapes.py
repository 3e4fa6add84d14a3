"""The pieces of JSON Schema that documents for machines are described with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

Schema = dict[str, Any]
DRAFT = "http://json-schema.org/draft-07/schema#"


def text(description: str) -> Schema:
    """Return the schema of a text."""
    return {"type": "string", "description": description}


def maybe(description: str) -> Schema:
    """Return the schema of a text or null."""
    return {"type": ["string", "null"], "description": description}


def texts(description: str) -> Schema:
    """Return the schema of a list of texts."""
    return {"type": "array", "items": {"type": "string"}, "description": description}


def truth(description: str) -> Schema:
    """Return the schema of a truth value."""
    return {"type": "boolean", "description": description}


def count(description: str) -> Schema:
    """Return the schema of a number of things."""
    return {"type": "integer", "minimum": 0, "description": description}


def moment(description: str) -> Schema:
    """Return the schema of a time, or null."""
    return {"type": ["number", "null"], "description": description}


def digest(description: str) -> Schema:
    """Return the schema of a fingerprint."""
    return {**text(description), "pattern": "^[0-9a-f]{20}$"}


def words(allowed: Iterable[object], description: str) -> Schema:
    """Return the schema of a text that is one of a few."""
    return {"enum": [str(word) for word in allowed], "description": description}


def one(definition: str, description: str) -> Schema:
    """Return the schema of what a definition describes."""
    return {"allOf": [{"$ref": f"#/definitions/{definition}"}], "description": description}


def many(definition: str, description: str) -> Schema:
    """Return the schema of a list of what a definition describes."""
    return {"type": "array", "items": {"$ref": f"#/definitions/{definition}"}, "description": description}


def mapping(properties: Schema) -> Schema:
    """Return the schema of a mapping that has exactly these keys."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }
