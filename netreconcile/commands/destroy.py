"""`netreconcile destroy`: remove what this topology owns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netreconcile.commands.apply import apply_loaded
from netreconcile.commands.cron import change
from netreconcile.commands.execute import writing
from netreconcile.loader import load
from netreconcile.plan import removal

if TYPE_CHECKING:
    import argparse

    from netreconcile.metrics import Ending


def run(options: argparse.Namespace) -> int:
    """Stop and undefine every network that carries the topology's mark, and no other."""
    return change(options, _destroy)


def _destroy(options: argparse.Namespace) -> Ending:
    loaded = load(options.topology)
    with writing(options, "destroy") as here:
        return apply_loaded(options, here, loaded, removal)
