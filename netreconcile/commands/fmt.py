"""`netreconcile fmt`: write topology files in the one layout."""

from __future__ import annotations

import difflib
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from netreconcile.commands.files import write
from netreconcile.commands.output import show, tell
from netreconcile.errors import InvalidTopology
from netreconcile.layout import Unchangeable, laid_out
from netreconcile.reader import MAX_BYTES
from netreconcile.render import Line
from netreconcile.sources import content_of, expand

if TYPE_CHECKING:
    import argparse

_INVALID = 65
_STYLES = {"+": "green", "-": "red"}


def run(options: argparse.Namespace) -> int:
    """The files are in the one layout; with `--check` nothing is written, and 2 returned if one isn't.

    What can't be laid out is left as it is, and said; the others are written nevertheless.
    """
    seen: set[object] = set()
    codes = [
        _file(name, content, check=options.check)
        for argument in options.topology
        for name in expand(argument)
        if (content := content_of(name, seen, MAX_BYTES + 1, given=name == argument)) is not None
    ]
    return max(codes, default=0, key=(0, 2, 1, _INVALID).index)


def _file(name: str, content: bytes, *, check: bool) -> int:
    """Lay one file out, and return the exit code for it."""
    shown = "<stdin>" if name == "-" else name
    try:
        text = laid_out(content, shown)
    except InvalidTopology as error:
        tell(str(error))
        return error.exit_code
    except Unchangeable as error:
        tell(f"{shown} is left as it is: {error}")
        return 1
    changed = text.encode() != content
    if check:
        before = content.decode(errors="replace").splitlines()
        found = difflib.unified_diff(before, text.splitlines(), shown, shown, lineterm="") if changed else ()
        show(Line(line, _STYLES.get(line[:1], "")) for line in found)
        return 2 if changed else 0
    if name == "-":
        print(text, end="")
    elif changed:
        # A link goes on leading to the file, which keeps its mode.
        path = os.path.realpath(name)
        write(path, text, "the topology", mode=stat.S_IMODE(Path(path).stat().st_mode))
        tell(f"{name}: laid out")
    return 0
