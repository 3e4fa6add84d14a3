"""`netreconcile validate`: tell whether files are a topology."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netreconcile.commands.output import show_json, tell, warn
from netreconcile.errors import InvalidTopology
from netreconcile.loader import load

if TYPE_CHECKING:
    import argparse


def run(options: argparse.Namespace) -> int:
    """Check the files and say so; needs neither libvirt nor a host."""
    if options.output == "json":
        return _in_json(options)
    loaded = load(options.topology, strict=options.strict)
    warn(loaded.warnings)
    topology = loaded.topology
    tell(f"{topology.name} is valid: {len(topology.networks)} networks, {len(loaded.warnings)} warnings")
    return 0


def _in_json(options: argparse.Namespace) -> int:
    from netreconcile.document import problems_document  # which knows plans and hosts, too

    try:
        loaded = load(options.topology, strict=options.strict)
    except InvalidTopology as error:
        show_json(problems_document(error.problems, valid=False))
        return error.exit_code
    show_json(problems_document(loaded.warnings, valid=True))
    return 0
