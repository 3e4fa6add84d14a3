"""Why a host and a file differ: every difference by its cause."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from netreconcile.live import site

if TYPE_CHECKING:
    from collections.abc import Iterator

    from netreconcile.diff import Change
    from netreconcile.mark import Mark
    from netreconcile.model import Network
    from netreconcile.observed import Guest, Observed


class Cause(StrEnum):
    """Why host and file differ.

    Config and running definition are compared on their own; where both differ alike, the digest in the ownership mark
    tells whether the file moved on or the host did.
    """

    MISSING = "missing"
    STOPPED = "stopped"
    RUNNING = "running"
    TRANSIENT = "transient"
    AUTOSTART_LOST = "autostart lost"
    AUTOSTART_GAINED = "autostart gained"
    CONFIG_EDITED = "config edited"
    LIVE_ONLY = "live only"
    PENDING_RESTART = "pending restart"
    BRIDGE_GONE = "bridge gone"
    UNPLUGGED = "guest unplugged"
    FOREIGN_EDIT = "foreign edit"
    FILE_CHANGED = "file changed"
    NOT_IN_FILE = "not in the file"
    ROLLED_BACK = "rolled back"
    NOT_BEFORE = "not there before"


@dataclass(frozen=True, slots=True)
class Drift:
    """A difference between file and host with its cause; without a change it is about the network, or a guest of it."""

    cause: Cause
    change: Change | None = None
    guest: Guest | None = None


def drifts(
    desired: Network, there: Observed, mark: Mark, edited: tuple[Change, ...], stale: tuple[Change, ...]
) -> tuple[Drift, ...]:
    """Return each difference once: those of the network as a whole, then its changes.

    `edited` are the changes of the config and `stale` those of the running definition; `mark` is the one that the
    network gets.
    """
    return (
        *_of_the_whole(desired, there),
        *_of_the_fields(edited, stale, file_changed=_file_changed(there.mark, mark)),
    )


def _file_changed(there: Mark | None, wanted: Mark) -> bool:
    return there is None or there.topology != wanted.topology or there.desired != wanted.desired


def _of_the_whole(desired: Network, there: Observed) -> Iterator[Drift]:
    if not there.persistent:
        yield Drift(Cause.TRANSIENT)
    if desired.state == "active" and not there.active:
        yield Drift(Cause.STOPPED)
    if desired.state == "inactive" and there.active:
        yield Drift(Cause.RUNNING)
    if there.persistent and desired.autostart != there.autostart:
        yield Drift(Cause.AUTOSTART_LOST if desired.autostart else Cause.AUTOSTART_GAINED)
    if desired.state == "active" and there.bridgeless:
        yield Drift(Cause.BRIDGE_GONE)
    elif desired.state == "active" and there.active:
        yield from (Drift(Cause.UNPLUGGED, guest=guest) for guest in there.loose if guest.reachable)


def _of_the_fields(edited: tuple[Change, ...], stale: tuple[Change, ...], *, file_changed: bool) -> Iterator[Drift]:
    in_config = {change.path for change in edited}
    in_running = {change.path for change in stale}
    for change in edited:
        if file_changed:
            yield Drift(Cause.FILE_CHANGED, change)
        else:
            yield Drift(Cause.FOREIGN_EDIT if change.path in in_running else Cause.CONFIG_EDITED, change)
    for change in stale:
        if change.path not in in_config:
            yield Drift(Cause.LIVE_ONLY if site(change.path) else Cause.PENDING_RESTART, change)
