"""What the commands share that look below libvirt: whether they can, and what they find there."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from netreconcile.below.finding import Finding, as_they_run, found, sifted
from netreconcile.commands.output import tell
from netreconcile.commands.uri import uri_of
from netreconcile.folder import folder_of
from netreconcile.kernel.here import hindrance
from netreconcile.kernel.read import read
from netreconcile.memory import Memory
from netreconcile.noticed import noticed
from netreconcile.verify.target import targets

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from netreconcile.model import Topology
    from netreconcile.observed import Host
    from netreconcile.verify.target import Target

_STORED = "a stored state tells nothing of what is below libvirt"
_PAUSE = 0.3
"""Seconds after which a finding is looked at again: somebody may be restarting a network."""


@dataclass(frozen=True, slots=True)
class Below:
    """What was found, what of that the file accepts and why, and why some or all can't be told, or nothing."""

    findings: tuple[Finding, ...] = ()
    unknown: str = ""
    accepted: tuple[tuple[Finding, str], ...] = ()


def examine(options: argparse.Namespace, topology: Topology | None, host: Host) -> Below:
    """Return what is wrong beneath the networks of the topology, or without one beneath all of the host.

    What its policy accepts is set apart, and told where more is to be told; of the rest it is remembered since when.
    """
    if getattr(options, "state", None) is not None:
        return Below(unknown=_STORED)
    aims = targets(topology, host) if topology else as_they_run(host)
    below = look(aims, host)
    findings, accepted = sifted(below.findings, topology.policy.accept if topology else ())
    memory = Memory(folder_of(uri_of(options)))
    agreement = memory.latest(topology.name) if topology else None
    well, names = agreement.when if agreement else None, {target.name for target in aims}
    findings = noticed(memory.folder, findings, names, well=well, everything=not below.unknown)
    if options.verbose:
        for finding, reason in accepted:
            tell(f"accepted by the file: {finding.network}: {finding} ({reason})")
    return Below(findings, below.unknown, accepted)


def look(targets: Sequence[Target], host: Host) -> Below:
    """Return what is wrong beneath the networks, and still is a moment later."""
    if hidden := hindrance(host.uri):
        return Below(unknown=hidden)
    below = look_once(targets, host)
    if below.findings:
        time.sleep(_PAUSE)
        again = {finding.key for finding in look_once(targets, host).findings}
        below = Below(tuple(finding for finding in below.findings if finding.key in again), below.unknown)
    return below


def look_once(targets: Sequence[Target], host: Host) -> Below:
    """Return what is wrong beneath the networks at the moment; it must be possible to look."""
    return Below(*found(targets, host, read([target.name for target in targets])))
