"""Carries out steps, each only on a network that is as it was left, and each written down before and after.

Whoever else changes a network meanwhile is noticed before the next step on it; libvirt itself has no such check.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import groupby
from time import monotonic, sleep
from typing import TYPE_CHECKING, Protocol, TypeVar

from netreconcile.actions import Replug, Start, Step, Stop
from netreconcile.errors import ConnectionLost, JournalFailed, LibvirtFailed, Unreachable
from netreconcile.observed import state_of
from netreconcile.results import Outcome, Result

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable
    from concurrent.futures import ThreadPoolExecutor

    from netreconcile.host import Connection

T = TypeVar("T")
_IN_USE = "Address already in use"
_IN_THE_WAY = ("File exists", "already in use by interface", _IN_USE)
_PAUSES = (0.1, 0.3, 1.0)
"""Seconds between the tries to start a network whose address a dnsmasq still has that libvirt has just told to end:
when a network stops, it doesn't wait for that (networkShutdownNetworkVirtual in bridge_driver.c)."""
AT_ONCE = 3
"""So many networks are started at the same time: a start is mostly libvirt waiting for the programs that it runs.

Only where we can clear away what libvirt leaves of each of them if it is killed meanwhile.
"""
_TRIES = 2
"""So often something is read again that could not be: in the middle of a change no other answer is of use."""


Attempt = Callable[[], Result]
"""Does a step, or waits until it is done. Raises ConnectionLost."""
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

        Starts that follow each other are under way at the same time: none of them waits for another one, only for
        steps that let go of something (`order.Claims`). That one guest can't be plugged back in keeps nothing else
        from being done.
        """
        course = _Course(self, record)
        for starts, group in groupby(steps, lambda step: isinstance(step.action, Start)):
            some = tuple(group)
            with self._lane(len(some) if starts else 1) as lane:
                for step in some:
                    if self.interrupted() or (course.failed and not keep_going) or step.network in course.failed:
                        course.skip(step)
                    else:
                        course.begin(step, lane)
                        course.finish(lane.at_once - 1)
                course.finish(0)
        return tuple(course.results)

    @contextmanager
    def _lane(self, steps: int) -> Generator[_Lane]:
        """Yield what does so many steps: several of them at the same time where that is safe."""
        with ExitStack() as stack:
            lane = _Lane(self.connection)
            if steps > 1 and self.connection.clears:
                from concurrent.futures import ThreadPoolExecutor

                with suppress(Unreachable, LibvirtFailed):
                    other = stack.enter_context(self.connection.beside())
                    lane = _Lane(other, AT_ONCE, stack.enter_context(ThreadPoolExecutor(AT_ONCE)))
            yield lane

    def refusal(self, step: Step, record: Record) -> str:
        """Return why the step must not be begun; nothing where it is on record now, and its network is as it was left.

        Plugging a guest in changes nothing of its network, and guests wait for it: nothing is read around that.
        """
        plug = isinstance(step.action, Replug)
        try:
            if not plug and self._read != step.network and self._state(step.network) != self.known.get(step.network):
                return "somebody else has changed this network meanwhile"
            record.begin(step)
        except (LibvirtFailed, JournalFailed) as error:
            return str(error)
        self.touched.add(step.network)
        return ""

    def finished(self, step: Step, attempt: Attempt, record: Record) -> Result:
        """Return what became of the step, when that is on record with the state in which it left its network."""
        result = self._outcome(step, attempt)
        if not isinstance(step.action, Replug):
            self.known[step.network] = self._state(step.network)
        try:
            record.done(result, self.known[step.network])
        except JournalFailed as error:
            return Result(step, Outcome.FAILED, f"{result.outcome}, but {error}")
        return result

    def _outcome(self, step: Step, attempt: Attempt) -> Result:
        try:
            try:
                return attempt()
            except ConnectionLost:
                # Whether libvirt has done it can be seen: what is as before is done once more.
                if self._state(step.network) != self.known[step.network]:
                    return Result(step, Outcome.DONE, "the connection was lost meanwhile; it is done")
                return _attempt(step, self.connection)
        except LibvirtFailed as error:
            return Result(step, Outcome.FAILED, error.message)

    def _state(self, name: str) -> str:
        """Return the network's state now. Raises LibvirtFailed, Unreachable."""
        self._read = name
        return state_of(patiently(self.connection, lambda: self.connection.read_network(name)))


@dataclass(frozen=True, slots=True)
class _Lane:
    """The connection that steps are done on, how many at the same time, and the threads for that, if any.

    With threads it is one of its own: what is read meanwhile needn't wait, and if ours is lost, that goes on.
    """

    connection: Connection
    at_once: int = 1
    threads: ThreadPoolExecutor | None = None

    def begin(self, step: Step) -> Attempt:
        """Return what waits for the step, which is under way; where there are no threads it is done then."""
        attempt = partial(_attempt, step, self.connection)
        return self.threads.submit(attempt).result if self.threads else attempt


@dataclass
class _Course:
    """The steps that are under way, and what became of those before them, in the order in which they were begun.

    `failed` are the networks with which that is the end of it, `down` says since when a network is down.
    """

    worker: Worker
    record: Record
    results: list[Result] = field(default_factory=list[Result])
    failed: set[str] = field(default_factory=set[str])
    down: dict[str, float] = field(default_factory=dict[str, float])
    under_way: deque[tuple[Step, Attempt]] = field(default_factory=deque[tuple[Step, Attempt]])

    def begin(self, step: Step, lane: _Lane) -> None:
        """The step is under way, or it has failed."""
        self.worker.watch(step, None, self.worker.undo)
        if isinstance(step.action, Stop):
            self.down[step.network] = monotonic()
        if refusal := self.worker.refusal(step, self.record):
            self.finish(0)
            self._end(Result(step, Outcome.FAILED, refusal))
            return
        self.under_way.append((step, lane.begin(step)))

    def finish(self, most: int) -> None:
        """At most so many steps are still under way."""
        while len(self.under_way) > most:
            step, attempt = self.under_way.popleft()
            self._end(self.worker.finished(step, attempt, self.record))

    def skip(self, step: Step) -> None:
        """The step isn't done."""
        self.finish(0)
        self.results.append(Result(step, Outcome.SKIPPED))

    def _end(self, result: Result) -> None:
        step = result.step
        if result.failed and not isinstance(step.action, Replug):
            self.failed.add(step.network)
        elif isinstance(step.action, Replug) and step.network in self.down and result == Result(step, Outcome.DONE):
            result = replace(result, cut=monotonic() - self.down[step.network])
        self.worker.watch(step, result, self.worker.undo)
        self.results.append(result)


def _attempt(step: Step, connection: Connection) -> Result:
    """Return what became of the step, tried again where that may help. Raises ConnectionLost."""
    result = _tried(step, connection)
    if isinstance(step.action, Replug) and result.failed:
        result = _tried(step, connection)  # a guest that is busy (a snapshot, say) may be free now
    for pause in _PAUSES if isinstance(step.action, Start) else ():
        if result.failed and _IN_USE in result.message:
            sleep(pause)
            result = _tried(step, connection)
    return result


def _tried(step: Step, connection: Connection) -> Result:
    try:
        return Result(step, Outcome.DONE, connection.perform(step))
    except ConnectionLost:
        raise
    except LibvirtFailed as error:
        return Result(step, Outcome.FAILED, f"{error.message}{_leftovers(step, error)}")


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
