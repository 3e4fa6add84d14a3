"""A disposable private libvirt host in namespaces: test bed, sandbox and, many at once, a fleet.

The names below are loaded when they are used: the lab's own processes, and `--help`, do without them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from netreconcile.lab.errors import LabUnavailable
    from netreconcile.lab.lab import Lab

__all__ = ["Lab", "LabUnavailable"]


def __getattr__(name: str) -> object:
    """Return one of the names in `__all__`."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from netreconcile.lab import errors, lab

    return {"Lab": lab.Lab, "LabUnavailable": errors.LabUnavailable}[name]
