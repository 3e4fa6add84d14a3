"""Findings as lines for people, and as documents for machines."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from netreconcile.actions import Stop
from netreconcile.render import Line, clock

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from netreconcile.below.finding import Finding
    from netreconcile.below.remedy import Remedy
    from netreconcile.plan import Plan

CAUSE = "below libvirt"


def finding_lines(findings: Iterable[Finding]) -> Iterator[Line]:
    """Yield for each finding what it is and who notices, since when, and what mends it at what price, a line each."""
    for finding in findings:
        noticed = f" ({finding.noticed})" if finding.noticed else ""
        yield Line(f"{finding.network}: {CAUSE}: {finding}{noticed}", "yellow")
        if known := since(finding):
            yield Line(f"    {known}")
        yield from (Line(f"    {sentence}") for sentence in remedy_sentences(finding.remedy))


def since(finding: Finding) -> str:
    """Return since when it is so, as far as that is known; else nothing."""
    if finding.began is not None:
        return f"since {clock(finding.began)}"
    seen = f"first seen at {clock(finding.first_seen)}" if finding.first_seen is not None else ""
    well = f"all was well at {clock(finding.well)}" if finding.well is not None else ""
    return "; ".join(filter(None, (seen, well)))


def remedy_sentences(remedy: Remedy) -> Iterator[str]:
    """Yield what mends it, and what that costs."""
    price = f"{remedy.impact}: {remedy.cost}" if remedy.impact else remedy.cost
    yield f"{'by hand' if remedy.by_hand else 'repair'}: {'; '.join(remedy.sentences)}  ({price})"


def prospect(findings: Sequence[Finding], ours: Collection[Finding], plan: Plan) -> str:
    """Return in one line what becomes of the findings, of which `ours` are mended along with the plan."""
    restarted = {step.network for step in plan.steps if isinstance(step.action, Stop)}
    fates = Counter(_fate(finding, ours, restarted) for finding in findings)
    return f"{CAUSE}: {', '.join(f'{number} {fate}' for fate, number in fates.items())}"


def _fate(finding: Finding, ours: Collection[Finding], restarted: Collection[str]) -> str:
    if finding in ours:
        return "to mend"
    if finding.remedy.by_hand:
        return "by hand"
    return "mended by a restart of the plan" if finding.network in restarted else "held back"


def below_document(
    findings: Iterable[Finding], unknown: str, accepted: Iterable[tuple[Finding, str]]
) -> dict[str, Any]:
    """Return the findings, why some or all can't be told, and those that the file accepts.

    `schemas/plan.schema.json` describes it.
    """
    return {
        "below": [finding_document(finding) for finding in findings],
        "below_unknown": unknown or None,
        "below_accepted": accepted_document(accepted),
    }


def accepted_document(accepted: Iterable[tuple[Finding, str]]) -> list[dict[str, Any]]:
    """Return the findings that a file accepts, each with the reason."""
    return [{**finding_document(finding), "reason": reason} for finding, reason in accepted]


def finding_document(finding: Finding) -> dict[str, Any]:
    """Return a finding with what mends it."""
    return {
        "network": finding.network,
        "code": finding.code,
        "subject": finding.subject or None,
        "expected": finding.expected or None,
        "seen": finding.seen,
        "noticed": finding.noticed,
        "began": finding.began,
        "first_seen": finding.first_seen,
        "well": finding.well,
        "repair": list(finding.remedy.sentences),
        "by_hand": finding.remedy.by_hand,
        "impact": str(finding.remedy.impact),
        "cost": finding.remedy.cost,
    }
