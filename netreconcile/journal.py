"""The journal: a folder for each libvirt host, and in it a file of JSON lines for each time the host was changed.

The first line of an entry says who wants what, and what the networks were; it is on disk before anything is done. Each
step then adds a line before and one after it, so that whoever finds the entry without an end knows where it broke off.
A file is only ever made and added to; a line that was cut short is none.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from netreconcile.entry import Entry, Header, Status, parsed, settles, why
from netreconcile.errors import JournalFailed, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from netreconcile.entry import Line
    from netreconcile.folder import Folder

KEPT: Final = 100
"""So many entries of a host are kept, and those that still need somebody."""
KEPT_BYTES: Final = 64 * 1024 * 1024
"""So much may the kept entries take together, but the newest few are kept however large they are."""
ALWAYS: Final = 5
LOG: Final = ".log"
"""What follows an entry's number in the name of the file with what its watchdog said."""
_SUFFIX: Final = ".jsonl"
_NAME: Final = re.compile(r"([1-9][0-9]*)\.jsonl")


@dataclass(frozen=True, slots=True)
class Journal:
    """The entries of one host. Without its folder there are none; writing needs the lock (`folder.locked`)."""

    folder: Folder
    unreadable: list[str] = field(default_factory=list[str])

    def entries(self) -> tuple[Entry, ...]:
        """Return the entries, the newest first; what can't be read is told in `unreadable`."""
        return tuple(self.each())

    def each(self) -> Iterator[Entry]:
        """Yield the entries as `entries` has them, each read when it is asked for."""
        yield from self._read(self._numbers())

    def _read(self, numbers: Iterable[int]) -> Iterator[Entry]:
        for number in numbers:
            try:
                yield self.entry(number)
            except JournalFailed as error:
                self.unreadable.append(str(error))
            except UsageError:
                continue  # somebody has pruned it meanwhile

    def entry(self, number: int) -> Entry:
        """Return one entry. Raises UsageError where there is none, JournalFailed where it can't be read."""
        text = self.folder.read(f"{number}{_SUFFIX}")
        if text is None:
            numbers = self._numbers()
            known = f"entries are {numbers[-1]} to {numbers[0]}" if numbers else "the journal is empty"
            msg = f"the journal of this host has no entry {number}; {known}"
            raise UsageError(msg)
        try:
            return parsed(number, text)
        except ValueError as error:
            file = self.folder.path / f"{number}{_SUFFIX}"
            msg = f"entry {number} of the journal can't be read: {file}: {why(error)}"
            raise JournalFailed(msg) from error

    def pending(self, topology: str | None = None) -> Entry | None:
        """Return the newest entry, of one topology or any, that still needs somebody.

        One that a later entry continues no longer does.
        """
        for entry in self._read(number for number in self._numbers() if not self._is_settled(number)):
            ours = topology in (None, entry.header.topology)
            if ours and entry.needs_somebody and not self._is_continued(entry.number):
                return entry
        return None

    def _is_continued(self, number: int) -> bool:
        """Return whether a later entry continues this one, also where nobody came to write that down in it."""
        later = self._read(other for other in self._numbers() if other > number)
        return any(entry.header.continues == number for entry in later)

    def _is_settled(self, number: int) -> bool:
        """Return whether the entry's last line says that nobody is needed; all of a large host's takes long to read."""
        try:
            return settles(self.folder.last_line(f"{number}{_SUFFIX}"))
        except JournalFailed:
            return False

    def begin(self, header: Header) -> Writing:
        """Return a new entry with the header, on disk. Raises JournalFailed."""
        number = max(self._numbers(), default=0) + 1
        self._prune()
        name = f"{number}{_SUFFIX}"
        self.folder.create(name, header.model_dump_json() + "\n")
        return Writing(number, self.folder, name)

    def reopened(self, entry: Entry) -> Writing:
        """Return an entry to add lines to."""
        return Writing(entry.number, self.folder, f"{entry.number}{_SUFFIX}")

    def _numbers(self) -> list[int]:
        found = (_NAME.fullmatch(name) for name in self.folder.names())
        return sorted((int(match[1]) for match in found if match), reverse=True)

    def _prune(self) -> None:
        """Of the entries that nobody needs any more only the newest are left."""
        used = 0
        for position, number in enumerate(self._numbers()):
            name = f"{number}{_SUFFIX}"
            used += self.folder.size(name)
            if position < ALWAYS or (position < KEPT - 1 and used <= KEPT_BYTES):
                continue
            with suppress(JournalFailed):
                if self.entry(number).needs_somebody:
                    continue
            self.folder.remove(name)
            self.folder.remove(f"{number}{LOG}")


@dataclass(frozen=True, slots=True)
class Writing:
    """An entry that lines are added to, by whoever holds the host's lock."""

    number: int
    folder: Folder
    name: str

    def add(self, line: Line, *, durable: bool = True) -> None:
        """The line is in the file and, if durable, on disk. Raises JournalFailed."""
        self.folder.append(self.name, line.model_dump_json() + "\n", durable=durable)


def held(entries: Iterable[Entry], topology: str, digest: str) -> Entry | None:
    """Return the entry that says that this very topology must not be applied once more, if there is one.

    It is the newest `apply` of the topology: somebody took it back, or it cut guests off and failed. A loop that
    applies whatever is in a repository would do it again and again.
    """
    for entry in entries:
        if entry.header.topology != topology or entry.header.command != "apply":
            continue
        taken_back = entry.status is Status.UNDONE
        in_vain = entry.status is Status.ROLLED_BACK and entry.header.plan.get("needs_consent") is True
        return entry if entry.header.digest == digest and (taken_back or in_vain) else None
    return None


def who() -> str:
    """Return who runs this, for people: the user, also behind sudo, and the machine."""
    import getpass
    import socket

    try:
        user = getpass.getuser()
    except (OSError, KeyError):
        user = f"uid {os.getuid()}"
    behind = os.environ.get("SUDO_USER")
    return f"{f'{behind} as ' if behind and behind != user else ''}{user} on {socket.gethostname()}"
