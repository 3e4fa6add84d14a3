"""Gives leases back when the run that took them is over, however it ended: a process of its own that outlives it.

It is told of each lease before that is asked for, and knows by the end of its input that it is time. It speaks from the
host: a broadcast on a bridge comes back to the host's own server, too.
"""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from netreconcile.errors import ProbeFailed
from netreconcile.verify.experience import Offer, Offer6
from netreconcile.verify.talk import Dhcp4, Dhcp6

if TYPE_CHECKING:
    from collections.abc import Mapping

_BOOT = "import sys; sys.path.append(sys.argv[1]); from netreconcile.verify.releaser import main; main()"
_PATIENCE = 3.0
"""Seconds to wait for the process at the end; it doesn't need us to finish."""


class Releaser:
    """Whoever is told of a lease within the context sees to it that it is given back; `device` leads to the server."""

    def __init__(self, device: str) -> None:
        package = str(Path(__file__).parents[2])
        # Neither Ctrl-C nor the end of a terminal, which are meant for us, reaches another session.
        self._process = subprocess.Popen(  # noqa: S603 -- ourselves
            [sys.executable, "-I", "-S", "-B", "-c", _BOOT, package, device],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            text=True,
            start_new_session=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.stdin:
            with suppress(OSError):
                self._process.stdin.close()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_PATIENCE)

    def lent(self, client: str, offer: Offer | Offer6) -> None:
        """The lease that the client is about to take will be given back; it is a MAC address, or a DUID in hexadecimal.

        Raises ProbeFailed where nobody is there to do that.
        """
        self._tell({"client": client, type(offer).__name__: asdict(offer)})

    def returned(self, client: str) -> None:
        """The client has given its lease back itself. Raises ProbeFailed."""
        self._tell({"client": client})

    def _tell(self, said: Mapping[str, object]) -> None:
        try:
            assert self._process.stdin
            self._process.stdin.write(json.dumps(said) + "\n")
            self._process.stdin.flush()
        except (OSError, ValueError) as error:
            raise ProbeFailed("the process that gives leases back has ended") from error


def main() -> None:
    """The leases of standard input are given back once that ends; `argv[2]` is the device."""
    leases: dict[str, Any] = {}
    for line in sys.stdin:
        with suppress(ValueError):  # who writes may be killed at any byte
            said = json.loads(line)
            leases[said["client"]] = said
    for lease in leases.values():
        with suppress(OSError):  # the device may be gone, and the server with it
            _release(sys.argv[2], lease)


def _release(device: str, lease: Any) -> None:
    if "Offer" in lease:
        with Dhcp4(device) as four:
            four.release(lease["client"], Offer(**lease["Offer"]))
    if "Offer6" in lease:
        with Dhcp6(device) as six:
            six.release(bytes.fromhex(lease["client"]), Offer6(**lease["Offer6"]))
