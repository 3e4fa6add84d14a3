"""The JSON Schema of what `doctor` prints with `-o json` (`commands.doctor`)."""

from __future__ import annotations

from netreconcile.below.check import Mark
from netreconcile.document import FORMAT_VERSION
from netreconcile.reference.shapes import DRAFT, Schema, many, mapping, maybe, text, truth, words


def checkup_schema() -> Schema:
    """Return the schema of what was found of a host before anything is applied."""
    return {
        "$schema": DRAFT,
        "title": "netreconcile doctor",
        "description": "What `doctor` prints with `-o json`: whether the host is fit for networks.",
        **mapping(
            {
                "format_version": {"const": FORMAT_VERSION, "description": "The shape of this document."},
                "connection": text("The libvirt URI of the host."),
                "fine": truth("Nothing is in the way of networks."),
                "checks": many("check", "What was looked at."),
            }
        ),
        "definitions": {
            "check": mapping(
                {
                    "code": text("What was looked at; docs/below.md lists the codes."),
                    "mark": words(Mark, "How it is. note: worth knowing. FAIL: in the way of networks."),
                    "seen": text("What was seen."),
                    "remedy": maybe("What exactly helps, mostly a command; null where nothing is to be done."),
                }
            )
        },
    }
