"""What mends a finding at the least cost, as values. Pure; `commands.mend` carries it out."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from netreconcile.actions import Command, Impact, Step, Update
from netreconcile.binding import Section

if TYPE_CHECKING:
    from netreconcile.model import Network

HARMLESS = "no guest loses its link"
_NAME = "netreconcile.invalid"
_NOBODY = f"<host mac='02:00:5e:00:53:00' name='{_NAME}' ip='192.0.2.1'/>"
_ADDRESSES = tuple(f"192.0.2.{last}" for last in range(1, 255))
"""Addresses that nobody has (RFC 5737)."""


@dataclass(frozen=True, slots=True)
class Run:
    """Run a program on the host."""

    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Set:
    """Set one of the kernel's settings, named as sysctl does, with slashes (a link's name may hold dots)."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Renew:
    """Let libvirt make the network's firewall rules again.

    Before an update of reservations libvirt takes the rules away, and afterwards makes them again, also where it finds
    nothing to update (networkUpdate in bridge_driver.c): one that isn't there is deleted, and nothing else touched.
    """


@dataclass(frozen=True, slots=True)
class Serve:
    """Let libvirt start the network's dnsmasq again.

    With every new DNS record it looks whether dnsmasq runs, and starts it (networkRefreshDhcpDaemon in
    bridge_driver.c); `xml` is one that nobody else has, and that is taken away again.
    """

    xml: str


@dataclass(frozen=True, slots=True)
class Reread:
    """Let libvirt write the file of the network's dnsmasq, and start it anew with that.

    It does so for every new TXT record (networkRestartDhcpDaemon in bridge_driver.c); one is added and taken away.
    """


@dataclass(frozen=True, slots=True)
class Restart:
    """Take the network down and up, and plug its guests in again; it is part of the plan for libvirt."""


@dataclass(frozen=True, slots=True)
class Advice:
    """What somebody else has to do: it isn't ours, or not to be done without being asked for."""

    text: str


Action: TypeAlias = Run | Set | Renew | Serve | Reread | Restart | Advice
Call: TypeAlias = Renew | Serve | Reread
"""What is asked of libvirt, for one network."""


@dataclass(frozen=True, slots=True)
class Remedy:
    """What mends a finding: the actions in their order, and what they do to guests, in a word and in a sentence."""

    actions: tuple[Action, ...]
    impact: Impact = Impact.LIVE
    cost: str = HARMLESS

    @property
    def by_hand(self) -> bool:
        """Return whether somebody has to do it."""
        return any(isinstance(action, Advice) for action in self.actions)

    @property
    def restarts(self) -> bool:
        """Return whether the network goes down and up."""
        return any(isinstance(action, Restart) for action in self.actions)

    @property
    def sentences(self) -> tuple[str, ...]:
        """Return the actions in words."""
        return tuple(map(sentence, self.actions))


def run(line: str) -> Run:
    """Return what runs a command; no word of it has spaces."""
    return Run(tuple(line.split()))


def by_hand(text: str, cost: str = HARMLESS) -> Remedy:
    """Return the remedy that somebody else has to see to."""
    return Remedy((Advice(text),), Impact.NONE, cost)


def serving(running: Network) -> Serve:
    """Return what starts the network's dnsmasq, with a record that the network hasn't got."""
    taken = {record.ip for record in running.dns.hosts}
    address = next(address for address in _ADDRESSES if address not in taken)
    return Serve(f"<host ip='{address}'><hostname>{_NAME}</hostname></host>")


def steps(network: str, action: Call) -> tuple[Step, ...]:
    """Return the calls of libvirt that an action is made of; the one that renews rules fails, as it is meant to."""
    match action:
        case Renew():
            return (_step(network, Command.DELETE, Section.IP_DHCP_HOST, _NOBODY, _NAME),)
        case Serve(xml):
            section = Section.DNS_HOST
        case Reread():
            section, xml = Section.DNS_TXT, f"<txt name='{_NAME}' value='{_NAME}'/>"
    return tuple(_step(network, command, section, xml, _NAME) for command in (Command.ADD, Command.DELETE))


def _step(network: str, command: Command, section: Section, xml: str, item: str) -> Step:
    return Step(network, Update(command, section, -1, xml, item), Impact.LIVE)


def sentence(action: Action) -> str:  # noqa: PLR0911 -- one return an action
    """Return the action as findings and repairs word it; a command as it is typed."""
    match action:
        case Run(words):
            return shlex.join(words)
        case Set(name, value):
            return f"sysctl -w {name}={value}"
        case Renew():
            return "let libvirt make the network's rules again"
        case Serve():
            return "let libvirt start the network's dnsmasq again"
        case Reread():
            return "let libvirt write the file of the network's dnsmasq, and start it anew"
        case Restart():
            return "restart the network, and plug its guests in again"
        case Advice(text):
            return text
