"""Remembers which files were last found to agree with which host, so that a look at both can be enough.

A comparison is a pure function of what the files say and of what libvirt tells: with the same of both, its result is
the same. Only agreement is remembered, as digests; the file of digests can be deleted at any time.
"""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from netreconcile import __version__
from netreconcile.errors import JournalFailed
from netreconcile.sources import content_of, expand

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from netreconcile.folder import Folder

FILE = "agreed"
"""The name of the file in the host's folder: a line for each topology, the newest first, as `Agreement` has it."""
NOTICED = "noticed"
"""The name of the file of what is wrong below libvirt, and since when; `noticed` keeps it."""
LOCK = "drift.lock"
"""The name of the lock of those that compare; it isn't the one of those that change the host."""
_MOST = 100
_LARGEST = 2**26


class Agreement(NamedTuple):
    """Files and a host, both as digests, that agreed when they were last compared, and the topology in these files."""

    files: str
    host: str
    when: int
    topology: str


class Memory(NamedTuple):
    """What is remembered of one host."""

    folder: Folder

    def agreed(self, files: str, host: str) -> Agreement | None:
        """Return when these files were last found to agree with this host, None where they weren't."""
        return next((each for each in self._agreements() if each[:2] == (files, host)), None)

    def latest(self, topology: str) -> Agreement | None:
        """Return when the host was last found to agree with files of this topology."""
        return max((each for each in self._agreements() if each.topology == topology), key=_when, default=None)

    def remember(self, files: str, host: str, topology: str) -> None:
        """These files, of this topology, agree with this host now. Where that can't be kept, nothing is."""
        others = [each for each in self._agreements() if each.files != files]
        kept = [Agreement(files, host, int(time.time()), topology), *others[: _MOST - 1]]
        try:
            # Not forced to the disk, which takes longer than the look itself: what is lost or torn is looked at again.
            self.folder.create(FILE, "".join(f"{' '.join(map(str, each))}\n" for each in kept), durable=False)
        except JournalFailed:
            return

    def _agreements(self) -> list[Agreement]:
        try:
            lines = (self.folder.read(FILE) or "").split("\n")
        except JournalFailed:
            return []
        found = (line.split(" ", 3) for line in lines)
        return [
            Agreement(each[0], each[1], int(each[2]), each[3])
            for each in found
            if len(each) == len(Agreement._fields) and each[2].isascii() and each[2].isdecimal()
        ]


def _when(agreement: Agreement) -> int:
    return agreement.when


def files_digest(arguments: Sequence[str], *others: str) -> str:
    """Return a digest of the files' names and bytes, of what else a comparison depends on, and of this program.

    Empty where a file can be read only once, as standard input can, or not at all. Raises InvalidTopology.
    """
    digest = hashlib.sha256(repr((__version__, _program(), others)).encode())
    seen: set[object] = set()
    for argument in arguments:
        for name in expand(argument):
            if not Path(name).is_file():
                return ""
            content = content_of(name, seen, _LARGEST, given=name == argument) or b""
            digest.update(f"{name}\0{len(content)}\0".encode(errors="surrogateescape"))
            digest.update(content)
    return digest.hexdigest()


def folder_digest(folder: Folder) -> str:
    """Return a digest of the host's folder, without what is remembered: which files it has, and when they changed."""
    try:
        found = [(entry.name, entry.stat().st_mtime_ns, entry.stat().st_size) for entry in os.scandir(folder.path)]
    except OSError:
        found = []
    kept = sorted(item for item in found if item[0] not in (FILE, NOTICED, LOCK))
    return hashlib.sha256(repr(kept).encode()).hexdigest()


def _program() -> list[tuple[str, int]]:
    """Return the program's files and when each was changed: one that is worked on is another program every time."""
    return sorted(_modules(str(Path(__file__).parent)))


def _modules(folder: str) -> Iterator[tuple[str, int]]:
    for entry in os.scandir(folder):
        if entry.is_dir() and entry.name != "__pycache__":
            yield from _modules(entry.path)
        elif entry.name.endswith(".py"):
            yield entry.path, entry.stat().st_mtime_ns
