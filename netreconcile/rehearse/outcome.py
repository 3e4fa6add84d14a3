"""What a rehearsal is given, and what it comes to: pure values, which travel into the lab and out of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from netreconcile.binding import Version
    from netreconcile.model import Topology
    from netreconcile.observed import Guest, Host
    from netreconcile.plan import Plan
    from netreconcile.rehearse.copy import Blueprint
    from netreconcile.results import Result
    from netreconcile.verify.verdict import NetworkVerdict

    Planner = Callable[[Topology, Host], Plan]


class Would(StrEnum):
    """What would become of the change on the host; the first that is true counts.

    | word            | what was seen                                                                      | exit |
    |-----------------|------------------------------------------------------------------------------------|------|
    | `FAIL`          | a step failed, the copy didn't match the file, or could not be taken back          | 1    |
    | `BREAK`         | all was done, and then a network didn't do for guests what its kind promises       | 2    |
    | `BE_UNKNOWN`    | a network that is to be changed could not be copied; all else worked               | 1    |
    | `BE_REFUSED`    | a network differs and would be left as it is, or held back; all else worked        | 3    |
    | `DO_NOTHING`    | the host matches the file already                                                  | 0    |
    | `WORK`          | everything worked, also the way back                                               | 0    |
    """

    FAIL = "fail"
    BREAK = "break a promise"
    BE_UNKNOWN = "be unknown"
    BE_REFUSED = "be refused"
    DO_NOTHING = "do nothing"
    WORK = "work"


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be rehearsed: a plan for a host, on a copy; `make` plans as `apply` would with its options.

    With `full`, guests experience the networks afterwards (`verify --full`).
    """

    plan: Plan
    host: Host
    blueprint: Blueprint
    make: Planner
    full: bool = False


@dataclass(frozen=True, slots=True)
class Taken:
    """A step that was taken on the copy, or skipped, with how many seconds it took."""

    result: Result
    seconds: float


@dataclass(frozen=True, slots=True)
class Gap:
    """How long frames of a guest did not arrive at the host, in seconds; 0 where none was lost.

    None stands for one that had no link before, either. `back` is whether its frames arrive at the end.
    """

    network: str
    guest: Guest
    seconds: float | None
    back: bool


@dataclass(frozen=True, slots=True)
class Act:
    """One part of the rehearsal: its steps, those that took a failed one back, and what guests noticed.

    `problem` is what went wrong, or empty. `missed` frames of guests came too fast for this machine: if there are any,
    gaps may be shorter than measured.
    """

    name: str
    taken: tuple[Taken, ...]
    undone: tuple[Taken, ...] = ()
    gaps: tuple[Gap, ...] = ()
    problem: str = ""
    missed: int = 0

    @property
    def seconds(self) -> float:
        """Return how long the steps took."""
        return sum(taken.seconds for taken in (*self.taken, *self.undone))


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What would happen. `plan` and `host` are those of the host, not of the copy.

    `libvirt` is the release in the lab, None where no lab was needed. `left_out` says what the copy lacks, `unseen` are
    the networks among that, and `differences` what the plans for host and copy don't have in common. The acts are those
    that were got to; `interval` is how exactly gaps were measured, in seconds.
    """

    plan: Plan
    host: Host
    libvirt: Version | None = None
    left_out: tuple[str, ...] = ()
    unseen: frozenset[str] = frozenset()
    differences: tuple[str, ...] = ()
    acts: tuple[Act, ...] = ()
    verdicts: tuple[NetworkVerdict, ...] = ()
    interval: float = 0.0

    @property
    def would(self) -> Would:
        """Return what would become of the change."""
        if any(act.problem for act in self.acts):
            return Would.FAIL
        if any(verdict.broken for verdict in self.verdicts):
            return Would.BREAK
        if any(step.network in self.unseen for step in self.plan.steps):
            return Would.BE_UNKNOWN
        if self.plan.refused:
            return Would.BE_REFUSED
        return Would.WORK if self.plan.steps else Would.DO_NOTHING


@dataclass(frozen=True, slots=True)
class Told:
    """Something that is said while the rehearsal goes on."""

    text: str


@dataclass(frozen=True, slots=True)
class BrokenOff:
    """Why the rehearsal could not be held to its end."""

    why: str
