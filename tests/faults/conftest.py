"""Tells at the end how many faults there were, and how they ended."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

PROPERTY = "faults"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what the tests of faults have counted, wherever they ran."""
    rows = [
        (str(plan), str(fault), int(calls), dict(outcomes))
        for report in terminalreporter.getreports("passed")
        for name, (plan, fault, calls, outcomes) in getattr(report, "user_properties", ())
        if name == PROPERTY and report.when == "call"
    ]
    if not rows:
        return
    total: Counter[str] = Counter()
    terminalreporter.section("faults at libvirt calls")
    for plan, fault, calls, outcomes in sorted(rows):
        total.update(outcomes)
        ends = ", ".join(f"{count} {outcome}" for outcome, count in sorted(outcomes.items()))
        terminalreporter.line(f"{plan:10} {fault:20} {sum(outcomes.values()):4} of {calls:4} calls: {ends}")
    plans, faults = len({row[0] for row in rows}), len({row[1] for row in rows})
    terminalreporter.line(f"{plans} plans x {faults} faults: {sum(total.values())} runs: {dict(sorted(total.items()))}")
