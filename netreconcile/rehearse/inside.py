"""The process that holds a rehearsal inside a lab, and how it is started from outside.

Request and answers are pickled: they pass between two processes of one program, over pipes that nobody else has.
"""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
import tempfile
from typing import IO, TYPE_CHECKING, cast

from netreconcile.errors import NetreconcileError
from netreconcile.lab import Lab
from netreconcile.rehearse.outcome import BrokenOff, Rehearsal, Told

if TYPE_CHECKING:
    from collections.abc import Callable

    from netreconcile.rehearse.outcome import Request

_BOOT = "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from netreconcile.rehearse.inside import main; main()"


class RehearsalFailed(NetreconcileError):
    """No copy of the host could be made or kept, so that nothing is known about the change."""

    exit_code = 1


def in_lab(request: Request, tell: Callable[[str], None]) -> Rehearsal:
    """Return how the request went in a lab, of which nothing is left. Raises LabUnavailable, RehearsalFailed."""
    with Lab() as lab, tempfile.TemporaryFile() as complaints:
        process = subprocess.Popen(  # noqa: S603 -- this very program
            lab.running.command(sys.executable, "-B", "-c", _BOOT, json.dumps(sys.path)),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=complaints,
            env=lab.running.environment(os.environ),
        )
        with process:
            assert process.stdin is not None, "it is a pipe"
            assert process.stdout is not None, "it is a pipe"
            try:
                answer = _asked(process.stdin, process.stdout, request, tell)
            except BaseException:
                process.kill()  # nobody waits for the end of a rehearsal that was interrupted
                raise
        if isinstance(answer, Rehearsal):
            return answer
        complaints.seek(0)
        last = complaints.read().decode(errors="replace").strip().rpartition("\n")[2]
        msg = f"the rehearsal broke off, so nothing is known about the change: {answer.why if answer else last}"
        raise RehearsalFailed(msg)


def _asked(
    questions: IO[bytes], answers: IO[bytes], request: Request, tell: Callable[[str], None]
) -> Rehearsal | BrokenOff | None:
    """Return the answer to the request, None where there is none; what is told meanwhile is told on."""
    try:
        with questions:
            pickle.dump(request, questions)
        while isinstance(answer := cast("Told | Rehearsal | BrokenOff", pickle.load(answers)), Told):  # noqa: S301 -- ours
            tell(answer.text)
    except (BrokenPipeError, EOFError):
        return None
    return answer


def main() -> None:
    """Answer the request on standard input, inside the lab."""
    from netreconcile.rehearse.rehearse import rehearse

    # Whatever else is printed must not get between the answers.
    with os.fdopen(os.dup(1), "wb") as answers:
        os.dup2(2, 1)

        def answer(value: Told | Rehearsal | BrokenOff) -> None:
            pickle.dump(value, answers)
            answers.flush()

        request = cast("Request", pickle.load(sys.stdin.buffer))  # noqa: S301 -- ours
        try:
            answer(rehearse(request, os.environ["LIBVIRT_DEFAULT_URI"], lambda text: answer(Told(text))))
        except NetreconcileError as error:
            answer(BrokenOff(str(error)))
