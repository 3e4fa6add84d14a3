"""Carries out on this host what mends findings below libvirt, one after the other, and looks whether it helped."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from netreconcile.below.remedy import Call, Renew, Reread, Run, Serve, Set, sentence, steps
from netreconcile.errors import ConnectionLost, LibvirtFailed
from netreconcile.kernel.programs import ProgramFailed, run

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from netreconcile.below.finding import Finding
    from netreconcile.below.remedy import Action
    from netreconcile.commands.below import Below
    from netreconcile.host import Connection

log = logging.getLogger(__name__)

SETTINGS = Path("/proc/sys")
PATIENCE = 10.0
"""Seconds that what was done may need to be seen."""
_POLL = 0.1


@dataclass(frozen=True, slots=True)
class Mended:
    """A finding that was to be mended, and whether it is gone; `message` says what failed, or is empty."""

    finding: Finding
    done: bool
    message: str = ""


def mend(
    connection: Connection,
    findings: Sequence[Finding],
    watch: Callable[[Finding, Action], None],
    look: Callable[[], Below],
) -> tuple[Mended, ...]:
    """Do what mends the findings, and return what became of them; what was done gets some time to be seen."""
    failures = _done(connection, findings, watch)
    end = time.monotonic() + PATIENCE
    expected = {finding.key for finding in findings if finding.key not in failures}
    while True:
        left = {finding.key: finding for finding in look().findings}
        if not expected & left.keys() or time.monotonic() > end:
            break
        time.sleep(_POLL)
    return tuple(
        Mended(finding, finding.key not in left, failures.get(finding.key, _still(left.get(finding.key))))
        for finding in findings
    )


def _done(
    connection: Connection, findings: Sequence[Finding], watch: Callable[[Finding, Action], None]
) -> dict[tuple[str, str, str], str]:
    """Do what mends the findings, each action once; return what failed, by finding."""
    failures: dict[tuple[str, str, str], str] = {}
    done: set[tuple[str, Action]] = set()
    for finding in findings:
        for action in finding.remedy.actions:
            where = finding.network if isinstance(action, Call) else ""
            if (where, action) in done:
                continue
            done.add((where, action))
            watch(finding, action)
            log.info("%s", sentence(action))
            try:
                _perform(connection, finding.network, action)
            except (LibvirtFailed, ProgramFailed, OSError) as error:
                failures[finding.key] = str(error)
                break
    return failures


def _still(finding: Finding | None) -> str:
    return f"it was done, and there is still {finding.seen}" if finding else ""


def _perform(connection: Connection, network: str, action: Action) -> None:
    """The action is done. Raises LibvirtFailed, ProgramFailed, OSError."""
    match action:
        case Run(words):
            run(*words)
        case Set(name, value):
            (SETTINGS / name).write_text(value, encoding="ascii")
        case Renew():
            for step in steps(network, action):
                try:
                    connection.perform(step)
                except ConnectionLost:
                    raise
                except LibvirtFailed as error:
                    # It is refused, and the rules are there all the same; whether they are is looked at later.
                    log.debug("as was to be expected: %s", error)
        case Serve() | Reread():
            for step in steps(network, action):
                connection.perform(step)
        case _:
            raise AssertionError(f"not to be done here: {action}")
