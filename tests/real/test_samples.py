"""Every sample does on a real host what it says, and doing it twice does nothing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from netreconcile.loader import load

if TYPE_CHECKING:
    from tests.conftest import LabHost

SAMPLES = sorted((Path(__file__).parents[2] / "sample-topologies").iterdir())
NEWER = "newer-libvirt"
"""The sample that a host with libvirt 9.0 refuses."""


@pytest.mark.parametrize("sample", [path for path in SAMPLES if path.stem != NEWER], ids=lambda path: path.stem)
def test_a_sample_is_applied_twice_and_the_second_time_nothing_is_written(host: LabHost, sample: Path) -> None:
    host.lab.run("mkdir", "-p", "/var/lib/libvirt/tftp", check=True)
    wanted = {name for name, network in load([str(sample)]).topology.networks.items() if network.state != "absent"}
    first = host.run("apply", str(sample))
    assert first.code == 0, first.out + first.err
    assert host.names() == wanted
    host.forget_calls()
    second = host.run("apply", str(sample))
    assert (second.code, second.out) == (0, "")
    assert second.err.startswith("nothing to do")
    assert host.writes() == []
    drift = host.run("drift", str(sample))
    assert (drift.code, drift.out) == (0, "")


@pytest.mark.parametrize("sample", [path for path in SAMPLES if path.stem != NEWER], ids=lambda path: path.stem)
def test_what_a_sample_made_is_imported_with_nothing_to_do(host: LabHost, sample: Path, tmp_path: Path) -> None:
    host.lab.run("mkdir", "-p", "/var/lib/libvirt/tftp", check=True)
    assert host.run("apply", str(sample)).code == 0
    imported = host.run("import")
    assert imported.code == 0, imported.err
    copy = tmp_path / "imported.yaml"
    copy.write_text(imported.out)
    plan = host.run("plan", str(copy), "-o", "json")
    assert plan.json["steps"] == []
    assert plan.json["in_sync"]


def test_a_host_that_is_too_old_for_a_sample_refuses_it_and_names_the_release(host: LabHost) -> None:
    sample = next(path for path in SAMPLES if path.stem == NEWER)
    if host.release >= (12, 0, 0):
        assert host.run("apply", str(sample)).code == 0
        return
    ran = host.run("apply", str(sample))
    assert ran.code == 3
    assert "needs libvirt 12.0.0" in ran.out or "needs libvirt 10.1.0" in ran.out
