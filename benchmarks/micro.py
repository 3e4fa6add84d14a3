"""What the parts of a plan cost inside one process, and how that grows: load, parse, compare, plan."""

from __future__ import annotations

import gc
import time
from typing import TYPE_CHECKING

from benchmarks import sizes
from benchmarks.timing import Sample
from netreconcile import codec
from netreconcile.__main__ import RARELY
from netreconcile.fill import mark_of
from netreconcile.loader import load_text
from netreconcile.observed import Host, observed
from netreconcile.plan import plan

if TYPE_CHECKING:
    from collections.abc import Callable

    from netreconcile.model import Topology

VERSION = (9, 0, 0)


def parts(networks: int, hosts: int = 2) -> dict[str, Callable[[], object]]:
    """Return the parts by name, each to be called as often as wanted."""
    text = sizes.text(sizes.networks(networks, hosts=hosts))
    topology = load_text(text, "benchmark.yaml").topology
    there = _host(topology)
    xml = [item.config_xml or "" for item in there.networks.values()]

    def parse() -> None:
        codec.parse.cache_clear()
        for each in xml:
            codec.parse(each)

    return {
        "load and validate": lambda: load_text(text, "benchmark.yaml"),
        "parse the host's XML": parse,
        "plan, in sync": lambda: plan(topology, there),
        "plan, a reservation of each network renamed": lambda: plan(_renamed(topology), there),
    }


def timed(part: Callable[[], object], rounds: int) -> tuple[Sample, ...]:
    """Return the times of so many calls, after one that warms up; garbage is looked for as rarely as in a command."""
    gc.set_threshold(RARELY)
    part()
    found = []
    for _ in range(rounds):
        started, cpu = time.perf_counter(), time.process_time()
        part()
        found.append(Sample(time.perf_counter() - started, time.process_time() - cpu, 0.0))
    return tuple(found)


def _host(topology: Topology) -> Host:
    """Return a host that has what the topology wants."""
    networks = {}
    for number, (name, network) in enumerate(topology.networks.items()):
        uuid = f"00000000-0000-4000-8000-{number:012}"
        xml = codec.new(name, network.model_copy(update={"uuid": uuid}), mark_of(topology, network))
        networks[name] = observed(name, uuid, config_xml=xml, running_xml=xml, autostart=True)
    return Host("test:///", VERSION, networks)


def _renamed(topology: Topology) -> Topology:
    """Return the topology with another name in the first reservation of each network."""
    networks = {}
    for name, network in topology.networks.items():
        (ip,) = network.ips
        first, *others = ip.dhcp.hosts
        hosts = (first.model_copy(update={"name": "renamed"}), *others)
        dhcp = ip.dhcp.model_copy(update={"hosts": hosts})
        networks[name] = network.model_copy(update={"ips": (ip.model_copy(update={"dhcp": dhcp}),)})
    return topology.model_copy(update={"networks": networks})
