"""`netreconcile lab`: labs that stay, and labs for one command."""

from __future__ import annotations

import json
import os
import pty
import select
import signal
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import netreconcile
from tests.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    import libvirt

    from .conftest import Cli, Traces
else:
    libvirt = pytest.importorskip("libvirt")

pytestmark = pytest.mark.lab


@pytest.fixture
def name(cli: Cli, traces: Traces) -> Iterator[str]:
    """A name for a lab, which is stopped after the test if it is still there."""
    mine = f"test-{os.getpid()}"
    yield mine
    cli("stop", mine)
    traces.check()


def labs(cli: Cli) -> dict[str, dict[str, Any]]:
    document = json.loads(cli("list", "--output", "json").stdout)
    assert document["format_version"] == 1
    return {lab["name"]: lab for lab in document["labs"]}


def test_a_lab_stays_until_it_is_stopped(cli: Cli, name: str, traces: Traces) -> None:
    started = cli("start", "--name", name)
    assert started.returncode == 0, started.stderr
    assert f"export LIBVIRT_DEFAULT_URI='{started.stdout.strip()}'" in started.stderr
    lab = labs(cli)[name]
    traces.follow(lab["pid"])
    assert (lab["uri"], lab["scenery"], lab["guests"]) == (started.stdout.strip(), True, False)
    assert f"{name} " in cli("list").stdout
    connection = libvirt.open(lab["uri"])
    connection.networkCreateXML("<network><name>n</name><ip address='192.168.77.1' prefix='24'/></network>")
    connection.close()

    assert cli("stop", name).returncode == 0
    assert name not in labs(cli)
    traces.check()


def test_a_name_belongs_to_one_lab(cli: Cli, name: str) -> None:
    assert cli("start", "--name", name, "--no-scenery").returncode == 0
    again = cli("start", "--name", name)
    assert again.returncode == 1
    assert f"netreconcile lab stop {name}" in again.stderr
    assert labs(cli)[name]["scenery"] is False


def test_a_lab_that_was_killed_is_not_listed_and_its_name_is_free(cli: Cli, name: str, traces: Traces) -> None:
    cli("start", "--name", name, "--no-scenery")
    pid = labs(cli)[name]["pid"]
    traces.follow(pid)
    os.kill(pid, signal.SIGKILL)
    assert eventually(lambda: name not in labs(cli))
    assert cli("start", "--name", name, "--no-scenery").returncode == 0


def test_a_shell_sees_the_lab_as_its_host(cli: Cli, name: str) -> None:
    cli("start", "--name", name)
    script = "hostname; echo $LIBVIRT_DEFAULT_URI; ip -brief link show br0; exit 3"
    shell = cli("shell", name, input=script, env={**os.environ, "SHELL": "/bin/sh"})
    host, uri, bridge = shell.stdout.splitlines()
    assert (host, uri) == (name, "network+unix:///system?socket=/run/libvirt/libvirt-sock")
    assert bridge.startswith("br0 ")
    assert shell.returncode == 3


@pytest.mark.usefixtures("traces")
def test_one_command_has_a_lab_of_its_own(cli: Cli) -> None:
    script = "cat; ip -brief link show eth0; exit 5"
    done = cli("run", "--", "sh", "-c", script, input="from outside\n")
    said, link = done.stdout.splitlines()
    assert (done.returncode, said, link.split("@")[0]) == (5, "from outside", "eth0")
    assert cli("run", "no-such-program").returncode == 127
    assert cli("run", "--no-scenery", "--", "ip", "link", "show", "br0").returncode == 1


class Terminal:
    """`netreconcile lab` with a terminal of its own."""

    def __init__(self, *arguments: str) -> None:
        environment = {**os.environ, "PYTHONPATH": str(Path(netreconcile.__file__).parents[1])}
        command = [sys.executable, "-B", "-m", "netreconcile", "lab", *arguments]
        self._child, self._screen = pty.fork()
        if self._child == 0:
            os.execve(command[0], command, environment)  # noqa: S606 -- what a forked child is for

    def type(self, keys: bytes) -> None:
        os.write(self._screen, keys)

    def shows(self, text: bytes) -> bytes:
        """Return what is new on the screen when the text is among it; fail at the deadline."""
        new = b""
        while text not in new:
            assert select.select([self._screen], [], [], 30)[0], new
            new += os.read(self._screen, 1024)
        return new

    def exit_code(self) -> int:
        return os.waitstatus_to_exitcode(os.waitpid(self._child, 0)[1])

    def close(self) -> None:
        """Hang up, which ends what still runs."""
        os.close(self._screen)


@pytest.mark.usefixtures("traces")
def test_one_command_has_the_terminal_and_its_ctrl_c() -> None:
    script = "trap 'exit 5' INT; test -t 0 && test -t 1 && echo ready; while :; do sleep 0.1; done"
    with closing(Terminal("run", "--", "sh", "-c", script)) as terminal:
        assert terminal.shows(b"ready")
        terminal.type(b"\x03")
        assert terminal.exit_code() == 5


@pytest.mark.usefixtures("traces")
def test_an_interactive_shell_has_job_control() -> None:
    with closing(Terminal("run", "--", "bash", "--norc", "-i")) as terminal:
        assert terminal.shows(b"# ")
        # In two halves, as the terminal also shows what is typed.
        terminal.type(b"sh -c 'echo run''ning; exec sleep 100'\n")
        assert terminal.shows(b"running")
        terminal.type(b"\x1a")
        assert terminal.shows(b"Stopped")
        # The first one only makes bash say that there are stopped jobs.
        terminal.type(b"exit 6; exit 6\n")
        assert terminal.exit_code() == 6


@pytest.mark.parametrize(
    "arguments",
    [[], ["start", "--name", "two words"], ["start", "--what"], ["stop"], ["run"], ["run", "--guests", "--"]],
)
def test_wrong_usage_is_exit_code_64(cli: Cli, arguments: list[str]) -> None:
    assert cli(*arguments).returncode == 64


def test_a_lab_that_does_not_run_is_exit_code_69(cli: Cli) -> None:
    for command in ("stop", "shell"):
        done = cli(command, "nobody")
        assert done.returncode == 69
        assert "running" in done.stderr
