"""`netreconcile apply`: make the host match."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netreconcile.commands.execute import execute
from netreconcile.commands.output import warn
from netreconcile.commands.session import host, planner
from netreconcile.loader import load

if TYPE_CHECKING:
    import argparse


def run(options: argparse.Namespace) -> int:
    """Plan, ask where guests are cut off, perform, verify."""
    loaded = load(options.topology, strict=options.strict)
    warn(loaded.warnings)
    with host(options, readonly=False) as connection:
        return execute(options, connection, loaded, planner(options))
