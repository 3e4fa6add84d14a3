"""Whoever is killed, and whenever: nothing of a lab is left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import uuid
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import netreconcile
from tests.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    import libvirt

    from .conftest import Traces
else:
    libvirt = pytest.importorskip("libvirt")

pytestmark = pytest.mark.lab

OWNER = """
import signal
from netreconcile.lab import Lab
lab = Lab(scenery=True)
lab.start()
print(lab.pid, flush=True)
signal.pause()
"""
NETWORK = "<network><name>n</name><forward mode='nat'/><ip address='192.168.77.1' prefix='24'/></network>"


@pytest.fixture
def owner() -> Iterator[subprocess.Popen[str]]:
    with start(OWNER) as process:
        yield process
        process.kill()


def start(script: str, **variables: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": str(Path(netreconcile.__file__).parents[1]), **variables}
    return subprocess.Popen([sys.executable, "-B", "-c", script], env=environment, stdout=subprocess.PIPE, text=True)


def parent(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("PPid:"))


@pytest.mark.parametrize(
    ("victim", "number"),
    [
        ("owner", signal.SIGKILL),
        ("owner", signal.SIGTERM),
        ("unshare", signal.SIGKILL),
        ("PID 1", signal.SIGKILL),
        ("PID 1", signal.SIGTERM),
    ],
)
def test_nothing_is_left_of_a_lab_in_use(
    owner: subprocess.Popen[str], traces: Traces, victim: str, number: signal.Signals
) -> None:
    assert owner.stdout
    pid = int(owner.stdout.readline())
    traces.follow(pid)
    connection = libvirt.open(f"network+unix:///system?socket=/proc/{pid}/root/run/libvirt/libvirt-sock")
    connection.networkCreateXML(NETWORK)
    assert len(traces.processes()) > 4
    os.kill({"owner": owner.pid, "unshare": parent(pid), "PID 1": pid}[victim], number)
    traces.check()
    with suppress(libvirt.libvirtError):
        connection.close()


def marked(mark: str) -> list[str]:
    found: list[str] = []
    for folder in Path("/proc").iterdir():
        with suppress(OSError):
            if mark.encode() in (folder / "environ").read_bytes():
                found.append(folder.name)
    return found


@pytest.mark.usefixtures("traces")
@pytest.mark.parametrize("milliseconds", range(0, 400, 40))
def test_nothing_is_left_of_a_lab_whose_owner_dies_while_it_starts(milliseconds: int) -> None:
    mark = uuid.uuid4().hex
    with start(OWNER, MARK=mark) as process:
        with suppress(subprocess.TimeoutExpired):
            process.wait(milliseconds / 1000)
        process.kill()
    assert eventually(lambda: not marked(mark)), marked(mark)
