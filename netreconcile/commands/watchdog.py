"""What takes a change back that nobody confirms: a process of its own, which outlives the terminal and its session."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from netreconcile.commands.output import tell
from netreconcile.commands.rollback import take_back
from netreconcile.commands.session import journal_of, session
from netreconcile.entry import Status
from netreconcile.errors import Busy, NetreconcileError
from netreconcile.journal import LOG
from netreconcile.transaction import read

if TYPE_CHECKING:
    import argparse

    from netreconcile.commands.session import Session
    from netreconcile.entry import Entry
    from netreconcile.journal import Journal

_POLL: Final = 0.5
_AGAIN: Final = 10.0
"""So many seconds after a failed attempt comes the next: the way to the host may be what is broken."""
_BOOT: Final = """\
import os, sys
if os.fork():
    os._exit(0)
sys.path.insert(0, sys.argv.pop(1))
from netreconcile.__main__ import run
sys.exit(run())
"""


def watch_over(here: Session, number: int) -> None:
    """A process waits for the entry to be confirmed, and takes it back if it isn't, or if this process is killed."""
    package = str(Path(__file__).parents[2])
    command = [sys.executable, "-c", _BOOT, package, "rollback", "--unless-confirmed", str(number)]
    log = here.journal.folder.path / f"{number}{LOG}"
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "ab") as output:
        subprocess.run(  # noqa: S603 -- this very program
            [*command, "--connect", here.connection.uri],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd="/",
            start_new_session=True,
            check=True,
        )


def wait(options: argparse.Namespace) -> int:
    """Return when the entry is settled: confirmed, or taken back by this process or somebody else."""
    journal = journal_of(options)
    deadline: float | None = None
    while True:
        entry = journal.entry(options.unless_confirmed)
        if not entry.needs_somebody:
            return 0
        if entry.ended and entry.ended.confirm_until is not None and deadline is None:
            # The clock may be set meanwhile.
            deadline = time.monotonic() + entry.ended.confirm_until - time.time()
        if deadline is not None and time.monotonic() < deadline:
            time.sleep(min(_POLL, max(0.0, deadline - time.monotonic())))
            continue
        try:
            if _taken_back(options, journal):
                return 0
        except Busy:
            time.sleep(_POLL)  # it is being applied, or somebody is confirming it or taking it back
        except NetreconcileError as error:
            tell(f"{error}\nonce more in {_AGAIN:g} seconds")
            time.sleep(_AGAIN)


def _taken_back(options: argparse.Namespace, journal: Journal) -> bool:
    with journal.folder.locked(0, "netreconcile, for want of a confirmation", lambda _: None):
        entry = journal.entry(options.unless_confirmed)
        if not entry.needs_somebody or _is_in_time(entry):
            return False
        with session(options, readonly=False) as here:
            host = read(here.connection, entry.snapshot)
            return take_back(here, entry, host, discard=False)


def _is_in_time(entry: Entry) -> bool:
    """Return whether the change was done between two looks, so that its time has only begun."""
    until = entry.ended.confirm_until if entry.status is Status.UNCONFIRMED and entry.ended else None
    return until is not None and time.time() < until
