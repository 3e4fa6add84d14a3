"""One thing that was looked at on a host, and what of the host matters beside its kernel state. Pure values."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class Mark(StrEnum):
    """How something is: as networks need it, worth knowing, or in their way."""

    OK = "ok"
    NOTE = "note"
    FAIL = "FAIL"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at: what was seen, and what exactly helps, or nothing."""

    code: str
    mark: Mark
    seen: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What of the host matters beside its kernel state.

    `running` are the names of processes; `accept_ra` is by link, and for `all`; `told` are the links with routes that
    the kernel itself made of what routers say; `everywhere` are protocols with somebody at port 53 of all addresses;
    `zone` is whether firewalld knows libvirt's zone; `unmanaged` are patterns of links that NetworkManager is told to
    leave alone, `profiles` the ids of its profiles by link.
    """

    running: frozenset[str] = frozenset()
    accept_ra: Mapping[str, int] = field(default_factory=dict)
    told: tuple[str, ...] = ()
    everywhere: tuple[str, ...] = ()
    zone: bool = False
    unmanaged: tuple[str, ...] = ()
    profiles: Mapping[str, str] = field(default_factory=dict)
    instances: int | None = None
