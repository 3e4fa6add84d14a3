"""Files that commands write for people to keep: whole, or not at all."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from netreconcile.errors import UsageError


def write(path: str, text: str, what: str, *, mode: int = 0o666) -> None:
    """The file holds the text, whole; `mode` is for a new file, less the umask.

    Raises: UsageError where it can't be written.
    """
    target = Path(path)
    passing = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        if target.exists() and not target.is_file():
            msg = f"can't write {what} to {path}: it is there, and no regular file"
            raise UsageError(msg)
        descriptor = os.open(passing, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        passing.replace(target)
    except (OSError, ValueError) as error:
        with suppress(OSError, ValueError):
            passing.unlink()
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        msg = f"can't write {what} to {path}: {reason}"
        raise UsageError(msg) from error
