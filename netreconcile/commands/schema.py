"""`netreconcile schema`: the JSON Schema for editors and machines."""

from __future__ import annotations

import argparse
from importlib import resources


def run(options: argparse.Namespace) -> int:
    """Print a schema as it was generated from the model; nothing of the model is loaded."""
    print(resources.files("netreconcile").joinpath(f"schemas/{options.which}.schema.json").read_text(), end="")
    return 0
