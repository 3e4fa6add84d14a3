"""What goes to standard error for a machine that reads it: with a priority for the journal, or as JSON lines.

Loaded only where something is told, and where somebody asked for it or the journal listens.
"""

from __future__ import annotations

import io
import os
import sys
from contextlib import contextmanager
from enum import IntEnum
from typing import TYPE_CHECKING, TextIO

from netreconcile.printable import printable

if TYPE_CHECKING:
    import logging
    from collections.abc import Generator

JOURNAL = "JOURNAL_STREAM"
"""The variable with which systemd says which stream is the journal: device and inode (systemd.exec(5))."""


class Level(IntEnum):
    """How much a line matters; the numbers are syslog's, as sd-daemon(3) has them."""

    ERROR = 3
    WARNING = 4
    INFO = 6
    DEBUG = 7


class Lines(io.TextIOBase):
    """A stream that makes a record of each line: of a `command`, as JSON; in front, for the journal, its priority.

    What is printed to it is of level INFO; `record` has the level.
    """

    def __init__(self, stream: TextIO, *, command: str = "") -> None:
        self.stream = stream
        self._command = command
        self._journal = is_journal(stream)
        self._rest = ""

    def write(self, text: str) -> int:
        """Each line is on the stream as a record, once its end has come."""
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            self.record(line, Level.INFO)
        return len(text)

    def record(self, text: str, level: Level) -> None:
        """The text is on the stream, a record if it is JSON, else one for each line of it."""
        priority = f"<{level:d}>" if self._journal else ""
        records = [self._json(text, level)] if self._command else text.split("\n")
        self.stream.write("".join(f"{priority}{record}\n" for record in records))
        self.stream.flush()

    def flush(self) -> None:
        """What has come is on the stream, also a line without an end."""
        if self._rest:
            self.record(self._rest, Level.INFO)
            self._rest = ""
        self.stream.flush()

    def isatty(self) -> bool:
        """Return whether somebody reads it as it comes: colour would be noise in a record."""
        return self.stream.isatty() and not self._command

    def fileno(self) -> int:
        """Return the stream's."""
        return self.stream.fileno()

    def writable(self) -> bool:
        """Return that it can be written to."""
        return True

    def _json(self, text: str, level: Level) -> str:
        import json
        from datetime import UTC, datetime

        when = datetime.now(UTC).isoformat(timespec="milliseconds")
        return json.dumps({"time": when, "level": level.name.lower(), "command": self._command, "message": text})


def tell(text: str, level: Level = Level.INFO) -> None:
    """The text is on standard error, in the form that is wanted there; what could drive a terminal is escaped."""
    told, stream = "\n".join(map(printable, text.split("\n"))), sys.stderr
    if isinstance(stream, Lines):
        stream.record(told, level)
    else:
        stream.write(f"{told}\n")


def is_journal(stream: TextIO) -> bool:
    """Return whether systemd's journal reads the stream."""
    try:
        status = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return os.environ.get(JOURNAL) == f"{status.st_dev}:{status.st_ino}"


@contextmanager
def records(*, command: str = "") -> Generator[None]:
    """Standard error gets records; those of a command are JSON."""
    before = sys.stderr
    sys.stderr = Lines(before.stream if isinstance(before, Lines) else before, command=command)
    try:
        yield
    finally:
        sys.stderr.flush()
        sys.stderr = before


def calls(verbose: int) -> None:
    """The log goes to standard error: what matters to people, and from two on the XML, too."""
    import logging

    class ToStandardError(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            text, stream = self.format(record), sys.stderr
            if isinstance(stream, Lines):
                stream.record(text, next((each for each in Level if record.levelno >= levels[each]), Level.DEBUG))
            else:
                stream.write(f"{record.levelname} {text}\n")

    levels = {each: getattr(logging, each.name) for each in Level}
    level = logging.DEBUG if verbose > 1 else logging.INFO
    logging.basicConfig(level=level, format="%(message)s", handlers=[ToStandardError()])
