"""Topology files as plain values with positions. Knows files and encodings, and nothing about networks."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Never

from netreconcile import compose
from netreconcile.errors import InvalidTopology, Path, Position, Problem
from netreconcile.printable import printable
from netreconcile.sources import content_of, expand

if TYPE_CHECKING:
    from collections.abc import Sequence

    from netreconcile.compose import Node, Tally

MAX_BYTES: Final = 8 * 1024 * 1024
"""Most bytes of all files of a topology; 10 000 DHCP hosts, a key a line and with comments, are some 1 MiB."""
MAX_FILES: Final = 1000
"""Most files of a topology."""
MAX_DIRECTIVES: Final = 100
"""Most lines that start with `%`; libyaml compares each `%TAG` with all before it."""

_MARKS: Final = ((b"\xff\xfe", "UTF-16 or UTF-32"), (b"\xfe\xff", "UTF-16"), (b"\0\0\xfe\xff", "UTF-32"))
# What YAML forbids; the line breaks (NEL, LS, PS) that count as such in YAML 1.1 only: a comment could hide keys; and
# what turns the direction of writing: whoever reviews the file would see something else than what it says.
_ESCAPABLE: Final = frozenset("\x85\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
FORBIDDEN: Final = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")
"""A character that can't stand in a topology."""


@dataclass(frozen=True, slots=True)
class Document:
    """What a file says: `value` is made of dict, list, str, int, float, bool and None, and is None for an empty file.

    Uses of one alias share one object inside `value`: read it, don't change it.
    """

    file: str
    value: object
    _root: Node = field(repr=False, compare=False)

    def position(self, path: Path) -> Position:
        """Return where the value stands (the use, for an alias), or its nearest ancestor if it isn't in the file."""
        node = self._nearest(path)
        return Position(self.file, node.line + 1, node.column + 1)

    def key_position(self, path: Path) -> Position:
        """Return where the key of the value stands; where there is no such key, the same as `position`."""
        node = self._nearest(path)
        line, column = node.key or (node.line, node.column)
        return Position(self.file, line + 1, column + 1)

    def _nearest(self, path: Path) -> Node:
        node = self._root
        for part in path:
            inner = node.items.get(part)
            if inner is None:
                break
            node = inner
        return node


def read(text: bytes, file: str, tally: Tally | None = None) -> Document:
    """Return the one YAML document in the text; `file` is its name in positions.

    Its values are counted on in the tally, if one is given. Raises: InvalidTopology with all problems found, up to
    `compose.MAX_PROBLEMS`.
    """
    file = printable(file)
    _check_size(len(text), file)
    root = compose.compose(_decode(text, file), file, tally or compose.Tally())
    return Document(file, root.value, root)


def read_files(arguments: Sequence[str]) -> tuple[Document, ...]:
    """Return the documents of files, of directories (their *.yaml and *.yml by name, not hidden, no deeper), and `-`.

    A file that is named twice is read once. A pipe or device is read, up to `MAX_BYTES`, if it is named itself, and is
    an error inside a directory.

    Raises: InvalidTopology with the problems of all files; after `compose.MAX_PROBLEMS` no further file is read.
    """
    reading = _Reading()
    for argument in arguments:
        reading.take(argument)
    if reading.problems:
        raise InvalidTopology(tuple(reading.problems))
    return tuple(reading.documents)


class _Reading:
    """Takes arguments one by one; limits are for all together, or many files could do what one must not."""

    def __init__(self) -> None:
        self.documents: list[Document] = []
        self.problems: list[Problem] = []
        self._seen: set[object] = set()
        self._files = 0
        self._bytes = 0
        self._tally = compose.Tally()
        self._ended = False

    def take(self, argument: str) -> None:
        """Read the file, or the files of the directory, unless a limit has ended the reading."""
        try:
            names = [] if self._ended else expand(argument)
        except InvalidTopology as error:
            self.problems += error.problems
            return
        for name in names:
            if not self._ended:
                try:
                    self._read(name, given=name == argument)
                except InvalidTopology as error:
                    self.problems += error.problems

    def _read(self, name: str, *, given: bool) -> None:
        content = content_of(name, self._seen, MAX_BYTES - self._bytes + 1, given=given)
        if content is None:
            return
        file = "<stdin>" if name == "-" else printable(name)
        self._files += 1
        self._bytes += len(content)
        self._ended = True
        if len(self.problems) >= compose.MAX_PROBLEMS:
            message = f"there are {len(self.problems)} problems up to here; the rest is not read"
            _fail("too-many-problems", message, Position(file, 1, 1))
        if self._files > MAX_FILES:
            message, hint = f"there are more than {MAX_FILES} files up to here", "one file can hold many networks"
            _fail("too-many-files", message, Position(file, 1, 1), hint)
        _check_size(self._bytes, file)
        try:
            self.documents.append(read(content, file, self._tally))
        finally:
            self._ended = self._tally.values > compose.MAX_VALUES


def _check_size(size: int, file: str) -> None:
    if size > MAX_BYTES:
        message = f"there are more than {MAX_BYTES // 1024 // 1024} MiB up to here"
        _fail("too-large", message, Position(file, 1, 1), "make several topologies of it, each with a name of its own")


def _decode(raw: bytes, file: str) -> str:
    """Return the text without a byte order mark; it holds only characters that YAML allows."""
    for mark, encoding in _MARKS:
        if raw.startswith(mark):
            _fail("not-utf-8", f"the file is written in {encoding}", Position(file, 1, 1), "save it as UTF-8")
    try:
        text = raw.decode().removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        position = _end(raw[: error.start].decode().removeprefix("\ufeff"), file)
        _fail("not-utf-8", f"the byte 0x{raw[error.start]:02x} is not UTF-8 here", position, "save the file as UTF-8")
    if bad := FORBIDDEN.search(text):
        what = f"the character U+{ord(bad.group()):04X} cannot stand in a topology"
        hint = "is this a UTF-16 or binary file?" if bad.group() == "\0" else "remove it"
        if bad.group() in _ESCAPABLE:
            hint = f'remove it, or write "\\u{ord(bad.group()):04x}" in double quotes'
        _fail("control-character", what, _end(text[: bad.start()], file), hint)
    if text.count("\n%") + text.count("\r%") > MAX_DIRECTIVES:
        _fail("too-many-directives", f"more than {MAX_DIRECTIVES} lines start with '%'", Position(file, 1, 1))
    return text


def _end(text: str, file: str) -> Position:
    """Return the position just behind the text."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    return Position(file, lines.count("\n") + 1, len(lines) - lines.rfind("\n"))


def _fail(code: str, message: str, position: Position, hint: str = "") -> Never:
    raise InvalidTopology((Problem(code, message, position=position, hint=hint),))
