"""The hosts that are measured: topologies of so many networks, or of one with so many reservations, and their XML."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

from netreconcile import codec
from netreconcile.loader import load_text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from netreconcile.model import Topology


def networks(count: int, *, hosts: int = 2, mode: str = "nat") -> dict[str, Any]:
    """Return a topology of so many networks, each with a bridge, a subnet, a DHCP range and reservations of its own.

    DNS is off: each dnsmasq that serves it takes one of the user's inotify instances, of which there are few.
    """
    return {
        "version": 1,
        "name": "benchmark",
        "networks": {f"net{number:04}": _network(number, hosts, mode) for number in range(count)},
    }


def text(topology: Mapping[str, Any]) -> str:
    """Return the topology as a file."""
    return yaml.dump(dict(topology), Dumper=yaml.CSafeDumper, sort_keys=False)


def loaded(topology: Mapping[str, Any]) -> Topology:
    """Return the topology as netreconcile has it in memory."""
    return load_text(text(topology), "benchmark.yaml").topology


def write_xml(topology: Mapping[str, Any], folder: Path) -> Path:
    """Write the XML of each network into a file of the folder, which is made; return the folder."""
    folder.mkdir()
    for name, network in loaded(topology).networks.items():
        (folder / f"{name}.xml").write_text(codec.new(name, network, None))
    return folder


def _network(number: int, hosts: int, mode: str) -> dict[str, Any]:
    big = hosts > 8  # noqa: PLR2004 -- what a /28 holds beside its range
    prefix = f"10.{number}" if big else f"10.{number // 256}.{number % 256}"
    first, second = divmod(number, 256)
    return {
        "mode": mode,
        "bridge": f"vb{number}",
        "dns": {"enable": False},
        "ips": [
            {
                "address": f"{prefix}.0.1/16" if big else f"{prefix}.1/28",
                "dhcp": {
                    "ranges": [f"{prefix}.255.2-{prefix}.255.250" if big else f"{prefix}.2-{prefix}.5"],
                    "hosts": [
                        {
                            "mac": f"52:54:{first:02x}:{second:02x}:{host // 256:02x}:{host % 256:02x}",
                            "name": f"host{number}-{host}",
                            "ip": f"{prefix}.{1 + host // 200}.{1 + host % 200}" if big else f"{prefix}.{6 + host}",
                        }
                        for host in range(hosts)
                    ],
                },
            }
        ],
    }
