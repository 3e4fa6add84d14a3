"""`netreconcile lab doctor` tells why no lab can run, and what would help."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import netreconcile
from netreconcile.lab import Lab, LabUnavailable, doctor, programs

if TYPE_CHECKING:
    from .conftest import Cli

pytestmark = pytest.mark.lab


def test_a_fit_machine_is_told_so(cli: Cli) -> None:
    done = cli("doctor")
    assert done.returncode == 0, done.stdout
    assert done.stdout.splitlines()[-1] == "ok    a lab was started, and libvirt answered in it"


def test_a_missing_program_is_named_with_its_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("unshare", "libvirtd", "ip", "iptables", "ip6tables", "apt-get", "true"):
        (tmp_path / name).symlink_to(programs.find(name) or "/bin/true")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(programs, "SYSTEM_FOLDERS", ())
    findings = [finding for finding in doctor.examine() if not finding.fine]
    assert findings[0].seen.startswith("dnsmasq: not found")
    assert findings[0].remedy == "sudo apt-get install --no-install-recommends dnsmasq-base"
    with pytest.raises(LabUnavailable, match="dnsmasq-base"):
        Lab().start()


def test_everything_that_is_missing_is_one_command(cli: Cli, tmp_path: Path) -> None:
    done = cli(
        "doctor", env={**os.environ, "PATH": str(tmp_path), "PYTHONPATH": str(Path(netreconcile.__file__).parents[1])}
    )
    assert done.returncode == 1
    assert "unshare: not found (makes the namespaces)" in done.stdout
    assert "util-linux" in done.stdout


def test_a_refused_namespace_is_shown_with_the_line_that_was_tried() -> None:
    script = 'echo 0 > /proc/sys/user/max_net_namespaces && exec "$@"'
    done = subprocess.run(
        [
            *("unshare", "--user", "--map-root-user", "sh", "-c", script, "sh"),
            *(sys.executable, "-B", "-m", "netreconcile", "lab", "doctor"),
        ],
        env={**os.environ, "PYTHONPATH": str(Path(netreconcile.__file__).parents[1])},
        capture_output=True,
        text=True,
        check=False,
    )
    if not done.stdout:
        pytest.skip("this kernel gives this user no user namespaces")
    assert done.returncode == 1
    assert "`unshare --net " in done.stdout
    assert "user.max_net_namespaces = 0" in done.stdout
