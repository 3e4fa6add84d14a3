"""On a terminal a plan that cuts guests off is a question, and only a yes carries it out."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.conftest import LabHost

OPEN = {"mode": "open", "bridge": {"name": "virbr-t", "stp": False}, "ips": [{"address": "10.1.0.1/24"}]}
PORT = """
<networkport>
  <uuid>a1f0c5c8-3ab7-4f6e-8f0f-7d3c3a6c7f08</uuid>
  <owner><name>web</name><uuid>a1f0c5c8-3ab7-4f6e-8f0f-7d3c3a6c7f09</uuid></owner>
  <mac address='52:54:00:00:00:11'/>
</networkport>
"""


def answered(answer: str, *command: str) -> tuple[int, str]:
    """Return exit code and output of a command that runs on a terminal, where its question gets the answer."""
    terminal, end = pty.openpty()
    process = subprocess.Popen([sys.executable, "-m", "netreconcile", *command], stdin=end, stdout=end, stderr=end)
    os.close(end)
    said, is_open = b"", True
    while True:
        try:
            chunk = os.read(terminal, 4096)
        except OSError:  # nobody has the other end any more
            break
        said += chunk
        if is_open and b"[y/N]" in said:
            os.write(terminal, answer.encode() + b"\n")
            is_open = False
    os.close(terminal)
    return process.wait(), said.decode()


@pytest.mark.parametrize(("answer", "code"), [("", 3), ("n", 3), ("y", 0), ("yes", 0)])
def test_only_a_yes_cuts_guests_off(host: LabHost, answer: str, code: int) -> None:
    host.applied({"t": OPEN})
    host.network("t").portCreateXML(PORT)
    device = host.interface("virbr-t")
    file = host.file({"t": {**OPEN, "mtu": 1400}})
    ended, said = answered(answer, "apply", "-c", host.uri, file)
    assert ended == code, said
    assert "This cuts off 1 guest: web 52:54:00:00:00:11." in said
    assert (host.interface("virbr-t") == device) == (code == 3)
    assert (host.config("t").mtu == 1400) == (code == 0)


def test_a_plan_that_cuts_nobody_off_asks_nothing(host: LabHost) -> None:
    host.applied({"t": OPEN})
    ended, said = answered("n", "apply", "-c", host.uri, host.file({"t": {**OPEN, "mtu": 1400}}))
    assert ended == 0, said
    assert "[y/N]" not in said
