"""When libvirt last wrote what it keeps of a network: the nearest that a host knows to when somebody changed it."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from netreconcile.kernel.here import hindrance

if TYPE_CHECKING:
    from collections.abc import Iterable

KEPT = (Path("/etc/libvirt/qemu/networks"), Path("/run/libvirt/network"))
"""Where libvirt keeps a network's definition, and what it runs (bridge_driver.c)."""


def last_written(uri: str, names: Iterable[str]) -> dict[str, float]:
    """Return when, in Unix time, for each network where that can be seen from here."""
    if hindrance(uri):
        return {}
    found: dict[str, float] = {}
    for name in names:
        for folder in KEPT:
            with suppress(OSError, ValueError):
                found[name] = max(found.get(name, 0.0), (folder / f"{name}.xml").stat().st_mtime)
    return found
