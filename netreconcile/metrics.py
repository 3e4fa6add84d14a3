"""What a run of `drift` found, or how a change went, as a text file that Prometheus's node exporter collects.

A clean run must stay cheap, so nothing here loads the model: whoever has a plan has loaded it already.
"""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from netreconcile.errors import NetreconcileError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from netreconcile.below.finding import Finding
    from netreconcile.plan import Plan

PREFIX = "netreconcile_"
_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


class Family(NamedTuple):
    """The samples of one name: what they tell, and the values by labels."""

    name: str
    tells: str
    samples: tuple[tuple[Mapping[str, str], float], ...]


@dataclass(frozen=True, slots=True)
class Standing:
    """How a topology and its host stand; as it is made, they agree.

    `drift` counts differences by network and cause, `below` what was found below libvirt by network and code.
    """

    topology: str
    connection: str
    drift: Mapping[tuple[str, str], int] = field(default_factory=dict)
    below: Mapping[tuple[str, str], int] = field(default_factory=dict)
    differing: int = 0
    refused: int = 0
    pending_restart: int = 0
    guests_cut: int = 0
    guests_at_stake: int = 0
    looked_below: bool = True


class Ending(NamedTuple):
    """How a command ended that changes hosts: its exit code, and whether the host is then as it wants it.

    `in_sync` is None where that can't be told; `guests_cut` are the running guests that it took the link from, also
    where they got it back.
    """

    code: int
    in_sync: bool | None = None
    guests_cut: int = 0


@dataclass(frozen=True, slots=True)
class Run:
    """One run: of which command, on what, when it ended, how, and after how many seconds.

    `standing` is what `drift` found, `ending` how a change ended; without either the run couldn't tell, and the file
    has nothing of an earlier run.
    """

    command: str
    connection: str
    files: str
    code: int
    when: float
    seconds: float
    standing: Standing | None = None
    ending: Ending | None = None


class MetricsFailed(NetreconcileError):
    """The file of metrics can't be written."""


def standing(plan: Plan, connection: str, findings: Sequence[Finding] = (), *, looked_below: bool = True) -> Standing:
    """Return how the topology of the plan and its host stand, with what was found below libvirt."""
    from netreconcile.drift import Cause
    from netreconcile.notice import unplugged

    drift = Counter((part.name, str(each.cause)) for part in plan.networks for each in part.drifts)
    return Standing(
        topology=plan.topology,
        connection=connection,
        drift=drift,
        below=Counter((finding.network, finding.code) for finding in findings),
        differing=len({part.name for part in plan.drifted}.union(finding.network for finding in findings)),
        refused=len(plan.refused),
        pending_restart=sum(cause == Cause.PENDING_RESTART for _, cause in drift),
        guests_cut=len(unplugged(plan)),
        guests_at_stake=sum(guest.running for part in plan.networks for guest in part.cut),
        looked_below=looked_below,
    )


def families(run: Run) -> Iterator[Family]:
    """Yield everything that the file tells of a run."""
    by_run = {"command": run.command, "connection": run.connection, "files": run.files}
    for name, tells, value in (
        ("last_run_timestamp_seconds", "When the last run ended, in Unix time.", run.when),
        ("last_run_duration_seconds", "How long the last run took.", run.seconds),
        (
            "last_run_exit_code",
            "How the last run ended: 0 in sync, 2 drift, else it failed or couldn't tell.",
            run.code,
        ),
    ):
        yield Family(PREFIX + name, tells, ((by_run, value),))
    if run.ending:
        tells = "Running guests that the last change took the link from, also where they got it back."
        yield Family(PREFIX + "last_run_guests_cut", tells, ((by_run, run.ending.guests_cut),))
        if run.ending.in_sync is not None:
            tells = "1 if the host was as wanted after the last change, else 0."
            yield Family(PREFIX + "last_run_in_sync", tells, ((by_run, run.ending.in_sync),))
    there = run.standing
    if there is None:
        return
    labels = {"topology": there.topology, "connection": there.connection}
    for name, tells, value in (
        ("in_sync", "1 if the host matches the topology, else 0.", not there.differing),
        ("looked_below", "1 if all that is below libvirt could be seen, else 0.", there.looked_below),
        ("networks_differing", "Networks that differ from the topology.", there.differing),
        ("networks_refused", "Networks that differ and that apply would leave as they are.", there.refused),
        ("networks_pending_restart", "Networks that run something else than their config.", there.pending_restart),
        ("guests_cut", "Running guests of the topology's networks that have no link now.", there.guests_cut),
        ("guests_at_stake", "Running guests that apply would cut off.", there.guests_at_stake),
    ):
        yield Family(PREFIX + name, tells, ((labels, value),))
    for name, tells, label, found in (
        ("drift", "Differences of libvirt's definitions, by cause; none where there are none.", "cause", there.drift),
        ("below", "What is wrong below libvirt, by what it is; none where nothing is.", "finding", there.below),
    ):
        by_network = sorted(found.items())
        samples = [({**labels, "network": network, label: what}, number) for (network, what), number in by_network]
        if samples:
            yield Family(PREFIX + name, tells, tuple(samples))


def text(run: Run) -> str:
    """Return the file of a run."""
    return "".join(f"{line}\n" for family in families(run) for line in _lines(family))


def write(path: str, run: Run) -> None:
    """The file is there, whole, and readable by everybody; or as it was before. Raises MetricsFailed."""
    target = Path(path)
    passing = target.with_name(f".{target.name}.{os.getpid()}.new")  # the collector takes only what ends in .prom
    try:
        try:
            passing.write_text(text(run), encoding="utf-8", errors="backslashreplace")
            passing.chmod(0o644)
            passing.replace(target)
        finally:
            passing.unlink(missing_ok=True)
    except OSError as error:
        raise MetricsFailed(f"can't write metrics to {path}: {error.strerror or error}") from error


def _lines(family: Family) -> Iterator[str]:
    yield f"# HELP {family.name} {family.tells}"
    yield f"# TYPE {family.name} gauge"
    for labels, value in family.samples:
        inside = ",".join(f'{name}="{label.translate(_ESCAPES)}"' for name, label in labels.items())
        number = f"{value:.3f}".rstrip("0").rstrip(".")
        yield f"{family.name}{{{inside}}} {number}"
