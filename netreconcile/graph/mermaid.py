"""A graph in Mermaid's notation, which GitHub and GitLab draw. Pure."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from netreconcile.graph.graph import COLOURS, Tone

if TYPE_CHECKING:
    from collections.abc import Iterator

    from netreconcile.graph.graph import Graph, Node

_STRANGE = re.compile(r"[^\w .,/:-]|_|[.-](?= )")
"""All but letters, digits and what is nothing to Mermaid's syntax nor to the Markdown that it reads labels as."""
_OUTLINES = {
    Tone.SAME: "stroke-width:2px",
    Tone.MISSING: "stroke-width:3px,stroke-dasharray:6 3",
    Tone.DIFFERS: "stroke-width:3px",
    Tone.REMOVED: "stroke-width:3px,stroke-dasharray:2 3",
    Tone.REFUSED: "stroke-width:4px",
    Tone.BROKEN: "stroke-width:4px",
}


def mermaid(graph: Graph) -> str:
    """Return the flow chart; no name in it can be taken for Mermaid's syntax, or for HTML."""
    return "\n".join(_lines(graph)) + "\n"


def _lines(graph: Graph) -> Iterator[str]:
    yield f"---\ntitle: {json.dumps(graph.title, ensure_ascii=False)}\n---"
    yield "flowchart LR"
    ways = {way: f"way{number}" for number, way in enumerate(graph.ways)}
    for way, key in ways.items():
        yield f'  {key}(["{_label(way.title, way.detail)}"])'
    for number, node in enumerate(graph.networks):
        yield from _network(f"net{number}", node, [ways[way] for way in node.ways])
    used = {node.tone for node in graph.networks}
    for tone, outline in _OUTLINES.items():
        if tone in used:
            yield f"  classDef {tone.name.lower()} stroke:{COLOURS[tone]},{outline}"


def _network(key: str, node: Node, ways: list[str]) -> Iterator[str]:
    outline = f":::{node.tone.name.lower()}" if node.tone else ""
    yield f'  {key}["{_label(*node.lines)}"]{outline}'
    for way in ways:
        yield f"  {way} --- {key}"
    for number, guest in enumerate(node.guests):
        yield f'  {key}g{number}("{_label(guest.title, guest.detail)}")'
        yield f"  {key} {'---' if guest.linked else '-.-'} {key}g{number}"
    if node.more:
        yield f'  {key}more("and {node.more} more guests")'
        yield f"  {key} --- {key}more"


def _label(*lines: str) -> str:
    return "<br/>".join(_text(line) for line in lines)


def _text(text: str) -> str:
    """Return the text with everything that means something to Mermaid as a number (`#34;`)."""
    return _STRANGE.sub(lambda found: f"#{ord(found[0])};", text)
