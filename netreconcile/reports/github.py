"""A plan or drift as GitHub's annotations, which stand beside the line of the file. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netreconcile.actions import Impact

if TYPE_CHECKING:
    from collections.abc import Iterator

    from netreconcile.reports.subject import Difference, Subject

MOST = 50
"""GitHub shows 50 annotations of a job."""


def workflow_commands(subject: Subject) -> Iterator[str]:
    """Yield workflow commands, a line each: an error for what is refused, a warning for drift and for what cuts."""
    for item in subject.differences[:MOST]:
        place = f"file={_property(item.place.file)},line={item.place.line}," if item.place else ""
        title = _property(f"netreconcile {subject.command}")
        yield f"::{_level(item, subject.command)} {place}title={title}::{_message(str(item))}"
    if (more := len(subject.differences) - MOST) > 0:
        yield f"::warning title=netreconcile {subject.command}::and {more} more differences"


def _level(item: Difference, command: str) -> str:
    if item.refused:
        return "error"
    return "warning" if command == "drift" or item.impact >= Impact.RESTART else "notice"


def _message(text: str) -> str:
    """Return a text as GitHub's toolkit escapes it (escapeData in its command.ts)."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _message(text).replace(":", "%3A").replace(",", "%2C")
