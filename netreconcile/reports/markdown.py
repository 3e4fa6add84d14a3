"""A plan or drift as a comment on a pull request, in what GitHub and GitLab both draw. Pure.

Names stand in `<code>`, where nothing is a mention or a reference, with all that Markdown knows as entities, or in a
fence that is longer than any in them.
"""

from __future__ import annotations

import re
from itertools import accumulate
from typing import TYPE_CHECKING
from urllib.parse import quote

from netreconcile.document import fingerprint
from netreconcile.graph.mermaid import mermaid
from netreconcile.render import guest_names
from netreconcile.reports.subject import clean

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from netreconcile.networkplan import NetworkPlan
    from netreconcile.reports.subject import Subject

ROOM = 60_000
"""Most characters: GitHub takes comments of 65536."""
_ROWS = 50
_ROOM_FOR_ROWS = 20_000
_ROOM_FOR_A_PICTURE = 10_000
_STRANGE = re.compile(r"[^\w /-]|_")
_FENCES = re.compile("`{3,}")


def markdown(subject: Subject) -> str:
    """Return the comment; its first line, which nobody sees, is the same for each comment about the topology."""
    text = "\n".join(_head(subject)) + "\n"
    for title, language, lines in _parts(subject):
        room = ROOM - len(text) - 500
        text += _folded(title, language, lines, room)
    if subject.plan.steps:
        text += f"\nfingerprint {code(fingerprint(subject.plan))}\n"
    return text


def code(text: str) -> str:
    """Return a text as it is, with nothing in it that Markdown, or HTML, could read as something else."""
    return f"<code>{_STRANGE.sub(lambda found: f'&#{ord(found[0])};', clean(text))}</code>"


def _head(subject: Subject) -> Iterator[str]:
    plan = subject.plan
    yield f"<!-- netreconcile {subject.command} {quote(plan.topology, safe='', errors='replace')} -->"
    yield f"### {subject.command.capitalize()}: {code(plan.topology)} on {code(subject.host.uri)}"
    yield ""
    yield f"**{subject.summary}**"
    if subject.unseen:
        yield f"\nNot looked at: what is below libvirt ({code(subject.unseen)})."
    if not subject.shown:
        return
    yield ""
    yield "| network | what happens | impact | guests that lose their link |"
    yield "|---|---|---|---|"
    rows = _fitting([_row(subject, part) for part in subject.shown[:_ROWS]], _ROOM_FOR_ROWS)
    yield from rows
    if (more := len(subject.shown) - len(rows)) > 0:
        yield f"\nand {more} more networks"


def _row(subject: Subject, part: NetworkPlan) -> str:
    cut = code(guest_names(part.cut)[:200]) if part.cut else "none"
    return f"| {code(part.name[:100])} | {subject.happens(part)} | {part.impact} | {cut} |"


def _parts(subject: Subject) -> Iterator[tuple[str, str, list[str]]]:
    """Yield what is folded away: title, language and lines."""
    picture = mermaid(subject.graph).splitlines()
    if subject.plan.networks and sum(map(len, picture)) < _ROOM_FOR_A_PICTURE:
        yield "Topology", "mermaid", picture
    if subject.differences:
        lines = [f"{item.sign} {item}" + (f"  ({item.place})" if item.place else "") for item in subject.differences]
        yield f"Differences: {len(lines)}", "diff", [clean(line) for line in lines]
    mends = [f"{item.network}: {item.mend}" for item in subject.differences if item.mend]
    if mends:
        yield f"What mends what is below libvirt: {len(mends)}", "text", mends
    notes = [f"{clean(part.name)}: {clean(note)}" for part in subject.plan.networks for note in part.notes]
    if notes:
        yield f"Notes: {len(notes)}", "text", notes
    if subject.plan.steps:
        steps = [f"{number}. {clean(str(step))}" for number, step in enumerate(subject.plan.steps, 1)]
        yield f"Steps, in this order: {len(steps)}", "text", steps


def _folded(title: str, language: str, lines: list[str], room: int) -> str:
    """Return the lines behind a title, as many as there is room for."""
    kept = _fitting(lines, room)
    if len(kept) < len(lines):
        kept.append(f"… and {len(lines) - len(kept)} more")
    fence = _fence(kept)
    fenced = "\n".join([f"{fence}{language}", *kept, fence])
    return f"\n<details><summary>{title}</summary>\n\n{fenced}\n\n</details>\n"


def _fitting(lines: list[str], room: int) -> list[str]:
    """Return the first lines, as many as there is room for."""
    ends = accumulate(len(line) + 1 for line in lines)
    return [line for line, end in zip(lines, ends, strict=True) if end <= room]


def _fence(lines: Iterable[str]) -> str:
    longest = max((len(found) for line in lines for found in _FENCES.findall(line)), default=2)
    return "`" * (longest + 1)
