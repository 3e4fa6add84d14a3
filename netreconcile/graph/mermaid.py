"""A graph in Mermaid's notation, which GitHub and GitLab draw. Pure."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from netreconcile.graph.graph import Tone

if TYPE_CHECKING:
    from collections.abc import Iterator

    from netreconcile.graph.graph import Graph, Node

_STRANGE = re.compile(r"[^\w .,/:-]|_|[.-](?= )")
"""All but letters, digits and what is nothing to Mermaid's syntax nor to the Markdown that it reads labels as."""
_CLASSES = {
    Tone.SAME: ("same", "stroke:#1a7f37,stroke-width:2px"),
    Tone.MISSING: ("missing", "stroke:#0969da,stroke-width:3px,stroke-dasharray:6 3"),
    Tone.DIFFERS: ("differs", "stroke:#9a6700,stroke-width:3px"),
    Tone.REMOVED: ("removed", "stroke:#cf222e,stroke-width:3px,stroke-dasharray:2 3"),
    Tone.REFUSED: ("refused", "stroke:#8250df,stroke-width:4px"),
    Tone.BROKEN: ("broken", "stroke:#bc4c00,stroke-width:4px"),
}
"""Class and style of a network's outline; the word itself stands in its text."""


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
    for tone, (name, style) in _CLASSES.items():
        if tone in used:
            yield f"  classDef {name} {style}"


def _network(key: str, node: Node, ways: list[str]) -> Iterator[str]:
    style = f":::{_CLASSES[node.tone][0]}" if node.tone else ""
    head = f"{node.mode}: {node.tone}" if node.tone else node.mode
    yield f'  {key}["{_label(node.name, head, *node.details)}"]{style}'
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
