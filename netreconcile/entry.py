"""An entry of the journal: what was wanted, what the networks were, what was done, and what became of it.

Each class but `Entry` is a line of its file; what a line has that this version doesn't know is left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, TypeAlias

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from netreconcile.observed import ABSENT, state_of
from netreconcile.record import NetworkRecord, recorded

if TYPE_CHECKING:
    from collections.abc import Mapping

    from netreconcile.observed import Guest, Host, Observed

    Snapshot: TypeAlias = Mapping[str, Observed | None]


def _written(text: str) -> str:
    """Return the text as it can be written: what the system or libvirt names needn't be Unicode."""
    return text.encode(errors="backslashreplace").decode()


Told = Annotated[str, AfterValidator(_written)]
LATEST: Final = 2**37
When = Annotated[float, Field(ge=0, le=LATEST)]
"""A time in seconds of Unix time, which a calendar has."""


class Status(StrEnum):
    """What has become of an entry.

    | status       | the host                                              | needs somebody |
    |--------------|-------------------------------------------------------|----------------|
    | `UNFINISHED` | is in the middle: it runs, or broke off               | yes            |
    | `UNCONFIRMED`| was changed, and goes back unless that is confirmed   | yes            |
    | `APPLIED`    | was changed                                           |                |
    | `PARTLY`     | was changed as far as it went                         |                |
    | `ROLLED_BACK`| is as it was before: something failed                 |                |
    | `UNDONE`     | is as it was before: somebody wanted it back, or nobody confirmed |    |
    | `CONTINUED`  | was taken further by a later entry                    |                |
    """

    UNFINISHED = "unfinished"
    UNCONFIRMED = "unconfirmed"
    APPLIED = "applied"
    PARTLY = "partly applied"
    ROLLED_BACK = "rolled back"
    UNDONE = "undone"
    CONTINUED = "continued"


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Header(_Record):
    """What is wanted, by whom, and what the networks were that it touches (None: not there).

    Of a change that broke off and is continued, `left` has the networks that it had touched, each with its state now,
    and `stopped` those of them that it had taken down.
    """

    format_version: Literal[1] = 1
    command: str
    topology: str
    digest: str
    files: tuple[Told, ...]
    connection: str
    when: When
    who: Told
    fingerprint: str
    text: tuple[str, ...]
    plan: dict[str, Any]
    before: dict[str, NetworkRecord | None]
    continues: int | None = None
    left: dict[str, str] = {}
    stopped: tuple[str, ...] = ()
    undoes: int | None = None


class Begun(_Record):
    """A step is about to be done; `stops` says whether guests may hang loose meanwhile."""

    record: Literal["begun"] = "begun"
    network: str
    step: str
    stops: bool
    undo: bool


class Done(_Record):
    """A step was done, or failed; `state` is the network's afterwards."""

    record: Literal["done"] = "done"
    network: str
    outcome: str
    message: Told
    state: str


class Mending(_Record):
    """Something below libvirt was mended, or could not be; that is never taken back."""

    record: Literal["mending"] = "mending"
    network: str
    finding: Told
    actions: tuple[Told, ...]
    done: bool
    message: Told = ""


class Ended(_Record):
    """The run is over."""

    record: Literal["ended"] = "ended"
    status: Status
    when: When
    message: Told = ""
    confirm_until: When | None = None


class Closed(_Record):
    """Something later has settled the entry."""

    record: Literal["closed"] = "closed"
    status: Status
    when: When
    by: int | None = None


Line: TypeAlias = Begun | Done | Mending | Ended | Closed
_LINE: Final[TypeAdapter[Line]] = TypeAdapter(Annotated[Line, Field(discriminator="record")])


@dataclass(frozen=True, slots=True)
class Entry:
    """One change of the host, from what was wanted to what became of it."""

    number: int
    header: Header
    lines: tuple[Line, ...] = ()

    @property
    def status(self) -> Status:
        """Return what has become of it; where not all could be mended, it was done as far as it went."""
        last = next((line for line in reversed(self.lines) if isinstance(line, (Ended, Closed))), None)
        if last is None:
            return Status.UNFINISHED
        everything = all(line.done for line in self.mended)
        return last.status if everything or last.status is not Status.APPLIED else Status.PARTLY

    @property
    def mended(self) -> tuple[Mending, ...]:
        """Return what was mended below libvirt, or could not be."""
        return tuple(line for line in self.lines if isinstance(line, Mending))

    @property
    def networks(self) -> tuple[str, ...]:
        """Return the names of the networks that it is about."""
        return tuple(sorted(self.header.before.keys() | {line.network for line in self.mended}))

    @property
    def ended(self) -> Ended | None:
        """Return how the run ended, None while it hasn't."""
        return next((line for line in self.lines if isinstance(line, Ended)), None)

    @property
    def needs_somebody(self) -> bool:
        """Return whether it is still to be finished, confirmed or undone."""
        return self.status in (Status.UNFINISHED, Status.UNCONFIRMED)

    @property
    def snapshot(self) -> Snapshot:
        """Return the networks as they were."""
        return {name: record.network(name) if record else None for name, record in self.header.before.items()}

    @property
    def states(self) -> dict[str, str]:
        """Return the state in which each network was left that was touched; those in flight may have an older one."""
        snapshot = self.snapshot
        begun = {line.network: state_of(snapshot[line.network]) for line in self.lines if isinstance(line, Begun)}
        done = {line.network: line.state for line in self.lines if isinstance(line, Done)}
        return {**begun, **self.header.left, **done}

    @property
    def in_flight(self) -> frozenset[str]:
        """Return the networks whose last step may or may not have been done."""
        last = {line.network: line for line in self.lines if isinstance(line, (Begun, Done))}
        return frozenset(name for name, line in last.items() if isinstance(line, Begun))

    def left_alone_since(self, host: Host) -> Snapshot:
        """Return, as they were, the networks that were touched and that nobody else has changed since."""
        snapshot, flying = self.snapshot, self.in_flight
        found: dict[str, Observed | None] = {}
        for name, state in self.states.items():
            there = host.networks.get(name)
            if name in flying or (there.is_as_left(state) if there else state == ABSENT):
                found[name] = snapshot[name]
        return found

    @property
    def stopped(self) -> dict[str, tuple[Guest, ...]]:
        """Return the networks that were taken down, or had guests plugged in, each with the guests that it had."""
        begun = {line.network for line in self.lines if isinstance(line, Begun) and line.stops}
        names = begun.union(self.header.stopped)
        return {name: was.guests for name, was in self.snapshot.items() if was and name in names}

    @property
    def steps(self) -> tuple[tuple[Begun, Done | None], ...]:
        """Return the steps that were begun, each with how it ended: a network has one under way at a time."""
        pairs: list[tuple[Begun, Done | None]] = []
        latest: dict[str, int] = {}
        for line in self.lines:
            if isinstance(line, Begun):
                latest[line.network] = len(pairs)
                pairs.append((line, None))
            elif isinstance(line, Done) and line.network in latest:
                position = latest[line.network]
                pairs[position] = (pairs[position][0], line)
        return tuple(pairs)


def snapshot_records(snapshot: Snapshot) -> dict[str, NetworkRecord | None]:
    """Return the networks as the journal keeps them."""
    return {name: recorded(there) if there else None for name, there in snapshot.items()}


def parsed(number: int, text: str) -> Entry:
    """Return the entry that the text is. Raises ValueError."""
    first, *rest = text.split("\n")
    header = Header.model_validate_json(first)
    lines = tuple(_LINE.validate_json(line) for line in rest[:-1])
    touched = {line.network for line in lines if isinstance(line, (Begun, Done))}
    unknown = touched.union(header.left) - header.before.keys()
    if unknown:
        msg = f"it doesn't tell what was before: {', '.join(sorted(unknown))}"
        raise ValueError(msg)
    return Entry(number, header, lines)


def settles(line: str) -> bool:
    """Return whether an entry whose last line this is needs nobody any more."""
    try:
        last = _LINE.validate_json(line)
    except ValueError:
        return False
    return isinstance(last, (Ended, Closed)) and last.status is not Status.UNCONFIRMED


def why(error: ValueError) -> str:
    """Return what is wrong with an entry, in one line."""
    if not isinstance(error, ValidationError):
        return str(error)
    first = error.errors(include_url=False)[0]
    where = ".".join(map(str, first["loc"]))
    return f"{f'{where}: ' if where else ''}{first['msg']}"
