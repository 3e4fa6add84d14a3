"""Addresses as they stand in messages; what is cut off or has an odd length comes to nothing."""

from __future__ import annotations

import socket

V4, V6 = 4, 16
"""How many bytes an address has."""


def text(packed: bytes) -> str:
    """Return an address of either family as it is written."""
    return socket.inet_ntop(socket.AF_INET if len(packed) == V4 else socket.AF_INET6, packed)


def texts(packed: bytes, size: int) -> tuple[str, ...]:
    """Return addresses that stand one after the other; none if what is there can't be only those."""
    if len(packed) % size:
        return ()
    return tuple(text(packed[start : start + size]) for start in range(0, len(packed), size))


def words(raw: bytes) -> str:
    """Return text that a stranger wrote; what is no UTF-8 is escaped."""
    return raw.rstrip(b"\0").decode("utf-8", "backslashreplace")
