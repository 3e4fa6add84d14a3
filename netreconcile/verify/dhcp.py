"""What DHCP of both IP versions promises alike: addresses that are reserved, and what a server tells besides."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netreconcile.verify.experience import Nothing
from netreconcile.verify.hints import CONTENTS, LEASES, SAMPLE, UNANSWERED
from netreconcile.verify.verdict import Verdict, judged, unseen

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from netreconcile.verify.experience import Offer, Offer6


def told(code: str, what: str, expected: tuple[str, ...], said: tuple[str, ...] | None) -> Verdict:
    """Return whether the server tells what the file says; `said` is None where it doesn't answer."""
    if said is None:
        return unseen(code, _all(what, expected), UNANSWERED)
    return judged(code, _all(what, expected), _all(what, said), kept=said == expected, hint=CONTENTS)


def reserved(
    code: str,
    wanted: Mapping[str, tuple[str, ...]],
    offers: Mapping[str, Offer | Nothing] | Mapping[str, Offer6 | Nothing],
    *,
    answers: bool,
    full: bool,
) -> Iterator[Verdict]:
    """Yield whether each client of which that was seen is offered what is reserved for it.

    `answers` says whether the server answers anybody; if not, nothing is seen of what it has reserved.
    """
    for client, addresses in wanted.items():
        expected = ", ".join(addresses)
        match offers.get(client):
            case None:
                continue
            case Nothing() if not answers:
                yield unseen(code, expected, UNANSWERED, subject=client)
                continue
            case Nothing(why):
                answer, kept = why or "no offer", False
            case offer:
                answer, kept = offer.address or "no address", offer.address in addresses
        yield judged(code, expected, answer, kept=kept, subject=client, hint=LEASES)
    rest = sum(client not in offers for client in wanted)
    if rest and full:
        yield unseen(code, f"addresses for {rest} other reservations", SAMPLE if offers else "not asked")


def _all(what: str, values: tuple[str, ...]) -> str:
    return f"{what} {', '.join(values)}" if values else f"no {what}"
