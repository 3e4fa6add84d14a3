"""Where the corpus comes from: the samples and the cases, and texts that have hurt other readers of YAML and XML."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT: Final = Path(__file__).parents[2]
HEAD: Final = "version: 1\nname: lab\n"
_NAT: Final = f"{HEAD}networks: {{n: {{mode: nat, ips: [{{address: "
_NETWORK: Final = "<network><name>n</name><uuid>7e2a1c0e-7d4f-4a55-9d0b-0d6c5a3b9f10</uuid>"
_LAUGHS: Final = "".join(f'<!ENTITY a{i} "{f"&a{i - 1};" * 10}">' for i in range(1, 10))

YAML: Final[tuple[bytes | str, ...]] = (
    "\n".join(["a0: &a0 x", *(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 12))]),
    "\n".join(["a0: &a0 {k: x}", *(f"a{i}: &a{i} {{<<: [*a{i - 1}, *a{i - 1}]}}" for i in range(1, 30))]),
    "[" * 200,
    "{a: " * 200,
    "? " * 200,
    "- " * 200,
    "a: &a [*a]",
    f"? {'k' * 2000}\n: 1",
    f"{HEAD}{'k' * 900}: 1",
    f"{HEAD}networks: {{n: !!python/object/apply:os.system [id]}}",
    f"{HEAD}networks: !!python/name:os.system n",
    f"{HEAD}name: !!binary aGk=",
    f"{HEAD}networks: {{n: {{mode: nat, mode: route}}, n: {{mode: open}}}}",
    f"{HEAD}networks:\n  a: &a {{mode: very-isolated}}\n  b: {{<<: *a, mtu: 1400}}\n  c: {{<<: [*a, *a]}}\n",
    f"{HEAD}networks: {{n: {{mode: very-isolated, mac: 52:54:00:12:34:56, mtu: 12:30}}}}",
    f"{HEAD}networks: {{n: {{mode: very-isolated, mtu: 0o17, title: 010, uuid: 1e3}}}}",
    f'{HEAD}networks: {{n: {{mode: very-isolated, title: "\\u202e\\x1b[2J", description: "a\\n+ prod: create"}}}}',
    f'{HEAD}networks: {{n: {{mode: very-isolated, description: "a\\n+ prod: create\\n\\n"}}}}',
    f'{HEAD}networks: {{"\\u202en\\u00a0": {{mode: very-isolated}}, "a\\nb": {{}}}}',
    f"{HEAD}networks: {{\u202en: {{mode: very-isolated, title: \u200f\u2066a}}}}",
    f"{_NAT}10.0.0.1/255.0.255.0}}], forward: {{dev: a, interfaces: [b]}}}}}}",
    f"{_NAT}10.0.0.1/24}}], domain: {'é' * 300}}}}}",
    f"{_NAT}10.0.0.1/24}}], dns: {{txt: [{{name: '\"', value: '#'}}]}}}}}}",
    (
        f"{HEAD}policy: {{allowed_subnets: [10.0.0.0/8], protected_networks: ['{'*a' * 20}']}}\n"
        "defaults: {mode: nat}\n"
        "networks: {n: {ips: [{address: 11.0.0.1/24}]}}"
    ),
    f"{HEAD}defaults: 5\nnetworks: []\npolicy: x\nnets: {{}}",
    f"%YAML 1.1\n%TAG ! tag:x,2000:\n---\n{HEAD}",
    f"%YAML 1.{'9' * 400}\n--- a",
    f"{HEAD}---\n{HEAD}",
    f"\ufeff{HEAD}",
    f"{HEAD}# x\u2028networks: {{}}",
    "a: 'x",
    'a: "\\ud800 \\UFFFFFFFF \\q"',
    "a: b: c",
    "a:\n\tb: 1",
    "a: @x\n%",
    "a: |\n  x\n y\n",
    HEAD.encode("utf-16"),
    HEAD.encode("utf-16-be"),
    HEAD.encode("utf-32"),
    b"version: 1\nname: \x00",
    b"version: 1\nname: \x1b[31mx",
    b"version: 1\r\nname: \xff",
    b"version: 1\rname: \xed\xa0\x80",
    b"",
)
"""Topology files, most of them none."""

XML: Final[tuple[bytes | str, ...]] = (
    f'<!DOCTYPE network [<!ENTITY a0 "lol">{_LAUGHS}]>{_NETWORK}<title>&a9;</title></network>',
    f'<!DOCTYPE network [<!ENTITY a0 "lol">{_LAUGHS}]><network ipv6="&a9;"><name>n</name></network>',
    f'<!DOCTYPE network [<!ENTITY a "{"x" * 1000}">]><network ipv6="{"&a;" * 1000}"><name>n</name></network>',
    f'<!DOCTYPE network [<!ENTITY a SYSTEM "file:///etc/passwd">]>{_NETWORK}<title>&a;</title></network>',
    '<!DOCTYPE network SYSTEM "http://127.0.0.1:9/x.dtd"><network/>',
    '<!DOCTYPE network [<!ENTITY % p SYSTEM "file:///etc/passwd">%p;]><network/>',
    '<!DOCTYPE network [<!ATTLIST network ipv6 CDATA "yes">]><network/>',
    f"{_NETWORK}<title><![CDATA[a < b & c]]></title><description>a\nb</description></network>",
    f"{_NETWORK}<!-- a --><?pi data?><ip address='10.0.0.1' netmask='255.255.255.0'><!-- b --></ip></network>",
    f"<?xml version='1.0' encoding='UTF-16'?>{_NETWORK}</network>",
    f"<?xml-stylesheet href='x'?><!-- a -->{_NETWORK}</network><!-- b -->",
    f"{_NETWORK}<title a='{'x' * 3000}'>{'y' * 3000}</title></network>",
    f"{_NETWORK}{'<a>' * 250}{'</a>' * 250}</network>",
    f"{_NETWORK}{'<a>' * 300}{'</a>' * 300}</network>",
    "<n:network xmlns:n='urn:n'/>",
    "<network xmlns='urn:n'><name>n</name></network>",
    f"{_NETWORK}<x:ip xmlns:x='urn:x' address='10.0.0.1'/><ip xmlns='urn:y' address='10.0.0.1'/></network>",
    "<network xmlns:xml='http://www.w3.org/XML/1998/namespace' xml:space='preserve' xmlns:a='urn:a' a:ipv6='yes'/>",
    (
        f"{_NETWORK}<dnsmasq:options xmlns:dnsmasq='http://libvirt.org/schemas/network/dnsmasq/1.0'>"
        "<dnsmasq:option value='a'/><dnsmasq:option/><other/></dnsmasq:options></network>"
    ),
    (
        f"{_NETWORK}<d:options xmlns:d='http://libvirt.org/schemas/network/dnsmasq/1.0'>"
        "<d:option value='a'/></d:options>"
        "</network>"
    ),
    (
        f"{_NETWORK}<metadata><n:owner xmlns:n='urn:netreconcile:1' topology='a&#10;b' desired='' protect='yes' x='y'>z"
        "</n:owner><n:owner xmlns:n='urn:netreconcile:1'/></metadata><metadata/></network>"
    ),
    (
        f"{_NETWORK}<ip address='99999999999999999999.1' prefix='99'/><ip/><ip address=''/>"
        "<ip address='::' family='ipv4'/>"
        "<ip address='10.0.0.1' prefix='0' netmask='255.0.255.0'/></network>"
    ),
    (
        f"{_NETWORK}<ip address='1.1.1.1'><dhcp><range/><range start='2' end=''/><host/>"
        "<host mac='0' name='' ip='?' id='x'><lease expiry='99999999999999999999' unit='x'/><lease/></host>"
        "<bootp/></dhcp><tftp/></ip></network>"
    ),
    (
        f"{_NETWORK}<forward mode='nat' dev='a'><nat><address start='2'/><port/></nat><interface/><interface dev='b'/>"
        "<address type='pci' domain='0x' bus='-1' slot='1_0' function='9'/><address/><pf/><driver/></forward></network>"
    ),
    (
        f"{_NETWORK}<forward/><forward mode='bridge'/><bridge name='' stp='maybe' delay='-1'/><mtu size='big'/>"
        "<vlan><tag/>"
        "<tag id='4096' nativeMode='x'/></vlan><portgroup/><portgroup name='a'/><portgroup name='a' default='yes'/>"
        "<route/><route address='::' prefix='0' gateway='x' metric='-1'/></network>"
    ),
    (
        f"{_NETWORK}<dns enable='no' forwardPlainNames='maybe'><forwarder/><forwarder domain='a' addr='b'/>"
        "<txt/><txt name='a'/><srv/><srv service='a' protocol='b' port='x'/><host/>"
        "<host ip='1'><hostname/><hostname>a<b/>c</hostname></host></dns></network>"
    ),
    f"{_NETWORK}<title>&#x9b;31m&#x202e;a&#x85;b</title><bridge name='a&#10;b'/></network>",
    "<network/>",
    "<domain/>",
    "<network>",
    "",
    b"<network>\xff\xfe</network>",
    "<network/>".encode("utf-16"),
)
"""Networks' XML, some of which libvirt itself could print."""


def seeds(target: str) -> Iterator[bytes]:
    """Yield what the target's fuzzer starts with, if nothing is kept yet."""
    match target:
        case "topology":
            yield from (path.read_bytes() for path in sorted((ROOT / "sample-topologies").rglob("*.yaml")))
            yield from (path.read_bytes() for path in _cases("topology.yaml"))
            yield from map(_bytes, YAML)
        case "network_xml":
            yield from (path.read_bytes() for path in _cases("*.xml"))
            yield from map(_bytes, XML)
        case _:
            yield from (_case(path.parent) for path in _cases("topology.yaml"))
            base = f"{HEAD}networks: {{n: {{mode: nat, bridge: br1, ips: [{{address: 10.0.0.1/24}}]}}}}\n"
            yield from (base.encode() + b"=== config live auto guest\n" + _bytes(xml) for xml in XML)


def _cases(pattern: str) -> list[Path]:
    return sorted((ROOT / "tests" / "cases").glob(f"*/{pattern}"))


def _case(folder: Path) -> bytes:
    """Return a case as one input; what its `host.yaml` says is left to chance."""
    parts = [(folder / "topology.yaml").read_bytes()]
    for path in sorted(folder.glob("*.xml")):
        kind, _, _ = path.stem.partition("-")
        alone = kind == "live" and not (folder / path.name.replace("live", "config")).exists()
        words = b"config live" if alone else kind.encode()
        parts.append(b"=== " + words + b" auto guest\n" + path.read_bytes())
    return b"\n".join(part.removesuffix(b"\n") for part in parts) + b"\n"


def _bytes(text: bytes | str) -> bytes:
    return text if isinstance(text, bytes) else text.encode()
