"""The JSON Schema of what `plan`, `drift`, `apply` and `destroy` print with `-o json` (`document`)."""

from __future__ import annotations

import inspect
from typing import Any, get_args

from netreconcile.actions import Action, Command, Define, Impact, Replug, SetAutostart, Update
from netreconcile.apply import Outcome
from netreconcile.binding import Section
from netreconcile.document import FORMAT_VERSION
from netreconcile.drift import Cause
from netreconcile.networkplan import Verb

Schema = dict[str, Any]


def plan_schema() -> Schema:
    """Return the schema of a plan, and of a plan with the report on its execution."""
    plan, report = _plan(), _report()
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "netreconcile plan or report",
        "description": "What `plan`, `drift`, `apply` and `destroy` print with `-o json`: a plan, and after its "
        "execution (only then `verified` is there) the results too.",
        "if": {"required": ["verified"]},
        "then": _object({**plan, **report}),
        "else": _object(plan),
        "definitions": {
            "network": _object(_network()),
            "drift": _drift(),
            "guest": _object(_guest()),
            "step": _step({}),
            "result": _step(_result()),
            "impact": _words((str(impact) for impact in Impact), "What happens to running networks; the worst counts."
                             " none: they are untouched. live: they are changed in place, guests keep their link."
                             " restart: they go down and up. remove: they go."),
        },
    }  # fmt: skip


def _plan() -> Schema:
    return {
        "format_version": {"const": FORMAT_VERSION, "description": "The shape of this document."},
        "topology": _text("The topology's name, which is the owner mark of its networks."),
        "connection": _text("The libvirt URI of the host."),
        "libvirt": {**_text("The release of the host's libvirt."), "pattern": r"^[0-9]+\.[0-9]+\.[0-9]+$"},
        "in_sync": _truth("The host matches the file; networks that only lack the owner mark match."),
        "impact": _impact("The worst impact of all steps."),
        "needs_consent": _truth("A connected guest loses its link."),
        "networks": _list("network", "The topology's networks, and those of the host that carry its mark."),
        "steps": _list("step", "What is done, in this order."),
    }


def _report() -> Schema:
    return {
        "steps": _list("result", "What was done, in this order, and how it went."),
        "verified": _truth("Nothing failed, and the host, read again, matches the file."),
        "remaining": _list("network", "The networks that still differ from the file."),
    }


def _network() -> Schema:
    return {
        "name": _text("libvirt's name of the network."),
        "verb": _words(Verb, "What the plan does to the network."),
        "impact": _impact("The worst impact of the network's steps."),
        "drift": _list("drift", "The differences between file and host, with their causes."),
        "guests": _list("guest", "The network's guests; the running ones lose their link if the impact is restart or "
                                 "remove."),
        "notes": {"type": "array", "items": {"type": "string"}, "description": "Remarks for people."},
        "refusal": {"type": ["string", "null"], "description": "Why nothing is done to it although it differs."},
        "rule": {"type": ["string", "null"], "description": "The path of the rule in the file that forbids it."},
    }  # fmt: skip


def _drift() -> Schema:
    cause = _words(Cause, "Why host and file differ.")
    change = {
        "path": _text("The value's place in the network; items of a list by what identifies them, as in "
                      "`ips[10.0.0.1].dhcp.hosts[52:54:00:00:00:10].name`."),
        "before": {"description": "The host's value, null where it isn't there."},
        "after": {"description": "The file's value, null where it isn't there."},
    }  # fmt: skip
    guest = {
        "guest": {"allOf": [{"$ref": "#/definitions/guest"}], "description": "Who of the network's guests it is about."}
    }
    return {
        "description": "One difference; without a path or a guest it is about the network as a whole.",
        "if": {"required": ["path"]},
        "then": _object({"cause": cause, **change}),
        "else": {
            "if": {"required": ["guest"]},
            "then": _object({"cause": cause, **guest}),
            "else": _object({"cause": cause}),
        },
    }


def _guest() -> Schema:
    return {
        "domain": _text("The domain's name."),
        "mac": _text("The MAC address of its interface."),
        "target": _target(),
        "running": _truth("The domain runs now."),
        "by_bridge": _truth("The domain names the bridge instead of the network."),
        "plugged": _truth("It has a link; somebody's restart of the network cut off a running guest that has none."),
        "reachable": _truth("Its domain is known, and can be plugged back in; else only its port is known."),
        "address": {"type": ["string", "null"], "description": "The address that it has by DHCP, if any."},
    }


def _step(result: Schema) -> Schema:
    """Return the schema of a step: what all have, and what its action has besides."""
    common = {
        "network": _text("The network's name."),
        "sentence": _text("The action in words."),
        "impact": _impact("What the step does to the running network."),
        "blinks": _text("What guests may notice of a live change, or empty."),
        **result,
    }
    return {
        "oneOf": [
            {
                **_object({"action": {"const": action.__name__}, **common, **_DETAILS.get(action, {})}),
                "title": action.__name__,
                "description": " ".join(inspect.cleandoc(action.__doc__ or "").partition("\n\n")[0].split()),
            }
            for action in get_args(Action)
        ]
    }


def _result() -> Schema:
    return {
        "outcome": _words(Outcome, "What became of the step; after a failure the rest of its network is skipped."),
        "message": _text("libvirt's message where the step failed, or a remark, or empty."),
        "cut_seconds": {
            "type": ["number", "null"],
            "minimum": 0,
            "description": "How long a guest that was plugged back in had no link, null where nobody was cut off.",
        },
    }


def _text(description: str) -> Schema:
    return {"type": "string", "description": description}


def _target() -> Schema:
    return {"type": ["string", "null"], "description": "The host's end of the cable, such as vnet0, if known."}


def _truth(description: str) -> Schema:
    return {"type": "boolean", "description": description}


def _words(words: Any, description: str) -> Schema:
    return {"enum": [str(word) for word in words], "description": description}


def _impact(description: str) -> Schema:
    return {"allOf": [{"$ref": "#/definitions/impact"}], "description": description}


def _list(definition: str, description: str) -> Schema:
    return {"type": "array", "items": {"$ref": f"#/definitions/{definition}"}, "description": description}


def _object(properties: Schema) -> Schema:
    """Return the schema of a mapping that has exactly these keys."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


_DETAILS: dict[type[Any], Schema] = {
    Define: {"xml": _text("The network's XML as it is sent.")},
    Update: {
        "command": _words((command.name for command in Command), "What is done to the element."),
        "section": _words((section.name for section in Section), "The part of the network that the element is in."),
        "parent_index": {
            "type": "integer",
            "minimum": -1,
            "description": "The position of the `<ip>` in the running network; -1 outside of it.",
        },
        "item": _text("What tells the element from the others of its list."),
        "xml": _text("The element as it is sent."),
    },
    SetAutostart: {"enabled": _truth("The network starts with the host from now on.")},
    Replug: {
        "domain": _text("The domain's name."),
        "mac": _text("The MAC address of its interface."),
        "target": _target(),
        "by_bridge": _truth("The domain names the bridge, and gets the network's present one."),
    },
}
"""What a step tells about its action, besides what all steps tell."""
