"""What the tests of the lab share: the command, an ordinary user, and the proof that nothing is left."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import cast

import pytest

from netreconcile.lab import programs
from tests.waiting import eventually

PACKAGE = Path(programs.__file__).parents[1]
STRANGER = 60000 + os.getpid() % 4000
"""A uid of this run only, so that "all labs of this user" are its own."""

Cli = Callable[..., subprocess.CompletedProcess[str]]


class Traces:
    """What labs leave: processes in their namespaces, and changes of the machine's mounts, links and files."""

    def __init__(self) -> None:
        self._namespaces: dict[int, int] = {}
        self._before = self.machine()

    def follow(self, pid: int) -> None:
        """Remember the process namespace of a lab, by its PID 1."""
        # Open, for the kernel gives the number of a namespace that has gone to the next one.
        descriptor = os.open(f"/proc/{pid}/ns/pid", os.O_RDONLY)
        self._namespaces[os.fstat(descriptor).st_ino] = descriptor

    def processes(self) -> list[str]:
        """Return what still runs in the labs, and what has made them."""
        found: list[str] = []
        for folder in Path("/proc").iterdir():
            for link in ("pid", "pid_for_children"):
                with suppress(OSError):
                    if (folder / "ns" / link).stat().st_ino in self._namespaces:
                        found.append((folder / "cmdline").read_text(errors="replace"))
        return found

    @staticmethod
    def machine() -> dict[str, object]:
        """Return what a lab must not change."""
        folders = ("/etc/libvirt", "/var/lib/libvirt", "/var/cache/libvirt", "/var/log/libvirt", "/run/libvirt")
        return {
            "mounts": sorted(Path("/proc/self/mountinfo").read_text().splitlines()),
            "links": sorted(name for _, name in socket.if_nameindex()),
            "files": {folder: sorted(map(str, Path(folder).rglob("*"))) for folder in folders},
        }

    def check(self) -> None:
        """Fail unless everything is gone."""
        assert eventually(lambda: not self.processes()), self.processes()
        assert self.machine() == self._before
        for descriptor in self._namespaces.values():
            os.close(descriptor)
        self._namespaces.clear()


@pytest.fixture(scope="session", autouse=True)
def possible() -> None:
    """A machine without a daemon skips these tests, except in CI."""
    lacking = programs.missing()
    if lacking or not find_spec("libvirt"):
        hint = programs.install_command(lacking) if lacking else "pip install libvirt-python"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(hint)


@pytest.fixture
def traces() -> Iterator[Traces]:
    found = Traces()
    yield found
    found.check()


@pytest.fixture
def cli() -> Cli:
    """Run `netreconcile lab` with the arguments."""

    def run(*arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
        return call([sys.executable, "-B", "-m", "netreconcile", "lab", *arguments], **options)

    return run


@pytest.fixture
def as_user() -> Iterator[Cli]:
    """Run `netreconcile lab` as an ordinary user, on whose behalf no other lab is running."""
    with tempfile.TemporaryDirectory() as home:
        # The checkout, and the interpreter of a virtual environment, may stand where that user can't look.
        Path(home).chmod(0o755)
        shutil.copytree(PACKAGE, f"{home}/netreconcile", ignore=shutil.ignore_patterns("__pycache__", "schemas"))
        user = ["setpriv", f"--reuid={STRANGER}", f"--regid={STRANGER}", "--clear-groups"] if os.geteuid() == 0 else []
        clean = ["env", "-i", "PATH=/usr/bin:/bin", f"HOME={home}", f"PYTHONPATH={home}"]
        python = next(
            (
                path
                for path in (sys.executable, "/usr/bin/python3", "/usr/local/bin/python3")
                if succeeds([*user, *clean, path, "-c", "import sys; sys.exit(sys.version_info < (3, 11))"])
            ),
            None,
        )
        if not python:
            pytest.skip("no Python that an ordinary user may run")
        if not succeeds([*user, "unshare", "--user", "--map-root-user", "true"]):
            pytest.skip("this kernel gives ordinary users no user namespaces")

        def run(*arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
            return call(
                [*user, *clean, python, "-B", "-m", "netreconcile", "lab", *arguments], **{"cwd": "/", **options}
            )

        yield run


def call(command: list[str], **options: object) -> subprocess.CompletedProcess[str]:
    run = cast("Cli", subprocess.run)
    environment = {**os.environ, "PYTHONPATH": str(PACKAGE.parent)}
    defaults: dict[str, object] = {"capture_output": True, "text": True, "timeout": 120, "env": environment}
    return run(command, **{**defaults, **options})


def succeeds(command: list[str]) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0
