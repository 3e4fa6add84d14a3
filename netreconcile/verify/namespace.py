"""Network namespaces that have no name: each lives in a thread, and ends with it or with the process.

The kernel then removes every link that was in one together with its other end, and with that its addresses and routes.
Nothing has to be tidied up after a SIGKILL.
"""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import threading
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Self, TypeVar

from netreconcile.errors import ProbeFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

T = TypeVar("T")

_CLONE_NEWNET = 0x40000000
_PATIENCE = 0.2
"""How long the end of a context waits for its thread; the thread of one that failed may still listen for something."""


class Namespace:
    """A new network namespace, for as long as the context lasts."""

    def __init__(self) -> None:
        self._work: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._live, daemon=True)
        self.path = ""

    def __enter__(self) -> Self:
        self._thread.start()
        self.path = self.run(_apart)
        return self

    def __exit__(self, *_: object) -> None:
        self._work.put(None)
        self._thread.join(_PATIENCE)

    def start(self, work: Callable[[], T]) -> Future[T]:
        """Return what will be the result of the work, which is done inside, after all that was started before."""
        future: Future[T] = Future()

        def done() -> None:
            try:
                future.set_result(work())
            except BaseException as error:  # noqa: BLE001 -- it is raised again where the result is wanted
                future.set_exception(error)

        self._work.put(done)
        return future

    def run(self, work: Callable[[], T]) -> T:
        """Return the result of the work, done inside."""
        return self.start(work).result()

    def _live(self) -> None:
        while work := self._work.get():
            work()


def ip(commands: Iterable[str], *, all_of_them: bool = True) -> None:
    """The `ip` commands are carried out, in the namespace of the calling thread. Raises ProbeFailed.

    Unless it takes `all_of_them`, those that fail are passed over.
    """
    _carry_out("ip", commands, () if all_of_them else ("-force",))


def bridge(commands: Iterable[str]) -> None:
    """The `bridge` commands are carried out, in the namespace of the calling thread. Raises ProbeFailed."""
    _carry_out("bridge", commands, ())


def shown(*arguments: str, program: str = "ip") -> list[Any]:
    """Return what `ip` (or `bridge`) shows as JSON; nothing where there is no such thing. Raises ProbeFailed."""
    done = _run((program, "-j", "-d", *arguments), "")
    return json.loads(done.stdout or "[]") if not done.returncode else []


def settings(values: Mapping[str, int]) -> None:
    """The network settings ("ipv6/conf/eth0/accept_dad") have the values, as far as the kernel knows them.

    `/proc/sys/net` shows each thread its own namespace.
    """
    for name, value in values.items():
        with suppress(FileNotFoundError):
            Path("/proc/sys/net", name).write_text(str(value), encoding="ascii")


def has_ipv6() -> bool:
    """Return whether the kernel speaks IPv6 at all."""
    return Path("/proc/sys/net/ipv6").exists()


def _carry_out(program: str, commands: Iterable[str], options: Sequence[str]) -> None:
    done = _run((program, *options, "-batch", "-"), "".join(f"{command}\n" for command in commands))
    if done.returncode and not options:
        said = [line.removeprefix("RTNETLINK answers: ") for line in done.stderr.splitlines()]
        why = "; ".join(line for line in said if not line.startswith("Command failed"))
        raise ProbeFailed(f"a probe guest can't be set up: {why or done.returncode}")


def _run(command: Sequence[str], commands: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "LC_ALL": "C"}
    try:
        return subprocess.run(  # noqa: S603 -- our own words
            command, input=commands, capture_output=True, text=True, env=environment, check=False
        )
    except FileNotFoundError as error:
        raise ProbeFailed(f"probe guests need the program `{command[0]}` (apt install iproute2)") from error


def _apart() -> str:
    """The calling thread is in a network namespace of its own, whose path is returned. Raises ProbeFailed."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_CLONE_NEWNET):
        reason = os.strerror(ctypes.get_errno())
        raise ProbeFailed(f"probe guests need root: a network namespace can't be made: {reason}")
    return f"/proc/{os.getpid()}/task/{threading.get_native_id()}/ns/net"
