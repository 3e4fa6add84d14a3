"""What can go wrong, as a tree: each error carries its data, its exit code and the sentence for the user.

Every command loads it, so it makes do without dataclasses: their import takes longer than all else here.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import ClassVar, NamedTuple

_SIMPLE = re.compile(r"[\w.-]+")

Path = tuple[str | int, ...]
"""Where a value stands in a topology: mapping keys and list indexes, outermost first."""


class Severity(StrEnum):
    """Whether a problem keeps a topology from being used."""

    ERROR = "error"
    WARNING = "warning"


class Position(NamedTuple):
    """A place in a topology file; line and column count from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


class Problem(NamedTuple):
    """One thing wrong with a topology.

    `code` names the rule ("unknown-key", "range-outside-subnet"); `hint` says what to do next, or is empty.
    """

    code: str
    message: str
    path: Path = ()
    position: Position | None = None
    hint: str = ""
    severity: Severity = Severity.ERROR

    def __str__(self) -> str:
        where = f"{self.position}: " if self.position else ""
        path = f"{dotted(self.path)}: " if self.path else ""
        hint = f" ({self.hint})" if self.hint else ""
        label = "warning: " if self.severity is Severity.WARNING else ""
        code = f" [{self.code}]" if self.severity is Severity.WARNING else ""
        return f"{where}{label}{path}{self.message}{hint}{code}"


def dotted(path: Path) -> str:
    """Return the path as a user reads it: `networks.default.ips[0].address`, `networks['an odd name']`."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        elif _SIMPLE.fullmatch(part):
            text += f".{part}" if text else part
        else:
            text += f"[{part!r}]"
    return text


class NetreconcileError(Exception):
    """Anything that ends a command with a message instead of a traceback."""

    exit_code: ClassVar[int] = 1


class UsageError(NetreconcileError):
    """The command line asks for something that doesn't exist or doesn't fit together."""

    exit_code = 64


class InvalidTopology(NetreconcileError):
    """The files don't make a topology; `problems` holds everything that is wrong with them, at least one error."""

    exit_code = 65

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__(problems)
        self.problems = problems

    def __str__(self) -> str:
        return "\n".join(str(problem) for problem in self.problems)


class InvalidState(NetreconcileError):
    """The file is no exported state of a host."""

    exit_code = 65


class Refused(NetreconcileError):
    """The plan is understood and not carried out: it lacks consent, or a rule forbids it."""

    exit_code = 3


class Unreachable(NetreconcileError):
    """libvirt can't be reached, or its Python binding isn't installed."""

    exit_code = 69


class Busy(NetreconcileError):
    """Another run has the host's lock."""

    exit_code = 75

    def __init__(self, holder: str) -> None:
        super().__init__(holder)
        self.holder = holder

    def __str__(self) -> str:
        return (
            f"another run changes this host: {self.holder}; --lock-timeout SECONDS waits for it. Nothing was changed."
        )


class JournalFailed(NetreconcileError):
    """The journal can't be read, or can't be written where others could not interfere."""


class ProbeFailed(NetreconcileError):
    """A network can't be looked at from a guest's side: a right, a program or something of the kernel's is missing."""


class Unfinished(NetreconcileError):
    """A change broke off, and can neither go on nor be taken back now; the journal has it."""

    def __init__(self, number: int, reason: str) -> None:
        super().__init__(number, reason)
        self.number = number
        self.reason = reason

    def __str__(self) -> str:
        return (
            f"{self.reason}\nThe change broke off here; entry {self.number} of the journal has what the networks were."
            "\n`netreconcile apply` finishes it, `netreconcile rollback` undoes it."
        )


class LibvirtFailed(NetreconcileError):
    """A libvirt call failed; `code` is libvirt's error number (`virErrorNumber`), `call` the call in plan words."""

    def __init__(self, call: str, message: str, code: int) -> None:
        super().__init__(call, message, code)
        self.call = call
        self.message = message
        self.code = code

    def __str__(self) -> str:
        return f"{self.call}: {self.message}"


class ConnectionLost(LibvirtFailed):
    """The connection was gone before libvirt's answer came: whether the call was carried out is unknown."""

    exit_code = 69
