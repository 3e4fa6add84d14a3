"""The JSON Schema of what `verify` prints with `-o json` (`verify.report`)."""

from __future__ import annotations

from typing import get_args

from netreconcile.document import FORMAT_VERSION
from netreconcile.model import ModeName
from netreconcile.reference.shapes import DRAFT, Schema, many, mapping, maybe, text, words
from netreconcile.verify.target import Level
from netreconcile.verify.verdict import Outcome


def verification_schema() -> Schema:
    """Return the schema of the verdicts on networks."""
    return {
        "$schema": DRAFT,
        "title": "netreconcile verification",
        "description": "What `verify` prints with `-o json`: what the networks promise, and what was seen of it.",
        **mapping(_verification()),
        "definitions": {
            "network": mapping(_network()),
            "promise": mapping(_promise()),
            "remark": mapping(_remark()),
        },
    }


def _verification() -> Schema:
    return {
        "format_version": {"const": FORMAT_VERSION, "description": "The shape of this document."},
        "topology": text("The topology's name."),
        "connection": text("The libvirt URI of the host."),
        "level": words(Level, "How thoroughly it was looked. quick: from the host, nothing is plugged in. full: by "
                              "guests that were plugged in for it."),
        "kept": _count("How many promises are kept."),
        "broken": _count("How many are broken; the exit code is 2 if there is any."),
        "unseen": _count("How many could not be seen, and are neither."),
        "networks": many("network", "The networks that were looked at, in the order of the file."),
    }  # fmt: skip


def _network() -> Schema:
    return {
        "name": text("libvirt's name of the network."),
        "mode": words(get_args(ModeName), "The kind of the network, which decides what it promises."),
        "seconds": {"type": "number", "minimum": 0, "description": "How long it was looked at."},
        "promises": many("promise", "What it promises, each on its own."),
        "remarks": many("remark", "What breaks no promise, and what its operator should know."),
    }


def _promise() -> Schema:
    return {
        "code": text("The name of the promise; docs/verify.md lists them."),
        "subject": maybe("What tells several of one code apart: a name that was looked up, a MAC address; else null."),
        "outcome": words(Outcome, "How it stands."),
        "expected": text("What the file and the kind of the network promise."),
        "seen": maybe("What was seen; null where nothing could be."),
        "hint": maybe("What mends a broken promise, or why one could not be seen; else null."),
    }


def _remark() -> Schema:
    return {"code": text("The name of the rule; docs/verify.md lists them."), "message": text("The remark in words.")}


def _count(description: str) -> Schema:
    return {"type": "integer", "minimum": 0, "description": description}
