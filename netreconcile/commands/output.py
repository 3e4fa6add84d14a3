"""Printing: data on stdout, everything else on stderr, colour only where a terminal shows it and nobody forbids it."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

from netreconcile import logs
from netreconcile.logs import Level

if TYPE_CHECKING:
    from collections.abc import Iterable

    from netreconcile.errors import Problem
    from netreconcile.render import Line


def show(lines: Iterable[Line], *, aside: bool = False) -> None:
    """Print the lines, styled on a terminal (NO_COLOR turns that off); what is no data goes aside, to stderr."""
    stream = sys.stderr if aside else sys.stdout
    if not stream.isatty() or os.environ.get("NO_COLOR"):
        for line in lines:
            print(line.text, file=stream)
        return
    from rich.console import Console
    from rich.text import Text

    console = Console(file=stream, highlight=False, soft_wrap=True)
    for line in lines:
        console.print(Text(line.text, style=line.style))


def show_json(document: dict[str, Any]) -> None:
    """Print a JSON document; what could drive a terminal is escaped in it, as JSON escapes."""
    import json

    text = json.dumps(document, indent=2, ensure_ascii=False)
    if not text.replace("\n", "").isprintable():
        text = "".join(each if each.isprintable() or each == "\n" else json.dumps(each)[1:-1] for each in text)
    print(text)


def tell(text: str, level: Level = Level.INFO) -> None:
    """Print lines that are no data; what could drive a terminal is escaped."""
    logs.tell(text, level)


def warn(problems: Iterable[Problem]) -> None:
    """Print warnings about the topology."""
    for problem in problems:
        tell(str(problem), Level.WARNING)
