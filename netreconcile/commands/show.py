"""`netreconcile show`: print what the host has, or what was done to it; or keep what a plan needs of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netreconcile.commands.output import show, show_json
from netreconcile.commands.session import journal_of, remind, session
from netreconcile.document import entry_document, host_document
from netreconcile.errors import UsageError
from netreconcile.render import entry_lines, host_lines

if TYPE_CHECKING:
    import argparse


def run(options: argparse.Namespace) -> int:
    """Print the host's networks with owner, kind, guests and leases, or an entry of the journal; or write its state."""
    if options.export is not None:
        if options.entry is not None:
            msg = "--export is for what the host has now, not for an entry of the journal"
            raise UsageError(msg)
        from netreconcile.commands.export import export

        with session(options, readonly=True) as here:
            export(options.export, here)
        return 0
    if options.entry is not None:
        entry = journal_of(options).entry(options.entry)
        show_json(entry_document(entry)) if options.output == "json" else show(entry_lines(entry))
        return 0
    with session(options, readonly=True) as here:
        remind(here)
        there = here.connection.read()
        there = here.connection.read_guests(there, there.networks)
    if options.output == "json":
        show_json(host_document(there))
    else:
        show(host_lines(there))
    return 0
