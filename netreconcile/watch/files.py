"""Whether files have changed, read off their names, times and sizes, and whether processes run that have a file."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from netreconcile.errors import InvalidTopology
from netreconcile.sources import expand

if TYPE_CHECKING:
    from collections.abc import Iterable


def topology_files(arguments: Iterable[str]) -> tuple[object, ...]:
    """Return what is another value once a file of the topology is another one."""
    return tuple(_file(name) for argument in arguments for name in _expanded(argument))


def folder_files(folders: Iterable[Path]) -> tuple[object, ...]:
    """Return what is another value once a file in the folders is; those that can't be read hold nothing."""
    return tuple(_file(name) for folder in folders for name in _names(folder))


def processes(folder: Path) -> frozenset[str]:
    """Return the numbers of the processes that have their `.pid` file in the folder."""
    found = set[str]()
    for name in _names(folder):
        if name.endswith(".pid"):
            with suppress(OSError):
                found.add(Path(name).read_text(encoding="ascii", errors="replace").strip())
    return frozenset(found)


def running(numbers: frozenset[str]) -> frozenset[str]:
    """Return those of the processes that run."""
    return numbers.intersection(os.listdir("/proc"))  # noqa: PTH208 -- names, not paths


def _expanded(argument: str) -> list[str]:
    try:
        return expand(argument)
    except InvalidTopology:
        return [argument]


def _names(folder: Path) -> list[str]:
    try:
        return sorted(entry.path for entry in os.scandir(folder))
    except OSError:
        return []


def _file(name: str) -> object:
    try:
        found = os.stat(name)  # noqa: PTH116 -- every second, for every network
    except (OSError, ValueError):
        return name
    return name, found.st_mtime_ns, found.st_size, found.st_ino
