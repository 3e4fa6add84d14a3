"""Errors: a sentence for people, an exit code for machines."""

from __future__ import annotations

import pytest

from netreconcile.errors import (
    InvalidTopology,
    LibvirtFailed,
    NetreconcileError,
    Path,
    Position,
    Problem,
    Refused,
    Severity,
    Unreachable,
    UsageError,
    dotted,
)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (NetreconcileError, 1),
        (UsageError, 64),
        (InvalidTopology, 65),
        (Refused, 3),
        (Unreachable, 69),
        (LibvirtFailed, 1),
    ],
)
def test_each_error_has_its_documented_exit_code(error: type[NetreconcileError], code: int) -> None:
    assert error.exit_code == code


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ((), ""),
        (("networks", "default", "ips", 0, "address"), "networks.default.ips[0].address"),
        (("name",), "name"),
    ],
)
def test_a_path_reads_like_the_file(path: Path, text: str) -> None:
    assert dotted(path) == text


def test_a_problem_says_where_what_and_what_next() -> None:
    problem = Problem(
        "unknown-key", "unknown key", ("networks", "a", "brige"), Position("t.yaml", 3, 5), "did you mean 'bridge'?"
    )
    assert str(problem) == "t.yaml:3:5: networks.a.brige: unknown key (did you mean 'bridge'?)"


def test_a_warning_carries_its_code() -> None:
    assert str(Problem("pool-empty", "no device", severity=Severity.WARNING)) == "warning: no device [pool-empty]"


def test_all_problems_are_told_at_once() -> None:
    error = InvalidTopology((Problem("a", "first"), Problem("b", "second")))
    assert str(error) == "first\nsecond"
    assert [problem.code for problem in error.problems] == ["a", "b"]


def test_a_failed_call_is_told_in_the_words_of_the_plan() -> None:
    error = LibvirtFailed("default: start", "Network is already in use by interface eth0", 1)
    assert str(error) == "default: start: Network is already in use by interface eth0"
    assert error.code == 1
