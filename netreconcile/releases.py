"""What began with which release of libvirt, beyond single fields, of which the model says it (`binding.Since`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from netreconcile.binding import Version

NFTABLES: Final[Version] = (10, 4, 0)
"""nft can do instead of iptables (`firewall_backend` in libvirt's network.conf)."""
OPEN_WITHOUT_ADDRESS: Final[Version] = (10, 8, 0)
"""A network of mode `open` needs no address of the host."""
VLANS_ON_BRIDGES: Final[Version] = (11, 0, 0)
"""Guests on a bridge of the kernel's can be in VLANs, not only on one of Open vSwitch."""
LARGE_RANGES: Final[Version] = (11, 3, 0)
"""The ends of an IPv4 range may differ in more than their last 16 bits.

Seen: refused by 9.0, taken by 11.3; which release between began with it isn't known.
"""
