"""`netreconcile watch`: look at the host as soon as something has changed, tell what has, and mend it if asked to.

A look is a `drift`, and mending an `apply`, each in a process of its own: what hangs or breaks there doesn't end the
watch, which itself loads little, and a newer version of this program is used as soon as it is installed.
"""

from __future__ import annotations

import logging
import signal
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

from netreconcile.commands.uri import uri_of
from netreconcile.errors import Busy, UsageError
from netreconcile.logs import Level, tell
from netreconcile.watch.child import start
from netreconcile.watch.outcome import DIFFERS, MATCHES, UNREACHABLE, Outcome, news, standing
from netreconcile.watch.pace import RETRY, Wait
from netreconcile.watch.senses import FILES, Senses
from netreconcile.watch.supervisor import ALIVE, READY, STOPPING, notify, patience, reloading, status
from netreconcile.watch.tries import NOTHING

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable

    from netreconcile.watch.child import Child, Ran
    from netreconcile.watch.outcome import Said
    from netreconcile.watch.senses import Noticed

log = logging.getLogger(__name__)

ASKED = "SIGHUP"
"""How it is called that somebody wants a look."""
LOCK_TIMEOUT = 30.0
"""Seconds that a look, or an apply, waits for another one on the same host."""


def run(options: argparse.Namespace) -> int:
    """Return when somebody asks to stop: 0, or the exit code of an apply that was going on."""
    _check(options)
    with ExitStack() as opened:
        senses = Senses(uri_of(options), options.topology, opened, timeout=options.timeout)
        return _Watch(options, senses).run()


def _check(options: argparse.Namespace) -> None:
    """Raise UsageError where the options don't fit together."""
    if "-" in options.topology:
        raise UsageError("watch needs files: standard input can be read only once")
    if options.interval < 1:
        raise UsageError("--interval must be at least 1")
    for name in ("max_impact", "operator_policy", "allow_dnsmasq_options", "allow_tftp_root"):
        if getattr(options, name) and not options.apply:
            raise UsageError(f"--{name.replace('_', '-')} is about --apply, without which nothing is changed")


class _Watch:
    """The loop, and what it knows: how the host stood, what has happened since, and which command runs now."""

    def __init__(self, options: argparse.Namespace, senses: Senses) -> None:
        self._options, self._senses = options, senses
        self._changes = {"start"}
        self._wait = Wait(time.monotonic()).woken(time.monotonic())
        self._child: Child | None = None
        self._outcome: Outcome | None = None
        self._patience, self._pinged = patience(), 0.0
        self._ending, self._code = False, 0
        self._applied: Ran | None = None
        self._tried = NOTHING

    def run(self) -> int:
        """Return once somebody has asked to stop and nothing goes on any more."""
        tell(f"watching {self._subject} ({self._manner})")
        if self._senses.unseen:
            tell(f"not seen: what is below libvirt ({self._senses.unseen})")
        notify(READY, status("looking for the first time"))
        while self._child or not self._ending:
            self._take_note(self._senses.wait(self._until(), self._child.ended if self._child else None))
            if self._child and self._child.has_ended():
                self._take_in(self._child)
            elif not self._child and not self._ending and time.monotonic() >= self._due():
                self._look()
            self._show_life()
        return self._code

    @property
    def _subject(self) -> str:
        return f"{' '.join(self._options.topology)} on {uri_of(self._options)}"

    @property
    def _manner(self) -> str:
        mending = f"applies what has impact {self._impact} at most" if self._options.apply else "changes nothing"
        return f"looks after each change, and every {self._options.interval:g} s; {mending}"

    @property
    def _impact(self) -> str:
        return self._options.max_impact or "live"

    def _due(self) -> float:
        """Return when to look; a libvirt that hangs doesn't tell that it goes on."""
        out_of_reach = self._outcome is not None and self._outcome.code == UNREACHABLE
        return self._wait.due(min(self._options.interval, RETRY) if out_of_reach else self._options.interval)

    def _until(self) -> float:
        """Return when there is something to do even if nothing happens."""
        until = time.monotonic() + self._options.interval if self._child else self._due()
        return min(until, self._pinged + self._patience / 2) if self._patience else until

    def _show_life(self) -> None:
        """The supervisor knows that the loop turns."""
        if self._patience and time.monotonic() >= self._pinged + self._patience / 2:
            self._pinged = time.monotonic()
            notify(ALIVE)

    def _take_note(self, noticed: Noticed) -> None:
        changes = set(noticed.changes)
        if signal.SIGHUP in noticed.signals:
            changes.add(ASKED)
            notify(reloading())
        if changes:
            self._changes |= changes
            self._wait = self._wait.woken(time.monotonic())
        if {signal.SIGTERM, signal.SIGINT}.intersection(noticed.signals):
            self._ending = True
            notify(STOPPING)
            if self._child:
                self._child.end()

    def _look(self) -> None:
        log.info("look: %s", ", ".join(sorted(self._changes)) or "time")
        if self._changes & {ASKED, FILES}:
            self._tried = NOTHING
        self._changes = set()
        self._wait = Wait(time.monotonic())
        metrics = ("--metrics", self._options.metrics) if self._options.metrics else ()
        self._start("drift", "--max-time", f"{self._options.max_time:g}", *metrics)

    def _apply(self) -> None:
        flags = ("allow_dnsmasq_options", "allow_tftp_root")
        given = [f"--{flag.replace('_', '-')}" for flag in flags if getattr(self._options, flag)]
        if self._options.operator_policy:
            given += ["--operator-policy", self._options.operator_policy]
        self._start("apply", "--max-impact", self._impact, *["-v"] * self._options.verbose, *given)

    def _start(self, command: str, *arguments: str) -> None:
        options = self._options
        host = ("--connect", options.connect) if options.connect else ()
        strict = ("--strict",) if options.strict else ()
        limits = ("--timeout", f"{options.timeout:g}", "--lock-timeout", f"{LOCK_TIMEOUT:g}")
        self._child = start(command, *host, *limits, *strict, *arguments, *options.topology)

    def _take_in(self, child: Child) -> None:
        self._child, ran = None, child.ran()
        if child.command == "apply":
            self._tell_applied(ran)
            self._wait = self._wait.woken(time.monotonic())
            if self._ending and ran.code != -signal.SIGTERM:  # by which it ends where it has not begun
                self._code = ran.code
        elif not self._ending:
            self._take_in_look(ran)

    def _take_in_look(self, ran: Ran) -> None:
        now, outcome = time.monotonic(), Outcome(ran.code, tuple(ran.out.splitlines()), ran.said)
        self._wait = self._wait.rested(now, ran.cost)
        if ran.code == Busy.exit_code:  # somebody else looks; what has changed is still to be seen
            self._wait = self._wait.woken(now)
            return
        said = tuple(news(self._outcome, outcome, self._subject))
        _say(said)
        if said and outcome.differences:
            print(*outcome.differences, sep="\n", flush=True)
        self._outcome = outcome
        notify(READY, status(standing(outcome)))
        if self._options.apply:
            self._mend(outcome, now)

    def _mend(self, outcome: Outcome, now: float) -> None:
        """What differs is being applied, unless that has been tried already."""
        if outcome.code == MATCHES:
            self._tried, self._applied = NOTHING, None
        if outcome.code == DIFFERS:
            self._tried = self._tried.left(outcome.differences)
            if not self._tried.covers(outcome.differences, now):
                self._tried = self._tried.tried(outcome.differences, now, self._options.interval)
                self._apply()

    def _tell_applied(self, ran: Ran) -> None:
        """It is told what an apply did, or left, unless the one before said the same."""
        before, self._applied = self._applied, ran
        if before is None or (before.out, before.said) != (ran.out, ran.said):
            print(ran.out, end="", flush=True)
            _say(ran.said)


def _say(said: Iterable[Said]) -> None:
    for each in said:
        tell(each.text, Level[each.level.upper()])
