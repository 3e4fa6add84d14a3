"""`netreconcile show`: print what the host has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netreconcile.commands.output import show, show_json
from netreconcile.commands.session import host
from netreconcile.document import host_document
from netreconcile.render import host_lines

if TYPE_CHECKING:
    import argparse


def run(options: argparse.Namespace) -> int:
    """Print the host's networks with owner, kind, guests and leases; the connection is read-only."""
    with host(options, readonly=True) as connection:
        there = connection.read()
        there = connection.read_guests(there, there.networks)
    if options.output == "json":
        show_json(host_document(there))
    else:
        show(host_lines(there))
    return 0
