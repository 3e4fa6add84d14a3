"""What brings a running network where it should be, at what price, and when it is better left alone. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netreconcile.actions import Action, Define, Impact, SetAutostart, Start, Step, Stop, Update
from netreconcile.fill import as_running
from netreconcile.leases import hits
from netreconcile.live import OnlyByRestart, site, updates
from netreconcile.order import replugs

if TYPE_CHECKING:
    from collections.abc import Iterable

    from netreconcile.binding import Section
    from netreconcile.diff import Change
    from netreconcile.model import Network
    from netreconcile.observed import Guest, Observed

CHEAPER_TO_RESTART = 20
"""So many live updates of a network that nobody is connected to cost more than its restart: on a NAT network libvirt
9.0 re-creates all firewall rules for each, 0.4 s, where a restart takes 0.6 s."""

SECONDS_FOR_RULES = 0.4
"""What it takes libvirt 9.0 to take a network's firewall rules out and put them back, on a quiet machine."""


class Untouchable(Exception):
    """The network must be left as it is; the text says why."""


def moves(
    desired: Network, there: Observed, full: Network, stale: tuple[Change, ...]
) -> tuple[list[Action], list[str]]:
    """Return what brings the running side where it should be, and the notes about it."""
    if desired.state == "inactive":
        return ([Stop()], []) if there.active else ([], [])
    if there.running is None or there.running_xml is None:
        return [Start(), *replugs(there.loose)], []
    if not stale and not there.bridgeless:
        return list(replugs(there.loose)), []
    if there.running.pool and there.connected:
        msg = (
            f"devices of its pool are in use ({names_of(there.connected)}), and any live change or restart makes"
            " libvirt forget who uses what: shut the guests down first"
        )
        raise Untouchable(msg)
    leases = [f"lease hit: {sentence}" for sentence in hits(there.leases, there.running, full)]
    if why := _why_restart(there, stale):
        return _restart(there), [f"restart: {why}", *leases]
    try:
        calls = updates(there.running_xml, there.running, as_running(full, there.running), stale)
    except OnlyByRestart as reason:
        return _restart(there), [f"restart: {reason}", *_restart_notes(there, full), *leases]
    return [*calls, *replugs(there.loose)], [*_bulk_notes(calls, full), *leases]


def _why_restart(there: Observed, stale: tuple[Change, ...]) -> str:
    """Return why a restart is better than what could be changed live, or nothing."""
    if there.bridgeless:
        return "only that makes its bridge again, and without one no guest has a link"
    if len(stale) > CHEAPER_TO_RESTART and not there.connected and all(site(change.path) for change in stale):
        return f"nobody is connected, and it is cheaper than {len(stale)} live updates"
    return ""


def _bulk_notes(calls: tuple[Update, ...], network: Network) -> list[str]:
    """Return how long many live updates take, where libvirt re-creates firewall rules for each."""
    slow = sum(_blinks(call.section, network).startswith("firewall") for call in calls)
    if slow <= CHEAPER_TO_RESTART:
        return []
    seconds = round(slow * SECONDS_FOR_RULES)
    return [f"{slow} live updates with firewall rules re-created: about {seconds} seconds, and nobody is cut off"]


def _restart(there: Observed) -> list[Action]:
    return [Stop(), Start(), *replugs(there.guests)]


def _restart_notes(there: Observed, full: Network) -> list[str]:
    """Return what its guests have to expect of a restart, beyond its being one."""
    notes = []
    if there.connected and full.bridge.stp and full.own_bridge:
        notes.append("with bridge.stp on, a port that is plugged in forwards only after about 4 seconds")
    lost = [guest for guest in there.connected if not guest.reachable]
    if lost:
        notes.append(
            f"{names_of(lost)} can't be plugged back in over this connection, which has no domains: connect to qemu:///system"
        )
    return notes


def impact_of(run: list[Action], there: Observed) -> Impact:
    """Return what the steps that touch the running network amount to."""
    if not there.active or not run:
        return Impact.NONE
    if not any(isinstance(action, Stop) for action in run):
        return Impact.LIVE
    return Impact.RESTART if any(isinstance(action, Start) for action in run) else Impact.REMOVE


def priced(name: str, action: Action, impact: Impact, network: Network) -> Step:
    """Return the step with what it costs, as part of something with this impact."""
    if isinstance(action, (Define, SetAutostart)):
        return Step(name, action, Impact.NONE)
    if isinstance(action, Update):
        return Step(name, action, impact, _blinks(action.section, network))
    return Step(name, action, impact)


def _blinks(section: Section, network: Network) -> str:
    """Return what guests may notice of a live update; libvirt has no rules for open networks and macvtap."""
    text = next(found.live.blinks for found in _SITES if found.live.section is section)
    if network.mode == "open" or not network.own_bridge:
        text = ", ".join(part for part in text.split(", ") if not part.startswith("firewall"))
    return text


_SITES = [
    found
    for path in (
        ("ips", "", "dhcp", "hosts", ""),
        ("ips", "", "dhcp", "ranges", ""),
        ("forward", "interfaces", ""),
        ("portgroups", ""),
        ("dns", "hosts", ""),
        ("dns", "txt", ""),
        ("dns", "srv", ""),
    )
    if (found := site(path))
]


def names_of(guests: Iterable[Guest]) -> str:
    """Return the domains of the guests, each once."""
    return ", ".join(sorted({guest.domain for guest in guests}))
