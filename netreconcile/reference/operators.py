"""The JSON Schema of the operator's policy file."""

from __future__ import annotations

from typing import Any

from netreconcile.operatorfile import Allow, OperatorPolicy
from netreconcile.reference.topology import element_schema

Schema = dict[str, Any]


def operator_policy_schema() -> Schema:
    """Return the schema, in the draft that editors know, as that of topology files."""
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        **element_schema(OperatorPolicy),
        "title": "netreconcile operator's policy",
        "definitions": {"Allow": element_schema(Allow)},
    }
