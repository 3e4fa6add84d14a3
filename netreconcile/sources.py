"""Which files a topology is made of, and their bytes. Knows file systems, and nothing about what is in the files."""

from __future__ import annotations

import errno
import stat
import sys
from pathlib import Path

from netreconcile.errors import InvalidTopology, Problem
from netreconcile.printable import printable


def expand(argument: str) -> list[str]:
    """Return the argument itself, or the files of the directory that it names: at least one."""
    try:
        if argument == "-" or not Path(argument).is_dir():
            return [argument]
        # A link that leads nowhere stays in: left out silently, its networks would be taken for removed ones.
        inside = [path for path in sorted(Path(argument).iterdir()) if path.suffix in {".yaml", ".yml"}]
        names = [str(path) for path in inside if not path.name.startswith(".") and not path.is_dir()]
    except (OSError, ValueError) as error:
        raise _unreadable(argument, error) from error
    if not names:
        message = f"the directory {printable(argument)} has no *.yaml or *.yml file"
        raise InvalidTopology((Problem("no-files", message, hint="name the file itself, or another directory"),))
    return names


def content_of(name: str, seen: set[object], most: int, *, given: bool) -> bytes | None:
    """Return up to `most` bytes of the file, or None if it is in `seen`; adds it there. `given` ones may be devices."""
    try:
        if name == "-":
            return None if name in seen else _standard_input(seen, most)
        status = Path(name).stat()
        if not given and not stat.S_ISREG(status.st_mode):
            hint = "move it away, or name it on the command line"
            raise InvalidTopology((Problem("cannot-read", f"{printable(name)} is not a regular file", hint=hint),))
        identity = (status.st_dev, status.st_ino)
        if identity in seen:
            return None
        seen.add(identity)
        with Path(name).open("rb") as stream:
            return stream.read(most)
    except (OSError, ValueError) as error:
        raise _unreadable(name, error) from error


def _standard_input(seen: set[object], most: int) -> bytes:
    """Return up to `most` bytes of standard input, and add it to `seen`."""
    seen.add("-")
    if sys.stdin is None:
        raise OSError(errno.EBADF, "it is closed")
    return sys.stdin.buffer.read(most)


def _unreadable(name: str, error: OSError | ValueError) -> InvalidTopology:
    reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
    what, hint = printable(name), "check the path and its permissions"
    if name == "-":
        what, hint = "standard input", "pipe the topology in, or name a file"
    return InvalidTopology((Problem("cannot-read", f"cannot read {what}: {reason}", hint=hint),))
