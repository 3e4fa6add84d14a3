"""`netreconcile schema`: the JSON Schema for editors and machines."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse


_FOLDER = Path(__file__).parent.parent / "schemas"


def run(options: argparse.Namespace) -> int:
    """Print a schema as it was generated from the model; nothing of the model is loaded."""
    print((_FOLDER / f"{options.which}.schema.json").read_text(encoding="utf-8"), end="")
    return 0
