"""Changes of a running network to virNetworkUpdate calls, or the reason why only a restart can make them.

libvirt finds the element to change by keys of its own, differing from section to section, and refuses additions
that collide with what is there (virNetworkDefUpdate* in network_conf.c). Its rules are followed here on a copy of
the list, so that a call which would hit the wrong element, or be refused, is never planned.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from netreconcile.actions import Command, Update
from netreconcile.binding import Binding, Live, Section, bindings
from netreconcile.codec import identity, items_xml, keys, overlay, parse
from netreconcile.diff import label
from netreconcile.model import DhcpHost, DnsHost, DnsSrv, Element, Network, PortGroup

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from netreconcile.diff import Change

DHCP = (Section.IP_DHCP_HOST, Section.IP_DHCP_RANGE)


class OnlyByRestart(Exception):
    """The running network can't be changed in place; the text says why."""


@dataclass(frozen=True, slots=True)
class Site:
    """A list of the running network that libvirt can change in place, and which list it is.

    The path alternates fields and identities down to the list: `("ips", "10.0.0.1", "dhcp", "hosts")`.
    """

    path: tuple[str, ...]
    live: Live


def site(path: tuple[str, ...]) -> Site | None:
    """Return the live list that a changed path lies in, or None where there is no such list."""
    model: type[Element] | None = Network
    walked: list[str] = []
    steps = iter(path)
    for name in steps:
        if model is None:
            return None
        binding = _binding(model, name)
        walked.append(name)
        if binding.live:
            return Site(tuple(walked), binding.live) if next(steps, None) is not None else None
        if binding.is_list:
            walked.append(next(steps, ""))
        model = binding.model
    return None


def updates(xml: str, running: Network, desired: Network, changes: Iterable[Change]) -> tuple[Update, ...]:
    """Return the calls that make the changes on the running network, deletions first.

    Raises OnlyByRestart.
    """
    sites = []
    for change in changes:
        place = site(change.path)
        if place is None:
            msg = f"libvirt can't change {label(change.path[:2])} of a running network"
            raise OnlyByRestart(msg)
        if place not in sites:
            sites.append(place)
    target = overlay(xml, desired, None)
    written, _ = parse(target)  # the desired network with its lists in the order of the XML
    found = [update for place in sites for update in _site_updates(place, xml, target, running, written)]
    return tuple(sorted(found, key=lambda update: (Command.DELETE, Command.MODIFY, Command.ADD).index(update.command)))


def _site_updates(place: Site, xml: str, target: str, running: Network, desired: Network) -> list[Update]:
    before, after = _items(running, place.path), _items(desired, place.path)
    section = place.live.section
    index = [ip.identity for ip in running.ips].index(place.path[1]) if section in DHCP else -1
    there, wanted = items_xml(xml, running, place.path), items_xml(target, desired, place.path)
    entries = _Entries(place, before)
    adds = {key: item for key, item in after.items() if key not in before}
    heirs = {item.ip: key for key, item in adds.items()} if section is Section.IP_DHCP_HOST else {}
    deletes: list[Update] = []
    modifies: list[tuple[str, str, Any]] = []
    for key, item in before.items():
        # An address that passes to another client is one call, as libvirt finds the entry by it.
        heir = key if key in after else heirs.get(item.ip, "") if heirs else ""
        replacement = after.get(heir)
        if replacement == item:
            continue
        if replacement is not None and entries.can_modify(key, replacement):
            modifies.append((key, heir, replacement))
            adds.pop(heir, None)
            continue
        entries.delete(key, item)
        text = _only_ip(item) if section is Section.DNS_HOST else there(key)
        deletes.append(Update(Command.DELETE, section, index, text, key))
        if replacement is not None:
            adds[heir] = replacement
    calls: list[Update] = []
    for key, heir, item in sorted(modifies, key=lambda change: _claims_default(change[2])):
        entries.modify(key, heir, item)
        calls.append(Update(Command.MODIFY, section, index, wanted(heir), heir))
    for key, item in adds.items():
        entries.add(key, item)
        calls.append(Update(Command.ADD, section, index, wanted(key), key))
    return deletes + calls


@dataclass(frozen=True, slots=True)
class _Rules:
    """libvirt's own tests of an element sent against an entry that is there.

    `marks` are what an item can have in common with another one: without one of them no test is passed.
    """

    marks: Callable[[Any], Iterable[object]]
    deletes: Callable[[Any, Any], bool]
    modifies: Callable[[Any, Any], bool]
    collides: Callable[[Any, Any], bool]


class _Entries:
    """A list as libvirt has it after the calls so far; methods raise OnlyByRestart where libvirt would go wrong."""

    def __init__(self, place: Site, items: Mapping[str, Any]) -> None:
        self._place = place
        self._rules = _RULES[place.live.section]
        self._entries: dict[int, tuple[str, Any]] = {}
        self._numbers: dict[object, list[int]] = {}
        for key, item in items.items():
            self._put(len(self._entries), key, item)
        self._next = len(self._entries)

    def can_modify(self, key: str, item: object) -> bool:
        return self._place.live.modify and self._is_first(self._rules.modifies, key, item)

    def delete(self, key: str, item: object) -> None:
        del self._entries[self._position(self._rules.deletes, key, item)]

    def modify(self, key: str, heir: str, item: object) -> None:
        self._put(self._position(self._rules.modifies, key, item), heir, item)

    def add(self, key: str, item: object) -> None:
        if self._first(self._rules.collides, item) >= 0:
            what = f"{key} to {self._place.path[-1]} of a running network"
            msg = f"libvirt refuses to add {what}: another entry has a field in common"
            raise OnlyByRestart(msg)
        self._put(self._next, key, item)
        self._next += 1

    def _put(self, number: int, key: str, item: object) -> None:
        self._entries[number] = (key, item)
        for mark in self._rules.marks(item):
            self._numbers.setdefault(mark, []).append(number)

    def _first(self, matches: Callable[[Any, Any], bool], item: object) -> int:
        """Return the number of the first entry that matches, -1 if none does; those without a common mark can't."""
        numbers = sorted({number for mark in self._rules.marks(item) for number in self._numbers.get(mark, ())})
        there = (number for number in numbers if number in self._entries)
        return next((number for number in there if matches(item, self._entries[number][1])), -1)

    def _is_first(self, matches: Callable[[Any, Any], bool], key: str, item: object) -> bool:
        position = self._first(matches, item)
        return position >= 0 and self._entries[position][0] == key

    def _position(self, matches: Callable[[Any, Any], bool], key: str, item: object) -> int:
        if not self._is_first(matches, key, item):
            msg = f"libvirt can't tell {key} from another entry of {self._place.path[-1]}"
            raise OnlyByRestart(msg)
        return self._first(matches, item)


def _deletes_dhcp_host(item: DhcpHost, entry: DhcpHost) -> bool:
    return (
        (item.mac is None or entry.mac is None or item.mac == entry.mac)
        and (item.name is None or item.name == entry.name)
        and item.ip == entry.ip
    )


def _shares_dhcp_field(item: DhcpHost, entry: DhcpHost) -> bool:
    return (
        (item.mac is not None and item.mac == entry.mac)
        or item.ip == entry.ip
        or (item.name is not None and item.name == entry.name)
    )


def _shares_dns_field(item: DnsHost, entry: DnsHost) -> bool:
    return item.ip == entry.ip or not set(item.hostnames).isdisjoint(entry.hostnames)


def _deletes_srv(item: DnsSrv, entry: DnsSrv) -> bool:
    return all(
        getattr(item, name) is None or getattr(item, name) == getattr(entry, name)
        for name in ("domain", "service", "protocol", "target")
    )


def _collides_portgroup(item: PortGroup, entry: PortGroup) -> bool:
    return item.name == entry.name or (item.default and entry.default)


def _equal_identity(item: object, entry: object) -> bool:
    return identity(item) == identity(entry)


def _identity(item: object) -> tuple[str]:
    return (identity(item),)


_BY_IDENTITY = _Rules(_identity, _equal_identity, _equal_identity, _equal_identity)
_RULES = {
    Section.IP_DHCP_HOST: _Rules(
        lambda item: [
            (name, getattr(item, name)) for name in ("mac", "ip", "name") if name == "ip" or getattr(item, name)
        ],
        _deletes_dhcp_host,
        _shares_dhcp_field,
        _shares_dhcp_field,
    ),
    Section.IP_DHCP_RANGE: _BY_IDENTITY,
    Section.FORWARD_INTERFACE: _BY_IDENTITY,
    Section.PORTGROUP: _Rules(
        lambda item: (item.name, *((True,) if item.default else ())),
        _equal_identity,
        _equal_identity,
        _collides_portgroup,
    ),
    Section.DNS_HOST: _Rules(
        lambda item: (item.ip, *item.hostnames),
        lambda item, entry: item.ip == entry.ip,
        _equal_identity,
        _shares_dns_field,
    ),
    Section.DNS_TXT: _BY_IDENTITY,
    Section.DNS_SRV: _Rules(lambda item: ((item.service, item.protocol),), _deletes_srv, _equal_identity, _deletes_srv),
}


def _claims_default(item: object) -> bool:
    """Return whether the item is the default portgroup: libvirt wants the old default to have let go before."""
    return isinstance(item, PortGroup) and item.default


def _only_ip(host: DnsHost) -> str:
    """Return the element that deletes a DNS host: with names in it libvirt also hits entries that share a name."""
    return f'<host ip="{host.ip}"/>'


def _items(network: Network, path: tuple[str, ...]) -> dict[str, Any]:
    """Return the items of a list by key; nothing where the path doesn't lead anywhere."""
    value: Any = network
    steps = iter(path)
    for name in steps:
        binding = _binding(type(value), name)
        value = getattr(value, name)
        if not binding.is_list:
            continue
        items = dict(zip(keys(identity(item) for item in value), value, strict=True))
        key = next(steps, None)
        if key is None:
            return items
        if key not in items:
            return {}
        value = items[key]
    return {}


def _binding(model: type[Element], name: str) -> Binding:
    return next(item for item in bindings(model) if item.name == name)
