"""What a look at a network comes to: promises that are kept, broken or can't be seen, and remarks. Pure values."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """How a promise stands; what can't be seen is neither kept nor broken."""

    KEPT = "kept"
    BROKEN = "broken"
    UNSEEN = "unseen"


@dataclass(frozen=True, slots=True)
class Verdict:
    """One promise of a network: what it says, what was seen, and how it stands.

    `code` names the promise for machines ("dhcp4.router"); `subject` tells several of one code apart (a name that is
    looked up, a MAC address), or is empty. `hint` says what mends a broken one, or why one can't be seen, or is empty.
    """

    code: str
    expected: str
    seen: str
    outcome: Outcome
    subject: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Remark:
    """Something about a network that breaks no promise, and that its operator should know; `code` names the rule.

    `subject` tells several of one code apart, or is empty.
    """

    code: str
    message: str
    subject: str = ""


@dataclass(frozen=True, slots=True)
class NetworkVerdict:
    """Everything that was found out about one network; `seconds` is how long its probes took."""

    network: str
    mode: str
    verdicts: tuple[Verdict, ...] = ()
    remarks: tuple[Remark, ...] = ()
    seconds: float = 0.0

    @property
    def broken(self) -> tuple[Verdict, ...]:
        """Return the promises that are broken."""
        return tuple(verdict for verdict in self.verdicts if verdict.outcome is Outcome.BROKEN)


def judged(  # noqa: PLR0913 -- what a verdict says
    code: str, expected: str, seen: str, *, kept: bool, subject: str = "", hint: str = ""
) -> Verdict:
    """Return the verdict on a promise that could be seen."""
    return Verdict(code, expected, seen, Outcome.KEPT if kept else Outcome.BROKEN, subject, "" if kept else hint)


def unseen(code: str, expected: str, why: str, *, subject: str = "") -> Verdict:
    """Return the verdict on a promise that could not be seen, with the reason."""
    return Verdict(code, expected, "not seen", Outcome.UNSEEN, subject, why)
