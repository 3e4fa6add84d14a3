"""What can be done to a network: each action is one libvirt call, as a value."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from netreconcile.binding import Section


class Impact(IntEnum):
    """What an action does to the guests of its network; higher is worse.

    | impact    | running network | guests                                       |
    |-----------|-----------------|----------------------------------------------|
    | `NONE`    | untouched       | notice nothing                               |
    | `LIVE`    | changed in place | keep their link; dnsmasq or rules may blink |
    | `RESTART` | goes down and up | lose their link                             |
    | `REMOVE`  | goes             | lose their link for good                    |
    """

    NONE = 0
    LIVE = 1
    RESTART = 2
    REMOVE = 3

    def __str__(self) -> str:
        return self.name.lower()


class Command(IntEnum):
    """`virNetworkUpdateCommand`."""

    MODIFY = 1
    DELETE = 2
    ADD = 3


@dataclass(frozen=True, slots=True)
class Define:
    """Write the config (virNetworkDefineXMLFlags); a running network goes on as it is."""

    xml: str


@dataclass(frozen=True, slots=True)
class Update:
    """Change one element of the running definition (virNetworkUpdate, live only).

    `parent_index` is the position of the `<ip>` among all of the running definition, -1 for other sections; `item`
    names the element for people.
    """

    command: Command
    section: Section
    parent_index: int
    xml: str
    item: str


@dataclass(frozen=True, slots=True)
class SetAutostart:
    """Start the network with the host from now on, or no longer."""

    enabled: bool


@dataclass(frozen=True, slots=True)
class Start:
    """Bring the network up from its config (libvirt calls it create)."""


@dataclass(frozen=True, slots=True)
class Stop:
    """Take the network down (libvirt calls it destroy); its config stays, unless it has none."""


@dataclass(frozen=True, slots=True)
class Undefine:
    """Delete the config of a stopped network."""


@dataclass(frozen=True, slots=True)
class Replug:
    """Plug a running guest back into its network (virDomainUpdateDeviceFlags); the guest sees no link change.

    `by_bridge` guests name the bridge, and get the network's current one. `target` names the guest's end for people.
    `portgroup` is what the others name of the network's, if any.
    """

    domain: str
    mac: str
    target: str
    by_bridge: bool = False
    portgroup: str = ""


Action: TypeAlias = Define | Update | SetAutostart | Start | Stop | Undefine | Replug


def sentence(action: Action) -> str:  # noqa: PLR0911 -- one return an action
    """Return the action as the plan and the log word it."""
    match action:
        case Define():
            return "define"
        case Update(command, section, _, _, item):
            return f"{command.name.lower()} {section.name.lower().replace('_', '-')} {item}"
        case SetAutostart(enabled):
            return f"autostart {'on' if enabled else 'off'}"
        case Start():
            return "start"
        case Stop():
            return "stop"
        case Undefine():
            return "undefine"
        case Replug(domain, mac, target):
            return f"plug {domain} {target or mac} back in"


@dataclass(frozen=True, slots=True)
class Step:
    """One action on one network; `blinks` says what guests may notice of a live one."""

    network: str
    action: Action
    impact: Impact
    blinks: str = ""

    def __str__(self) -> str:
        return f"{self.network}: {sentence(self.action)}"
