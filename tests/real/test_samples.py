"""Every sample does on a real host what it says, and doing it twice does nothing."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from netreconcile.loader import load

if TYPE_CHECKING:
    from tests.conftest import LabHost

pytestmark = pytest.mark.worlds

SAMPLES = sorted((Path(__file__).parents[2] / "sample-topologies").iterdir())
NEWER = "newer-libvirt"
"""The sample that a host with libvirt 9.0 refuses."""


def permissions(sample: Path) -> tuple[str, ...]:
    """Return the options that a sample's comments say it needs."""
    files = sorted(sample.glob("*.yaml")) if sample.is_dir() else [sample]
    return tuple(
        option for file in files for option in re.findall(r"--allow-[a-z-]+", file.read_text(encoding="utf-8"))
    )


@pytest.mark.parametrize("sample", [path for path in SAMPLES if path.stem != NEWER], ids=lambda path: path.stem)
def test_a_sample_is_applied_twice_and_the_second_time_nothing_is_written(
    host: LabHost, sample: Path, nothing_allowed: str
) -> None:
    host.lab.run("mkdir", "-p", "/var/lib/libvirt/tftp", check=True)
    wanted = {name for name, network in load([str(sample)]).topology.networks.items() if network.state != "absent"}
    first = host.run("apply", str(sample), *permissions(sample))
    assert first.code == 0, first.out + first.err
    assert host.names() == wanted
    host.forget_calls()
    second = host.run("apply", str(sample), "--operator-policy", nothing_allowed)
    assert (second.code, second.out) == (0, "")
    assert second.err.splitlines()[-1].startswith("nothing to do")
    assert host.writes() == []
    drift = host.run("drift", str(sample))
    assert (drift.code, drift.out) == (0, "")


@pytest.mark.parametrize("sample", [path for path in SAMPLES if path.stem != NEWER], ids=lambda path: path.stem)
def test_what_a_sample_made_is_imported_with_nothing_to_do(host: LabHost, sample: Path, tmp_path: Path) -> None:
    host.lab.run("mkdir", "-p", "/var/lib/libvirt/tftp", check=True)
    assert host.run("apply", str(sample), *permissions(sample)).code == 0
    imported = host.run("import")
    assert imported.code == 0, imported.err
    copy = tmp_path / "imported.yaml"
    copy.write_text(imported.out)
    plan = host.run("plan", str(copy), "-o", "json")
    assert plan.json["steps"] == []
    assert plan.json["in_sync"]


@pytest.mark.parametrize("sample", [path for path in SAMPLES if permissions(path)], ids=lambda path: path.stem)
def test_a_sample_that_says_so_needs_every_permission_that_it_names(
    host: LabHost, sample: Path, nothing_allowed: str
) -> None:
    for missing in permissions(sample):
        others = [option for option in permissions(sample) if option != missing]
        ran = host.run("plan", str(sample), *others, "--operator-policy", nothing_allowed)
        assert f"{missing} permits it" in ran.out


def test_a_host_that_is_too_old_for_a_sample_refuses_it_and_names_the_release(host: LabHost) -> None:
    sample = next(path for path in SAMPLES if path.stem == NEWER)
    if host.release >= (12, 0, 0):
        assert host.run("apply", str(sample)).code == 0
        return
    ran = host.run("apply", str(sample))
    assert ran.code == 3
    assert "needs libvirt 12.0.0" in ran.out or "needs libvirt 10.1.0" in ran.out
