"""Remembers when each finding below libvirt was first seen on a host. Its file can be deleted at any time."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

from pydantic import TypeAdapter

from netreconcile.errors import JournalFailed
from netreconcile.memory import NOTICED

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from netreconcile.below.finding import Finding
    from netreconcile.folder import Folder

Key: TypeAlias = tuple[str, str, str]
_LINE = TypeAdapter(tuple[float, str, str, str])
"""When a finding was first seen, in Unix time, and its key."""
_MOST = 1000


def noticed(
    folder: Folder, findings: Iterable[Finding], networks: Collection[str], *, well: float | None, everything: bool
) -> tuple[Finding, ...]:
    """Return what was found beneath the networks, each with when it was first seen, and remember that.

    `well` is when all was last well, if that is known: what was seen before that has gone meanwhile. What isn't found
    any more is forgotten, if `everything` could be seen. Where it can't be kept it isn't told either: the next look
    would tell another time.
    """
    before = _remembered(folder)
    first = {key: when for key, when in before.items() if well is None or when > well}
    findings, now = tuple(findings), time.time()
    kept = {key: when for key, when in before.items() if not everything or key[0] not in networks}
    kept |= {each.key: first.get(each.key, now) for each in findings}
    if kept != before and _written(folder, kept):
        first = kept
    return tuple(replace(each, first_seen=first.get(each.key), well=well) for each in findings)


def _written(folder: Folder, kept: dict[Key, float]) -> bool:
    """Return whether that can be kept; it isn't forced to the disk: what is lost is seen for the first time again."""
    newest = sorted(((when, *key) for key, when in kept.items()), reverse=True)[:_MOST]
    try:
        folder.create(NOTICED, "".join(f"{json.dumps(each)}\n" for each in newest), durable=False)
    except JournalFailed:
        return False
    return True


def _remembered(folder: Folder) -> dict[Key, float]:
    try:
        lines = (folder.read(NOTICED) or "").splitlines()
    except JournalFailed:
        return {}
    found: dict[Key, float] = {}
    for line in lines:
        with suppress(ValueError):
            when, network, code, subject = _LINE.validate_json(line)
            found[network, code, subject] = when
    return found
