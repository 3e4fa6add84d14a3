"""A topology file in the one layout: keys in the order of the reference, two spaces a level; every comment is kept.

The text is cut along the parser's marks and put together again, line by line: values are never written anew, so what
they say, and how they are quoted, stays. Flow collections of one line are spaced alike; longer ones are left as they
are. Networks and lists stay in their order. Whoever writes the text is sure to write the same topology: it is read
again, and compared.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast

import yaml

from netreconcile.errors import InvalidTopology
from netreconcile.mistakes import field_model
from netreconcile.model import Element, Network, Topology
from netreconcile.reader import read

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

TOP: Final = ("version", "name", "policy", "defaults", "networks")
_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_COMMENT: Final = re.compile(r"(?:^|(?<=\s))#.*")
_DEEPER: Final = 2
_KEPT: Final = "\0"
"""An empty line of a value, which no file can have as a character of its own; other empty lines may go."""
_Pair = tuple[yaml.Node, yaml.Node]


class Unchangeable(ValueError):
    """The text can't be laid out without losing something of it."""


@dataclass(frozen=True, slots=True)
class _Kind:
    """What a mapping is: an element of the model, or of nothing known; `names` if its keys are names of networks."""

    model: type[Element] | None = None
    names: bool = False

    def inside(self, key: str) -> _Kind:
        """Return what stands under the key, or in the list under it."""
        if self.names:
            return _Kind(Network)
        if self.model is Topology and key == "networks":
            return _Kind(names=True)
        if self.model is Topology and key == "defaults":
            return _Kind(Network)
        return _Kind(field_model(self.model, key) if self.model else None)

    def rank(self, key: str) -> int:
        """Return the place of a key among its like; what isn't known comes last."""
        order = TOP if self.model is Topology else tuple(self.model.model_fields) if self.model else ()
        return order.index(key) if key in order else len(order)


def laid_out(raw: bytes, file: str) -> str:
    """Return the text in the one layout; `file` names it in messages.

    Raises: InvalidTopology where it is no YAML of ours; Unchangeable where something of it would be lost.
    """
    before = read(raw, file)
    text = raw.decode().removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    events = list(yaml.parse(text, Loader=_LOADER))
    root = _composed(events)
    if root is None:
        return "".join(f"{line}\n" for line in _spaced(text.split("\n")))
    # What is named must come before what uses the name: a text with aliases keeps its order.
    orders = not any(isinstance(event, yaml.AliasEvent) for event in events)
    after = _Layout(text, orders=orders).text(root)
    if _said(after, file) != repr(_sorted(before.value)):
        raise Unchangeable("what it says would change")
    lost = Counter(_comments(text)) - Counter(_comments(after))
    if lost:
        raise Unchangeable(f"the comment {next(iter(lost))!r} stands where it would be lost")
    return after


class _Layout:
    """The lines of a text, and where each of its parts goes."""

    def __init__(self, text: str, *, orders: bool) -> None:
        self._text = text
        self._lines = text.split("\n")
        self._orders = orders

    def text(self, root: yaml.Node) -> str:
        """Return the whole text."""
        first, last = root.start_mark.line, self._last(root)
        body = self._block(root, 0, _Kind(Topology)) if _is_block(root) else self._lines[first : last + 1]
        lines = [*self._lines[:first], *body, *self._lines[last + 1 :]]
        return "\n".join(_spaced(lines)) + "\n"

    def _block(self, node: yaml.Node, indent: int, kind: _Kind, last: int | None = None) -> list[str]:
        """Return the lines of a collection in block style; `last` is the line before it, if that is its key's."""
        if isinstance(node, yaml.MappingNode):
            return [line for part in self._pairs(node, indent, kind, last) for line in part]
        lines: list[str] = []
        for item in node.value:
            trailing, leading = self._between(last, item, node)
            lines += _indented(trailing, indent + _DEEPER) + _indented(leading, indent)
            lines += self._item(item, indent, kind)
            last = self._last(item)
        return lines

    def _item(self, item: yaml.Node, indent: int, kind: _Kind) -> list[str]:
        inner = indent + _DEEPER
        named = self._text[item.start_mark.index] in "&!"
        if _is_block(item) and named and _first(item).start_mark.index != item.start_mark.index:
            raise Unchangeable(f"an anchor or a tag stands before the item on line {item.start_mark.line + 1}")
        if not _is_block(item):
            first, *rest = self._value(item, inner, kind)
            return [f"{' ' * indent}- {first.lstrip()}".rstrip(), *rest]
        lines = self._block(item, inner, kind)
        head = next(number for number, line in enumerate(lines) if line.strip() and not line.strip().startswith("#"))
        above = [" " * indent + line.strip() for line in lines[:head] if line.strip()]
        return [*above, f"{' ' * indent}- {lines[head].strip()}", *lines[head + 1 :]]

    def _pairs(self, node: yaml.MappingNode, indent: int, kind: _Kind, last: int | None) -> Iterator[list[str]]:
        """Yield the lines of each key in its place, with the comments above it and those inside that end it."""
        parts: list[tuple[int, list[str], list[str]]] = []
        for key, value in node.value:
            trailing, leading = self._between(last, key, node)
            if trailing and parts:
                parts[-1][2].extend(_indented(trailing, indent + _DEEPER))
            elif trailing:
                leading = [*trailing, *leading]
            rank = kind.rank(str(key.value)) if self._orders else 0
            lines = self._pair((key, value), indent, kind.inside(str(key.value)))
            parts.append((rank, _indented(leading, indent), lines))
            last = max(self._last(key), self._last(value))
        yield from ([*leading, *lines] for _, leading, lines in sorted(parts, key=lambda part: part[0]))

    def _pair(self, pair: _Pair, indent: int, kind: _Kind) -> list[str]:
        key, value = pair
        head = f"{' ' * indent}{self._source(key)}:"
        if _is_block(value):
            rest = self._lines[key.end_mark.line][key.end_mark.column :].partition(":")[2].rstrip()
            return [head + rest, *self._block(value, indent + _DEEPER, kind, key.end_mark.line)]
        first, *rest_of = self._value(value, indent, kind, key)
        return [f"{head} {first}" if first and not first.startswith(" ") else f"{head}{first}", *rest_of]

    def _value(self, node: yaml.Node, indent: int, kind: _Kind, key: yaml.Node | None = None) -> list[str]:
        """Return the lines of a scalar or a flow collection, the first without its indentation."""
        start, last = node.start_mark, self._last(node)
        if start.line == last:
            tail = self._lines[last][node.end_mark.column :] if node.end_mark.line == last else ""
            return [f"{self._flow(node, kind)}{tail}".rstrip()]
        owner = key.start_mark if key else start
        shift = indent - (owner.column if key else start.column)
        first, *rest = self._lines[start.line : last + 1]
        return [first[start.column :].rstrip(), *(_shifted(line, shift) for line in rest)]

    def _flow(self, node: yaml.Node, kind: _Kind) -> str:
        """Return what stands on one line, its parts spaced alike and its keys in order."""
        if isinstance(node, yaml.ScalarNode) or self._text[node.start_mark.index] not in "[{" or not node.value:
            return self._source(node)
        if isinstance(node, yaml.SequenceNode):
            return f"[{', '.join(self._flow(item, kind) for item in node.value)}]"
        pairs: Sequence[_Pair] = node.value
        if self._orders:
            pairs = sorted(pairs, key=lambda pair: kind.rank(str(pair[0].value)))
        said = (
            f"{self._source(key)}: {self._flow(value, kind.inside(str(key.value)))}"
            if self._source(value)
            else self._source(key)
            for key, value in pairs
        )
        return f"{{{', '.join(said)}}}"

    def _between(self, last: int | None, node: yaml.Node, of: yaml.Node) -> tuple[list[str], list[str]]:
        """Return the comments before a part: those further in, which end the part before it, and its own.

        `last` is the last line before them, None where they stand elsewhere, and `of` the collection.
        """
        if last is None:
            return [], []
        # A dash may stand alone; what it begins begins on the next line.
        lines = [line for line in self._lines[last + 1 : node.start_mark.line] if line.strip() != "-"]
        if strange := next((line.strip() for line in lines if line.strip() and line.strip()[0] != "#"), None):
            raise Unchangeable(f"{strange!r} stands on a line of its own")
        column = of.start_mark.column
        own = next((at for at, line in enumerate(lines) if line.strip() and _indent(line) <= column), len(lines))
        while own and not lines[own - 1].strip():
            own -= 1
        return lines[:own], lines[own:]

    def _last(self, node: yaml.Node) -> int:
        """Return the last line that belongs to the node."""
        if _is_block(node):
            inner = node.value[-1]
            return max(map(self._last, inner)) if isinstance(inner, tuple) else self._last(inner)
        end = node.end_mark
        if not (isinstance(node, yaml.ScalarNode) and node.style in ("|", ">")):
            return end.line
        last = end.line - 1 if end.column == 0 or not self._lines[end.line][: end.column].strip() else end.line
        keeps = "+" in self._lines[node.start_mark.line][node.start_mark.column :]
        while last > node.start_mark.line and not keeps and not self._lines[last].strip():
            last -= 1
        return last

    def _source(self, node: yaml.Node) -> str:
        return self._text[node.start_mark.index : node.end_mark.index]


def _composed(events: Sequence[yaml.Event]) -> yaml.Node | None:
    """Return the root, None where there is none; unlike PyYAML's, a use of a name is a node of its own."""
    waiting = iter(events[2:])
    return _node(next(waiting), waiting) if isinstance(events[1], yaml.DocumentStartEvent) else None


def _node(event: yaml.Event, waiting: Iterator[yaml.Event]) -> yaml.Node:
    start, end = _marks(event)
    if isinstance(event, yaml.ScalarEvent):
        return yaml.ScalarNode("", event.value, start, end, event.style)
    if isinstance(event, yaml.AliasEvent):
        return yaml.ScalarNode("", event.anchor, start, end)
    assert isinstance(event, yaml.CollectionStartEvent), "a node begins with one of these"
    nodes: list[yaml.Node] = []
    while not isinstance(inner := next(waiting), yaml.CollectionEndEvent):
        nodes.append(_node(inner, waiting))
    _, end = _marks(inner)
    if isinstance(event, yaml.SequenceStartEvent):
        return yaml.SequenceNode("", nodes, start, end, event.flow_style)
    return yaml.MappingNode("", list(zip(nodes[::2], nodes[1::2], strict=True)), start, end, event.flow_style)


def _marks(event: yaml.Event) -> tuple[yaml.Mark, yaml.Mark]:
    """Return where the event starts and ends; marks are optional only for events that are made by hand."""
    return cast("yaml.Mark", event.start_mark), cast("yaml.Mark", event.end_mark)


def _is_block(node: yaml.Node) -> bool:
    return isinstance(node, yaml.CollectionNode) and not node.flow_style and bool(node.value)


def _first(node: yaml.Node) -> yaml.Node:
    """Return the first node in a collection that has one."""
    inner = node.value[0]
    found: yaml.Node = inner[0] if isinstance(inner, tuple) else inner
    return found


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _indented(lines: Sequence[str], indent: int) -> list[str]:
    return [" " * indent + line.strip() if line.strip() else "" for line in lines]


def _shifted(line: str, shift: int) -> str:
    """Return the line moved to the right, or to the left as far as it can be."""
    if not line.strip():
        return _KEPT
    return " " * shift + line if shift >= 0 else line[min(-shift, _indent(line)) :]


def _spaced(lines: Sequence[str]) -> Iterator[str]:
    """Yield the lines without empty ones at the ends, and never two of them in a row."""
    empty = True
    waiting = False
    for line in lines:
        if line.strip():
            if waiting:
                yield ""
            yield "" if line == _KEPT else line
            empty, waiting = False, False
        else:
            waiting = not empty


def _said(text: str, file: str) -> str:
    """Return what a text says, whatever the order of its keys; nothing where it says nothing of ours."""
    try:
        return repr(_sorted(read(text.encode(), file).value))
    except InvalidTopology:
        return ""


def _sorted(value: object) -> object:
    """Return the value with the keys of its mappings in an order that doesn't tell how they stood."""
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value)}
    return [_sorted(item) for item in value] if isinstance(value, list) else value


def _comments(text: str) -> Iterator[str]:
    """Yield the comments: they stand between the parser's tokens."""
    end = 0
    for token in yaml.scan(text, Loader=_LOADER):
        yield from (found.rstrip() for found in _COMMENT.findall(text[end : token.start_mark.index]))
        end = max(end, token.end_mark.index)
    yield from (found.rstrip() for found in _COMMENT.findall(text[end:]))
