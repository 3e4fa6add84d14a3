"""What a host has beneath its networks that isn't as libvirt set it up, who notices, and what mends it. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from netreconcile.below.cures import cure
from netreconcile.below.remedy import Remedy, Reread, by_hand, run
from netreconcile.kernel.state import Unread
from netreconcile.verify.beneath import beneath
from netreconcile.verify.target import Target
from netreconcile.verify.verdict import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from netreconcile.kernel.state import KernelState
    from netreconcile.model import Accepted
    from netreconcile.observed import Guest, Host, Observed
    from netreconcile.verify.verdict import Remark

NOTICED = {
    "bridge": "its guests have no link",
    "bridge.up": "its guests reach nobody",
    "bridge.mtu": "large packets may get lost",
    "bridge.mac": "guests look for the host at its old MAC address",
    "bridge.stp": "new guests wait longer, or shorter, for their link; loops aren't noticed where it is off",
    "bridge.delay": "new guests wait longer, or shorter, for their link",
    "bridge.vlan-filtering": "guests that tag their frames reach nobody, or guests hear what isn't for them",
    "bridge.address": "its guests don't reach the host there",
    "bridge.route": "the host doesn't reach that subnet",
    "dnsmasq": "its guests get no address and no names",
    "dnsmasq.conf": "nobody yet: its guests will get other answers after the next start of dnsmasq",
    "forwarding4": "its guests reach nobody outside by IPv4",
    "forwarding6": "its guests reach nobody outside by IPv6",
    "firewall": "its guests may reach nobody outside, or whom they mustn't",
    "firewall.others": "what its guests send is dropped",
    "host-bridge": "its guests reach nobody",
    "host-bridge.vlan-filtering": "guests are in no VLAN, whatever their port group says: all of them meet",
    "host-interface": "its guests reach nobody",
    "tap": "the guest reaches nobody",
    "no-uplink": "its guests reach nobody outside of the host",
    "subnet-collides": "its guests, or others, don't get answers",
}
"""Who notices, by the code of the finding."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something beneath a network that isn't as it should be; `code` and `subject` are those of `verify`'s promises.

    In Unix time: `began` is since when it is so, where the host knows; `first_seen` when it was first seen, now or at
    an earlier look; `well` when all was well before that. Each is None where nobody knows.
    """

    network: str
    code: str
    subject: str
    expected: str
    seen: str
    remedy: Remedy
    began: float | None = field(default=None, compare=False)
    first_seen: float | None = field(default=None, compare=False)
    well: float | None = field(default=None, compare=False)

    @property
    def key(self) -> tuple[str, str, str]:
        """Return what it is, whatever it looks like at the time."""
        return self.network, self.code, self.subject

    @property
    def name(self) -> str:
        """Return what it is on its network, as `drift` names it and a file accepts it."""
        return f"{self.code} {self.subject}".rstrip()

    @property
    def noticed(self) -> str:
        """Return who notices it, in a sentence."""
        return NOTICED.get(self.code, "")

    def __str__(self) -> str:
        return f"{self.name}: {self.seen}{f', instead of {self.expected}' if self.expected else ''}"


def found(targets: Iterable[Target], host: Host, state: KernelState) -> tuple[tuple[Finding, ...], str]:
    """Return the findings, network by network, and what can't be seen, in words; nothing where all can be."""
    findings: list[Finding] = []
    unknown: dict[str, None] = {}
    for target in targets:
        if target.running is None:
            continue
        verdicts, remarks = beneath(target, state)
        gone = False
        for verdict in verdicts:
            if verdict.outcome is Outcome.UNSEEN:
                unknown[verdict.hint] = None
            elif verdict.outcome is Outcome.BROKEN:
                gone = gone or verdict.code == "bridge"
                remedy = cure(target, verdict, state)
                findings.append(
                    Finding(target.name, verdict.code, verdict.subject, verdict.expected, verdict.seen, remedy)
                )
        findings += _remarked(target, remarks)
        if not gone:
            findings += _stale(target, state)
            findings += _taps(target, host.networks[target.name], state)
    return tuple(findings), "; ".join(unknown)


def sifted(
    findings: Iterable[Finding], wanted: Iterable[Accepted]
) -> tuple[tuple[Finding, ...], tuple[tuple[Finding, str], ...]]:
    """Return the findings that the file doesn't accept, and those that it does, each with the reason."""
    reasons = {(each.network, each.finding, each.subject): each.reason for each in wanted}
    findings = tuple(findings)
    left = tuple(finding for finding in findings if finding.key not in reasons)
    return left, tuple((finding, reasons[finding.key]) for finding in findings if finding.key in reasons)


def as_they_run(host: Host) -> tuple[Target, ...]:
    """Return the networks that run, whatever any file says."""
    return tuple(
        Target(name, there.running, there.running, "" if there.running.pool else there.running.bridge.name or "")
        for name, there in sorted(host.networks.items())
        if there.running is not None
    )


def unplugged(there: Observed, bridge: str, state: KernelState) -> Iterator[Guest]:
    """Yield the running guests of a network whose taps are on another bridge, or on none, though libvirt thinks so."""
    for guest in there.guests:
        link = state.link(guest.target) if guest.target else None
        if guest.running and guest.plugged and link is not None and link.master != bridge:
            yield guest


def _taps(target: Target, there: Observed, state: KernelState) -> Iterator[Finding]:
    if isinstance(state.links, Unread) or not target.bridge:
        return
    for guest in unplugged(there, target.bridge, state):
        link = state.link(guest.target)
        master = link.master if link else ""
        remedy = Remedy((run(f"ip link set {guest.target} master {target.bridge}"),))
        subject, expected = f"{guest.domain} {guest.target}", f"on {target.bridge}"
        yield Finding(target.name, "tap", subject, expected, f"on {master or 'no bridge'}", remedy)


def _stale(target: Target, state: KernelState) -> Iterator[Finding]:
    """Yield whether the file of the network's dnsmasq is another one by now than the one that it has read."""
    server = None if isinstance(state.servers, Unread) else state.servers.get(target.name)
    if server and server.alive and server.ours and server.edited is not None:
        remedy = Remedy((Reread(),), cost="DHCP and DNS are away for a moment")
        expected, seen = "the file that dnsmasq was started with", "changed since it was started"
        yield Finding(target.name, "dnsmasq.conf", "", expected, seen, remedy, began=server.edited)


def _remarked(target: Target, remarks: Iterable[Remark]) -> Iterator[Finding]:
    """Yield what `verify` only remarks, as it breaks no promise for certain, and an operator wants to hear of."""
    advice = {
        "subnet-collides": "give the network another subnet, or take that one away",
        "no-uplink": f"plug the host's NIC into it: ip link set NIC master {target.bridge}",
    }
    for remark in remarks:
        if remark.code in advice:
            yield Finding(target.name, remark.code, remark.subject, "", remark.message, by_hand(advice[remark.code]))
