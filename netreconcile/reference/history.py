"""The JSON Schema of what `history` and `show ENTRY` print with `-o json` (`document`)."""

from __future__ import annotations

from netreconcile.document import FORMAT_VERSION
from netreconcile.entry import Status
from netreconcile.record import NetworkRecord
from netreconcile.reference.plans import plan_definitions
from netreconcile.reference.records import record_reference
from netreconcile.reference.shapes import DRAFT, Schema, digest, many, mapping, moment, one, text, texts, truth, words
from netreconcile.results import Outcome


def history_schema() -> Schema:
    """Return the schema of a list of the journal's entries, and of one of them with everything in it."""
    records: Schema = {}
    network = record_reference(NetworkRecord, records)
    version = {"format_version": {"const": FORMAT_VERSION, "description": "The shape of this document."}}
    return {
        "$schema": DRAFT,
        "title": "netreconcile history or entry",
        "description": "What `history` (only there `entries` are) and `show ENTRY` print with `-o json`.",
        "if": {"required": ["entries"]},
        "then": mapping({**version, "entries": many("entry", "What was done to the host from here, newest first.")}),
        "else": mapping({**version, **_entry(), **_details(network)}),
        "definitions": {
            **plan_definitions(),
            "entry": mapping(_entry()),
            "step_done": mapping(_step()),
            "mending": mapping(_mending()),
            **records,
        },
    }


def _entry() -> Schema:
    return {
        "entry": {"type": "integer", "minimum": 1, "description": "Its number."},
        "status": words(Status, "What has become of it. unfinished: it runs, or broke off in the middle. unconfirmed: "
                                "it is done, and taken back unless somebody confirms it. rolled back: it failed, and "
                                "the host is as it was before. undone: somebody took it back later, or nobody "
                                "confirmed it. continued: a later entry took it further."),
        "command": text("The command that did it."),
        "topology": text("The topology's name."),
        "connection": text("The libvirt URI of the host."),
        "fingerprint": digest("The plan's."),
        "began": {"type": "number", "description": "When it began, in seconds of Unix time."},
        "ended": moment("When it ended, null while it hasn't."),
        "message": text("Why it was taken back, or empty."),
        "who": text("Who did it, and on which machine."),
        "networks": texts("The networks that it is about, by name."),
        "impact": one("impact", "The worst impact of its plan."),
        "undoes": {"type": ["integer", "null"], "description": "The number of the entry that it takes back, if any."},
        "confirm_until": moment("Until when it could be confirmed, null where nobody asked for that."),
    }  # fmt: skip


def _details(network: Schema) -> Schema:
    return {
        "files": texts("The topology's files, as they were named."),
        "plan": one("plan", "What was wanted."),
        "before": {
            "type": "object",
            "additionalProperties": {"oneOf": [{"type": "null"}, network]},
            "description": "The networks as they were, by name; null where they weren't there.",
        },
        "steps": many("step_done", "What was done, and what was taken back, in this order."),
        "mended": many("mending", "What was mended below libvirt before that; it is never taken back."),
    }


def _mending() -> Schema:
    return {
        "network": text("The network's name."),
        "finding": text("What wasn't as libvirt set it up; docs/below.md lists the codes."),
        "actions": texts("What was done about it, in this order; commands as they are typed."),
        "done": truth("It was as it should be afterwards."),
        "message": text("What failed, or empty."),
    }


def _step() -> Schema:
    outcomes = words(Outcome, "What became of the step, null where it broke off.")
    return {
        "network": text("The network's name."),
        "step": text("The step in words."),
        "undo": truth("It took something back."),
        "outcome": {**outcomes, "enum": [*outcomes["enum"], None]},
        "message": text("libvirt's message where the step failed, or a remark, or empty."),
    }
