"""A connection to the host in memory that fails where a test wants it to, and commands that run over it."""

from __future__ import annotations

import contextlib
import io
import itertools
import tempfile
import threading
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, cast

from netreconcile.cli import parser
from netreconcile.commands.apply import apply_loaded
from netreconcile.commands.rollback import take_back
from netreconcile.commands.session import Session
from netreconcile.errors import ConnectionLost, LibvirtFailed, NetreconcileError
from netreconcile.folder import Folder
from netreconcile.journal import Journal
from netreconcile.loader import Loaded, Source
from netreconcile.plan import plan
from netreconcile.transaction import read
from tests.unit.simulator import Refused, Simulator

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Generator

    from netreconcile.actions import Step
    from netreconcile.entry import Entry
    from netreconcile.host import Connection
    from netreconcile.model import Topology
    from netreconcile.observed import Host, Observed

T = TypeVar("T")


class Fault(StrEnum):
    """How a call fails, and whether it was carried out."""

    REFUSED = "refused"
    FAILED_THOUGH_DONE = "failed though done"
    LOST_BEFORE = "connection lost before it was done"
    LOST_AFTER = "connection lost after it was done"
    KILLED_BEFORE = "killed before it was done"
    KILLED_AFTER = "killed after it was done"


SURVIVED: tuple[Fault, ...] = (Fault.REFUSED, Fault.FAILED_THOUGH_DONE, Fault.LOST_BEFORE, Fault.LOST_AFTER)
DEADLY: tuple[Fault, ...] = (Fault.KILLED_BEFORE, Fault.KILLED_AFTER)
_BEFORE = (Fault.REFUSED, Fault.LOST_BEFORE, Fault.KILLED_BEFORE)


class Killed(BaseException):
    """The process would be dead now."""


@dataclass
class Wire:
    """What stands for `host.Connection`.

    `faults` are by the number of the call. `refuses` says which steps libvirt can't do, `refusal` what it says then,
    `ignores` which ones it takes and doesn't do. `hook` is called before each step with its number.
    """

    simulator: Simulator
    faults: dict[int, Fault] = field(default_factory=dict[int, Fault])
    refuses: Callable[[Step], bool] = lambda _: False
    refusal: str = "libvirt can't"
    ignores: Callable[[Step], bool] = lambda _: False
    hook: Callable[[int], None] = lambda _: None
    calls: int = 0
    done: list[str] = field(default_factory=list[str])
    tried: int = 0
    alive: bool = True
    uri: str = "test:///memory"
    clears: bool = True
    _one: threading.Lock = field(default_factory=threading.Lock)

    @property
    def connection(self) -> Connection:
        """Return it as what it stands for."""
        return cast("Connection", self)

    def read(self, before: Host | None = None, changed: Collection[str] = ()) -> Host:
        """Return the networks without their guests; those that nobody has changed are the ones from before."""
        host = self._call("read", self.simulator.host)
        bare = {name: replace(there, guests=()) for name, there in host.networks.items()}
        for name, there in before.networks.items() if before else ():
            if name in bare and name not in changed and bare[name] == replace(there, guests=(), leases=()):
                bare[name] = there
        return replace(host, networks=bare, waiting={})

    def read_network(self, name: str) -> Observed | None:
        """Return one network without its guests."""
        there = self._call(f"read {name}", self.simulator.host).networks.get(name)
        return replace(there, guests=()) if there else None

    def read_guests(self, host: Host, names: Collection[str], *, idle: Collection[str] = ()) -> Host:
        """Return the host with the guests of the networks."""
        names = {*names, *idle}
        known = self._call("read guests", self.simulator.host)
        seen = {
            name: replace(there, guests=known.networks[name].guests)
            if name in names and name in known.networks
            else there
            for name, there in host.networks.items()
        }
        waiting = {name: guests for name, guests in known.waiting.items() if name in names}
        return replace(host, networks=seen, waiting=waiting)

    def perform(self, step: Step) -> str:
        """Do the step."""
        with self._one:
            number = self.tried
            self.tried += 1
        self.hook(number)
        return self._call(str(step), lambda: self._perform(step))

    @contextlib.contextmanager
    def beside(self) -> Generator[Connection]:
        """Stand for another connection, too."""
        yield self.connection

    def reopen(self) -> None:
        """It works again."""
        self.alive = True

    def _perform(self, step: Step) -> str:
        if self.refuses(step):
            raise LibvirtFailed(str(step), self.refusal, 1)
        if not self.ignores(step):
            try:
                self.simulator.perform(step)
            except (Refused, KeyError) as error:
                raise LibvirtFailed(str(step), str(error), 1) from error
        self.done.append(str(step))
        return ""

    def _call(self, words: str, function: Callable[[], T]) -> T:
        with self._one:
            if not self.alive:
                raise ConnectionLost(words, "there is no connection", 38)
            fault = self.faults.get(self.calls)
            self.calls += 1
            if fault and fault in _BEFORE:
                self._fail(words, fault)
            result = function()
            if fault:
                self._fail(words, fault)
            return result

    def _fail(self, words: str, fault: Fault) -> None:
        if fault in DEADLY:
            raise Killed
        if fault in (Fault.LOST_BEFORE, Fault.LOST_AFTER):
            self.alive = False
            raise ConnectionLost(words, "the connection was lost", 38)
        raise LibvirtFailed(words, "no reason given", 1)


@dataclass(frozen=True)
class Ran:
    """How a command ended: its exit code, or the error that ended it; and all that it printed."""

    code: int
    said: str
    error: NetreconcileError | None


@dataclass(frozen=True)
class Scene:
    """A host in memory and the journal of what is done to it."""

    host: Simulator
    journal: Journal

    def apply(self, topology: Topology, *options: str, wire: Wire | None = None, command: str = "apply") -> Ran:
        """Run `apply`, or another command that does likewise, with consent; what a `wire` raises goes through."""
        given = parser().parse_args([command, "--allow-disruption", *options, "topology.yaml"])
        session = self.session(wire)
        said = io.StringIO()
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            try:
                code = apply_loaded(given, session, Loaded(topology, (), Source(())), plan).code
            except NetreconcileError as error:
                return Ran(error.exit_code, said.getvalue(), error)
        return Ran(code, said.getvalue(), None)

    def take_back(self, entry: Entry, wire: Wire | None = None) -> bool:
        """Take back what an entry has done, as `rollback` does."""
        session = self.session(wire)
        said = io.StringIO()
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            return take_back(session, entry, read(session.connection, entry.snapshot), discard=False)

    def session(self, wire: Wire | None = None) -> Session:
        """Return a connection to the host, and its journal."""
        return Session((wire or Wire(self.host)).connection, self.journal)


def calls(wanted: Topology, host: Simulator) -> int:
    """Return how many calls a change makes that nothing goes wrong with, tried on a copy of the host."""
    copy = Simulator(dict(host.known), dict(host.guests), host.version, itertools.count(100))
    wire = Wire(copy)
    with scene(copy) as there:
        there.apply(wanted, wire=wire)
    return wire.calls


@contextlib.contextmanager
def scene(host: Simulator) -> Generator[Scene]:
    """Yield the host with an empty journal, for one run at a time."""
    with tempfile.TemporaryDirectory() as folder:
        journal = Journal(Folder(Path(folder) / "state" / "host"))
        with journal.folder.locked(0, "a test", lambda _: None):
            yield Scene(host, journal)
