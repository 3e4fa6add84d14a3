"""The JSON Schema of what `show --export` writes and `plan --state` reads (`state`)."""

from __future__ import annotations

from netreconcile.reference.records import record_schema
from netreconcile.reference.shapes import DRAFT, Schema
from netreconcile.state import State


def state_schema() -> Schema:
    """Return the schema of an exported state."""
    definitions: Schema = {}
    return {
        "$schema": DRAFT,
        "title": "netreconcile state",
        **record_schema(State, definitions),
        "definitions": definitions,
    }
