"""Hears from the kernel that something has changed which networks rest on (netlink(7)), in this network namespace."""

from __future__ import annotations

import socket
from contextlib import suppress
from typing import NamedTuple

_ROUTE, _NETFILTER = 0, 12
_GROUPS = {
    _ROUTE: ("links, addresses or routes", (1, 5, 9, 7, 11, 24, 25)),
    _NETFILTER: ("firewall rules", (7,)),
}
"""RTNLGRP_LINK, addresses and routes of both IP versions, and RTNLGRP_IPV4_NETCONF and its sibling, which tell of
forwarding (linux/rtnetlink.h); NFNLGRP_NFTABLES (linux/netfilter/nfnetlink.h), for root only. The old iptables tells
nobody.
"""
_BUFFER = 2**16
_MOST = 1000


class Source(NamedTuple):
    """A socket that becomes readable when something has changed of what it tells of."""

    kernel: socket.socket
    tells_of: str

    def drain(self) -> None:
        """It becomes readable by the next change only."""
        # Too much for its buffer is news, too (ENOBUFS).
        with suppress(OSError):
            for _ in range(_MOST):
                self.kernel.recv(_BUFFER)


def sources() -> tuple[Source, ...]:
    """Return the sockets that the kernel grants."""
    return tuple(source for protocol in _GROUPS if (source := _source(protocol)))


def _source(protocol: int) -> Source | None:
    tells_of, groups = _GROUPS[protocol]
    kernel = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK, protocol)
    try:
        kernel.bind((0, sum(1 << (group - 1) for group in groups)))
    except OSError:
        kernel.close()
        return None
    return Source(kernel, tells_of)
