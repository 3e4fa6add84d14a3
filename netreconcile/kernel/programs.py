"""Runs administrators' programs (`ip`, `nft`, `iptables`) on this host, in the network namespace of the thread."""

from __future__ import annotations

import os
import shlex
import subprocess

from netreconcile.errors import NetreconcileError

PATH = os.defpath + ":/usr/sbin:/sbin"
"""Where administrators' programs are, also for a user whose PATH lacks them."""
PATIENCE = 10.0
"""Seconds that a program may take."""


class ProgramFailed(NetreconcileError):
    """A program isn't there, takes too long, or fails; the message quotes it and the first line that it said."""

    exit_code = 1


class ProgramMissing(ProgramFailed):
    """A program isn't installed."""


def run(*words: str) -> str:
    """Return what the program prints, in the C locale. Raises: ProgramFailed."""
    environment = {**os.environ, "PATH": f"{os.environ.get('PATH', '')}:{PATH}", "LC_ALL": "C"}
    line = shlex.join(words)
    try:
        ran = subprocess.run(  # noqa: S603 -- the words are this package's own, names of links among them
            words, env=environment, stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=PATIENCE
        )
    except FileNotFoundError as error:
        raise ProgramMissing(f"`{words[0]}` isn't installed") from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ProgramFailed(f"`{line}`: {error}") from error
    if ran.returncode:
        said = ran.stderr.decode(errors="replace").strip().partition("\n")[0]
        raise ProgramFailed(f"`{line}` failed: {said or f'exit code {ran.returncode}'}")
    return ran.stdout.decode(errors="replace")
