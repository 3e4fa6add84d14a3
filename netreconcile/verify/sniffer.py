"""Whether something arrives: ears at the receiving end, and tries that count only if the ears hear a control too."""

from __future__ import annotations

import os
import select
import socket
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from netreconcile.verify.experience import Crossing
from netreconcile.verify.talk import KNOCK
from netreconcile.verify.wire import frame

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Send = Callable[[bytes], object]

EVERYTHING = 0x0003
"""Frames of every type (ETH_P_ALL in the kernel's if_ether.h)."""
SHOUT = 0x88B5
"""The type of frames that are no IP (IEEE 802 keeps it for experiments)."""
ROUNDS = (0.1, 0.2, 0.3)
"""Seconds to listen after each try: the first may be lost while addresses are found out."""


class Ears:
    """Hears frames that arrive at a device of the calling thread's network namespace, or at an address of it."""

    def __init__(self, *, device: str = "", address: str = "") -> None:
        if device:
            self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(EVERYTHING))
            self._socket.bind((device, EVERYTHING))
        else:
            self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._socket.bind((address, KNOCK))
        self._socket.settimeout(0)
        self._device = device
        self.heard: dict[bytes, set[str]] = {}
        """The addresses that packets bore, by what the packets said."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def fileno(self) -> int:
        """Return what `select` waits for."""
        return self._socket.fileno()

    def listen(self) -> None:
        """All that has arrived is heard."""
        with suppress(BlockingIOError):
            while True:
                self._hear()

    def _hear(self) -> None:
        payload, sender = self._socket.recvfrom(65535)
        if not self._device:
            self.heard.setdefault(payload, set()).add(sender[0])
            return
        _, ethertype, kind, *_ = sender
        if kind == socket.PACKET_OUTGOING:
            return
        if ethertype == SHOUT:
            self.heard.setdefault(payload, set()).add("")
            return
        packet = frame.parse(payload, ethertype)
        if packet and packet.protocol == frame.UDP:
            self.heard.setdefault(packet.payload, set()).add(packet.source)


@dataclass(frozen=True, slots=True)
class Try:
    """A path that is tried: `attempt` sends a token along it, `control` another one that the ears hear in any case."""

    ears: Ears
    control: Send
    attempt: Send
    tokens: tuple[bytes, bytes] = field(default_factory=lambda: (os.urandom(16), os.urandom(16)))

    @property
    def over(self) -> bool:
        """Return whether there is nothing left to wait for."""
        return all(token in self.ears.heard for token in self.tokens)

    @property
    def crossing(self) -> Crossing:
        """Return what was heard."""
        control, attempt = self.tokens
        return Crossing(control in self.ears.heard, tuple(sorted(self.ears.heard.get(attempt, ()))))


def crossings(tries: Sequence[Try]) -> tuple[Crossing, ...]:
    """Return what comes of the tries, which are made at once."""
    for patience in ROUNDS:
        left = [tried for tried in tries if not tried.over]
        if not left:
            break
        for tried in left:
            for send, token in zip((tried.control, tried.attempt), tried.tokens, strict=True):
                with suppress(OSError):  # what can't be sent doesn't arrive
                    send(token)
        end = time.monotonic() + patience
        while (rest := end - time.monotonic()) > 0 and any(not tried.over for tried in left):
            for ears in select.select([tried.ears for tried in left], [], [], rest)[0]:
                ears.listen()
    return tuple(tried.crossing for tried in tries)


def shout(device: str, token: bytes, *, to: str = "ff:ff:ff:ff:ff:ff", vlan: int = 0) -> None:
    """A frame that is no IP leaves through the device, for everybody at the other end of its cable or for one of them.

    It bears the tag of the VLAN, if one is given.
    """
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as sender:
        sender.bind((device, 0))
        own: bytes = sender.getsockname()[-1]
        sender.send(frame.ethernet(bytes.fromhex(to.replace(":", "")), own, SHOUT, token, vlan=vlan))
