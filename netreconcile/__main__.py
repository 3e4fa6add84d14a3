"""The process of a command: the program `netreconcile`, and `python -m netreconcile`."""

from __future__ import annotations

import gc
import os
import sys

from netreconcile.cli import main

RARELY = 100_000
"""So many new objects let Python look for garbage in cycles: a command keeps nearly all that it makes until it ends."""


def run() -> int:
    """Run the command line, in a process that ends then, and return its exit code."""
    # Or else pydantic reads what is said of every package that is installed beside us.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    gc.set_threshold(RARELY)
    try:
        return main()
    finally:
        gc.freeze()  # nobody needs back what a process that ends still holds


if __name__ == "__main__":
    sys.exit(run())
