"""What a probe saw of a network, as values: facts without judgement.

Wherever a fact may be missing: None means that it wasn't asked for, Nothing that it was and that nothing came.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Nothing:
    """Nothing came; `why` is what is known about it ("no answer within 4.5 s")."""

    why: str


@dataclass(frozen=True, slots=True)
class Offer:
    """What a DHCPv4 server tells a client. `address` is empty in the answer to a DHCPINFORM; `seconds` of the lease."""

    server: str
    address: str = ""
    prefix: int | None = None
    routers: tuple[str, ...] = ()
    dns: tuple[str, ...] = ()
    domain: str = ""
    mtu: int | None = None
    seconds: int | None = None


@dataclass(frozen=True, slots=True)
class Offer6:
    """What a DHCPv6 server tells a client. `address` is empty in the answer to an INFORMATION-REQUEST."""

    server: str
    address: str = ""
    dns: tuple[str, ...] = ()
    domains: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Prefix:
    """A prefix of a router advertisement ("fd00:1::/64"); with `autonomous` guests make themselves an address of it."""

    prefix: str
    on_link: bool
    autonomous: bool


@dataclass(frozen=True, slots=True)
class Advert:
    """A router advertisement (RFC 4861 section 4.2). A `lifetime` of 0 seconds: no default router."""

    router: str
    lifetime: int
    managed: bool
    other: bool
    prefixes: tuple[Prefix, ...] = ()
    dns: tuple[str, ...] = ()
    mtu: int | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer came: to a ping, or to a question that only the server itself answers."""


@dataclass(frozen=True, slots=True, order=True)
class Question:
    """A DNS question: a name without the final dot, and a type ("A", "AAAA", "TXT", "SRV", "PTR")."""

    name: str
    kind: str


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a DNS question: the response code ("NOERROR", "NXDOMAIN"), and the values, sorted.

    A TXT value is its strings with commas between; an SRV value "priority weight port target" without a final dot.
    """

    rcode: str
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Crossing:
    """What arrived at the receiving end of a path that was tried; counts only if the receiver heard the `control`.

    A missing answer proves nothing: a packet may have gone through, and only its answer been lost. `sources` are the
    addresses that packets bore which arrived, sorted; empty if none did.
    """

    control: bool
    sources: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Experience:
    """Everything that was seen of one network, by a glance from the host or by guests that were plugged in.

    | field            | what was tried                                                                     |
    |------------------|------------------------------------------------------------------------------------|
    | `forwarding`     | the port of a guest forwards; seconds until then                                   |
    | `informs`        | DHCPv4 servers that answer a DHCPINFORM; all that answered                         |
    | `offers`         | offers to a guest without a reservation; all that came                             |
    | `lease`          | the whole handshake with the network's own server, or else the first that offered  |
    | `reserved`       | offers for reserved MAC addresses, by MAC address                                  |
    | `adverts`        | router advertisements; all that came                                               |
    | `lease6`         | the DHCPv6 handshake of a guest without a reservation                              |
    | `inform6`        | the answer to an INFORMATION-REQUEST                                               |
    | `reserved6`      | DHCPv6 offers for reserved DUIDs, by DUID as the topology writes it                |
    | `host`           | pings to the host's addresses on the network, by address                           |
    | `resolvers`      | DNS servers at the host's addresses on the network, by address (`version.bind`)    |
    | `records`        | names that the network's DNS should know                                           |
    | `neighbour4`, `6`| guest to guest, heard by the other guest                                           |
    | `out4`, `out6`   | guest to a far end beyond the host, heard there, even if the guest is told no way  |
    | `into4`, `into6` | far end to guest, heard by the guest                                               |
    | `hears`          | guest to an address of the host that isn't on the network, heard by the host       |
    | `vlans`          | guest of a port group to a guest in a VLAN, heard by it, by group and VLAN         |
    | `carriers`       | the ports besides guests' of a VLAN, on a bridge of the host's, by VLAN            |
    | `far_address4`,6 | the host's own address towards the far end: what NAT makes of a source             |
    | `guest4`, `6`    | the address that the guest used for that                                           |

    """

    forwarding: float | Nothing | None = None
    informs: tuple[Offer, ...] | None = None
    offers: tuple[Offer, ...] | None = None
    lease: Offer | Nothing | None = None
    reserved: Mapping[str, Offer | Nothing] = field(default_factory=dict)
    adverts: tuple[Advert, ...] | None = None
    lease6: Offer6 | Nothing | None = None
    inform6: Offer6 | Nothing | None = None
    reserved6: Mapping[str, Offer6 | Nothing] = field(default_factory=dict)
    host: Mapping[str, Reply | Nothing] = field(default_factory=dict)
    resolvers: Mapping[str, Reply | Nothing] = field(default_factory=dict)
    records: Mapping[Question, Answer | Nothing] = field(default_factory=dict)
    neighbour4: Crossing | None = None
    neighbour6: Crossing | None = None
    out4: Crossing | None = None
    out6: Crossing | None = None
    into4: Crossing | None = None
    into6: Crossing | None = None
    hears: Crossing | None = None
    vlans: Mapping[tuple[str, int], Crossing] | Nothing = field(default_factory=dict)
    carriers: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    far_address4: str = ""
    far_address6: str = ""
    guest4: str = ""
    guest6: str = ""
