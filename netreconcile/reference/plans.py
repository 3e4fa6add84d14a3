"""The JSON Schema of plans: printed with `-o json`, before and after they are carried out, and saved (`document`)."""

from __future__ import annotations

import inspect
from typing import Any, get_args

from netreconcile.actions import Action, Command, Define, Impact, Replug, SetAutostart, Update
from netreconcile.binding import Section
from netreconcile.document import FORMAT_VERSION
from netreconcile.drift import Cause
from netreconcile.networkplan import Verb
from netreconcile.reference.findings import (
    below_properties,
    finding_definitions,
    repaired_definition,
    repaired_properties,
)
from netreconcile.reference.shapes import DRAFT, Schema, digest, many, mapping, maybe, one, text, texts, truth, words
from netreconcile.results import Outcome


def plan_schema() -> Schema:
    """Return the schema of a plan, of a plan with the report on its execution, and of a saved plan."""
    return {
        "$schema": DRAFT,
        "title": "netreconcile plan or report",
        "description": "What `plan`, `drift`, `apply`, `repair`, `destroy` and `rollback` print with `-o json`: a plan,"
        " and after its execution (only then `verified` is there) the results too. And what `plan --out` saves: a plan,"
        " and for what it was made (only there `plan` is). Only where that was looked at (by `drift`, by `repair`, and"
        " where the file has `policy.repair`) there is `below`, what is below libvirt; after an execution with what"
        " became of it, and `left`.",
        "if": {"required": ["verified"]},
        "then": _with("below", {**_plan(), **_report()}, repaired_properties()),
        "else": {
            "if": {"required": ["plan"]},
            "then": mapping(_saved()),
            "else": _with("below", _plan(), below_properties()),
        },
        "definitions": {**plan_definitions(), **finding_definitions(), "repaired": repaired_definition()},
    }


def _with(key: str, properties: Schema, more: Schema) -> Schema:
    """Return the schema of a mapping that has more properties where it has this one of them."""
    return {"if": {"required": [key]}, "then": mapping({**properties, **more}), "else": mapping(properties)}


def plan_definitions() -> Schema:
    """Return the definitions that the schema of a plan refers to, its own among them."""
    return {
        "plan": mapping(_plan()),
        "network": mapping(_network()),
        "drift": _drift(),
        "guest": mapping(_guest()),
        "step": _step({}),
        "result": _step(_result()),
        "impact": words(Impact, "What happens to running networks; the worst counts."
                        " none: they are untouched. live: they are changed in place, guests keep their link."
                        " restart: they go down and up. remove: they go."),
    }  # fmt: skip


def _plan() -> Schema:
    return {
        "format_version": {"const": FORMAT_VERSION, "description": "The shape of this document."},
        "topology": text("The topology's name, which is the owner mark of its networks."),
        "fingerprint": digest("What tells the plan from every other one, for `apply --expect`: its differences, its"
                              " steps, and whom they cut off."),
        "connection": text("The libvirt URI of the host."),
        "libvirt": {**text("The release of the host's libvirt."), "pattern": r"^[0-9]+\.[0-9]+\.[0-9]+$"},
        "in_sync": truth("The host matches the file; networks that only lack the owner mark match."),
        "impact": one("impact", "The worst impact of all steps."),
        "needs_consent": truth("A connected guest loses its link."),
        "networks": many("network", "The topology's networks, and those of the host that carry its mark."),
        "steps": many("step", "What is done, in this order."),
    }  # fmt: skip


def _report() -> Schema:
    return {
        "steps": many("result", "What was done, in this order, and how it went."),
        "entry": {"type": "integer", "minimum": 1, "description": "The number of the change in `history`."},
        "verified": truth("Nothing failed, and the host, read again, matches the file."),
        "remaining": many("network", "The networks that still differ from the file."),
        "rolled_back": {
            "oneOf": [{"type": "null"}, mapping(_rolled_back())],
            "description": "How what had been done was taken back, null where nothing was.",
        },
    }


def _rolled_back() -> Schema:
    return {
        "why": text("What failed, or who asked to stop."),
        "everything": truth("All of it was to be taken back, not only the networks that failed."),
        "complete": truth("What was to be taken back is as it was before."),
        "steps": many("result", "What was done for that, in this order, and how it went."),
        "remaining": many("network", "The networks that are still not as they were."),
    }


def _saved() -> Schema:
    """Return the schema of what `commands.saved` writes."""
    return {
        "format_version": {"const": FORMAT_VERSION, "description": "The shape of this document."},
        "fingerprint": digest("The plan's; only a plan with the same one is carried out."),
        "topology_digest": digest("What tells the topology from every other one, as it was then."),
        "connection": text("The libvirt URI of the host."),
        "files": {**texts("The topology's files, as they were named."), "minItems": 1},
        "max_impact": one("impact", "The cap that the plan was made with (`--max-impact`)."),
        "plan": one("plan", "The plan, for those who review it, and to say later what has changed; it is made again"
                            " before anything is done."),
    }  # fmt: skip


def _network() -> Schema:
    return {
        "name": text("libvirt's name of the network."),
        "verb": words(Verb, "What the plan does to the network."),
        "impact": one("impact", "The worst impact of the network's steps."),
        "drift": many("drift", "The differences between file and host, with their causes."),
        "guests": many("guest", "The network's guests; the running ones lose their link if the impact is restart or "
                                "remove."),
        "notes": texts("Remarks for people."),
        "refusal": maybe("Why nothing is done to it although it differs."),
        "rule": maybe("The path of the rule in the file that forbids it."),
    }  # fmt: skip


def _drift() -> Schema:
    cause = words(Cause, "Why host and file differ.")
    change = {
        "path": text("The value's place in the network; items of a list by what identifies them, as in "
                     "`ips[10.0.0.1].dhcp.hosts[52:54:00:00:00:10].name`."),
        "before": {"description": "The host's value, null where it isn't there."},
        "after": {"description": "The file's value, null where it isn't there."},
    }  # fmt: skip
    return {
        "description": "One difference; without a path or a guest it is about the network as a whole.",
        "if": {"required": ["path"]},
        "then": mapping({"cause": cause, **change}),
        "else": {
            "if": {"required": ["guest"]},
            "then": mapping({"cause": cause, "guest": one("guest", "Who of the network's guests it is about.")}),
            "else": mapping({"cause": cause}),
        },
    }


def _guest() -> Schema:
    return {
        "domain": text("The domain's name."),
        "mac": text("The MAC address of its interface."),
        "target": _target(),
        "running": truth("The domain runs now."),
        "by_bridge": truth("The domain names the bridge instead of the network."),
        "plugged": truth("It has a link; somebody's restart of the network cut off a running guest that has none."),
        "reachable": truth("Its domain is known, and can be plugged back in; else only its port is known."),
        "address": maybe("The address that it has by DHCP, if any."),
    }


def _step(result: Schema) -> Schema:
    """Return the schema of a step: what all have, and what its action has besides."""
    common = {
        "network": text("The network's name."),
        "sentence": text("The action in words."),
        "impact": one("impact", "What the step does to the running network."),
        "blinks": text("What guests may notice of a live change, or empty."),
        **result,
    }
    return {
        "oneOf": [
            {
                **mapping({"action": {"const": action.__name__}, **common, **_DETAILS.get(action, {})}),
                "title": action.__name__,
                "description": " ".join(inspect.cleandoc(action.__doc__ or "").partition("\n\n")[0].split()),
            }
            for action in get_args(Action)
        ]
    }


def _result() -> Schema:
    return {
        "outcome": words(Outcome, "What became of the step; after a failure the rest is skipped, with"
                                  " `--on-error keep-going` only the rest of its network."),
        "message": text("libvirt's message where the step failed, or a remark, or empty."),
        "cut_seconds": {
            "type": ["number", "null"],
            "minimum": 0,
            "description": "How long a guest that was plugged back in had no link, null where nobody was cut off.",
        },
    }  # fmt: skip


def _target() -> Schema:
    return maybe("The host's end of the cable, such as vnet0, if known.")


_DETAILS: dict[type[Any], Schema] = {
    Define: {"xml": text("The network's XML as it is sent.")},
    Update: {
        "command": words((command.name for command in Command), "What is done to the element."),
        "section": words((section.name for section in Section), "The part of the network that the element is in."),
        "parent_index": {
            "type": "integer",
            "minimum": -1,
            "description": "The position of the `<ip>` in the running network; -1 outside of it.",
        },
        "item": text("What tells the element from the others of its list."),
        "xml": text("The element as it is sent."),
    },
    SetAutostart: {"enabled": truth("The network starts with the host from now on.")},
    Replug: {
        "domain": text("The domain's name."),
        "mac": text("The MAC address of its interface."),
        "target": _target(),
        "by_bridge": truth("The domain names the bridge, and gets the network's present one."),
    },
}
"""What a step tells about its action, besides what all steps tell."""
