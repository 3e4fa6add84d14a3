"""Runs netreconcile's commands as processes that can be killed, forked off one that has everything loaded already."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, cast

if TYPE_CHECKING:
    from collections.abc import Sequence

_SERVER = """
import json, os, sys, traceback
from netreconcile import cli
import deepdiff.diff, libvirt
import netreconcile.commands.apply, netreconcile.commands.drift, netreconcile.commands.rollback
for line in sys.stdin:
    wish = json.loads(line)
    pid = os.fork()
    if not pid:
        output = os.open(wish["output"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        null = os.open(os.devnull, os.O_RDONLY)
        for number, source in enumerate((null, output, output)):
            os.dup2(source, number)
        os.environ.update(wish["environment"])
        code = 99
        try:
            code = cli.main(wish["arguments"])
        except SystemExit as end:
            code = end.code
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    print(pid, flush=True)
    _, status = os.waitpid(pid, 0)
    print(os.waitstatus_to_exitcode(status), flush=True)
"""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command has ended: its exit code, or the negative number of the signal; and all that it said."""

    code: int
    said: str


class Runner:
    """Runs one command at a time; a context, for the process behind it."""

    def __init__(self, folder: Path) -> None:
        self._output = folder / "output"
        self._pid = 0

    def __enter__(self) -> Self:
        self._server = subprocess.Popen(
            [sys.executable, "-c", _SERVER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._in.close()
        assert self._server.wait(60) == 0
        self._out.close()

    def start(self, arguments: Sequence[str], environment: dict[str, str]) -> None:
        """Let a command run."""
        wish = {"arguments": list(arguments), "environment": environment, "output": str(self._output)}
        self._in.write(json.dumps(wish) + "\n")
        self._in.flush()
        self._pid = int(self._out.readline())

    def kill(self) -> None:
        """The command has got SIGKILL; without effect on one that has ended."""
        while not self._pid:
            os.sched_yield()
        with suppress(ProcessLookupError):
            os.kill(self._pid, signal.SIGKILL)

    def ended(self) -> Ended:
        """Return how the command has ended, when it has."""
        code = int(self._out.readline())
        self._pid = 0
        return Ended(code, self._output.read_text(errors="replace"))

    def run(self, arguments: Sequence[str], environment: dict[str, str]) -> Ended:
        """Run a command to its end."""
        self.start(arguments, environment)
        return self.ended()

    @property
    def _in(self) -> Any:
        return cast("Any", self._server.stdin)

    @property
    def _out(self) -> Any:
        return cast("Any", self._server.stdout)
