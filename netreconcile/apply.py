"""Carries out steps, one by one: each only on a network that is as it was left, and each written down before and after.

Whoever else changes a network meanwhile is noticed before the next step on it; libvirt itself has no such check.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import StrEnum
from time import monotonic, sleep
from typing import TYPE_CHECKING, Protocol, TypeVar

from netreconcile.actions import Replug, Start, Step, Stop
from netreconcile.errors import ConnectionLost, JournalFailed, LibvirtFailed
from netreconcile.observed import state_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from netreconcile.host import Connection
    from netreconcile.plan import Plan

T = TypeVar("T")
_IN_USE = "Address already in use"
_IN_THE_WAY = ("File exists", "already in use by interface", _IN_USE)
_PAUSES = (0.1, 0.3, 1.0)
"""Seconds between the tries to start a network whose address a dnsmasq still has that libvirt has just told to end:
when a network stops, it doesn't wait for that (networkShutdownNetworkVirtual in bridge_driver.c)."""
_TRIES = 2
"""So often something is read again that could not be: in the middle of a change no other answer is of use."""


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


Watcher = Callable[[Step, Result | None, bool], None]
"""Called before each step with None, and after it with its result; and whether that is to take something back."""


class Record(Protocol):
    """Where steps are written down."""

    def begin(self, step: Step) -> None:
        """The step is on record before it is done. Raises JournalFailed."""

    def done(self, result: Result, state: str) -> None:
        """The result is on record, and the state of the network after it. Raises JournalFailed."""


@dataclass
class Worker:
    """Does steps on a host.

    `known` is the state in which each network was read or left, and `touched` has those that steps were begun on; both
    are kept up to date. `interrupted` says why no further step may be begun, or nothing. With `undo` its steps take
    something back.
    """

    connection: Connection
    known: dict[str, str]
    watch: Watcher
    interrupted: Callable[[], str]
    touched: set[str] = field(default_factory=set[str])
    undo: bool = False
    _read: str = ""
    """The network that was read last: just now, if the next step is its own, too."""

    def perform(self, steps: Iterable[Step], record: Record, *, keep_going: bool) -> tuple[Result, ...]:
        """Do the steps in their order; after a failed one nothing more, or with `keep_going` not to its network.

        That one guest can't be plugged back in keeps nothing else from being done.
        """
        results: list[Result] = []
        failed: set[str] = set()
        halted = False
        down: dict[str, float] = {}
        for step in steps:
            halted = halted or bool(self.interrupted()) or (bool(failed) and not keep_going)
            if halted or step.network in failed:
                results.append(Result(step, Outcome.SKIPPED))
                continue
            self.watch(step, None, self.undo)
            if isinstance(step.action, Stop):
                down[step.network] = monotonic()
            result = self._one(step, record)
            if result.failed and not isinstance(step.action, Replug):
                failed.add(step.network)
            elif isinstance(step.action, Replug) and step.network in down and result == Result(step, Outcome.DONE):
                result = replace(result, cut=monotonic() - down[step.network])
            self.watch(step, result, self.undo)
            results.append(result)
        return tuple(results)

    def _one(self, step: Step, record: Record) -> Result:
        """Do one step on a network that is as it was left, and note the state in which that leaves it.

        Plugging a guest in changes nothing of its network, and guests wait for it: nothing is read around that.
        """
        plug = isinstance(step.action, Replug)
        try:
            if not plug and self._read != step.network and self._state(step.network) != self.known.get(step.network):
                return Result(step, Outcome.FAILED, "somebody else has changed this network meanwhile")
            record.begin(step)
            self.touched.add(step.network)
        except (LibvirtFailed, JournalFailed) as error:
            return Result(step, Outcome.FAILED, str(error))
        result = self._tried(step)
        if plug and result.failed:
            result = self._tried(step)  # a guest that is busy (a snapshot, say) may be free now
        for pause in _PAUSES if isinstance(step.action, Start) else ():
            if result.failed and _IN_USE in result.message:
                sleep(pause)
                result = self._tried(step)
        if not plug:
            self.known[step.network] = self._state(step.network)
        try:
            record.done(result, self.known[step.network])
        except JournalFailed as error:
            return Result(step, Outcome.FAILED, f"{result.outcome}, but {error}")
        return result

    def _tried(self, step: Step) -> Result:
        try:
            try:
                return Result(step, Outcome.DONE, self.connection.perform(step))
            except ConnectionLost:
                # Whether libvirt has done it can be seen: what is as before is done once more.
                if self._state(step.network) != self.known[step.network]:
                    return Result(step, Outcome.DONE, "the connection was lost meanwhile; it is done")
                return Result(step, Outcome.DONE, self.connection.perform(step))
        except LibvirtFailed as error:
            return Result(step, Outcome.FAILED, f"{error.message}{_leftovers(step, error)}")

    def _state(self, name: str) -> str:
        """Return the network's state now. Raises LibvirtFailed, Unreachable."""
        self._read = name
        return state_of(patiently(self.connection, lambda: self.connection.read_network(name)))


def _leftovers(step: Step, error: LibvirtFailed) -> str:
    """Return what to do where a start is refused for what an earlier one, in which libvirt was killed, left behind."""
    if not isinstance(step.action, Start) or not any(text in error.message for text in _IN_THE_WAY):
        return ""
    return (
        "; if libvirt was killed while starting this network, delete its bridge (`ip link delete BRIDGE`), end the"
        f" dnsmasq of /run/libvirt/network/{step.network}.pid, and apply again"
    )


def patiently(connection: Connection, read: Callable[[], T]) -> T:
    """Return what is read, over a new connection where the old one is gone. Raises LibvirtFailed, Unreachable."""
    for _ in range(_TRIES):
        try:
            return read()
        except ConnectionLost:
            connection.reopen()
        except LibvirtFailed:
            continue
    return read()
