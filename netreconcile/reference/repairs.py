"""The JSON Schema of what `repair` prints with `-o json`."""

from __future__ import annotations

from netreconcile.document import FORMAT_VERSION
from netreconcile.reference.findings import below_properties, finding_properties
from netreconcile.reference.plans import plan_definitions, plan_or_report
from netreconcile.reference.shapes import DRAFT, Schema, many, mapping, text, words


def repair_schema() -> Schema:
    """Return the schema of a repair."""
    return {
        "$schema": DRAFT,
        "title": "netreconcile repair",
        "description": "What `repair` prints with `-o json`: what was below libvirt and what became of it, and what was"
        " done to libvirt's networks.",
        **mapping(
            {
                "format_version": {"const": FORMAT_VERSION, "description": "The shape of this document."},
                "topology": text("The topology's name."),
                "connection": text("The libvirt URI of the host."),
                "below": many("mended", "What the host had beneath the networks that wasn't as libvirt set it up."),
                "below_unknown": below_properties()["below_unknown"],
                "left": many("finding", "What is beneath them after all was done."),
                "report": {
                    **plan_or_report(),
                    "description": "The plan for what libvirt has: as `plan` prints it if nothing was to be done, else"
                    " as `apply` prints it.",
                },
            }
        ),
        "definitions": {
            **plan_definitions(),
            "finding": mapping(finding_properties()),
            "mended": mapping(
                {
                    **finding_properties(),
                    "outcome": words(
                        ("mended", "failed", "left"),
                        "What became of it. left: somebody has to do it, or it was held back.",
                    ),
                    "message": text("What failed, or empty."),
                }
            ),
        },
    }
