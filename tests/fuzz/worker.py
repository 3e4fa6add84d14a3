"""`python -m tests.fuzz.worker TARGET FLAG…`: one target under libFuzzer, whose flags follow; doesn't return."""

from __future__ import annotations

import importlib
import sys
from typing import Any


def main() -> None:
    """Run libFuzzer on the target that is named."""
    atheris: Any = importlib.import_module("atheris")  # without annotations, and the type checkers run without it
    with atheris.instrument_imports(include=["netreconcile"]):
        from tests.fuzz.targets import TARGETS
    _, name, *flags = sys.argv
    # To merge, libFuzzer starts itself again, and its name for itself goes through a shell.
    atheris.Setup([f"{sys.executable} -m tests.fuzz.worker {name}", *flags], TARGETS[name])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
