"""`drift` looks twice only where something has changed, and then it does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from netreconcile.memory import FILE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import LabHost

pytestmark = [pytest.mark.lab, pytest.mark.worlds(modular=True)]
NETWORKS: dict[str, Any] = {
    "t": {"mode": "open", "bridge": "virbr-t", "ips": [{"address": "10.1.0.1/24"}]},
    "w": {"mode": "very-isolated", "bridge": "virbr-w"},
}
RECORD = "<host ip='10.1.0.9'><hostname>late</hostname></host>"
HEAVY = ("pydantic", "lxml", "yaml", "dataclasses", "logging", "netreconcile.metrics")
COMMAND = """
import json, sys
from netreconcile.cli import main
print(json.dumps([main(sys.argv[2:]), [name for name in json.loads(sys.argv[1]) if name in sys.modules]]))
"""


def test_a_second_look_at_what_agreed_loads_nothing_that_it_does_not_need(host: LabHost) -> None:
    host.applied(NETWORKS)
    command = [sys.executable, "-c", COMMAND, json.dumps(HEAVY), "drift", "-c", host.uri, host.file(NETWORKS)]
    looks = [json.loads(subprocess.run(command, check=True, capture_output=True).stdout) for _ in range(2)]
    assert "pydantic" in looks[0][1]
    assert looks[1] == [0, []]


def _edited_live(host: LabHost) -> None:
    host.network("t").update(3, 10, 0, RECORD, 1)


def _edited_config(host: LabHost) -> None:
    host.network("t").update(3, 10, 0, RECORD, 2)


def _undefined(host: LabHost) -> None:
    host.network("w").destroy()
    host.network("w").undefine()


CHANGES: dict[str, Callable[[LabHost], object]] = {
    "live": _edited_live,
    "config": _edited_config,
    "autostart": lambda host: host.network("w").setAutostart(0),
    "stopped": lambda host: host.network("w").destroy(),
    "transient": lambda host: host.network("w").undefine(),
    "gone": _undefined,
}


@pytest.mark.parametrize("change", CHANGES)
def test_whatever_changes_on_the_host_is_seen(host: LabHost, change: str) -> None:
    host.applied(NETWORKS)
    assert host.drifted(NETWORKS) == host.drifted(NETWORKS) == ()
    CHANGES[change](host)
    assert host.drifted(NETWORKS)
    assert host.drifted(NETWORKS)


def test_a_change_of_the_file_is_seen(host: LabHost) -> None:
    host.applied(NETWORKS)
    assert host.drifted(NETWORKS) == host.drifted(NETWORKS) == ()
    assert host.drifted({**NETWORKS, "w": {**NETWORKS["w"], "mtu": 1400}})


def test_a_change_that_waits_for_confirmation_is_told_each_time(host: LabHost) -> None:
    assert host.apply(NETWORKS, "--confirm", "600").code == 0
    for _ in range(3):
        ran = host.run("drift", host.file(NETWORKS))
        assert (ran.code, ran.out) == (0, "")
        assert "confirm" in ran.err
    assert host.run("confirm").code == 0
    assert [host.run("drift", host.file(NETWORKS)).err for _ in range(2)] == ["", ""]


def test_what_is_remembered_can_be_deleted_or_spoilt_at_any_time(host: LabHost, tmp_path: Path) -> None:
    host.applied(NETWORKS)
    assert host.drifted(NETWORKS) == ()
    (kept,) = tmp_path.rglob(FILE)
    kept.write_bytes(os.urandom(100))
    assert host.drifted(NETWORKS) == host.drifted(NETWORKS) == ()
    kept.unlink()
    assert host.drifted(NETWORKS) == ()
