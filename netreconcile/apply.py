"""Carries out a plan, step by step, and proves the result: the host is read and planned again afterwards."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from time import monotonic
from typing import TYPE_CHECKING

from netreconcile.actions import Replug, Step, Stop
from netreconcile.errors import LibvirtFailed

if TYPE_CHECKING:
    from netreconcile.host import Connection
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


@dataclass(frozen=True, slots=True)
class Report:
    """What was done, in the order of the plan, and what a new plan still finds to do."""

    results: tuple[Result, ...]
    remaining: Plan

    @property
    def failed(self) -> tuple[Result, ...]:
        """Return the results of the steps that failed."""
        return tuple(result for result in self.results if result.outcome is Outcome.FAILED)

    @property
    def verified(self) -> bool:
        """Return whether the host now matches: nothing failed, and nothing is left to do."""
        return not self.failed and not self.remaining.steps and not self.remaining.refused


Watcher = Callable[[Step, Result | None], None]
"""Called before each step with None, and after it with its result."""


def apply(connection: Connection, plan: Plan, replan: Callable[[], Plan], watch: Watcher) -> Report:
    """Perform exactly the plan's steps, then plan again with `replan`.

    After a failed step nothing more is done to its network; the others go on. That one guest can't be plugged back in
    keeps no other from it.
    """
    results: list[Result] = []
    failed: set[str] = set()
    down: dict[str, float] = {}
    for step in plan.steps:
        if step.network in failed:
            results.append(Result(step, Outcome.SKIPPED))
            continue
        watch(step, None)
        if isinstance(step.action, Stop):
            down[step.network] = monotonic()
        result = _perform(connection, step)
        if result.outcome is Outcome.FAILED and not isinstance(step.action, Replug):
            failed.add(step.network)
        elif isinstance(step.action, Replug) and step.network in down and result == Result(step, Outcome.DONE):
            result = replace(result, cut=monotonic() - down[step.network])
        watch(step, result)
        results.append(result)
    return Report(tuple(results), replan())


def _perform(connection: Connection, step: Step) -> Result:
    try:
        return Result(step, Outcome.DONE, connection.perform(step))
    except LibvirtFailed as error:
        return Result(step, Outcome.FAILED, error.message)
