"""A graph as a drawing of our own: SVG that needs nothing else, light or dark as the reader's screen is. Pure.

A network is a card below the way out that it has, with its guests in it. A column is as wide as a phone: a report has
one, a file of its own as many as make it readable.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from netreconcile.graph.graph import Graph, Node, Plug, Way

WIDTH = 340
"""Of a column; about 340 CSS pixels are what a phone has."""
_GAP = 28
_MARGIN = 6
_LINE = 18
_PAD = 10
_INDENT = 22
_HEAD = 48
_BELOW = 12
_APART = 10
_CHARACTER = 7.6
_SMALL = 6.6
_BOLD = 8.4
"""About what a character takes at 14 pixels, at 12, and in bold at 14."""
_WIDE = frozenset("%@MWmw")
_LONG_COLUMN = 900
_MOST_COLUMNS = 4

STYLE = """\
.nr{--ink:#1b1f24;--dim:#57606a;--line:#8c959f;--card:#f6f8fa;--edge:#d0d7de;--same:#1a7f37;--missing:#0969da;\
--differs:#9a6700;--removed:#cf222e;--refused:#8250df;--broken:#bc4c00;font:14px system-ui,sans-serif}
@media(prefers-color-scheme:dark){.nr{--ink:#e6edf3;--dim:#9198a1;--line:#656c76;--card:#151b23;--edge:#3d444d;\
--same:#3fb950;--missing:#4493f8;--differs:#d29922;--removed:#f85149;--refused:#ab7df8;--broken:#f0883e}}
.nr text{fill:var(--ink)}.nr .dim{fill:var(--dim)}.nr .bold{font-weight:600}.nr .small{font-size:12px}
.nr .card{fill:var(--card);stroke:var(--edge)}.nr .way{fill:var(--card);stroke:var(--line);stroke-width:1.5}
.nr .line{stroke:var(--line);stroke-width:1.5;fill:none}.nr .cut{stroke-dasharray:3 3}
"""
_BACKGROUND = ".nr{background:#fff}@media(prefers-color-scheme:dark){.nr{background:#0d1117}}\n"


@dataclass(frozen=True, slots=True)
class _Group:
    """The networks that have the same ways out."""

    ways: tuple[Way, ...]
    networks: tuple[Node, ...]

    @property
    def height(self) -> int:
        return _HEAD + sum(_height(node) + _BELOW for node in self.networks) + _APART


def svg(graph: Graph, *, alone: bool = True) -> str:
    """Return the drawing: as a file that stands `alone`, else as a part of an HTML page, one column wide."""
    columns = _columns(_groups(graph), _MOST_COLUMNS if alone else 1)
    width = len(columns) * (WIDTH + _GAP) - _GAP + 2 * _MARGIN
    top = _MARGIN + (2 * _LINE if alone else 0)
    height = top + max(sum(group.height for group in column) for column in columns) + _MARGIN
    size = f' width="{width}" height="{height}"' if alone else ""
    style = f"<style>{STYLE}{_BACKGROUND if alone else ''}</style>"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="nr" viewBox="0 0 {width} {height}"{size} role="img">',
        f"<title>{_escaped(graph.title)}</title>{style}",
        *([_text(_MARGIN, _MARGIN + 14, graph.title, width - 2 * _MARGIN, "bold")] if alone else []),
        *(line for number, column in enumerate(columns) for line in _column(column, number, top)),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _groups(graph: Graph) -> list[_Group]:
    by_ways: dict[tuple[Way, ...], list[Node]] = {}
    for node in graph.networks:
        by_ways.setdefault(node.ways, []).append(node)
    return [_Group(ways, tuple(networks)) for ways, networks in by_ways.items()]


def _columns(groups: list[_Group], most: int) -> list[list[_Group]]:
    """Return the groups in columns of about the same height; one that goes on in the next column has its ways again."""
    total = sum(group.height for group in groups)
    number = min(most, 1 + total // _LONG_COLUMN)
    columns: list[list[_Group]] = [[]]
    filled = 0
    for group in groups:
        networks: list[Node] = []
        filled += _HEAD
        for node in group.networks:
            if filled > total / number and len(columns) < number:
                if networks:
                    columns[-1].append(_Group(group.ways, tuple(networks)))
                columns.append([])
                networks, filled = [], _HEAD
            networks.append(node)
            filled += _height(node) + _BELOW
        columns[-1].append(_Group(group.ways, tuple(networks)))
    return columns


def _column(groups: Sequence[_Group], number: int, top: int) -> Iterator[str]:
    left = _MARGIN + number * (WIDTH + _GAP)
    for group in groups:
        yield from _group(group, left, top)
        top += group.height


def _group(group: _Group, left: int, top: int) -> Iterator[str]:
    """Yield the way out, and below it the networks that have it, on a line that leads to each."""
    title = ", ".join(way.title for way in group.ways) or "unknown"
    detail = group.ways[0].detail if group.ways else ""
    rail, y = left + _INDENT // 2, top + _HEAD
    for node in group.networks:
        yield f'<path class="line" d="M{rail} {top + _HEAD - 8}V{y + 20}H{left + _INDENT}"/>'
        yield from _card(node, left + _INDENT, y)
        y += _height(node) + _BELOW
    yield f'<rect class="way" x="{left}" y="{top}" width="{WIDTH}" height="{_HEAD - 8}" rx="20"/>'
    yield _text(left + 16, top + 17, title, WIDTH - 32, "bold")
    yield _text(left + 16, top + 32, detail, WIDTH - 32, "dim small")


def _height(node: Node) -> int:
    guests = len(node.guests) + bool(node.more)
    return 2 * _PAD + _LINE * (2 + len(node.details) + guests) + (6 if guests else 0)


def _card(node: Node, left: int, top: int) -> Iterator[str]:
    colour, width = f"var(--{node.tone.name.lower() if node.tone else 'line'})", WIDTH - _INDENT
    height = _height(node)
    yield f'<rect class="card" x="{left}" y="{top}" width="{width}" height="{height}" rx="6"/>'
    yield f'<rect x="{left}" y="{top}" width="5" height="{height}" rx="2" style="fill:{colour}"/>'
    x, y = left + 16, top + _PAD + 12
    yield _text(x, y, node.name, width - 32, "bold")
    y += _LINE
    yield _text(x, y, node.mode, width - 140, "dim")
    if node.tone:
        end = left + width - 12
        yield f'<text x="{end}" y="{y}" text-anchor="end" class="bold" style="fill:{colour}">{node.tone}</text>'
    for detail in node.details:
        y += _LINE
        yield _text(x, y, detail, width - 32)
    y += 6
    for guest in node.guests:
        y += _LINE
        yield from _guest(guest, x, y, width - 32)
    if node.more:
        yield _text(x + 18, y + _LINE, f"and {node.more} more guests", width - 50, "dim")


def _guest(guest: Plug, left: int, y: int, width: int) -> Iterator[str]:
    cut = "" if guest.linked else " cut"
    yield f'<path class="line{cut}" d="M{left} {y - 5}h10"/>'
    yield f'<circle class="line" cx="{left + 13}" cy="{y - 5}" r="3"/>'
    title, detail = _fitting(guest.title, width * 0.4), _fitting(guest.detail, width * 0.6 - 20, _SMALL)
    whole = f"<title>{_escaped(f'{guest.title}: {guest.detail}')}</title>"
    yield f'<text x="{left + 22}" y="{y}">{whole}{_escaped(title)}</text>'
    if detail:
        yield f'<text x="{left + width + 4}" y="{y}" text-anchor="end" class="dim small">{_escaped(detail)}</text>'


def _text(x: int, y: int, text: str, width: float, style: str = "") -> str:
    """Return the text, cut to the width; the whole of it is told where somebody points at it."""
    shown = _fitting(text, width, _SMALL if "small" in style else _BOLD if "bold" in style else _CHARACTER)
    whole = f"<title>{_escaped(text)}</title>" if shown != text else ""
    named = f' class="{style}"' if style else ""
    return f'<text x="{x}" y="{y}"{named}>{whole}{_escaped(shown)}</text>'


def _fitting(text: str, width: float, character: float = _CHARACTER) -> str:
    if sum(map(_cells, text)) * character <= width:
        return text
    room, kept = width / character - 1, ""
    for each in text:
        room -= _cells(each)
        if room < 0:
            break
        kept += each
    return f"{kept}…"


def _cells(character: str) -> float:
    """Return how many usual characters a character is as wide as, in doubt too many."""
    if unicodedata.east_asian_width(character) in "WF":
        return 2
    return 1.4 if character in _WIDE or character.isupper() else 1


def _escaped(text: str) -> str:
    return escape(text, quote=True)
