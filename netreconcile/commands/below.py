"""What the commands share that look below libvirt: whether they can, and what they find there."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from netreconcile.below.finding import Finding, found
from netreconcile.kernel.here import hindrance
from netreconcile.kernel.read import read

if TYPE_CHECKING:
    from collections.abc import Sequence

    from netreconcile.observed import Host
    from netreconcile.verify.target import Target

STORED = "a stored state tells nothing of what is below libvirt"
_PAUSE = 0.3
"""Seconds after which a finding is looked at again: somebody may be restarting a network."""


@dataclass(frozen=True, slots=True)
class Below:
    """What was found, and why some or all of it can't be told, or nothing."""

    findings: tuple[Finding, ...] = ()
    unknown: str = ""


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
