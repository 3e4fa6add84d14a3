"""Verdicts as lines for people, expected and seen side by side, and as a document for machines."""

from __future__ import annotations

import re
import textwrap
from collections import Counter
from dataclasses import dataclass
from itertools import groupby, zip_longest
from typing import TYPE_CHECKING, Any

from netreconcile.document import FORMAT_VERSION
from netreconcile.render import Line
from netreconcile.verify.verdict import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from netreconcile.verify.target import Level
    from netreconcile.verify.verdict import NetworkVerdict, Verdict

MOST = 8
"""So many promises of one kind get a line each; what is more of them is counted in one."""

_MARKS = {Outcome.KEPT: "ok", Outcome.BROKEN: "BROKEN", Outcome.UNSEEN: "not seen"}
_STYLES = {Outcome.KEPT: "", Outcome.BROKEN: "bold red", Outcome.UNSEEN: "yellow"}
_HEAD = ("promise", "expected", "seen")
_MARK = max(map(len, _MARKS.values()))
_GAP = "  "
_WIDEST = 44
"""A longer cell pushes only its own line out of the columns, where lines aren't broken to fit a terminal."""
_NARROWEST = 12
_MOST_NAMES = 8


@dataclass(frozen=True, slots=True)
class _Row:
    """A line of the table: the promise's outcome, the promise, what was expected, what was seen; and what mends it."""

    outcome: Outcome
    cells: tuple[str, str, str]
    hint: str = ""


def verdict_lines(networks: Sequence[NetworkVerdict], width: int = 0) -> Iterator[Line]:
    """Yield a block for each network, a line for each of its promises, and the sum.

    With a `width` longer lines are broken inside their columns; without one a promise is one line, however long.
    """
    if not networks:
        yield Line("no network of this topology is to be active")
        return
    blocks = [(network, _rows(network.verdicts)) for network in networks]
    columns = _columns([_HEAD, *(row.cells for _, rows in blocks for row in rows)], width)
    yield Line(_text(("", *_HEAD), columns), "bold")
    for network, rows in blocks:
        yield Line(f"{network.network}: {network.mode}, {counted([network])}, {network.seconds:.1f} s", "bold")
        told = {""}
        for hint, alike in groupby(rows, lambda row: row.hint):
            yield from (line for row in alike for line in _row_lines(row, columns, width))
            if hint not in told:
                yield from _aside("hint", hint, width)
            told.add(hint)
        for remark in network.remarks:
            yield from _aside("note", f"{remark.message} [{remark.code}]", width)
        yield Line("")
    counts = _counts(networks)
    style = "bold red" if counts[Outcome.BROKEN] else "bold yellow" if counts[Outcome.UNSEEN] else "bold green"
    yield Line(_sum(networks), style)


def counted(networks: Sequence[NetworkVerdict]) -> str:
    """Return how the promises of the networks stand, in numbers: "41 promises kept, 1 broken, 2 not seen"."""
    counts = _counts(networks)
    kept = counts[Outcome.KEPT]
    parts = [f"{kept} {'promise' if kept == 1 else 'promises'} kept"]
    parts += [
        f"{counts[outcome]} {word}"
        for outcome, word in ((Outcome.BROKEN, "broken"), (Outcome.UNSEEN, "not seen"))
        if counts[outcome]
    ]
    return ", ".join(parts)


def verification_document(
    topology: str, connection: str, level: Level, networks: Sequence[NetworkVerdict]
) -> dict[str, Any]:
    """Return every promise with what was seen of it; `schemas/verification.schema.json` describes it."""
    counts = _counts(networks)
    return {
        "format_version": FORMAT_VERSION,
        "topology": topology,
        "connection": connection,
        "level": str(level),
        **{str(outcome): counts[outcome] for outcome in Outcome},
        "networks": [_network(network) for network in networks],
    }


def _sum(networks: Sequence[NetworkVerdict]) -> str:
    """Return the numbers of all networks, and where promises are broken."""
    broken = [network.network for network in networks if network.broken]
    more = f" and {len(broken) - _MOST_NAMES} more" if len(broken) > _MOST_NAMES else ""
    where = f"; broken in {', '.join(broken[:_MOST_NAMES])}{more}" if broken else ""
    number = len(networks)
    return f"{number} {'network' if number == 1 else 'networks'}: {counted(networks)}{where}"


def _counts(networks: Sequence[NetworkVerdict]) -> Counter[Outcome]:
    return Counter(verdict.outcome for network in networks for verdict in network.verdicts)


def _network(network: NetworkVerdict) -> dict[str, Any]:
    return {
        "name": network.network,
        "mode": network.mode,
        "seconds": round(network.seconds, 3),
        "promises": [promise_document(verdict) for verdict in network.verdicts],
        "remarks": [{"code": remark.code, "message": remark.message} for remark in network.remarks],
    }


def promise_document(verdict: Verdict) -> dict[str, Any]:
    """Return how a promise stands."""
    return {
        "code": verdict.code,
        "subject": verdict.subject or None,
        "outcome": str(verdict.outcome),
        "expected": verdict.expected,
        "seen": None if verdict.outcome is Outcome.UNSEEN else verdict.seen,
        "hint": verdict.hint or None,
    }


def _rows(verdicts: Sequence[Verdict]) -> list[_Row]:
    """Return a row for each verdict; where more than `MOST` of one kind stand alike, few rows for them."""
    kinds: dict[tuple[str, Outcome], list[Verdict]] = {}
    for verdict in verdicts:
        kinds.setdefault((verdict.code, verdict.outcome), []).append(verdict)
    total = Counter(verdict.code for verdict in verdicts)
    looked_at = Counter(verdict.code for verdict in verdicts if verdict.outcome is not Outcome.UNSEEN)
    rows: list[_Row] = []
    for (code, outcome), alike in kinds.items():
        more = len(alike) - MOST + 1
        if len(alike) <= MOST:
            rows += map(_row, alike)
        elif outcome is Outcome.KEPT:
            rows.append(_Row(outcome, (code, f"{looked_at[code]} as in the file", f"{len(alike)} as in the file")))
        else:
            rows += map(_row, alike[: MOST - 1])
            rows.append(_Row(outcome, (code, f"{more} more of {total[code]}", "likewise"), rows[-1].hint))
    return rows


def _row(verdict: Verdict) -> _Row:
    """Return the verdict's row; of one that isn't seen the reason stands where what was seen would."""
    promise = f"{verdict.code} {verdict.subject}".rstrip()
    if verdict.outcome is Outcome.UNSEEN:
        return _Row(verdict.outcome, (promise, verdict.expected, verdict.hint or verdict.seen))
    return _Row(verdict.outcome, (promise, verdict.expected, verdict.seen), verdict.hint)


def _row_lines(row: _Row, columns: tuple[int, ...], width: int) -> Iterator[Line]:
    """Yield the row's line, or, where a width is given, as many as its cells need."""
    cells = [
        [_MARKS[row.outcome]],
        *(_wrapped(cell, size) if width else [cell] for cell, size in zip(row.cells, columns[1:], strict=True)),
    ]
    for parts in zip_longest(*cells, fillvalue=""):
        yield Line(_text(parts, columns), _STYLES[row.outcome])


def _text(parts: Sequence[str], columns: tuple[int, ...]) -> str:
    return "".join(f"{_GAP}{part:<{size}}" for part, size in zip(parts, columns, strict=True)).rstrip()


def _aside(word: str, text: str, width: int) -> Iterator[Line]:
    """Yield what stands below the rows that it is about."""
    start = f"{_GAP}{word:<{_MARK}}{_GAP}"
    for number, part in enumerate(_wrapped(text, width - len(start)) if width else [text]):
        yield Line(f"{' ' * len(start) if number else start}{part}")


def _columns(rows: list[tuple[str, ...]], width: int) -> tuple[int, ...]:
    """Return how wide the columns are; the widest ones give way until everything fits into the width, if any."""
    widest = [min(max(map(len, column)), _WIDEST) for column in zip(*rows, strict=True)]
    if width:
        room = width - _MARK - len(_GAP) * (len(widest) + 1)
        while sum(widest) > room and max(widest) > _NARROWEST:
            widest[widest.index(max(widest))] -= 1
    return _MARK, *widest


def _wrapped(text: str, width: int) -> list[str]:
    """Return the text in lines; a word that is longer than one breaks after punctuation where it has some."""
    width = max(width, _NARROWEST)
    parted = re.compile(rf".{{1,{width}}}$|.{{1,{width}}}(?<=[-:.,/])|.{{1,{width}}}")
    words = " ".join(part for word in text.split() for part in parted.findall(word))
    return textwrap.wrap(words, width, break_on_hyphens=False) or [""]
