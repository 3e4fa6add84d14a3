"""A libvirt host that lives in memory: what its network driver does to definitions, without bridges and dnsmasq.

It refuses what libvirt 9.0 refuses, so that a plan whose steps come in the wrong order fails here as it would there.
"""

from __future__ import annotations

import ipaddress
import itertools
import re
import uuid
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, assert_never

from lxml import etree

from netreconcile import codec
from netreconcile.actions import Command, Define, Replug, SetAutostart, Start, Step, Stop, Undefine, Update
from netreconcile.binding import Section
from netreconcile.model import OWN_BRIDGE_MODES, Network
from netreconcile.observed import Guest, Host, observed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lxml.etree import _Element

_PLACES = {
    Section.IP_DHCP_HOST: ("dhcp", "host"),
    Section.IP_DHCP_RANGE: ("dhcp", "range"),
    Section.FORWARD_INTERFACE: ("forward", "interface"),
    Section.PORTGROUP: (None, "portgroup"),
    Section.DNS_HOST: ("dns", "host"),
    Section.DNS_TXT: ("dns", "txt"),
    Section.DNS_SRV: ("dns", "srv"),
}
_KEYS = {
    Section.IP_DHCP_RANGE: ("start", "end"),
    Section.FORWARD_INTERFACE: ("dev",),
    Section.PORTGROUP: ("name",),
    Section.DNS_HOST: ("ip",),
    Section.DNS_TXT: ("name",),
    Section.DNS_SRV: ("domain", "service", "protocol", "target"),
    Section.IP_DHCP_HOST: ("mac", "name", "ip"),
}
"""The attributes by which libvirt finds what to delete (virNetworkDefUpdate* in network_conf.c)."""


class Refused(Exception):
    """libvirt would have answered with an error."""


@dataclass(frozen=True, slots=True)
class Known:
    """What libvirt keeps of a network."""

    uuid: str
    config: str | None = None
    running: str | None = None
    autostart: bool = False


@dataclass
class Simulator:
    """The host; `perform` changes it, `host` is what a reading command sees.

    Guests belong to a network by its name: they stay when it goes, cut off, and a start doesn't plug them back in.
    """

    known: dict[str, Known] = field(default_factory=dict[str, Known])
    guests: dict[str, tuple[Guest, ...]] = field(default_factory=dict[str, tuple[Guest, ...]])
    version: tuple[int, int, int] = (9, 0, 0)
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def host(self) -> Host:
        """Return the host as it is now."""
        networks = {
            name: observed(
                name,
                there.uuid,
                config_xml=there.config,
                running_xml=there.running,
                autostart=there.autostart,
                guests=self.guests.get(name, ()),
            )
            for name, there in self.known.items()
        }
        waiting = {
            name: tuple(replace(guest, plugged=False) for guest in guests)
            for name, guests in self.guests.items()
            if name not in self.known
        }
        return Host("test:///memory", self.version, networks, waiting)

    def perform(self, step: Step) -> None:
        """Do what the step says. Raises Refused."""
        match step.action:
            case Define(xml):
                self.define(xml, step.network)
            case Update():
                self.update(step.network, step.action)
            case SetAutostart(enabled):
                self._persistent(step.network)
                self._keep(step.network, autostart=enabled)
            case Start():
                self.start(step.network)
            case Stop():
                self.stop(step.network)
            case Undefine():
                self._persistent(step.network)
                self._keep(step.network, config=None, autostart=False)
                if self.known[step.network].running is None:
                    del self.known[step.network]
            case Replug(domain, mac):
                self.replug(step.network, domain, mac)
            case _:
                assert_never(step.action)

    def define(self, xml: str, name: str) -> None:
        """Take a definition, and complete it as virNetworkDefParse and networkDefineXML do."""
        root = codec.parse_xml(xml)
        assert root.findtext("name") == name
        there = self.known.get(name)
        given = root.findtext("uuid")
        if there is not None and given != there.uuid:
            raise Refused(f"network {name!r} already exists with uuid {there.uuid}")
        other = next((other for other, known in self.known.items() if other != name and known.uuid == given), None)
        if given is not None and other is not None:
            raise Refused(f"network {other!r} is already defined with uuid {given}")
        if given is None:
            given = str(uuid.UUID(int=next(self._numbers) + 1))
            etree.SubElement(root, "uuid").text = given
        network, _ = codec.parse(xml)
        if network.own_bridge:
            self._complete_bridge(root, name)
        completed = etree.tostring(root, encoding="unicode")
        self._check_bridge(name, codec.parse(completed)[0])
        self.known[name] = replace(there or Known(given), config=completed)

    def start(self, name: str) -> None:
        """Bring it up from its config."""
        there = self.known[name]
        if there.running is not None:
            raise Refused("network is already active")
        self._persistent(name)
        assert there.config is not None
        network, _ = codec.parse(there.config)
        taken = set(_layer3(network))
        for other, known in self.known.items():
            if other == name or known.running is None:
                continue
            running, _ = codec.parse(known.running)
            if not taken.isdisjoint(_layer3(running)):
                raise Refused(f"Network is already in use by interface of {other!r}")
            if network.own_bridge and running.own_bridge and running.bridge.name == network.bridge.name:
                raise Refused(f"Unable to create bridge {network.bridge.name}: File exists")
        self._keep(name, running=_as_started(there.config))

    def stop(self, name: str) -> None:
        """Take it down; a transient one is gone."""
        if self.known[name].running is None:
            raise Refused("network is not active")
        self._keep(name, running=None)
        self.guests[name] = tuple(replace(guest, plugged=False) for guest in self.guests.get(name, ()))
        if self.known[name].config is None:
            del self.known[name]

    def replug(self, name: str, domain: str, mac: str) -> None:
        """Give a running guest its link again."""
        if self.known[name].running is None:
            raise Refused("network is not active")
        guests = self.guests.get(name, ())
        meant = [guest for guest in guests if (guest.domain, guest.mac) == (domain, mac)]
        if len(meant) != 1 or not meant[0].running or not meant[0].reachable:
            raise Refused(f"no running domain {domain!r} with interface {mac}")
        self.guests[name] = tuple(replace(guest, plugged=guest in meant or guest.plugged) for guest in guests)

    def update(self, name: str, action: Update) -> None:
        """Change one element of the running definition as virNetworkObjUpdate does."""
        xml = self.known[name].running
        if xml is None:
            raise Refused("network is not running")
        root = codec.parse_xml(xml)
        sent = etree.fromstring(action.xml)
        container = _container(root, action)
        tag = _PLACES[action.section][1]
        assert sent.tag == tag
        match action.command:
            case Command.DELETE:
                hits = [item for item in container.findall(tag) if _is_meant(action.section, sent, item)]
                if not hits:
                    raise Refused(f"couldn't locate a matching {tag} entry")
                container.remove(hits[0])
            case Command.MODIFY:
                names = ("mac", "ip", "name") if action.section is Section.IP_DHCP_HOST else ("name",)
                hits = [item for item in container.findall(tag) if _shares(names, sent, item)]
                if not hits:
                    raise Refused(f"couldn't locate an existing {tag} entry")
                container.replace(hits[0], sent)
            case Command.ADD:
                collides = action.section is Section.IP_DHCP_HOST
                if collides and any(_shares(("mac", "ip", "name"), sent, item) for item in container.findall(tag)):
                    raise Refused(f"there is an existing {tag} entry that matches")
                container.append(sent)
        forward = root.find("forward")
        if action.section is Section.FORWARD_INTERFACE and forward is not None:
            first = forward.find("interface")
            forward.attrib.pop("dev", None)
            if first is not None:
                forward.set("dev", first.get("dev", ""))
        self._keep(name, running=etree.tostring(root, encoding="unicode"))

    def _keep(self, name: str, **changed: Any) -> None:
        self.known[name] = replace(self.known[name], **changed)

    def _persistent(self, name: str) -> None:
        if self.known[name].config is None:
            raise Refused("cannot do that to a transient network")

    def _complete_bridge(self, root: _Element, name: str) -> None:
        bridge = root.find("bridge")
        if bridge is None:
            bridge = etree.SubElement(root, "bridge")
        if bridge.get("name") is None:
            others = {key: known for key, known in self.known.items() if key != name}
            used = {bridge_name for known in others.values() for bridge_name in _bridges(known)}
            names = (f"virbr{number}" for number in itertools.count())
            bridge.set("name", next(name for name in names if name not in used))
        bridge.set("stp", bridge.get("stp", "on"))
        bridge.set("delay", bridge.get("delay", "0"))
        if root.find("mac") is None:
            etree.SubElement(root, "mac").set("address", f"52:54:00:00:00:{next(self._numbers):02x}")

    def _check_bridge(self, name: str, network: Network) -> None:
        """Follow networkBridgeNameValidate in bridge_driver.c."""
        for other, known in self.known.items():
            if other != name and network.own_bridge and network.bridge.name in _bridges(known):
                raise Refused(f"bridge name '{network.bridge.name}' already in use")


def _bridges(known: Known) -> set[str]:
    """Return the bridge names of both definitions, also of what libvirt prints unreadably."""
    return set(re.findall(r"<bridge name=['\"]([^'\"]*)", f"{known.config}{known.running}"))


def _layer3(network: Network) -> Iterator[str]:
    if network.mode not in OWN_BRIDGE_MODES:
        return
    for ip in network.ips:
        interface = ipaddress.ip_interface(ip.address)
        yield str(interface.ip)
        if interface.version == 4:
            yield str(interface.network)
    yield from (route.to for route in network.routes if ":" not in route.to)


def _as_started(config: str) -> str:
    """Return the definition with what only a running one has (iptablesForwardMasquerade in bridge_driver_linux.c)."""
    root = codec.parse_xml(config)
    forward = root.find("forward")
    if forward is not None and forward.get("mode", "nat") == "nat":
        nat = forward.find("nat")
        nat = etree.SubElement(forward, "nat") if nat is None else nat
        if nat.find("port") is None:
            etree.SubElement(nat, "port", start="1024", end="65535")
    root.set("connections", "0")
    return etree.tostring(root, encoding="unicode")


def _container(root: _Element, action: Update) -> _Element:
    name = _PLACES[action.section][0]
    parent = root.findall("ip")[action.parent_index] if action.parent_index >= 0 else root
    if name is None:
        return parent
    found = parent.find(name)
    return etree.SubElement(parent, name) if found is None else found


def _is_meant(section: Section, sent: _Element, item: _Element) -> bool:
    for name in _KEYS[section]:
        wanted, there = sent.get(name), item.get(name)
        anyone = section is Section.IP_DHCP_HOST and name == "mac" and there is None
        if wanted is not None and wanted != there and not anyone:
            return False
    return True


def _shares(names: tuple[str, ...], sent: _Element, item: _Element) -> bool:
    return any(sent.get(name) is not None and sent.get(name) == item.get(name) for name in names)
