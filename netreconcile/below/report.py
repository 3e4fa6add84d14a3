"""Findings as lines for people, and as documents for machines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from netreconcile.render import Line

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from netreconcile.below.finding import Finding
    from netreconcile.below.remedy import Remedy

CAUSE = "below libvirt"


def finding_lines(findings: Iterable[Finding]) -> Iterator[Line]:
    """Yield for each finding a line with what it is and who notices, and one with what mends it at what price."""
    for finding in findings:
        noticed = f" ({finding.noticed})" if finding.noticed else ""
        yield Line(f"{finding.network}: {CAUSE}: {finding}{noticed}", "yellow")
        yield from (Line(f"    {sentence}") for sentence in remedy_sentences(finding.remedy))


def remedy_sentences(remedy: Remedy) -> Iterator[str]:
    """Yield what mends it, and what that costs."""
    price = f"{remedy.impact}: {remedy.cost}" if remedy.impact else remedy.cost
    yield f"{'by hand' if remedy.by_hand else 'repair'}: {'; '.join(remedy.sentences)}  ({price})"


def below_document(findings: Iterable[Finding], unknown: str) -> dict[str, Any]:
    """Return the findings, and why some or all can't be told; `schemas/plan.schema.json` describes it."""
    return {"below": [finding_document(finding) for finding in findings], "below_unknown": unknown or None}


def finding_document(finding: Finding) -> dict[str, Any]:
    """Return a finding with what mends it."""
    return {
        "network": finding.network,
        "code": finding.code,
        "subject": finding.subject or None,
        "expected": finding.expected or None,
        "seen": finding.seen,
        "noticed": finding.noticed,
        "repair": list(finding.remedy.sentences),
        "by_hand": finding.remedy.by_hand,
        "impact": str(finding.remedy.impact),
        "cost": finding.remedy.cost,
    }
