"""A YAML parser's error as a problem that a user understands. Knows how libyaml and PyYAML word their errors."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

import yaml

from netreconcile.errors import Position, Problem
from netreconcile.scalars import shown


@dataclass(frozen=True, slots=True)
class _Wording:
    """What to say instead of an error whose "context: problem" matches; `{start}` is the line where it begins."""

    pattern: str
    message: str
    hint: str = ""
    at_start: bool = False
    code: str = "syntax"


_QUOTE: Final = "put the value in quotes"
_WORDINGS: Final = (
    _Wording("maximum nesting depth", "values are nested too deeply", code="too-deep"),
    _Wording("an alias: ", "a value that starts with '*' is an alias", "quote it: '{value}'", at_start=True),
    _Wording("an anchor: ", "a value that starts with '&' is an anchor", "quote it: '{value}'", at_start=True),
    _Wording("tab character|start any token {tab}", "a tab cannot indent", "indent with spaces"),
    _Wording("start any token", "a value cannot start with {character}", _QUOTE),
    _Wording("mapping values are not allowed", "a ':' with a space after it cannot stand here",
             "quote the value that contains it, or check the indentation"),
    _Wording("sequence entries are not allowed", "a list cannot start here", "put the '-' on a line of its own"),
    _Wording("could not find expected ':'", "this line has no ':'", "write `key: value`", at_start=True),
    _Wording("quoted scalar: found unexpected", "the quote that opens here is never closed", at_start=True),
    _Wording("unknown escape|escape code|hexdecimal|hexadecimal", "this is no escape that double quotes know",
             "write '\\\\' for a backslash, or use single quotes"),
    _Wording("flow sequence: ", "the '[' on line {start} needs a ',' or ']' before this"),
    _Wording("flow mapping: ", "the '{{' on line {start} needs a ',' or '}}' before this"),
    _Wording("block mapping: |block collection: ", "this does not continue what begins on line {start}",
             "entries that belong together start in the same column; quote a value that contains quotes"),
    _Wording("node content", "a value is missing here"),
    _Wording("document start", "the document ends before this", "check the indentation of this line"),
    _Wording("a block scalar: ", "only a line break may follow '|' or '>'", _QUOTE),
    _Wording("directive|YAML document|version", "this '%' line is not understood", "remove it"),
    _Wording("tag", "a value that starts with '!' is a tag", _QUOTE, at_start=True),
)  # fmt: skip


def problem(error: Exception, text: str, file: str) -> Problem:
    """Return the error as a problem with its position; `text` is what was parsed."""
    where = getattr(error, "problem_mark", None)
    start = getattr(error, "context_mark", None) or where
    if not isinstance(error, yaml.MarkedYAMLError) or where is None or start is None:
        # Only PyYAML's own parser gets here: it lets the ValueError of an absurd escape or version number through.
        return Problem("syntax", f"this is not YAML: {str(error).splitlines()[0]}", position=Position(file, 1, 1))
    character = text[where.index : where.index + 1]
    words = f"{error.context}: {error.problem}{' {tab}' if character == chr(9) else ''}"
    wording = next((known for known in _WORDINGS if re.search(known.pattern, words)), None)
    if wording is None:
        return Problem("syntax", f"{words}", position=Position(file, where.line + 1, where.column + 1))
    mark = start if wording.at_start else where
    value = re.match(r"[^\s'\",\[\]{}]*", text[mark.index : mark.index + 60])
    facts = {"start": start.line + 1, "character": shown(character), "value": value.group() if value else ""}
    return Problem(
        wording.code,
        wording.message.format(**facts),
        position=Position(file, mark.line + 1, mark.column + 1),
        hint=wording.hint.format(**facts),
    )
