"""Values that libvirt spreads over several attributes: how each is read from an element and written to it."""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING

from netreconcile import spelling

if TYPE_CHECKING:
    from lxml.etree import _Element

WITHOUT_FORWARD = ("isolated", "very-isolated")
"""The modes that libvirt expresses by the absence of `<forward>`."""

_CLASSES = ((128, 8), (192, 16))
"""IPv4 classes A and B: the first octet is below, the prefix length. All else counts as class C."""
_CLASS_C = 24
_DIGITS = re.compile(r"[0-9]{1,20}")
_UNIT_SECONDS = {"seconds": 1, "minutes": 60, "hours": 3600}
_UNIT_NAMES = {"s": "seconds", "m": "minutes", "h": "hours"}


class Cidr:
    """`address` with `prefix` or `netmask`, and `family` for IPv6; without either of them the class decides.

    The class is libvirt's own rule for IPv4 (/8, /16 or /24, virSocketAddrGetIPPrefix in virsocketaddr.c); IPv6 gets
    /64. A host that writes netmasks keeps its netmask when the value changes.
    """

    attributes = ("address", "netmask", "prefix", "family")

    def read(self, element: _Element) -> str | None:
        """Return `address/prefix`, or `address/netmask` where the mask has holes or can't be read."""
        address = element.get("address")
        if address is None:
            return None
        mask = element.get("prefix") or element.get("netmask")
        if mask in (None, "0"):
            mask = str(_classful(address))
        return f"{address}/{mask}"

    def write(self, element: _Element, value: str | None) -> None:
        """Set the address in the style that the element already has."""
        assert value is not None, "an element with an address is removed as a whole"
        address, _, mask = value.partition("/")
        element.set("address", address)
        if ":" in address:
            element.set("family", "ipv6")
            element.attrib.pop("netmask", None)
        elif element.get("family") == "ipv6":
            element.attrib.pop("family")
        if "." in mask:
            element.attrib.pop("prefix", None)
            element.set("netmask", mask)
        elif element.get("netmask"):
            element.set("netmask", str(ipaddress.IPv4Network(f"0.0.0.0/{mask}").netmask))
        else:
            element.set("prefix", mask)


class Span:
    """`start` and `end` as one text, `first-last`."""

    attributes = ("start", "end")

    def read(self, element: _Element) -> str | None:
        """Return the span, or None without a start."""
        start = element.get("start")
        return None if start is None else f"{start}-{element.get('end', start)}"

    def write(self, element: _Element, value: str | None) -> None:
        """Set or remove both ends."""
        start, _, end = (value or "").partition("-")
        _set(element, "start", start)
        _set(element, "end", end)


class Lease:
    """`expiry` and `unit` as one text, `45m`; libvirt's default unit is minutes, and 0 never ends."""

    attributes = ("expiry", "unit")

    def read(self, element: _Element) -> str | None:
        """Return the lease time, or None without an expiry."""
        expiry = element.get("expiry", "")
        if not _DIGITS.fullmatch(expiry):
            return expiry or None
        return spelling.spelled_seconds(int(expiry) * _UNIT_SECONDS.get(element.get("unit", "minutes"), 60))

    def write(self, element: _Element, value: str | None) -> None:
        """Set or remove expiry and unit."""
        if value is None or value == "infinite":
            _set(element, "expiry", "0" if value else "")
            _set(element, "unit", "")
        else:
            _set(element, "expiry", value[:-1])
            _set(element, "unit", _UNIT_NAMES[value[-1]])


class Pci:
    """`domain`, `bus`, `slot` and `function` as lspci writes them, `0000:03:10.0`."""

    attributes = ("type", "domain", "bus", "slot", "function")

    def read(self, element: _Element) -> str | None:
        """Return the PCI address; libvirt writes the parts in hexadecimal with 0x."""
        try:
            domain, bus, slot, function = (
                int(element.get(part, "0"), 0) for part in ("domain", "bus", "slot", "function")
            )
        except ValueError:
            return ":".join(element.get(part, "") for part in ("domain", "bus", "slot", "function"))
        return f"{domain:04x}:{bus:02x}:{slot:02x}.{function:x}"

    def write(self, element: _Element, value: str | None) -> None:
        """Set all parts."""
        domain, bus, rest = (value or "").split(":")
        slot, function = rest.split(".")
        element.set("type", "pci")
        for part, text in (("domain", domain), ("bus", bus), ("slot", slot), ("function", function)):
            element.set(part, f"0x{text}")


class Mode:
    """The network's kind, told by `<forward>` and, where there is none, by whether the host has an address."""

    attributes: tuple[str, ...] = ()

    def read(self, element: _Element) -> str | None:
        """Return the mode; libvirt's default for a `<forward>` without one is nat."""
        forward = element.find("forward")
        if forward is None or forward.get("mode") == "none":
            return "very-isolated" if element.find("ip") is None else "isolated"
        return forward.get("mode", "nat")

    def write(self, element: _Element, value: str | None) -> None:
        """Set the mode, or take `<forward>` out where the mode has none."""
        from lxml import etree

        if value in WITHOUT_FORWARD:
            for each in element.findall("forward"):
                element.remove(each)
            return
        forward = element.find("forward")
        if forward is None:
            forward = etree.SubElement(element, "forward")
        forward.set("mode", value or "nat")


CIDR, SPAN, LEASE, PCI, MODE = Cidr(), Span(), Lease(), Pci(), Mode()


def _set(element: _Element, attribute: str, value: str) -> None:
    if value:
        element.set(attribute, value)
    else:
        element.attrib.pop(attribute, None)


def _is_zero(address: str) -> bool:
    return address in ("0.0.0.0", "::")


def _classful(address: str) -> int:
    if _is_zero(address):
        return 0
    if ":" in address:
        return 64
    first = address.partition(".")[0]
    octet = int(first) if _DIGITS.fullmatch(first) else 0
    return next((prefix for below, prefix in _CLASSES if octet < below), _CLASS_C)
