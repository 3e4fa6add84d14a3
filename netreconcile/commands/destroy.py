"""`netreconcile destroy`: remove what this topology owns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netreconcile.commands.execute import execute
from netreconcile.commands.session import host
from netreconcile.loader import load
from netreconcile.plan import removal

if TYPE_CHECKING:
    import argparse


def run(options: argparse.Namespace) -> int:
    """Stop and undefine every network that carries the topology's mark, and no other."""
    loaded = load(options.topology)
    with host(options, readonly=False) as connection:
        return execute(options, connection, loaded, removal)
