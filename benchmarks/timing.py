"""Times commands as whole processes, interleaved, and compares them round by round.

On a shared machine single times say little: what counts is the ratio to another command of the same round.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

STARTER = Path(__file__).with_name("starter.py")


@dataclass(frozen=True, slots=True)
class Sample:
    """One run of a command: seconds by the clock, CPU seconds of its processes, peak memory of the largest in MiB."""

    seconds: float
    cpu: float
    peak: float


@dataclass(frozen=True, slots=True)
class Case:
    """A command to time, with its whole environment; `before` runs ahead of each round and isn't timed.

    `entrance` is a command that runs another one somewhere else, inside of a lab for example; that isn't timed either.
    """

    command: Sequence[str]
    environment: Mapping[str, str]
    before: Callable[[], object] = lambda: None
    entrance: Sequence[str] = ()


class Failed(Exception):
    """A command of a benchmark did not exit with 0."""


def sample(case: Case, log: Path) -> Sample:
    """Run the command once; what it prints goes to the log. Raises Failed."""
    case.before()
    command = [*case.entrance, sys.executable, "-I", "-S", str(STARTER), str(log), *case.command]
    ran = subprocess.run(command, env=case.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True)
    code, *figures = json.loads(ran.stdout)
    if code != 0:
        msg = f"{' '.join(case.command)}: exit code {code}\n{log.read_text(errors='replace')[-2000:]}"
        raise Failed(msg)
    return Sample(*figures)


def interleaved(cases: Mapping[str, Case], rounds: int, log: Path) -> dict[str, tuple[Sample, ...]]:
    """Return the samples of each case: in each round every case runs once; one more round before warms up."""
    found: dict[str, list[Sample]] = {name: [] for name in cases}
    for number in range(rounds + 1):
        for name, case in cases.items():
            taken = sample(case, log)
            if number:
                found[name].append(taken)
    return {name: tuple(samples) for name, samples in found.items()}


@dataclass(frozen=True, slots=True)
class Spread:
    """A median with the lower and upper quartile."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Return the spread of the values, at least one."""
        if len(values) == 1:
            return cls(values[0], values[0], values[0])
        low, median, high = statistics.quantiles(values, n=4, method="inclusive")
        return cls(median, low, high)

    def __str__(self) -> str:
        return f"{self.median:.2f} ({self.low:.2f}-{self.high:.2f})"


def ratio(samples: Sequence[Sample], to: Sequence[Sample]) -> Spread:
    """Return how many times longer the one takes than the other, compared round by round."""
    return Spread.of([mine.seconds / other.seconds for mine, other in zip(samples, to, strict=True)])
