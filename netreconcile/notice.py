"""Drift as a paragraph for whoever reads cron's mail: who differs and how, since when, and what to do next. Pure."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from netreconcile.actions import Impact
from netreconcile.drift import Cause
from netreconcile.networkplan import Verb
from netreconcile.printable import printable
from netreconcile.render import clock, guest_names

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from netreconcile.below.finding import Finding
    from netreconcile.entry import Entry
    from netreconcile.networkplan import NetworkPlan
    from netreconcile.observed import Guest
    from netreconcile.plan import Plan

_MOST = 4


@dataclass(frozen=True, slots=True)
class Background:
    """What is known besides the plan.

    `arguments` are those of the command line that lead to files and host; `agreed` is when the two were last found to
    agree, in Unix time, and `latest` the last change of the topology from here, None where that isn't known. `remote`
    says that the host was told of by a file. `written` says when libvirt last wrote what it keeps of a network.
    """

    uri: str
    arguments: Sequence[str]
    remote: bool = False
    agreed: float | None = None
    latest: Entry | None = None
    written: Mapping[str, float] = field(default_factory=dict)


def notice(plan: Plan, known: Background, findings: Sequence[Finding] = ()) -> str:
    """Return the paragraph for a plan with drift, and for what was found below libvirt."""
    sentences = [
        _what(plan, known, findings),
        *_when(known),
        *_written(known),
        *_since(findings),
        *_who(plan, findings),
        *_next(plan, known, findings),
    ]
    return printable(" ".join(sentences))


def unplugged(plan: Plan) -> tuple[Guest, ...]:
    """Return the running guests that have no link now."""
    found = (drift.guest for part in plan.networks for drift in part.drifts if drift.cause is Cause.UNPLUGGED)
    return tuple(guest for guest in found if guest)


def _what(plan: Plan, known: Background, findings: Sequence[Finding]) -> str:
    causes: dict[str, dict[str, None]] = {}
    for part in plan.drifted:
        causes[part.name] = dict.fromkeys(_causes(part))
    for finding in findings:
        causes.setdefault(finding.network, {})[finding.code] = None
    several = causes.keys() | {part.name for part in plan.networks}
    names = ", ".join(f"{name} ({', '.join(each)})" for name, each in list(causes.items())[:_MOST])
    verb = "differs" if len(causes) == 1 else "differ"
    what = f"{len(causes)} of {_count(len(several), 'network')} on {known.uri} {verb}: {names}{_more(causes)}"
    return f"{plan.topology}: {what}."


def _causes(part: NetworkPlan) -> tuple[str, ...]:
    causes = tuple(str(drift.cause) for drift in part.drifts)
    return causes or ("held back" if part.verb is Verb.HOLD else "refused",)


def _when(known: Background) -> Iterator[str]:
    if known.agreed is not None:
        yield f"All was well when last looked at, {clock(known.agreed)}."
    if known.latest:
        header = known.latest.header
        entry = f"entry {known.latest.number}, {header.command} by {header.who}, {clock(header.when)}"
        yield f"The last change from here was {entry}: {known.latest.status}."


def _written(known: Background) -> Iterator[str]:
    if known.written:
        newest = sorted(known.written.items(), key=lambda item: -item[1])
        times = ", ".join(f"{name} {clock(when)}" for name, when in newest[:_MOST])
        yield f"Last written by libvirt: {times}{_more(newest)}."


def _since(findings: Sequence[Finding]) -> Iterator[str]:
    times = {f"{each.network} ({each.code})": each.began or each.first_seen for each in findings}
    known = [f"{what} {clock(when)}" for what, when in times.items() if when]
    if known:
        yield f"Known to be wrong below libvirt since: {', '.join(known[:_MOST])}{_more(known)}."


def _who(plan: Plan, findings: Sequence[Finding]) -> Iterator[str]:
    guests = unplugged(plan)
    if guests:
        yield f"Without a link now: {guest_names(guests)}."
    noticed = list(dict.fromkeys(f"{each.network}: {each.noticed}" for each in findings if each.noticed))
    if noticed:
        yield f"Who notices: {'; '.join(noticed[:_MOST])}{_more(noticed)}."


def _next(plan: Plan, known: Background, findings: Sequence[Finding]) -> Iterator[str]:
    arguments, where = shlex.join(known.arguments), " on the host" if known.remote else ""
    refused = [part.name for part in plan.refused]
    if plan.steps:
        cut = tuple(guest for part in plan.networks for guest in part.cut)
        whom = f"cuts off {guest_names(cut)}, so it needs --allow-disruption" if cut else "no guest loses its link"
        price = f"impact {plan.impact}; {whom}" if plan.impact is not Impact.NONE else "nothing that runs is touched"
        rest = "the rest" if refused else "what libvirt has" if findings else "this"
        yield f"`netreconcile apply {arguments}`{where} mends {rest}: {price}."
        yield f"`netreconcile plan {arguments}`{where} shows it step by step."
    if refused:
        yield f"Not mended by apply, for the reason below: {', '.join(refused[:_MOST])}{_more(refused)}."
    by_hand = [f"{each.network} ({each.code})" for each in findings if each.remedy.by_hand]
    if len(by_hand) < len(findings):
        yield f"`netreconcile repair {arguments}` mends what is below libvirt; its price stands with each finding."
    if by_hand:
        yield f"By hand, as each finding says: {', '.join(by_hand[:_MOST])}{_more(by_hand)}."


def _more(names: Collection[object]) -> str:
    return f" and {len(names) - _MOST} more" if len(names) > _MOST else ""


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
