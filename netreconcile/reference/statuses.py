"""The JSON Schema of what `status` prints with `-o json` (`below.overview`)."""

from __future__ import annotations

from typing import get_args

from netreconcile.document import FORMAT_VERSION
from netreconcile.drift import Cause
from netreconcile.model import ModeName
from netreconcile.reference.findings import below_properties, finding_definitions
from netreconcile.reference.shapes import DRAFT, Schema, count, many, mapping, maybe, text, truth, words


def status_schema() -> Schema:
    """Return the schema of how networks stand."""
    return {
        "$schema": DRAFT,
        "title": "netreconcile status",
        "description": "What `status` prints with `-o json`: how each network stands.",
        **mapping(
            {
                "format_version": {"const": FORMAT_VERSION, "description": "The shape of this document."},
                "topology": maybe("The topology's name; null where no file was named."),
                "connection": text("The libvirt URI of the host."),
                "libvirt": {**text("The release of the host's libvirt."), "pattern": r"^[0-9]+\.[0-9]+\.[0-9]+$"},
                "in_order": truth("Nothing is to be done about any network, as far as can be told."),
                "networks": many("network", "The topology's networks; where no file was named, all of the host."),
                "below_unknown": below_properties()["below_unknown"],
                "below_accepted": below_properties()["below_accepted"],
            }
        ),
        "definitions": {"network": mapping(_network()), **finding_definitions()},
    }


def _network() -> Schema:
    return {
        "name": text("libvirt's name of the network."),
        "mode": {
            "enum": [*get_args(ModeName), None],
            "description": "The kind of the network; null where it is missing, or libvirt's description unreadable.",
        },
        "state": words(("active", "inactive", "missing"), "What it does."),
        "persistent": truth("It has a definition that outlives it."),
        "autostart": truth("It starts with the host."),
        "owner": maybe("The topology that it belongs to; null where it carries no mark."),
        "guests": count("How many running guests have a link to it, as libvirt sees it."),
        "unplugged": count("How many running guests of it have none."),
        "leases": count("How many addresses DHCP has lent."),
        "drift": {
            "type": ["array", "null"],
            "items": words(Cause, "Why host and file differ."),
            "description": "The cause of each difference between file and host; null where no file was named.",
        },
        "refusal": maybe("Why nothing would be done to it although it differs."),
        "below": below_properties()["below"],
    }
