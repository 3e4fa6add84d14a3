"""The JSON Schema of what `rehearse` prints with `-o json` (`rehearse.report`)."""

from __future__ import annotations

from netreconcile.document import FORMAT_VERSION
from netreconcile.reference.plans import plan_definitions
from netreconcile.reference.shapes import DRAFT, Schema, many, mapping, maybe, one, text, texts, truth, words
from netreconcile.rehearse.outcome import Would
from netreconcile.results import Outcome
from netreconcile.verify.verdict import Outcome as Seen


def rehearsal_schema() -> Schema:
    """Return the schema of a rehearsal."""
    return {
        "$schema": DRAFT,
        "title": "netreconcile rehearsal",
        "description": "What `rehearse` prints with `-o json`: a plan, and what became of it on a copy of the host.",
        **mapping(_rehearsal()),
        "definitions": {
            **plan_definitions(),
            "act": mapping(_act()),
            "step_taken": mapping(_step()),
            "link": mapping(_link()),
            "promise": mapping(_promise()),
        },
    }


def _rehearsal() -> Schema:
    return {
        "format_version": {"const": FORMAT_VERSION, "description": "The shape of this document."},
        "would": words(Would, "What would become of the change on the host; the first that is true counts. fail: a step"
                              " failed, the copy didn't match the file, or could not be taken back. break a promise:"
                              " a network then didn't do what its kind promises. be unknown: a network that is to be"
                              " changed could not be copied. be refused: a network would be left as it is. do nothing:"
                              " the host matches the file."),
        "plan": one("plan", "The plan for the host."),
        "copy": {
            "oneOf": [{"type": "null"}, mapping(_copy())],
            "description": "The copy that it was rehearsed on, null where there was nothing to rehearse.",
        },
        "acts": many("act", "What was done on the copy, in this order, as far as it was got to: apply, rollback, and"
                            " apply again."),
        "kept": _number("How many promises the networks kept after the first act."),
        "broken": _number("How many they broke."),
        "unseen": _number("How many could not be seen, and are neither."),
        "promises": many("promise", "The promises, each on its own."),
    }  # fmt: skip


def _copy() -> Schema:
    return {
        "libvirt": {**text("The release of the lab's libvirt."), "pattern": r"^[0-9]+\.[0-9]+\.[0-9]+$"},
        "left_out": texts("What the copy lacks, a sentence each."),
        "unseen_networks": texts("The networks that could not be copied, by name."),
        "differences": texts("What the plans for the host and for the copy don't have in common; nothing is expected."),
        "interval_seconds": _seconds("How exactly gaps were measured."),
    }


def _act() -> Schema:
    return {
        "name": text("Which act it is."),
        "seconds": _seconds("How long its steps took, all together."),
        "problem": maybe("What went wrong, null where nothing did."),
        "missed_frames": _number(
            "How many frames came too fast for the machine; if any, gaps may be shorter than told."
        ),
        "steps": many("step_taken", "What was done, in this order."),
        "guests": many("link", "What happened to the links of running guests; stand-ins had them."),
    }


def _step() -> Schema:
    return {
        "network": text("The network's name."),
        "sentence": text("The action in words."),
        "undo": truth("It took something back after another one had failed."),
        "outcome": words(Outcome, "What became of it."),
        "message": text("libvirt's message where it failed, or a remark, or empty."),
        "seconds": _seconds("How long it took, in the lab."),
    }


def _link() -> Schema:
    return {
        "network": text("The network's name."),
        "domain": text("The domain's name."),
        "mac": text("The MAC address of its interface."),
        "target": maybe("The host's end of the cable, such as vnet0, if known."),
        "cut_seconds": {
            **_seconds(
                "How long the host heard nothing of it, until the end of the act if it has no link then; 0 where "
                "it kept its link, null where it had none before."
            ),
            "type": ["number", "null"],
        },
        "linked": truth("It had a link at the end of the act."),
    }


def _promise() -> Schema:
    return {
        "network": text("The network's name."),
        "code": text("The name of the promise; docs/verify.md lists them."),
        "subject": maybe("What tells several of one code apart, or null."),
        "outcome": words(Seen, "How it stands."),
        "expected": text("What the file and the kind of the network promise."),
        "seen": maybe("What was seen; null where nothing could be."),
        "hint": maybe("What mends a broken promise, or why one could not be seen; else null."),
    }


def _number(description: str) -> Schema:
    return {"type": "integer", "minimum": 0, "description": description}


def _seconds(description: str) -> Schema:
    return {"type": "number", "minimum": 0, "description": description}
