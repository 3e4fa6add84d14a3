"""What libvirt writes into dnsmasq's configuration, and what dnsmasq doesn't take there.

libvirt writes texts as they are (networkDnsmasqConfContents in bridge_driver.c); dnsmasq reads lines into a buffer of
1025 bytes, takes quotes out, and refuses to start on what it can't read (read_file in its option.c). What doesn't fit
into the buffer it reads as the next line: the end of a long TXT record could be an option that runs a program as root.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from netreconcile.checks.finding import Finding, Stage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from netreconcile.errors import Path
    from netreconcile.model import Dns, DnsSrv, Network

_LONGEST_LINE = 1024
_LONGEST_LABEL = 63
_LONGEST_NAME = 253


def runs(network: Network) -> bool:
    """Return whether the network has a dnsmasq (networkStartDhcpDaemon in bridge_driver.c)."""
    return bool(network.ips) and (
        network.dns.enable or any(ip.dhcp.ranges or ip.dhcp.hosts or ip.tftp.root for ip in network.ips)
    )


def findings(_: str, network: Network) -> Iterator[Finding]:
    """Yield lines and names that dnsmasq refuses, and lines that it takes for two."""
    for path, line in _lines(network):
        if len(line.encode()) > _LONGEST_LINE:
            message = (
                f"the line {line[:40]!r}… has {len(line.encode())} bytes: dnsmasq reads at most {_LONGEST_LINE},"
                " and takes the rest for an option of its own"
            )
            # Also where nothing starts it now: somebody, or the next boot, would.
            yield Finding(Stage.MISREAD, "dnsmasq-line", path, message, "shorten it")
    if not runs(network):
        if network.dnsmasq_options and network.ips:
            message = "no dnsmasq reads the options: DNS is off, and there is neither DHCP nor TFTP"
            yield Finding(Stage.NEVER, "dnsmasq-not-running", ("dnsmasq_options",), message, "remove them")
        return
    for path, line in _lines(network):
        if _quote_open(line):
            message = f'{line!r} has a " without its partner: dnsmasq refuses to start'
            yield Finding(Stage.START, "dnsmasq-quote", path, message, 'write \\" between quotes for one that counts')
    for path, name in _names(network):
        if not name.isascii():
            message = f"{name!r} isn't ASCII, and dnsmasq refuses to start on it"
            yield Finding(Stage.START, "dns-name", path, message, f"write it as {_punycode(name)}")
        elif any(len(label) > _LONGEST_LABEL for label in name.split(".")):
            message = f"{name!r} has more than {_LONGEST_LABEL} bytes between two dots"
            yield Finding(Stage.START, "dns-name", path, message, "shorten it")
    yield from _commas(network)


def _lines(network: Network) -> Iterator[tuple[Path, str]]:
    """Yield the lines that hold texts of the file, with the path of the text."""
    if network.bridge.name is not None:
        yield ("bridge", "name"), f"interface={network.bridge.name}"
    if network.domain.name is not None:
        yield ("domain", "name"), f"{'local=/' if network.domain.local_only else 'domain='}{network.domain.name}"
    yield from _record_lines(network.dns)
    for index, ip in enumerate(network.ips):
        if ip.tftp.root is not None:
            yield ("ips", index, "tftp", "root"), f"tftp-root={ip.tftp.root}"
        if ip.dhcp.bootp.file is not None and (ip.dhcp.ranges or ip.dhcp.hosts):
            yield ("ips", index, "dhcp", "bootp", "file"), f"dhcp-boot={ip.dhcp.bootp.file}"
    for index, option in enumerate(network.dnsmasq_options):
        yield ("dnsmasq_options", index), option


def _record_lines(dns: Dns) -> Iterator[tuple[Path, str]]:
    for index, forwarder in enumerate(dns.forwarders):
        yield ("dns", "forwarders", index), f"server=/{forwarder.domain or ''}/{forwarder.addr or '#'}"
    for index, record in enumerate(dns.txt):
        yield ("dns", "txt", index), f"txt-record={record.name},{record.value}"
    for index, service in enumerate(dns.srv):
        yield ("dns", "srv", index), f"srv-host={_srv_name(service)},{service.target or ''}"


def _names(network: Network) -> Iterator[tuple[Path, str]]:
    """Yield the names that dnsmasq must be able to put into a DNS answer."""
    if network.domain.name is not None:
        yield ("domain", "name"), network.domain.name
    for index, forwarder in enumerate(network.dns.forwarders):
        if forwarder.domain is not None:
            yield ("dns", "forwarders", index, "domain"), forwarder.domain
    for index, record in enumerate(network.dns.txt):
        yield ("dns", "txt", index, "name"), record.name
    for index, service in enumerate(network.dns.srv):
        yield ("dns", "srv", index), _srv_name(service)
        if service.target is not None:
            yield ("dns", "srv", index, "target"), service.target


def _commas(network: Network) -> Iterator[Finding]:
    if network.domain.name is not None and "," in network.domain.name:
        message = f"dnsmasq takes what follows the comma in {network.domain.name!r} for an address or an interface"
        yield Finding(Stage.NEVER, "dns-comma", ("domain", "name"), message, "give one domain")
    for index, service in enumerate(network.dns.srv):
        # dnsmasq reads name, target, port, …; only in the port's place a word keeps it from starting.
        fields = [
            part for text in (service.domain or "", service.target) if text is not None for part in text.split(",")
        ]
        stage = Stage.START if len(fields) > 2 and not fields[2].isdigit() else Stage.NEVER  # noqa: PLR2004
        for name, text in (("domain", service.domain), ("target", service.target)):
            if text is not None and "," in text:
                message = f"dnsmasq takes what follows the comma in {text!r} for the next field of the record"
                yield Finding(stage, "dns-comma", ("dns", "srv", index, name), message, "give one name")


def _srv_name(record: DnsSrv) -> str:
    return f"_{record.service}._{record.protocol}" + (f".{record.domain}" if record.domain else "")


def _quote_open(line: str) -> bool:
    """Return whether a quote is left open; a comment, which follows white space, is not read."""
    inside, before = False, " "
    characters = iter(line)
    for character in characters:
        if inside and character == "\\":
            next(characters, None)
        elif character == '"':
            inside = not inside
        elif character == "#" and before.isspace() and not inside:
            return False
        before = character
    return inside


def _punycode(name: str) -> str:
    if len(name) > _LONGEST_NAME:
        return "ASCII"  # the conversion of a long one takes seconds
    try:
        return name.encode("idna").decode()
    except UnicodeError:
        return "ASCII"
