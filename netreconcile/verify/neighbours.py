"""Guest to guest: what one of two guests on a network hears of the other."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from netreconcile.verify.namespace import has_ipv6, ip
from netreconcile.verify.sniffer import Ears, Try, crossings, shout
from netreconcile.verify.talk import knock

if TYPE_CHECKING:
    from netreconcile.verify.experience import Crossing
    from netreconcile.verify.guest import Guest


def acquainted(four: Guest, six: Guest, near: tuple[str, str]) -> None:
    """Each guest has one of two addresses that make no difference to what it sends elsewhere, and knows the other."""
    for guest, own, other in ((four, near[0], near[1]), (six, near[1], near[0])):
        commands = (f"addr add {own}/32 dev lo scope link", f"route add {other}/32 dev eth0 src {own}")
        guest.namespace.run(partial(ip, commands))


def neighbours(four: Guest, six: Guest, address: str, ears: Ears) -> tuple[Crossing, Crossing | None]:
    """Return what `four` hears of `six`, which talks to its address, and to the IPv6 one that it has by itself."""

    def knocking(at: str, token: bytes) -> None:
        six.namespace.run(lambda: knock(at, token, device="eth0"))

    tried = (address, four.link_local) if has_ipv6() else (address,)
    crossed = crossings([Try(ears, partial(shout, four.link), partial(knocking, at)) for at in tried])
    return crossed[0], crossed[1] if has_ipv6() else None
