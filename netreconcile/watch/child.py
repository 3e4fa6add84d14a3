"""Runs commands of this program beside the watch: what hangs there, or breaks, neither keeps it nor ends it."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from netreconcile.watch.outcome import Said
from netreconcile.watch.supervisor import without

if TYPE_CHECKING:
    from collections.abc import Iterator

_BOOT = "import sys; sys.path.insert(0, sys.argv.pop(1)); from netreconcile.__main__ import run; sys.exit(run())"


@dataclass(frozen=True, slots=True)
class Ran:
    """A command that has ended: its exit code, what it printed, what it said, and its processor time in seconds."""

    code: int
    out: str
    said: tuple[Said, ...]
    cost: float


@dataclass(frozen=True, slots=True)
class Child:
    """A command that runs; `ended` becomes readable when it has ended."""

    command: str
    process: subprocess.Popen[bytes]
    ended: int
    out: int
    said: int
    cost_before: float

    def has_ended(self) -> bool:
        """Return whether it has ended."""
        return self.process.poll() is not None

    def end(self) -> None:
        """The command is asked to end: what only looks does so at once, and an apply as it does at a signal."""
        self.process.terminate()

    def ran(self) -> Ran:
        """Return what has become of it, once it has ended."""
        code = self.process.wait()
        os.close(self.ended)
        said = tuple(_said(_read(self.said)))
        if code < 0:
            said += (Said(f"{self.command} was ended by {signal.Signals(-code).name}", "error"),)
        return Ran(code, _read(self.out), said, _cost() - self.cost_before)


def start(command: str, *arguments: str) -> Child:
    """The command runs; nobody types anything into it, and what it prints is kept in memory."""
    out, said = os.memfd_create("stdout"), os.memfd_create("stderr")
    package = str(Path(__file__).parents[2])
    process = subprocess.Popen(  # noqa: S603 -- this very program
        [sys.executable, "-P", "-c", _BOOT, package, command, "--log-format", "json", *arguments],
        env=without(dict(os.environ)),
        stdin=subprocess.DEVNULL,
        stdout=out,
        stderr=said,
    )
    return Child(command, process, os.pidfd_open(process.pid), out, said, _cost())


def _cost() -> float:
    """Return how many seconds of a processor all commands took that have ended, and what they ran."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _read(descriptor: int) -> str:
    with os.fdopen(descriptor, "rb") as file:
        file.seek(0)
        return file.read().decode(errors="replace")


def _said(text: str) -> Iterator[Said]:
    """Yield what the lines of a log say; those that are none are of a program that broke."""
    for line in text.splitlines():
        try:
            record = json.loads(line)
            yield Said(record["message"], record["level"])
        except (ValueError, TypeError, KeyError):
            yield Said(line, "error")
