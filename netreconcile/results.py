"""What becomes of steps, and of a change as a whole, as values. Pure; `worker` does the steps."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from netreconcile.actions import Stop

if TYPE_CHECKING:
    from netreconcile.actions import Step
    from netreconcile.plan import Plan


class Outcome(StrEnum):
    """What became of a step."""

    DONE = "done"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Result:
    """A step and what became of it; `message` is libvirt's where it failed, and a remark or empty where it is done.

    `cut` is how long a guest that was plugged back in had no link, in seconds.
    """

    step: Step
    outcome: Outcome
    message: str = ""
    cut: float | None = None

    @property
    def failed(self) -> bool:
        """Return whether the step was tried, and isn't done."""
        return self.outcome is Outcome.FAILED


@dataclass(frozen=True, slots=True)
class Undone:
    """How what had been done was taken back: the steps, what is left to be taken back, and whether all is as it was."""

    results: tuple[Result, ...]
    left: Plan
    complete: bool


@dataclass(frozen=True, slots=True)
class Report:
    """What was done, in the order of the plan, and what a new plan still finds to do.

    `undone` tells what was taken back, if anything was, `why` the reason, and `everything` whether it was to be all.
    """

    results: tuple[Result, ...]
    remaining: Plan
    undone: Undone | None = None
    why: str = ""
    everything: bool = False

    @property
    def failed(self) -> tuple[Result, ...]:
        """Return the results of the steps that failed."""
        return tuple(result for result in self.results if result.failed)

    @property
    def verified(self) -> bool:
        """Return whether the host now matches: nothing failed, and nothing is left to do."""
        return not self.failed and not self.undone and not self.remaining.steps and not self.remaining.refused

    def guests_cut(self, plan: Plan) -> int:
        """Return how many running guests lost their link by what was done of the plan, if only for a moment."""
        done = (result.step for result in self.results if result.outcome is Outcome.DONE)
        stopped = {step.network for step in done if isinstance(step.action, Stop)}
        cut = (guest for part in plan.networks if part.name in stopped for guest in part.cut)
        return sum(guest.running and guest.plugged for guest in cut)
