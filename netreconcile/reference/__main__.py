"""`python -m netreconcile.reference`: write the generated files again; with `--check` tell whether they are current."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from netreconcile.reference.checkups import checkup_schema
from netreconcile.reference.history import history_schema
from netreconcile.reference.operators import operator_policy_schema
from netreconcile.reference.page import reference_page
from netreconcile.reference.plans import plan_schema
from netreconcile.reference.rehearsals import rehearsal_schema
from netreconcile.reference.states import state_schema
from netreconcile.reference.statuses import status_schema
from netreconcile.reference.topology import topology_schema
from netreconcile.reference.verifications import verification_schema

ROOT = Path(__file__).parents[2]


def generated() -> dict[str, str]:
    """Return the texts of the generated files by their path in the repository."""
    return {
        "schemas/topology.schema.json": _json(topology_schema()),
        "schemas/plan.schema.json": _json(plan_schema()),
        "schemas/doctor.schema.json": _json(checkup_schema()),
        "schemas/history.schema.json": _json(history_schema()),
        "schemas/rehearsal.schema.json": _json(rehearsal_schema()),
        "schemas/state.schema.json": _json(state_schema()),
        "schemas/operator-policy.schema.json": _json(operator_policy_schema()),
        "schemas/status.schema.json": _json(status_schema()),
        "schemas/verification.schema.json": _json(verification_schema()),
        "docs/reference.md": reference_page(),
    }


def main(arguments: list[str] | None = None) -> int:
    """Write the files that differ, or with `--check` only name them and return 1 if there are any."""
    parser = argparse.ArgumentParser(prog="python -m netreconcile.reference", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if a file is out of date")
    check: bool = parser.parse_args(arguments).check
    stale = {path: text for path, text in generated().items() if _current(path) != text}
    for path, text in stale.items():
        sys.stderr.write(f"{path} {'is out of date: run python -m netreconcile.reference' if check else 'written'}\n")
        if not check:
            (ROOT / path).parent.mkdir(exist_ok=True)
            (ROOT / path).write_text(text, encoding="utf-8")
    return 1 if check and stale else 0


def _current(path: str) -> str | None:
    file = ROOT / path
    return file.read_text(encoding="utf-8") if file.exists() else None


def _json(schema: dict[str, Any]) -> str:
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.exit(main())
