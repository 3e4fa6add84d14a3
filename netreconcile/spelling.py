"""One spelling for texts that libvirt and its users write in several ways: addresses, MACs, leases, ranges.

Each function returns the canonical spelling or raises ValueError with a sentence for the user.
"""

from __future__ import annotations

import functools
import ipaddress
import re
import uuid as uuids

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff]")
_BREAKS_XML = re.compile(r"[<&']")
_MAC = re.compile(r"[0-9a-fA-F]{1,2}(:[0-9a-fA-F]{1,2}){5}")
_DUID = re.compile(r"[0-9a-fA-F]+(:[0-9a-fA-F]+)+")
_UUID = re.compile(r"([0-9a-fA-F]-*){32}")
_LEASE = re.compile(r"([0-9]{1,10})([smh])")
_PCI = re.compile(r"(?:([0-9a-fA-F]{1,4}):)?([0-9a-fA-F]{1,2}):([0-9a-fA-F]{1,2})\.([0-7])")
_SECONDS = {"s": 1, "m": 60, "h": 3600}
_LONGEST_LEASE = 2**32 - 1
_SHORTEST_LEASE = 120
_LAST_PORT = 65535
_LAST_SLOT = 0x1F
_OCTETS = 4
_PREFIX_DIGITS = 3


def plain(text: str) -> str:
    """Return a text without control characters; a line break would become a line of its own in some file."""
    match = _CONTROL.search(text)
    if match:
        msg = f"{text!r} holds the control character {match[0]!r}, which would end up as a line of its own on the host"
        raise ValueError(msg)
    return text


def block(text: str) -> str:
    """Return a text of several lines without other control characters."""
    return "\n".join(plain(line) for line in text.split("\n"))


def unescaped(text: str) -> str:
    """Return a text without the characters that break XML, for values that libvirt writes as they are."""
    match = _BREAKS_XML.search(plain(text))
    if match:
        msg = f"{text!r} holds {match[0]!r}, which libvirt writes unescaped here: its own XML would break"
        raise ValueError(msg)
    return text


@functools.lru_cache(maxsize=65536)
def ip_address(text: str) -> str:
    """Return an IPv4 or IPv6 address without zone, IPv6 in its short lower-case form."""
    if "%" in text:
        msg = f"{text!r} has a zone (%…), which libvirt's network format doesn't know"
        raise ValueError(msg)
    try:
        return str(ipaddress.ip_address(text))
    except ValueError as error:
        raise ValueError(_not_an_address(text)) from error


def cidr(text: str) -> str:
    """Return `address/prefix`; a dotted netmask becomes a prefix unless its bits have holes."""
    address, slash, mask = text.partition("/")
    if not slash:
        msg = f"{text!r} has no prefix length: write it as {text}/24 or whatever its subnet is"
        raise ValueError(msg)
    spelled = ip_address(address)
    version, bits = (6, 128) if ":" in spelled else (4, 32)
    if mask.isascii() and mask.isdigit():
        if len(mask) > _PREFIX_DIGITS or (not 1 <= int(mask) <= bits and not (mask == "0" and _is_zero(spelled))):
            msg = f"/{mask} is no prefix length: an IPv{version} prefix is 1 to {bits}"
            raise ValueError(msg)
        return f"{spelled}/{int(mask)}"
    try:
        value = int(ipaddress.IPv4Address(mask))
    except ValueError as error:
        msg = f"{mask!r} after the slash is neither a prefix length nor a netmask"
        raise ValueError(msg) from error
    if ":" in spelled:
        msg = f"{text!r}: an IPv6 address takes a prefix length, not a netmask"
        raise ValueError(msg)
    ones = f"{value:032b}".rstrip("0")
    return f"{spelled}/{mask}" if "0" in ones else f"{spelled}/{len(ones)}"


def subnet(text: str) -> str:
    """Return a network address with its prefix; the bits behind the prefix must be zero."""
    spelled = cidr(text)
    try:
        ipaddress.ip_network(spelled)
    except ValueError as error:
        try:
            meant = ipaddress.ip_interface(spelled).network
        except ValueError:
            msg = f"{text!r} has a netmask with holes, which no route can have"
            raise ValueError(msg) from error
        msg = f"{text!r} is not a network address: did you mean {meant}?"
        raise ValueError(msg) from error
    return spelled


@functools.lru_cache(maxsize=65536)
def mac(text: str) -> str:
    """Return a MAC in lower case with two digits a byte."""
    if not _MAC.fullmatch(text):
        msg = f"{text!r} is no MAC address: write six pairs of hex digits, as in 52:54:00:12:34:56"
        raise ValueError(msg)
    return ":".join(part.zfill(2) for part in text.lower().split(":"))


@functools.lru_cache(maxsize=65536)
def unicast_mac(text: str) -> str:
    """Return a MAC that one interface can have."""
    spelled = mac(text)
    if int(spelled[:2], 16) & 1:
        msg = f"{text!r} is a multicast address: the first pair of digits must be even"
        raise ValueError(msg)
    return spelled


@functools.lru_cache(maxsize=65536)
def duid(text: str) -> str:
    """Return a DHCPv6 client id in lower case with two digits a byte."""
    if re.fullmatch(r"[0-9a-fA-F:]+", text) and not _DUID.fullmatch(text):
        return text.lower()  # no bytes: libvirt and dnsmasq take it as it is
    if not _DUID.fullmatch(text):
        msg = f"{text!r} is no DUID: write hex bytes with colons between them, as in 00:03:00:01:52:54:00:12:34:56"
        raise ValueError(msg)
    return ":".join(part.zfill(2) for part in text.lower().split(":"))


def uuid(text: str) -> str:
    """Return a UUID in lower case with hyphens."""
    if not _UUID.fullmatch(text):
        msg = f"{text!r} is no UUID: write 32 hex digits, as in 7e2a1c0e-7d4f-4a55-9d0b-0d6c5a3b9f10"
        raise ValueError(msg)
    return str(uuids.UUID(text))


def lease(text: str) -> str:
    """Return a lease time in the largest unit that divides it: `90s`, `45m`, `12h`, or `infinite`."""
    if text == "infinite":
        return text
    match = _LEASE.fullmatch(text)
    if not match:
        msg = f"{text!r} is no lease time: write a number and s, m or h, as in 90m, or infinite"
        raise ValueError(msg)
    seconds = int(match[1]) * _SECONDS[match[2]]
    if not _SHORTEST_LEASE <= seconds <= _LONGEST_LEASE:
        msg = f"{text!r}: dnsmasq takes leases from 2m up to {_LONGEST_LEASE}s, or infinite"
        raise ValueError(msg)
    return spelled_seconds(seconds)


def spelled_seconds(seconds: int) -> str:
    """Return seconds in the largest unit that divides them; 0 means that a lease never ends."""
    if not seconds:
        return "infinite"
    unit = next(unit for unit in "hms" if not seconds % _SECONDS[unit])
    return f"{seconds // _SECONDS[unit]}{unit}"


def address_span(text: str) -> str:
    """Return a range of IPv4 addresses, `first-last`, last not before first."""
    start, _, end = text.partition("-")
    first, last = ip_address(start.strip()), ip_address(end.strip() or start.strip())
    if ":" in first + last:
        msg = f"{text!r}: libvirt takes only IPv4 addresses here"
        raise ValueError(msg)
    if ipaddress.IPv4Address(first) > ipaddress.IPv4Address(last):
        msg = f"{text!r} runs backwards"
        raise ValueError(msg)
    return f"{first}-{last}"


def port_span(text: str) -> str:
    """Return a range of ports, `first-last`, from 1 to 65535."""
    match = re.fullmatch(r"([0-9]{1,5})\s*-\s*([0-9]{1,5})", text)
    if not match:
        msg = f"{text!r} is no range of ports: write it as in 1024-65535"
        raise ValueError(msg)
    first, last = int(match[1]), int(match[2])
    if not 1 <= first <= last <= _LAST_PORT:
        msg = f"{text!r}: the first port must be 1 or more, the last at most {_LAST_PORT} and not below the first"
        raise ValueError(msg)
    return f"{first}-{last}"


def pci_address(text: str) -> str:
    """Return a PCI address with its domain: `0000:03:10.0`."""
    match = _PCI.fullmatch(text)
    if not match or int(match[3], 16) > _LAST_SLOT:
        msg = f"{text!r} is no PCI address: write it as lspci does, 0000:03:10.0"
        raise ValueError(msg)
    return f"{match[1] or '0':0>4}:{match[2]:0>2}:{match[3]:0>2}.{match[4]}".lower()


def _is_zero(address: str) -> bool:
    return address in ("0.0.0.0", "::")


def _not_an_address(text: str) -> str:
    octets = text.split(".")
    if all(octet.isascii() and octet.isdigit() for octet in octets):
        if len(octets) < _OCTETS:
            return f"{text!r} is no IPv4 address: libvirt would fill the missing numbers in an unexpected place"
        if any(len(octet) > 1 and octet.startswith("0") for octet in octets):
            return f"{text!r} is ambiguous: libvirt reads numbers that start with 0 as octal"
    return f"{text!r} is neither an IPv4 nor an IPv6 address"
