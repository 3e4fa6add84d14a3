"""`netreconcile confirm`: keep what was applied with `--confirm`."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from netreconcile.commands.output import tell
from netreconcile.commands.session import journal_of
from netreconcile.entry import Closed, Status
from netreconcile.errors import NetreconcileError

if TYPE_CHECKING:
    import argparse


class NothingToConfirm(NetreconcileError):
    """No change waits for a confirmation."""


def run(options: argparse.Namespace) -> int:
    """The change stays; needs no libvirt, for that is what may not be reachable any more."""
    journal = journal_of(options)
    with journal.folder.locked(
        options.lock_timeout, "netreconcile confirm", lambda holder: tell(f"waiting for {holder}")
    ):
        entry = next((entry for entry in journal.each() if entry.status is Status.UNCONFIRMED), None)
        if entry is None:
            newest = next(journal.each(), None)
            last = f"; the last change, entry {newest.number}, is {newest.status}" if newest else ""
            msg = f"no change of this host waits for a confirmation{last}"
            raise NothingToConfirm(msg)
        journal.reopened(entry).add(Closed(status=Status.APPLIED, when=time.time()))
    tell(f"entry {entry.number} is confirmed, and stays")
    return 0
