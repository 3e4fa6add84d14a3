"""What the kinds of network promise their guests, and how that stands by what was seen.

| promise                   | nat, route, open        | isolated          | very-isolated | LAN kinds              |
|---------------------------|-------------------------|-------------------|---------------|------------------------|
| DHCP, where the file has it | the host's            | the host's        | none          | the LAN's, if it has it |
| default router in it      | the host                | none              |               |                        |
| the host and its DNS      | answer                  | answer            |               |                        |
| router advertisements     | with an IPv6 address    | without a router  | none          |                        |
| guest to guest            | yes                     | yes               | yes           | yes                    |
| way out                   | as the host, in mode nat | none             | none          |                        |
| new connections from outside | in mode route        | none              | none          |                        |

An empty place is no promise. The exceptions stand in `addressing4`, `addressing6`, `names` and `paths`, what VLANs
promise in `vlans`. A fact that wasn't asked for makes no verdict at the quick level; at the full level its promise is
unseen, with the reason.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from netreconcile.diff import changes
from netreconcile.fill import as_running
from netreconcile.verify.addressing4 import addressing4
from netreconcile.verify.addressing6 import addressing6
from netreconcile.verify.experience import Nothing
from netreconcile.verify.names import names
from netreconcile.verify.paths import paths
from netreconcile.verify.target import DEVICES, Level
from netreconcile.verify.verdict import Remark, Verdict, judged, unseen
from netreconcile.verify.vlans import vlans

if TYPE_CHECKING:
    from collections.abc import Iterator

    from netreconcile.verify.experience import Experience
    from netreconcile.verify.target import Target


def judge(target: Target, seen: Experience, *, level: Level) -> tuple[tuple[Verdict, ...], tuple[Remark, ...]]:
    """Return how every promise of the network stands, each told once, and what else an operator should know.

    Of a network that doesn't run only that is told.
    """
    found = tuple(_judge(target, seen, full=level is Level.FULL))
    verdicts = tuple(item for item in found if isinstance(item, Verdict))
    return verdicts, tuple(item for item in found if isinstance(item, Remark))


def _judge(target: Target, seen: Experience, *, full: bool) -> Iterator[Verdict | Remark]:
    if target.trouble:
        yield unseen("runs", "the network runs", target.trouble)
        return
    if target.running is None:
        yield judged("runs", "the network runs", "it isn't active", kept=False, hint="netreconcile apply starts it")
        return
    yield judged("runs", "the network runs", "active", kept=True)
    if changes(target.running, as_running(target.network, target.running)):
        message = "what runs isn't what the file says: netreconcile drift tells the differences, apply mends them"
        yield Remark("runs-otherwise", message)
    yield from _forwarding(target, seen, full=full)
    yield from addressing4(target, seen, full=full)
    yield from addressing6(target, seen, full=full)
    yield from names(target, seen, full=full)
    yield from paths(target, seen, full=full)
    yield from vlans(target, seen)


def _forwarding(target: Target, seen: Experience, *, full: bool) -> Iterator[Verdict]:
    """Yield whether a guest is connected; whole devices aren't tried, and foreign switches can't be."""
    expected = "what a guest sends is forwarded"
    match seen.forwarding:
        case None:
            if full and not target.lan:
                yield unseen("forwarding", expected, "no guest was plugged in")
        case _ if target.network.mode in DEVICES:
            return
        case Nothing(why) if target.network.virtualport.type:
            yield unseen("forwarding", expected, why or "it can't be tried")
        case Nothing(why):
            device = target.bridge or ", ".join(target.network.forward.interfaces)
            hint = f"is {device} there, and up? `ip link show {device}` tells"
            yield judged("forwarding", expected, why or "it isn't", kept=False, hint=hint)
        case seconds:
            yield judged("forwarding", expected, f"after {seconds:.1f} s", kept=True)
