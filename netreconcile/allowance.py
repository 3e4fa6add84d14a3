"""What a topology may add to a host only where the host's operator allows it. Pure.

Whoever can have a topology file merged need not be trusted with the host. Two settings reach beyond its networks:
dnsmasq's own options, which can run a program as root, and a folder for TFTP, which guests read.
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass, replace
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from netreconcile.model import Network
    from netreconcile.observed import Observed

POLICY_FILE: Final = "/etc/netreconcile/policy.yaml"
"""Where the operator's policy stands unless another place is named."""
ANYTHING: Final = "*"
"""The pattern that allows all of a kind, also what no other pattern is trusted with."""

_MOST_SHOWN = 3
_WIDEST = 80
# What dnsmasq reads as something else than the text says: it takes quotes out, so that `"."./` is `../`, and comments.
_UNCLEAR = re.compile(r'"|\s#|(?:^|[\s=/,])\.\.(?:[\s/,]|$)')


class Kind(StrEnum):
    """The settings that need permission, by the key of the operator's policy that allows them."""

    OPTION = "dnsmasq_options"
    TFTP_ROOT = "tftp_roots"


_FLAGS = {Kind.OPTION: "--allow-dnsmasq-options", Kind.TFTP_ROOT: "--allow-tftp-root"}
_REASONS = {
    Kind.OPTION: "dnsmasq's options can run programs and write files as root",
    Kind.TFTP_ROOT: "guests can read what is in a folder for TFTP",
}


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting that needs permission; `path` is its place in the network, as a user reads it."""

    kind: Kind
    path: str
    value: str


@dataclass(frozen=True, slots=True)
class Allowance:
    """What the operator lets topologies add: patterns by kind. `file` is the policy that could allow more."""

    dnsmasq_options: tuple[str, ...] = ()
    tftp_roots: tuple[str, ...] = ()
    file: str = POLICY_FILE

    def with_all(self, *kinds: Kind) -> Allowance:
        """Return the allowance with everything of some kinds."""
        options = (ANYTHING,) if Kind.OPTION in kinds else self.dnsmasq_options
        roots = (ANYTHING,) if Kind.TFTP_ROOT in kinds else self.tftp_roots
        return replace(self, dnsmasq_options=options, tftp_roots=roots)

    def permits(self, setting: Setting) -> bool:
        """Return whether a pattern allows the setting.

        | pattern                 | setting                      | allowed |
        |-------------------------|------------------------------|---------|
        | `*`                     | anything                     | yes     |
        | the text itself         | the same text                | yes     |
        | `dhcp-option=*`         | `dhcp-option=3`              | yes     |
        | `dhcp-option=*`         | ` dhcp-option = 3`           | no      |
        | `addn-hosts=/srv/*`     | `addn-hosts=/srv/../etc/x`   | no      |
        | `/srv/tftp/*`           | `/srv/tftp//a/`              | yes     |
        | `/srv/tftp/*`           | `/srv/tftp/"."./secret`      | no      |
        """
        patterns = self.dnsmasq_options if setting.kind is Kind.OPTION else self.tftp_roots
        if ANYTHING in patterns or setting.value in patterns:
            return True
        if _UNCLEAR.search(setting.value):
            return False
        value = setting.value if setting.kind is Kind.OPTION else posixpath.normpath(setting.value)
        return any(fnmatchcase(value, pattern) for pattern in patterns)


NOTHING: Final = Allowance()
EVERYTHING: Final = NOTHING.with_all(*Kind)


def objection(desired: Network, there: Observed | None, allowed: Allowance) -> str:
    """Return why the network must stay as it is, or nothing.

    What its config or its running definition on the host has already needs no permission; neither does another order.
    """
    sides = (there.config, there.running) if there else ()
    has = {setting for side in sides if side for setting in settings(side)}
    added = [setting for setting in settings(desired) if setting not in has and not allowed.permits(setting)]
    return "; ".join(_sentence(kind, found, allowed) for kind in Kind if (found := _of(kind, added)))


def settings(network: Network) -> Iterator[Setting]:
    """Yield what needs permission where it is added; an address that changes takes its folder to another place."""
    for option in network.dnsmasq_options:
        yield Setting(Kind.OPTION, "dnsmasq_options", option)
    for ip in network.ips:
        if ip.tftp.root is not None:
            yield Setting(Kind.TFTP_ROOT, f"ips[{ip.identity}].tftp.root", ip.tftp.root)


def _of(kind: Kind, added: list[Setting]) -> list[Setting]:
    return [setting for setting in dict.fromkeys(added) if setting.kind is kind]


def _sentence(kind: Kind, added: list[Setting], allowed: Allowance) -> str:
    values: dict[str, list[str]] = {}
    for setting in added[:_MOST_SHOWN]:
        values.setdefault(setting.path, []).append(repr(_short(setting.value)))
    shown = [f"{path} {', '.join(texts)}" for path, texts in values.items()]
    if len(added) > _MOST_SHOWN:
        shown.append(f"{len(added) - _MOST_SHOWN} more")
    reason, flag = _REASONS[kind], _FLAGS[kind]
    return f"it adds {', '.join(shown)}, and {reason}: {flag} permits it, or allow.{kind} in {allowed.file}"


def _short(text: str) -> str:
    return text if len(text) <= _WIDEST else f"{text[: _WIDEST - 1]}…"
