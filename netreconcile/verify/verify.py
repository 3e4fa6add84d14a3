"""Looks at networks, several at a time, and judges what was seen of each: the way from targets to verdicts."""

from __future__ import annotations

import time
from queue import Empty, SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING

from netreconcile.errors import ProbeFailed
from netreconcile.kernel.state import KernelState, Unread
from netreconcile.verify.beneath import beneath
from netreconcile.verify.experience import Experience
from netreconcile.verify.glance import glance
from netreconcile.verify.promises import judge
from netreconcile.verify.questions import inquiry
from netreconcile.verify.target import Level
from netreconcile.verify.verdict import NetworkVerdict, Remark, unseen

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from netreconcile.verify.target import Target
    from netreconcile.verify.verdict import Verdict

ASKED = {Level.QUICK: 32, Level.FULL: 256}
"""So many reservations, and so many records, of a network are asked for at most."""
AT_ONCE = {Level.QUICK: 20, Level.FULL: 12}
"""So many networks are looked at at a time: most of it is waiting."""


def announcement(targets: Sequence[Target], *, level: Level, lan: bool) -> tuple[str, ...]:
    """Return what is going to be done on the host, a sentence each."""
    running = [target for target in targets if target.running is not None]
    own = [target.name for target in running if not target.lan]
    others = [target.name for target in running if target.lan]
    if level is Level.QUICK:
        return ("asks the host's own DHCP and DNS servers, from the host: nothing is plugged in, no lease is made",)
    told: list[str] = []
    if own:
        told += (
            f"plugs two guests at a time, namespaces of this host, into {_listed(own)}; they are gone afterwards",
            "each network lends one address, and gets it back; what tests the way out stays on this host",
            "guests ask for names of the file: one that the network doesn't know, it may ask its forwarders for",
        )
    if others and lan:
        told.append(f"two new MAC addresses appear on the LAN behind {_listed(others)}, and one takes a lease there")
    elif others:
        told.append(f"nothing is plugged into {_listed(others)}: what is behind may be a company's LAN (--lan does it)")
    return tuple(told)


def verify(
    targets: Sequence[Target],
    *,
    level: Level,
    lan: bool,
    state: KernelState | Unread,
    watch: Callable[[NetworkVerdict], None] = lambda _: None,
) -> tuple[NetworkVerdict, ...]:
    """Return what became of each network's promises, in the order given; `watch` is told of each as it is done.

    `lan` lets guests onto LANs that aren't libvirt's own. Where the host itself can't be seen, `state` is the reason.
    An interrupt ends it at once: what guests have is taken down with the process.
    """
    waiting: SimpleQueue[tuple[int, Target]] = SimpleQueue()
    done: SimpleQueue[tuple[int, NetworkVerdict | BaseException]] = SimpleQueue()
    for item in enumerate(targets):
        waiting.put(item)

    def work() -> None:
        while True:
            try:
                place, target = waiting.get_nowait()
            except Empty:
                return
            try:
                done.put((place, _verdict(target, level=level, lan=lan, state=state)))
            except BaseException as error:  # noqa: BLE001 -- raised again where somebody waits for it
                done.put((place, error))

    for _ in range(min(AT_ONCE[level], len(targets))):
        # Nobody waits for these threads when the process ends.
        Thread(target=work, name="verify", daemon=True).start()
    found: dict[int, NetworkVerdict] = {}
    while len(found) < len(targets):
        place, outcome = done.get()
        if isinstance(outcome, BaseException):
            raise outcome
        found[place] = outcome
        watch(outcome)
    return tuple(found[place] for place in sorted(found))


def _verdict(target: Target, *, level: Level, lan: bool, state: KernelState | Unread) -> NetworkVerdict:
    start = time.monotonic()
    seen, hindrance = _experience(target, level=level, lan=lan, state=state)
    # What couldn't be tried is told once, not promise by promise.
    verdicts, remarks = judge(target, seen, level=Level.QUICK if hindrance else level)
    below, more = _below(target, state)
    told = {remark.code for remark in remarks}  # what a guest has seen needn't be told of the settings again
    lived = "what its servers answer" if level is Level.QUICK else "what guests live through"
    failed = (unseen("probe", lived, hindrance),) if hindrance else ()
    return NetworkVerdict(
        target.name,
        target.network.mode,
        (*verdicts[:1], *below, *verdicts[1:], *failed),
        (*remarks, *(remark for remark in more if remark.code not in told)),
        time.monotonic() - start,
    )


def _experience(target: Target, *, level: Level, lan: bool, state: KernelState | Unread) -> tuple[Experience, str]:
    """Return what was seen, and why nothing could be, where something should have been."""
    if target.running is None or (target.lan and not (lan and level is Level.FULL)):
        return Experience(), ""
    if isinstance(state, Unread):
        return Experience(), state.why
    try:
        return _probe(target, level, state), ""
    except ProbeFailed as error:
        return Experience(), str(error)
    except OSError as error:
        what = f"{error.filename}: " if error.filename else ""
        return Experience(), f"{what}{error.strerror or error}"


def _probe(target: Target, level: Level, state: KernelState) -> Experience:
    questions = inquiry(target.network, ASKED[level])
    if level is Level.QUICK:
        return glance(target, questions, state)
    if target.lan:
        from netreconcile.verify.lan import visit_lan

        return visit_lan(target)
    from netreconcile.verify.visit import visit

    return visit(target, questions)


def _below(target: Target, state: KernelState | Unread) -> tuple[tuple[Verdict, ...], tuple[Remark, ...]]:
    if isinstance(state, KernelState):
        return beneath(target, state)
    if target.running is None:
        return (), ()
    return (unseen("bridge", "what the host has beneath it", state.why),), ()


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names)
