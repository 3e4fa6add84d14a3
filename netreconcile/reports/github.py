"""A plan or drift as GitHub's annotations, which stand beside the line of the file. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netreconcile.actions import Impact

if TYPE_CHECKING:
    from collections.abc import Iterator

    from netreconcile.reports.subject import Difference, Subject

MOST = 10
"""GitHub shows 10 annotations of each level of a step (docs/problem-matchers.md in its toolkit)."""


def workflow_commands(subject: Subject) -> Iterator[str]:
    """Yield workflow commands, a line each: an error for what is refused, a warning for drift and for what cuts."""
    by_level: dict[str, list[Difference]] = {}
    for item in subject.differences:
        by_level.setdefault(_level(item, subject.command), []).append(item)
    title = f"title=netreconcile {subject.command}"
    for level, items in by_level.items():
        shown = items if len(items) <= MOST else items[: MOST - 1]
        for item in shown:
            place = f"file={_property(item.place.file)},line={item.place.line}," if item.place else ""
            yield f"::{level} {place}{title}::{_message(str(item))}"
        if more := len(items) - len(shown):
            yield f"::{level} {title}::and {more} more"


def _level(item: Difference, command: str) -> str:
    if item.refused:
        return "error"
    return "warning" if command == "drift" or item.impact >= Impact.RESTART else "notice"


def _message(text: str) -> str:
    """Return a text as GitHub's toolkit escapes it (escapeData in its command.ts)."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _message(text).replace(":", "%3A").replace(",", "%2C")
