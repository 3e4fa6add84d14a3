"""`netreconcile history`: list what was done to a host from here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netreconcile.commands.output import show, show_json, tell
from netreconcile.commands.session import journal_of
from netreconcile.document import history_document
from netreconcile.render import history_lines

if TYPE_CHECKING:
    import argparse


def run(options: argparse.Namespace) -> int:
    """Print the journal's entries, the newest first; needs no libvirt."""
    journal = journal_of(options)
    entries = journal.entries()
    for trouble in journal.unreadable:
        tell(trouble)
    if options.output == "json":
        show_json(history_document(entries))
    elif entries:
        show(history_lines(entries))
    else:
        tell(f"nothing was done to this host from here: {journal.folder.path} has no entry")
    return 0
