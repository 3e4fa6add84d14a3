"""The units are ones that systemd understands, run `drift` as it is, and take from root what it doesn't need."""

from __future__ import annotations

import configparser
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from netreconcile import cli

UNITS = Path(__file__).parents[2] / "contrib" / "systemd"
SERVICES = sorted(UNITS.glob("*.service"))
MOST_EXPOSED = 2.5
"""Of 10; systemd's own words for less than 2.6 are "OK", and for root services that aren't hardened, 9.6 "UNSAFE"."""


def analyzed(*arguments: str) -> str:
    """Return what systemd-analyze says of units; fail unless it is content."""
    assert shutil.which("systemd-analyze"), "scripts/setup.py installs it"
    ran = subprocess.run(["systemd-analyze", *arguments], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")
    return ran.stdout


def test_systemd_understands_the_units_without_a_warning() -> None:
    assert SERVICES
    analyzed("verify", *map(str, UNITS.iterdir()))


@pytest.mark.parametrize("service", SERVICES, ids=lambda path: path.name)
def test_a_service_is_hardened(service: Path) -> None:
    told = analyzed("security", "--offline=true", "--no-pager", str(service))
    exposure = re.search(r"Overall exposure level for \S+: ([0-9.]+)", told)
    assert exposure
    assert float(exposure[1]) <= MOST_EXPOSED


@pytest.mark.parametrize("service", SERVICES, ids=lambda path: path.name)
def test_a_service_runs_a_command_that_there_is(service: Path) -> None:
    (line,) = re.findall(r"^ExecStart=/usr/bin/env netreconcile (.*)$", service.read_text(), re.MULTILINE)
    words = [word for word in line.split() if not word.startswith("$")]
    assert cli.parser().parse_args([*words, "site"]).command == words[0]


def test_a_timer_starts_a_service_that_there_is() -> None:
    timers = list(UNITS.glob("*.timer"))
    assert timers
    for timer in timers:
        assert timer.with_suffix(".service") in SERVICES
        parsed = configparser.ConfigParser(interpolation=None)
        parsed.read(timer)
        assert parsed["Install"]["WantedBy"] == "timers.target"
        calendar = analyzed("calendar", parsed["Timer"]["OnCalendar"])
        assert "Next elapse" in calendar
