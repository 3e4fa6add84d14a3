"""A graph in Graphviz' notation. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netreconcile.graph.graph import COLOURS, Tone

if TYPE_CHECKING:
    from collections.abc import Iterator

    from netreconcile.graph.graph import Graph, Node


def dot(graph: Graph) -> str:
    """Return the graph for `dot`; no name in it can be taken for Graphviz' syntax."""
    return "\n".join(_lines(graph)) + "\n"


def _lines(graph: Graph) -> Iterator[str]:
    yield "graph {"
    yield f"  graph [rankdir=LR, fontname=sans, labelloc=t, label={_quoted(graph.title)}]"
    yield "  node [fontname=sans, fontsize=11]"
    ways = {way: f"way{number}" for number, way in enumerate(graph.ways)}
    for way, key in ways.items():
        yield f"  {key} [shape=ellipse, label={_quoted(way.title, way.detail)}]"
    for number, node in enumerate(graph.networks):
        yield from _network(f"net{number}", node, [ways[way] for way in node.ways])
    yield "}"


def _network(key: str, node: Node, ways: list[str]) -> Iterator[str]:
    width = 2 if node.tone not in (Tone.PLAIN, Tone.SAME) else 1
    outline = f'color="{COLOURS[node.tone]}", penwidth={width}'
    yield f"  {key} [shape=box, {outline}, label={_quoted(*node.lines)}]"
    for way in ways:
        yield f"  {way} -- {key}"
    for number, guest in enumerate(node.guests):
        yield f"  {key}g{number} [shape=box, style=rounded, label={_quoted(guest.title, guest.detail)}]"
        yield f"  {key} -- {key}g{number} [style={'solid' if guest.linked else 'dashed'}]"
    if node.more:
        yield f"  {key}more [shape=plain, label={_quoted(f'and {node.more} more guests')}]"
        yield f"  {key} -- {key}more"


def _quoted(*lines: str) -> str:
    """Return a string of several lines; Graphviz reads escapes and HTML's entities in it."""
    escaped = (line.replace("\\", "\\\\").replace('"', '\\"').replace("&", "&amp;") for line in lines)
    return '"' + "\\n".join(escaped) + '"'
