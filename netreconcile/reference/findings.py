"""The JSON Schema of findings below libvirt (`below.report`), which several documents hold."""

from __future__ import annotations

from netreconcile.actions import Impact
from netreconcile.reference.shapes import Schema, many, mapping, maybe, moment, text, texts, truth, words


def below_properties() -> Schema:
    """Return the properties that tell what is below libvirt."""
    return {
        "below": many("finding", "What the host has beneath the networks that isn't as libvirt set it up."),
        "below_unknown": maybe("Why some or all of that can't be told from here: another host, not root; else null."),
        "below_accepted": many("accepted", "What of it the file accepts (`policy.accept`), which counts nowhere."),
    }


def repaired_properties() -> Schema:
    """Return the properties that tell what was below libvirt, and what became of it."""
    return {
        **below_properties(),
        "below": many("repaired", "What the host had beneath the networks, and what became of it."),
        "left": many("finding", "What it has there after all was done."),
    }


def finding_definitions() -> Schema:
    """Return the definitions that what is below libvirt refers to."""
    finding = finding_properties()
    return {
        "finding": mapping(finding),
        "accepted": mapping({**finding, "reason": text("Why, as the file has it.")}),
    }


def repaired_definition() -> Schema:
    """Return the definition of a finding with what became of it."""
    fates = words(("mended", "failed", "left"), "What became of it. left: it is by hand, or was held back.")
    return mapping({**finding_properties(), "outcome": fates, "message": text("What failed, or empty.")})


def finding_properties() -> Schema:
    """Return the properties of a finding."""
    return {
        "network": text("The network's name."),
        "code": text("What isn't as it should be; docs/below.md lists the codes."),
        "subject": maybe("What tells several of one code apart: an address, a guest; else null."),
        "expected": maybe("What should be there; null where the finding says all."),
        "seen": text("What is there."),
        "noticed": text("Who notices."),
        "began": moment("Since when it is so, in Unix time; null where the host doesn't know."),
        "first_seen": moment("When it was first seen, now or earlier, in Unix time; null where that can't be kept."),
        "well": moment("When all was well before that, in Unix time; null where nobody remembers."),
        "repair": texts("What mends it, in this order; commands as they are typed."),
        "by_hand": truth("Somebody has to do it: `repair` doesn't."),
        "impact": words(Impact, "What the repair does to the network's guests, as in plans."),
        "cost": text("What the repair costs, in words."),
    }
