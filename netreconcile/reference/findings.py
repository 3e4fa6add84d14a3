"""The JSON Schema of findings below libvirt (`below.report`), which several documents hold."""

from __future__ import annotations

from netreconcile.actions import Impact
from netreconcile.reference.shapes import Schema, many, maybe, text, texts, truth, words


def below_properties() -> Schema:
    """Return the properties that tell what is below libvirt."""
    return {
        "below": many("finding", "What the host has beneath the networks that isn't as libvirt set it up."),
        "below_unknown": maybe("Why some or all of that can't be told from here: another host, not root; else null."),
    }


def finding_properties() -> Schema:
    """Return the properties of a finding."""
    return {
        "network": text("The network's name."),
        "code": text("What isn't as it should be; docs/below.md lists the codes."),
        "subject": maybe("What tells several of one code apart: an address, a guest; else null."),
        "expected": maybe("What should be there; null where the finding says all."),
        "seen": text("What is there."),
        "noticed": text("Who notices."),
        "repair": texts("What mends it, in this order; commands as they are typed."),
        "by_hand": truth("Somebody has to do it: `repair` doesn't."),
        "impact": words(Impact, "What the repair does to the network's guests, as in plans."),
        "cost": text("What the repair costs, in words."),
    }
