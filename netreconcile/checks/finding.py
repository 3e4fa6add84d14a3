"""What a rule about one network finds: a problem whose weight depends on when libvirt, or dnsmasq, would refuse it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from netreconcile.errors import Path, Problem, Severity


class Stage(Enum):
    """When the finding would be felt.

    | stage | active network | inactive network |
    |---|---|---|
    | DEFINE: refused, dropped or rewritten at define | error | error |
    | START: refused at start, by libvirt or dnsmasq | error | warning |
    | NEVER: legal, but it looks like a mistake | warning | warning |
    | MISREAD: taken, and understood as something else, which can harm the host | error | error |
    """

    DEFINE = auto()
    START = auto()
    NEVER = auto()
    MISREAD = auto()

    def severity(self, *, active: bool) -> Severity:
        """Return what the table says."""
        error = self in (Stage.DEFINE, Stage.MISREAD) or (self is Stage.START and active)
        return Severity.ERROR if error else Severity.WARNING


@dataclass(frozen=True, slots=True)
class Finding:
    """A problem of one network; the path starts at the network."""

    stage: Stage
    code: str
    path: Path
    message: str
    hint: str = ""

    def problem(self, network: str, *, active: bool) -> Problem:
        """Return the finding as a problem of the topology."""
        return Problem(
            code=self.code,
            message=self.message,
            path=("networks", network, *self.path),
            hint=self.hint,
            severity=self.stage.severity(active=active),
        )


def listed(words: tuple[str, ...], last: str = "and") -> str:
    """Return words as a sentence has them: `a, b and c`."""
    return f"{', '.join(words[:-1])} {last} {words[-1]}" if len(words) > 1 else "".join(words)
