"""A plan or drift as GitLab's merge-request widgets read it: Terraform's counts, and code quality. Pure."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from typing import TYPE_CHECKING, Any

from netreconcile.actions import Impact
from netreconcile.networkplan import Verb

if TYPE_CHECKING:
    from collections.abc import Sequence

    from netreconcile.reports.subject import Difference, Subject

_SEVERITIES = {Impact.NONE: "info", Impact.LIVE: "minor", Impact.RESTART: "major", Impact.REMOVE: "critical"}


def terraform(subject: Subject) -> dict[str, int]:
    """Return how many networks are created, updated and removed (`artifacts:reports:terraform`)."""
    counts = Counter(part.verb for part in subject.plan.networks)
    updates = counts[Verb.UPDATE] + counts[Verb.ADOPT]
    return {"create": counts[Verb.CREATE], "update": updates, "delete": counts[Verb.REMOVE]}


def quality(subject: Subject, files: Sequence[str]) -> list[dict[str, Any]]:
    """Return each difference as a finding of code quality (`artifacts:reports:codequality`).

    One without a place in a file stands on the first line of the first of `files`.
    """
    return [_finding(subject, item, files[0]) for item in subject.differences]


def _finding(subject: Subject, item: Difference, file: str) -> dict[str, Any]:
    said = json.dumps([subject.title, item.network, item.cause, item.what])
    place = item.place
    return {
        "description": str(item),
        "check_name": f"netreconcile.{item.cause.replace(' ', '-')}",
        "fingerprint": hashlib.sha256(said.encode()).hexdigest(),
        "severity": "blocker" if item.refused else _SEVERITIES[item.impact],
        "location": {"path": place.file if place else file, "lines": {"begin": place.line if place else 1}},
    }
