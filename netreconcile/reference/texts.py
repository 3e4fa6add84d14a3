"""Regular expressions for texts with a spelling, in the subset that JavaScript and Python read alike.

Each takes whatever its function in `spelling` takes, and refuses what a regular expression can refuse.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pydantic import TypeAdapter, ValidationError

from netreconcile.binding import Canonical
from netreconcile.model import (
    AddressSpan,
    Block,
    Duid,
    IpAddress,
    IpWithPrefix,
    LeaseTime,
    Mac,
    PciAddress,
    PortSpan,
    Subnet,
    Text,
    Unescaped,
    Uuid,
    YesNo,
)

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class Spelling:
    """A kind of text: its name, what to write, and the expression that all of it matches."""

    name: str
    wanted: str
    pattern: str


_SPACE = r"[\s\u0085]*"
_OCTET = "(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_IPV4 = rf"{_OCTET}(\.{_OCTET}){{3}}"
_GROUP = "[0-9A-Fa-f]{1,4}"
_GROUPS = 8
_CONTROL = r"\u0000-\u0008\u000b-\u001f\u007f-\u009f\u2028\u2029\ud800-\udfff\ufffe\uffff"
"""What no text can hold, besides tab and line feed; lone surrogates can't be written in a file anyway."""


def _ipv6() -> str:
    """Return the expression for IPv6: all groups, or `::` for some of them; the last two may be IPv4."""
    forms: list[str] = []
    for tail, groups in ((_GROUP, _GROUPS - 1), (_IPV4, _GROUPS - 2)):
        forms.append(f"({_GROUP}:){{{groups}}}{tail}")
        forms.append(f"::({_GROUP}:){{0,{groups - 1}}}{tail}")
        forms += (
            f"({_GROUP}:){{{before}}}(:{_GROUP}){{0,{groups - 1 - before}}}:{tail}" for before in range(1, groups)
        )
    forms += (f"({_GROUP}:){{1,{_GROUPS - 1}}}:", "::")
    return "|".join(forms)


_IPV6 = _ipv6()
_IP = f"({_IPV4}|{_IPV6})"
_PREFIX4 = "(0{0,2}[1-9]|0?[12][0-9]|0?3[0-2])"
_PREFIX6 = "(0{0,2}[1-9]|0?[1-9][0-9]|1[01][0-9]|12[0-8])"
_CIDR = rf"{_IPV4}/({_PREFIX4}|{_IPV4})|0\.0\.0\.0/0|({_IPV6})/{_PREFIX6}|[0:]+/0"
_HEX = "[0-9A-Fa-f]"
_PORT = "0{0,4}[1-9][0-9]{0,4}"
_UUID_NOISE = "(-|urn:|uuid:)*"

WORDS: Final = ("yes", "no", "on", "off", "true", "false", "y", "n", "t", "f", "1", "0")
"""Texts that pydantic could take for a truth value."""


def spelled(alias: Any) -> Callable[[str], str]:
    """Return the function that spells the values of an annotated text type."""
    return next(item.spell for item in alias.__metadata__ if isinstance(item, Canonical))


SPELLINGS: Final = {
    spelled(alias): Spelling(name, wanted, f"^({pattern})$")
    for alias, name, wanted, pattern in (
        (Text, "text", "on one line, without control characters", rf"[^\t\n{_CONTROL}]*"),
        (Block, "block", "without control characters but line feeds", rf"[^\t{_CONTROL}]*"),
        (Unescaped, "unescaped", "without control characters, <, & and '", rf"[^\t\n<&'{_CONTROL}]*"),
        (IpAddress, "ip-address", "an IPv4 or IPv6 address", _IP),
        (IpWithPrefix, "ip-with-prefix", "an address with the subnet's prefix length, as in 192.0.2.1/24", _CIDR),
        (Subnet, "subnet", "a network address with its prefix length, as in 192.0.2.0/24", _CIDR),
        (Mac, "mac", "six pairs of hex digits, the first one even, as in 52:54:00:12:34:56",
         f"{_HEX}?[02468aceACE](:{_HEX}{{1,2}}){{5}}"),
        (Duid, "duid", "hex bytes with colons between them, as in 00:03:00:01:52:54:00:12:34:56", "[0-9A-Fa-f:]+"),
        (Uuid, "uuid", "32 hex digits, as in 7e2a1c0e-7d4f-4a55-9d0b-0d6c5a3b9f10",
         rf"{_UUID_NOISE}[{{}}]*{_UUID_NOISE}({_HEX}{_UUID_NOISE}){{32}}[{{}}]*{_UUID_NOISE}"),
        (LeaseTime, "lease-time", "a number and s, m or h, from 2m up, or infinite",
         "infinite|0*(1[2-9][0-9]|[2-9][0-9]{2}|[1-9][0-9]{3,9})s|0*([2-9]|[1-9][0-9]{1,7})m|0*[1-9][0-9]{0,6}h"),
        (AddressSpan, "address-span", "IPv4 addresses, first-last",
         f"{_SPACE}{_IPV4}{_SPACE}(-{_SPACE}({_IPV4}{_SPACE})?)?"),
        (PortSpan, "port-span", "ports, first-last, as in 1024-65535", rf"{_PORT}{_SPACE}-{_SPACE}{_PORT}"),
        (PciAddress, "pci-address", "a PCI address as lspci writes it, 0000:03:10.0",
         rf"({_HEX}{{1,4}}:)?{_HEX}{{1,2}}:[01]?{_HEX}\.[0-7]"),
    )
}  # fmt: skip
"""The kinds of text by the function that spells them."""

RANGE: Final = Spelling("range", "addresses, first-last", f"^{_SPACE}{_IP}{_SPACE}(-{_SPACE}({_IP}{_SPACE})?)?$")
"""The short form of an element with two addresses."""


def truth(*, value: bool | None = None) -> str:
    """Return the expression for the texts that a topology may write for a truth value, None for both."""
    meant = (True, False) if value is None else (value,)
    words = (word for word in WORDS if _read(word) in meant)
    return f"^({'|'.join(_any_case(word) if _read(word.upper()) in meant else word for word in words)})$"


def same_ports(text: str) -> str:
    """Return the expression for all spellings of a range of ports."""
    first, _, last = text.partition("-")
    return f"^0*{first}{_SPACE}-{_SPACE}0*{last}$"


def _read(word: str) -> bool | None:
    try:
        return bool(TypeAdapter(YesNo).validate_python(word))
    except ValidationError:
        return None


def _any_case(word: str) -> str:
    return "".join(f"[{letter.lower()}{letter.upper()}]" if letter.isalpha() else letter for letter in word)
