"""`netreconcile destroy`: remove what this topology owns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netreconcile.commands.apply import apply_loaded
from netreconcile.commands.execute import writing
from netreconcile.loader import load
from netreconcile.plan import removal

if TYPE_CHECKING:
    import argparse


def run(options: argparse.Namespace) -> int:
    """Stop and undefine every network that carries the topology's mark, and no other."""
    loaded = load(options.topology)
    with writing(options, "destroy") as here:
        return apply_loaded(options, here, loaded, removal)
