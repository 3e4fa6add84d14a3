"""Ask over a socket, again where no answer comes, until enough was heard or the time is over."""

from __future__ import annotations

import errno
import fcntl
import ipaddress
import os
import socket
import struct
import time
from collections import deque
from typing import TYPE_CHECKING, TypeAlias

from netreconcile.verify.experience import Nothing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

Address: TypeAlias = tuple[str, int] | tuple[str, int, int, int]
"""Where a socket sends to: address and port, for IPv6 also the number of the device."""

PATIENCE = (1.0, 2.0, 4.0, 8.0)
"""Seconds after which a question is asked again, one after the other; after the last it isn't any more."""

_AT_ONCE = 32
"""How many questions are sent before a look at the answers: more could overflow the sockets on either side."""
_BREATH = 0.02
_NOT_YET = 0.1
_UNUSABLE = (errno.EADDRNOTAVAIL, errno.ENETUNREACH, errno.EHOSTUNREACH)
"""How sending fails while the device has no address to send from: one of IPv6 is tentative at first."""
_LONGEST = 65535
_FLAGS, _HARDWARE = 0x8913, 0x8927
"""The ioctls SIOCGIFFLAGS and SIOCGIFHWADDR (linux/sockios.h)."""
_INTERFACE = struct.Struct("16s24s")
"""struct ifreq (linux/if.h): the name, and then what was asked for."""
_NUMBER = struct.Struct("H")
_UP = 1


def opened(family: int, kind: int, protocol: int, device: str, address: Address | None = None) -> socket.socket:
    """Return a socket on the device, or on none in particular where that is empty.

    Raises OSError, where the device isn't up, too.
    """
    talk = socket.socket(family, kind, protocol)
    try:
        if device:
            _refuse_down(talk, device)
            talk.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device.encode())
        if (family, kind) == (socket.AF_INET6, socket.SOCK_DGRAM):
            talk.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        talk.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        if address:  # the ports of DHCP clients are shared with those that the host may run
            talk.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            talk.bind(address)
    except BaseException:
        talk.close()
        raise
    return talk


def target(address: str, port: int, device: str = "") -> tuple[int, Address]:
    """Return the family of an address, and where a socket sends to; `device` where a link-local one doesn't name it.

    Raises ValueError where it is no address, OSError where there is no such device.
    """
    parsed = ipaddress.ip_address(address)
    if isinstance(parsed, ipaddress.IPv4Address):
        return socket.AF_INET, (str(parsed), port)
    zone = parsed.scope_id or device
    return socket.AF_INET6, (str(parsed).partition("%")[0], port, 0, socket.if_nametoindex(zone) if zone else 0)


def hardware(talk: socket.socket, device: str) -> bytes:
    """Return the MAC address of a device. Raises OSError."""
    return _asked(talk, _HARDWARE, device)[2:8]


def ask(  # noqa: PLR0913 -- one loop for every protocol
    talk: socket.socket,
    to: Address,
    messages: Callable[[], Iterable[bytes]],
    hear: Callable[[bytes, str], bool],
    seconds: float,
    *,
    grace: float = 0.0,
    pauses: Iterable[float] = PATIENCE,
) -> Nothing | None:
    """`hear` was given every datagram that came, and its source, until it said that this is enough, and in the grace.

    `messages` are those that still want an answer; they are sent again after each of the pauses. Returns why there
    wasn't enough. Raises OSError.
    """
    now = time.monotonic()
    end, again, pause = now + seconds, now, iter(pauses)
    waiting: deque[bytes] = deque()
    silence = why = f"no answer within {seconds:g} s"
    while (now := time.monotonic()) < end:
        if not waiting and now >= again:
            waiting.extend(messages())
            again = now + next(pause, seconds)
        try:
            _send(talk, to, waiting)
        except OSError as error:
            if error.errno not in _UNUSABLE:
                raise
            until, why = now + _NOT_YET, error.strerror or str(error)
        else:
            until, why = now + _BREATH if waiting else again, silence
        if any(hear(*datagram) for datagram in _heard(talk, min(until, end))):
            for datagram in _heard(talk, min(time.monotonic() + grace, end)):
                hear(*datagram)
            return None
    return Nothing(why)


def _send(talk: socket.socket, to: Address, waiting: deque[bytes]) -> None:
    """Send as many as may be sent at once; `waiting` has the others afterwards."""
    for _ in range(min(len(waiting), _AT_ONCE)):
        talk.sendto(waiting[0], to)
        waiting.popleft()


def _heard(talk: socket.socket, until: float) -> Iterator[tuple[bytes, str]]:
    """Yield what arrives before the moment, with the address that it is from."""
    while (left := until - time.monotonic()) > 0:
        talk.settimeout(left)
        try:
            datagram, (source, *_) = talk.recvfrom(_LONGEST)
        except TimeoutError:
            return
        yield datagram, source.partition("%")[0]


def _refuse_down(talk: socket.socket, device: str) -> None:
    flags: int = _NUMBER.unpack_from(_asked(talk, _FLAGS, device))[0]
    if not flags & _UP:
        raise OSError(errno.ENETDOWN, os.strerror(errno.ENETDOWN), device)


def _asked(talk: socket.socket, request: int, device: str) -> bytes:
    answer = fcntl.ioctl(talk, request, _INTERFACE.pack(device.encode(), b""))
    return bytes(_INTERFACE.unpack(answer)[1])
