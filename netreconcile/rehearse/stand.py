"""Stand-ins for guests, inside a lab: links with the guests' names and MAC addresses, which are heard or not.

Each sends a numbered frame all the time, and the host side listens behind the bridges. A frame arrives there only while
the guest's link is a port of a bridge that is up, and the port forwards: with STP that takes seconds after the port was
plugged in, as it does for a real guest. What is measured is the time between the last frame that arrived before one was
lost, and the next that arrived.
"""

from __future__ import annotations

import socket
import struct
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Self

from netreconcile.errors import ProbeFailed
from netreconcile.verify.namespace import ip, shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from netreconcile.rehearse.copy import StandIn
    from netreconcile.verify.namespace import Namespace

ETHERTYPE: Final = 0x88B5
"""One that IEEE 802 keeps for experiments: nothing else listens to it, and no firewall rule of libvirt's."""
FASTEST: Final = 0.01
"""Seconds between two frames of a stand-in; with many of them it is more, so that two processors keep up."""
FOR_EACH: Final = 0.000_3
"""Seconds of a processor, generously, that a frame takes."""
PATIENCE: Final = 65.0
"""The longest that a port takes to forward: twice the longest forward delay of a bridge, 30 s (IEEE 802.1D)."""
AT_FIRST: Final = 2.0
"""So many seconds they have to be heard at first."""
_FRAME: Final = struct.Struct(">HQQ")
_BROADCAST: Final = b"\xff" * 6
_SHORTEST: Final = 60
_ROOM: Final = 1 << 22
_SO_RCVBUFFORCE: Final = 33
"""Only outside of user namespaces it gives more room than others may have (socket(7))."""
_DROPS: Final = 263, 6
"""SOL_PACKET and PACKET_STATISTICS of packet(7): packets, and those dropped, since the last time it was asked."""
_STATISTICS: Final = struct.Struct("II")


@dataclass
class _Heard:
    """What has arrived of a stand-in: number and time of sending of the latest frame, and the time without any.

    `linked` is whether it had a link when gaps began to count.
    """

    number: int = -1
    sent: int = 0
    lost: float = 0.0
    linked: bool = False

    def add(self, number: int, sent: int) -> None:
        if self.sent and number > self.number + 1:
            self.lost += (sent - self.sent) / 1e9
        self.number, self.sent = number, sent


@dataclass
class StandIns:
    """The stand-ins of a copy while the context lasts; their far ends are in the namespace."""

    stand_ins: Sequence[StandIn]
    namespace: Namespace
    _heard: dict[int, _Heard] = field(default_factory=dict[int, _Heard])
    _sockets: list[socket.socket] = field(default_factory=list[socket.socket])
    _threads: list[threading.Thread] = field(default_factory=list[threading.Thread])
    _ears: socket.socket | None = None
    _settled: int = 0
    _over: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Self:
        if self.stand_ins:
            self._heard = {each.number: _Heard() for each in self.stand_ins}
            ip(line for each in self.stand_ins for line in _made(each, self.namespace.path))
            self._sockets = self.namespace.run(self._opened)
            self._ears = _listener()
            listen = threading.Thread(target=self._listen, args=(self._ears,), daemon=True)
            self._threads = [threading.Thread(target=self._send, daemon=True), listen]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()
        for each in (*self._sockets, *((self._ears,) if self._ears else ())):
            each.close()

    @property
    def interval(self) -> float:
        """The seconds between two frames of a stand-in: no gap is known better than that."""
        return max(FASTEST, len(self.stand_ins) * FOR_EACH)

    def hang(self) -> tuple[str, ...]:
        """The stand-ins hang where the guests do, and are heard; return which don't, and why.

        Those of a host hang there for long: STP, which would let them wait, is off meanwhile.
        """
        links = shown("link")
        stp = [link["ifname"] for link in links if link.get("linkinfo", {}).get("info_data", {}).get("stp_state")]
        failed: list[str] = []
        hanging: list[StandIn] = []
        ip(f"link set dev {bridge} type bridge stp_state 0" for bridge in stp)
        for each in self.stand_ins:
            try:
                if each.bridge:
                    self.plug(each, each.bridge)
                    hanging.append(each)
            except ProbeFailed as error:
                failed.append(f"the link of guest {each.guest.domain} {each.guest.target} to {each.bridge}: {error}")
        ip(f"link set dev {bridge} type bridge stp_state 1" for bridge in stp)
        self._wait(hanging, AT_FIRST)
        silent = [each for each in hanging if not self._heard[each.number].sent]
        return (*failed, *(f"guest {each.guest.domain} is not heard on {each.bridge}" for each in silent))

    def plug(self, stand_in: StandIn, bridge: str) -> None:
        """The stand-in's link is a port of the bridge. Raises ProbeFailed.

        Stand-ins are kept apart, so that the host alone hears their frames.
        """
        mtu = _links().get(bridge, {}).get("mtu", 1500)
        device = f"link set dev {stand_in.device}"
        ip((f"{device} mtu {mtu}", f"{device} master {bridge}", f"{device} type bridge_slave isolated on"))

    def masters(self) -> dict[str, str]:
        """Return the bridge that each stand-in's link is a port of, by the link's name; none where it hangs loose."""
        if not self.stand_ins:
            return {}
        links = _links()
        return {each.device: links.get(each.device, {}).get("master", "") for each in self.stand_ins}

    def begin(self) -> None:
        """Gaps count from now on."""
        masters = self.masters()
        for each in self.stand_ins:
            heard = self._heard[each.number]
            heard.lost, heard.linked = 0.0, bool(heard.sent and masters[each.device])
        self.missed()

    def settle(self) -> None:
        """Those that are plugged in are heard again, or after the longest time that STP takes still not."""
        masters = self.masters()
        self._settled = self._wait((each for each in self.stand_ins if masters[each.device]), PATIENCE)

    def lost(self, stand_in: StandIn) -> tuple[float | None, bool]:
        """Return for how many seconds it was not heard, None where it had no link, and whether it is heard again."""
        heard = self._heard[stand_in.number]
        back = heard.sent >= self._settled
        if not heard.linked:
            return None, back
        return heard.lost if back else heard.lost + (time.monotonic_ns() - heard.sent) / 1e9, back

    def missed(self) -> int:
        """Return how many frames have arrived since it was last asked, and were dropped as nobody took them in time."""
        return _STATISTICS.unpack(self._ears.getsockopt(*_DROPS, _STATISTICS.size))[1] if self._ears else 0

    def _wait(self, stand_ins: Iterable[StandIn], patience: float) -> int:
        """Return when it was asked, in nanoseconds, after each was heard since or the patience is over."""
        start = time.monotonic_ns()
        waiting = [self._heard[each.number] for each in stand_ins]
        while any(heard.sent < start for heard in waiting) and time.monotonic_ns() < start + patience * 1e9:
            time.sleep(self.interval)
        return start

    def _opened(self) -> list[socket.socket]:
        """Return a socket for each stand-in's far end, which is up; in the thread of their namespace."""
        ip(f"link set dev {each.far_end} up" for each in self.stand_ins)
        sockets = []
        for each in self.stand_ins:
            opened = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
            opened.bind((each.far_end, 0))
            sockets.append(opened)
        return sockets

    def _send(self) -> None:
        heads = [_head(each) for each in self.stand_ins]
        number = 0
        while not self._over.wait(self.interval):
            for each, head, out in zip(self.stand_ins, heads, self._sockets, strict=True):
                with suppress(OSError):  # a frame that can't be sent doesn't arrive
                    out.send((head + _FRAME.pack(each.number, number, time.monotonic_ns())).ljust(_SHORTEST, b"\0"))
            number += 1

    def _listen(self, ears: socket.socket) -> None:
        devices = {each.number: each.device for each in self.stand_ins}
        while not self._over.is_set():
            try:
                frame, (device, *_) = ears.recvfrom(_SHORTEST)
            except TimeoutError:
                continue
            place, number, sent = _FRAME.unpack(frame[: _FRAME.size])
            if device != devices[place]:  # it arrives on the link itself where that hangs loose
                self._heard[place].add(number, sent)


def _listener() -> socket.socket:
    """Return a socket that hears the stand-ins' frames on every link of this namespace."""
    ears = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETHERTYPE))
    ears.settimeout(0.1)
    for option in (_SO_RCVBUFFORCE, socket.SO_RCVBUF):
        with suppress(PermissionError):
            ears.setsockopt(socket.SOL_SOCKET, option, _ROOM)
            break
    return ears


def _links() -> dict[str, dict[str, Any]]:
    return {link["ifname"]: link for link in shown("link")}


def _made(stand_in: StandIn, namespace: str) -> tuple[str, ...]:
    """Return what makes the link; as libvirt does with a guest's, its host end begins with fe (virnetdevtap.c)."""
    near = f"{stand_in.device} address fe{stand_in.mac[2:]}"
    far = f"{stand_in.far_end} address {stand_in.mac} netns {namespace}"
    device = f"link set dev {stand_in.device}"
    # Without an IPv6 address of its own it says nothing but what is measured.
    return f"link add {near} type veth peer name {far}", f"{device} addrgenmode none", f"{device} up"


def _head(stand_in: StandIn) -> bytes:
    """Return the beginning of an Ethernet frame from the stand-in to everybody."""
    return _BROADCAST + bytes.fromhex(stand_in.mac.replace(":", "")) + ETHERTYPE.to_bytes(2)
