"""Topology files as plain values with positions. Knows files and encodings, and nothing about networks."""

from __future__ import annotations

import errno
import re
import stat
import sys
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Final, Never

from netreconcile.compose import Node, compose
from netreconcile.errors import InvalidTopology, Path, Position, Problem

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_BYTES: Final = 16 * 1024 * 1024
MAX_DIRECTIVES: Final = 100
"""Most lines that start with `%`; libyaml compares each `%TAG` with all before it."""

_MARKS: Final = ((b"\xff\xfe", "UTF-16 or UTF-32"), (b"\xfe\xff", "UTF-16"), (b"\0\0\xfe\xff", "UTF-32"))
# What YAML forbids, and the line breaks (NEL, LS, PS) that count as such in YAML 1.1 only: a comment could hide keys.
_BREAKS: Final = "\x85\u2028\u2029"
_UNPRINTABLE: Final = re.compile("[^\t\n\r\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


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


def read(text: bytes, file: str) -> Document:
    """Return the one YAML document in the text; `file` is its name in positions.

    Raises: InvalidTopology with all problems found, up to `compose.MAX_PROBLEMS`.
    """
    root = compose(_decode(text, file), file)
    return Document(file, root.value, root)


def read_files(arguments: Sequence[str]) -> tuple[Document, ...]:
    """Return the documents of files, of directories (their *.yaml and *.yml by name, not hidden, no deeper), and `-`.

    A file that is named twice is read once. A pipe or device is read, up to `MAX_BYTES`, if it is named itself, and is
    an error inside a directory.

    Raises: InvalidTopology with the problems of all files.
    """
    documents: list[Document] = []
    problems: list[Problem] = []
    seen: set[object] = set()
    for argument in arguments:
        try:
            names = _expand(argument)
        except InvalidTopology as error:
            problems.extend(error.problems)
            continue
        for name in names:
            try:
                content = _content(name, seen, given=name == argument)
                if content is not None:
                    documents.append(read(content, "<stdin>" if name == "-" else name))
            except InvalidTopology as error:
                problems.extend(error.problems)
    if problems:
        raise InvalidTopology(tuple(problems))
    return tuple(documents)


def _expand(argument: str) -> list[str]:
    """Return the argument itself, or the files of the directory that it names: at least one."""
    try:
        if argument == "-" or not FilePath(argument).is_dir():
            return [argument]
        # A link that leads nowhere stays in: left out silently, its networks would be taken for removed ones.
        inside = [path for path in sorted(FilePath(argument).iterdir()) if path.suffix in {".yaml", ".yml"}]
        names = [str(path) for path in inside if not path.name.startswith(".") and not path.is_dir()]
    except (OSError, ValueError) as error:
        raise _unreadable(argument, error) from error
    if not names:
        message = f"the directory {argument} has no *.yaml or *.yml file"
        raise InvalidTopology((Problem("no-files", message, hint="name the file itself, or another directory"),))
    return names


def _content(name: str, seen: set[object], *, given: bool) -> bytes | None:
    """Return what is in the file, or None if it is in `seen`; adds it there. `given` files need not be regular."""
    try:
        if name == "-":
            return None if name in seen else _standard_input(seen)
        status = FilePath(name).stat()
        if not given and not stat.S_ISREG(status.st_mode):
            hint = "move it away, or name it on the command line"
            raise InvalidTopology((Problem("cannot-read", f"{name} is not a regular file", hint=hint),))
        identity = (status.st_dev, status.st_ino)
        if identity in seen:
            return None
        seen.add(identity)
        with FilePath(name).open("rb") as stream:
            return stream.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        raise _unreadable(name, error) from error


def _standard_input(seen: set[object]) -> bytes:
    """Return what standard input holds, and add it to `seen`."""
    seen.add("-")
    if sys.stdin is None:
        raise OSError(errno.EBADF, "it is closed")
    return sys.stdin.buffer.read(MAX_BYTES + 1)


def _unreadable(name: str, error: OSError | ValueError) -> InvalidTopology:
    reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
    what, hint = name, "check the path and its permissions"
    if name == "-":
        what, hint = "standard input", "pipe the topology in, or name a file"
    return InvalidTopology((Problem("cannot-read", f"cannot read {what}: {reason}", hint=hint),))


def _decode(raw: bytes, file: str) -> str:
    """Return the text without a byte order mark; it holds only characters that YAML allows."""
    if len(raw) > MAX_BYTES:
        message = f"the file is larger than {MAX_BYTES // 1024 // 1024} MiB"
        _fail("too-large", message, Position(file, 1, 1), "split it into several files")
    for mark, encoding in _MARKS:
        if raw.startswith(mark):
            _fail("not-utf-8", f"the file is written in {encoding}", Position(file, 1, 1), "save it as UTF-8")
    try:
        text = raw.decode().removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        position = _end(raw[: error.start].decode().removeprefix("\ufeff"), file)
        _fail("not-utf-8", f"the byte 0x{raw[error.start]:02x} is not UTF-8 here", position, "save the file as UTF-8")
    if bad := _UNPRINTABLE.search(text):
        what = f"the character U+{ord(bad.group()):04X} cannot stand in a topology"
        hint = "is this a UTF-16 or binary file?" if bad.group() == "\0" else "remove it"
        if bad.group() in _BREAKS:
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
