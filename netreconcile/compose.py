"""YAML text as a tree of plain values that know where they stand. Knows the parser, and nothing about files.

Values are composed from the parser's events, never by YAML constructors: no tag can make an object. Depth, number and
expansion are bounded (the constants below), so no text can hang the reader or exhaust memory.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, Never, cast

import yaml

from netreconcile import scalars, syntax
from netreconcile.errors import InvalidTopology, Position, Problem
from netreconcile.printable import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

MAX_DEPTH: Final = 64
MAX_VALUES: Final = 120_000
"""Most values and keys of all files of a topology, those of an alias counted again at each use; 10 000 DHCP hosts are
some 90 000."""
MAX_KEY: Final = 1024
"""Longest key in characters: YAML's own limit, except behind `? `."""
MAX_TEXT: Final = 64 * 1024
"""Longest value in characters; only descriptions come anywhere near."""
MAX_PROBLEMS: Final = 100

# Without libyaml (wheels and distributions have it) the same text is read some 20 times slower.
_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
# What an escape could bring in and XML could not carry out.
_UNUSABLE: Final = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NOTHING: Final[Mapping[str | int, Node]] = {}


@dataclass(slots=True)
class Node:
    """A value as it stands in the text; line and column count from 0.

    `items` holds the nodes inside, by key or index; `key` is where the value's key stands, None outside mappings;
    `size` counts the values composed for it; `height` is 0 for a scalar, 1 for a list of scalars, and so on.
    Nodes are complete, and not changed any more, when `compose` returns.
    """

    value: object
    line: int
    column: int
    items: Mapping[str | int, Node] = field(default_factory=lambda: _NOTHING)
    key: tuple[int, int] | None = None
    size: int = 1
    height: int = 0
    complete: bool = True


@dataclass(slots=True)
class Tally:
    """How many values the files of a topology hold so far."""

    values: int = 0


def compose(text: str, file: str, tally: Tally) -> Node:
    """Return the root of the one document in the text; its value is None if there is none.

    The tally counts on. Raises: InvalidTopology with all problems found, up to `MAX_PROBLEMS`.
    """
    composer = _Composer(text, file, tally)
    root = composer.document()
    if composer.problems:
        raise InvalidTopology(tuple(composer.problems))
    return root


class _Composer:
    """Takes events one by one; holds the place where it stands and what it found wrong so far."""

    def __init__(self, text: str, file: str, tally: Tally) -> None:
        self.problems: list[Problem] = []
        self._text = text
        self._file = file
        self._events: Iterator[yaml.Event] = yaml.parse(text, Loader=_LOADER)
        self._anchors: dict[str, Node] = {}
        self._path: list[str | int] = []
        self._tally = tally

    def document(self) -> Node:
        self._next()
        first = self._next()
        if isinstance(first, yaml.StreamEndEvent):
            return Node(None, 0, 0)
        root = self._node(self._next(), 0)
        self._next()
        after = self._next()
        if not isinstance(after, yaml.StreamEndEvent):
            hint = "give each document a file of its own, and name all files"
            self._stop(after, "several-documents", "a second document starts here", hint)
        return root

    def _next(self) -> yaml.Event:
        try:
            return next(self._events)
        except (yaml.YAMLError, ValueError, OverflowError) as error:
            found = syntax.problem(error, self._text, self._file)
            self.problems.append(found._replace(message=printable(found.message), hint=printable(found.hint)))
            raise InvalidTopology(tuple(self.problems)) from error

    def _node(self, event: yaml.Event, depth: int) -> Node:
        """Return the node that begins with the event; whatever is wrong with it is among the problems."""
        self._count(event, 1)
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event, depth)
        if isinstance(event, yaml.ScalarEvent):
            return self._anchored(event, Node(self._scalar(event), *_place(event)))
        node = self._anchored(event, Node(None, *_place(event), complete=False))
        if depth == MAX_DEPTH:
            self._stop(event, "too-deep", f"values are nested deeper than {MAX_DEPTH} levels")
        before = self._tally.values
        if isinstance(event, yaml.MappingStartEvent):
            self._mapping(event, node, depth + 1)
        else:
            self._sequence(event, node, depth + 1)
        node.size = self._tally.values - before + 1
        node.height = 1 + max((inner.height for inner in node.items.values()), default=0)
        node.complete = True
        return node

    def _anchored(self, event: yaml.Event, node: Node) -> Node:
        """Return the node, which aliases can name from now on if it has an anchor."""
        anchor: str | None = getattr(event, "anchor", None)
        if anchor is not None:
            self._anchors[anchor] = node
        return node

    def _sequence(self, event: yaml.Event, node: Node, depth: int) -> None:
        """Fill the node with the items up to the end of the sequence."""
        self._check_tag(event, "seq")
        items: dict[str | int, Node] = {}
        values: list[object] = []
        node.value, node.items = values, items
        self._path.append(0)
        while not isinstance(inner := self._next(), yaml.SequenceEndEvent):
            self._path[-1] = len(items)
            item = items[len(items)] = self._node(inner, depth)
            values.append(item.value)
        self._path.pop()

    def _mapping(self, event: yaml.Event, node: Node, depth: int) -> None:
        """Fill the node with the items up to the end of the mapping; where a key stands twice, the first counts."""
        self._check_tag(event, "map")
        items: dict[str | int, Node] = {}
        merged: Node | None = None
        while not isinstance(key := self._next(), yaml.MappingEndEvent):
            name = self._key(key, depth)
            merges = name == "<<" and isinstance(key, yaml.ScalarEvent) and not key.style and key.tag is None
            first = merged if merges else None if name is None else items.get(name)
            self._path.append("?" if name is None else name)
            if first is not None and first.key is not None:
                message = f"the key {scalars.shown(str(name))} stands twice here, first on line {first.key[0] + 1}"
                hint = "merge several mappings with `<<: [*a, *b]`" if merges else "remove one, or join the two"
                self._report(key, "duplicate-key", message, hint)
            found = len(self.problems)
            value = self._node(self._next(), depth)
            value.key = _place(key)
            bad = merges and not all(isinstance(each.value, dict) for each in _merged(value))
            if bad and len(self.problems) == found:
                self._report(key, "bad-merge", "`<<` takes a mapping or a list of mappings", "quote it if it is a name")
            if first is None and merges:
                merged = value
            elif first is None and name is not None:
                items[name] = value
            self._path.pop()
        for source in _merged(merged):
            for inherited, value in source.items.items():
                items.setdefault(inherited, value)
        node.value, node.items = {name: item.value for name, item in items.items()}, items

    def _key(self, event: yaml.Event, depth: int) -> str | None:
        """Return the key that begins with the event, or None if it is none; then it is among the problems."""
        found = len(self.problems)
        key = self._node(event, depth).value
        if len(self.problems) > found:
            return None
        if isinstance(key, str) and len(key) <= MAX_KEY:
            return key
        if isinstance(key, str):
            message = f"the key {scalars.shown(key)} has more than {MAX_KEY} characters"
            self._report(event, "key-too-long", message, "is a quote missing?")
        elif isinstance(event, yaml.ScalarEvent):
            message = f"the key {event.value or 'null'} is not text"
            self._report(event, "key-not-text", message, f'quote it: "{event.value}"' if event.value else "write it")
        else:
            self._report(event, "key-not-text", "a key must be text", "quote a key that contains any of []{}*?")
        return None

    def _alias(self, event: yaml.AliasEvent, depth: int) -> Node:
        """Return the node that the alias stands for, at the place of the alias."""
        name = str(event.anchor)
        target = self._anchors.get(name)
        if target is None:
            hint = f"quote it if it is text: {scalars.shown('*' + name)}"
            self._report(event, "unknown-alias", f"nothing before this is marked {scalars.shown('&' + name)}", hint)
            return Node(None, *_place(event))
        if not target.complete:
            self._report(event, "alias-cycle", f"{scalars.shown('*' + name)} stands inside what it stands for")
            return Node(None, *_place(event))
        self._count(event, target.size - 1)
        if depth + target.height > MAX_DEPTH:
            self._stop(event, "too-deep", f"values are nested deeper than {MAX_DEPTH} levels")
        line, column = _place(event)
        return replace(target, line=line, column=column, key=None)

    def _scalar(self, event: yaml.ScalarEvent) -> scalars.Scalar:
        """Return what the scalar means, or None if it has a problem."""
        text: str = event.value
        if event.style == '"' and (unusable := _UNUSABLE.search(text)):
            message = f"the character U+{ord(unusable.group()):04X} cannot stand in a topology"
            self._report(event, "control-character", message, "remove it")
            return None
        try:
            if event.tag is not None:
                value = scalars.tagged(event.tag, text)
            else:
                value = text if event.style else scalars.plain(text)
        except scalars.ScalarError as bad:
            self._report(event, bad.code, str(bad), bad.hint)
            return None
        if len(text) > MAX_TEXT:
            message = f"the text {scalars.shown(text)} has {len(text)} characters, more than {MAX_TEXT}"
            self._report(event, "text-too-long", message, "is a quote missing?")
            return None
        return value

    def _check_tag(self, event: yaml.Event, kind: str) -> None:
        tag = getattr(event, "tag", None)
        if tag not in {None, "!", scalars.TAG_PREFIX + kind}:
            bad = scalars.unknown_tag(str(tag))
            self._report(event, bad.code, str(bad), bad.hint)

    def _count(self, event: yaml.Event, size: int) -> None:
        self._tally.values += size
        if self._tally.values > MAX_VALUES:
            hint = "make several topologies of it; a use of an alias counts for all that it stands for"
            self._stop(event, "too-many-values", f"there are more than {MAX_VALUES} values up to here", hint)

    def _report(self, event: yaml.Event, code: str, message: str, hint: str = "") -> None:
        self.problems.append(self._problem(event, code, message, hint))
        if len(self.problems) == MAX_PROBLEMS:
            self._stop(event, "too-many-problems", f"these are {MAX_PROBLEMS} problems; the rest is not read")

    def _stop(self, event: yaml.Event, code: str, message: str, hint: str = "") -> Never:
        """End the reading with this problem and those before it."""
        raise InvalidTopology((*self.problems, self._problem(event, code, message, hint)))

    def _problem(self, event: yaml.Event, code: str, message: str, hint: str) -> Problem:
        line, column = _place(event)
        place = Position(self._file, line + 1, column + 1)
        return Problem(code, printable(message), tuple(self._path), place, printable(hint))


def _place(event: yaml.Event) -> tuple[int, int]:
    """Return line and column where the event starts; the mark is optional only for events that are made by hand."""
    mark = cast("yaml.Mark", event.start_mark)
    return mark.line, mark.column


def _merged(node: Node | None) -> Iterable[Node]:
    """Return the mappings that a `<<` takes in, the first of which wins."""
    if node is None:
        return ()
    return node.items.values() if isinstance(node.value, list) else (node,)
