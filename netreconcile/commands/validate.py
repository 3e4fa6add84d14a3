"""`netreconcile validate`: tell whether files are a topology."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netreconcile.commands.output import show_json, tell, warn
from netreconcile.document import problems_document
from netreconcile.errors import InvalidTopology
from netreconcile.loader import load

if TYPE_CHECKING:
    import argparse


def run(options: argparse.Namespace) -> int:
    """Check the files and say so; needs neither libvirt nor a host."""
    try:
        loaded = load(options.topology, strict=options.strict)
    except InvalidTopology as error:
        if options.output != "json":
            raise
        show_json(problems_document(error.problems, valid=False))
        return error.exit_code
    if options.output == "json":
        show_json(problems_document(loaded.warnings, valid=True))
        return 0
    warn(loaded.warnings)
    topology = loaded.topology
    tell(f"{topology.name} is valid: {len(topology.networks)} networks, {len(loaded.warnings)} warnings")
    return 0
