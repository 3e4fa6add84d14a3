"""Random topologies and hosts with a past, drawn from so few names that networks contend for them."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from netreconcile import codec
from netreconcile.checks import check
from netreconcile.errors import Severity
from netreconcile.mark import Mark
from netreconcile.model import Network, Topology
from netreconcile.observed import Guest
from tests.unit.simulator import Refused, Simulator

NAMES = ("alpha", "beta", "gamma", "delta", "epsilon")
BRIDGES = ("br1", "br2", "br3")
UUIDS = tuple(f"00000000-0000-4000-8000-00000000000{number}" for number in range(3))
OWNERS = ("lab", "lab", "lab", "other", None)


@st.composite
def networks(draw: st.DrawFn) -> Network:
    """Return a network that wants some of the few bridges, subnets and UUIDs."""
    mode = draw(st.sampled_from(("nat", "nat", "route", "open", "isolated", "very-isolated", "bridge")))
    data: dict[str, Any] = {"mode": mode, "state": draw(st.sampled_from(("active", "active", "inactive", "absent")))}
    data["autostart"] = draw(st.booleans())
    data["protect"] = draw(st.integers(0, 3)) == 0
    if mode == "bridge":
        data["bridge"] = "br0"
    elif draw(st.booleans()):
        data["bridge"] = draw(st.sampled_from(BRIDGES))
    if draw(st.integers(0, 3)) == 0:
        data["uuid"] = draw(st.sampled_from(UUIDS))
    if mode not in ("very-isolated", "bridge"):
        data["ips"] = [
            draw(_ips(subnet)) for subnet in draw(st.lists(st.integers(1, 3), min_size=1, max_size=2, unique=True))
        ]
        data["ips"][1:] = [{key: value for key, value in ip.items() if key != "dhcp"} for ip in data["ips"][1:]]
        dns: tuple[dict[str, Any], ...] = ({}, {"txt": [{"name": "a", "value": "1"}]}, {"forward_plain_names": False})
        data["dns"] = draw(st.sampled_from(dns))
    if draw(st.integers(0, 4)) == 0:
        data["portgroups"] = [
            {"name": name} for name in draw(st.permutations(("p", "q", "r")))[: draw(st.integers(1, 3))]
        ]
    return Network.model_validate(data)


@st.composite
def _ips(draw: st.DrawFn, subnet: int) -> dict[str, Any]:
    ip: dict[str, Any] = {"address": f"10.0.{subnet}.{draw(st.integers(1, 2))}/{draw(st.sampled_from((24, 24, 25)))}"}
    hosts = [
        {
            "mac": f"52:54:00:00:00:0{mac}",
            "name": draw(st.sampled_from((None, f"h{mac}"))),
            "ip": f"10.0.{subnet}.{draw(st.integers(10, 12))}",
        }
        for mac in draw(st.lists(st.integers(1, 3), max_size=3, unique=True))
    ]
    if draw(st.booleans()):
        ip["dhcp"] = {"ranges": [f"10.0.{subnet}.20-10.0.{subnet}.{draw(st.integers(40, 41))}"], "hosts": hosts}
    return ip


def _valid(topology: Topology) -> bool:
    return not any(problem.severity is Severity.ERROR for problem in check(topology))


@st.composite
def topologies(draw: st.DrawFn) -> Topology:
    """Return a topology without errors: networks that contradict those before them are left out."""
    wanted: dict[str, Network] = {}
    for name in draw(st.permutations(NAMES))[: draw(st.integers(1, 5))]:
        more = {**wanted, name: draw(networks())}
        if _valid(Topology(version=1, name="lab", networks=more)):
            wanted = more
    return Topology(version=1, name="lab", networks=wanted)


@st.composite
def guests(draw: st.DrawFn, *, active: bool) -> tuple[Guest, ...]:
    """Return guests of a network: running or not, one that somebody has cut off, one that no domain is known of."""
    found = []
    for number in range(draw(st.integers(1, 3))):
        by_port_only = active and draw(st.integers(0, 4)) == 0
        running = by_port_only or draw(st.integers(0, 3)) > 0
        plugged = by_port_only or (active and running and draw(st.integers(0, 3)) > 0)
        guest = Guest(f"vm{number}", f"52:54:00:00:00:0{number}", f"vnet{number}" if running else "", running)
        by_bridge = not by_port_only and draw(st.booleans())
        found.append(replace(guest, by_bridge=by_bridge, plugged=plugged, reachable=not by_port_only))
    return tuple(found)


@st.composite
def hosts(draw: st.DrawFn) -> Simulator:
    """Return a host with a past: defined, started, edited, made transient, with guests, by several owners."""
    host = Simulator()
    for name in draw(st.permutations(NAMES))[: draw(st.integers(0, 5))]:
        owner = draw(st.sampled_from(OWNERS))
        mark = Mark(owner, "0" * 16, protect=draw(st.integers(0, 9)) == 0) if owner else None
        for _ in range(draw(st.integers(1, 2))):
            network = draw(networks())
            there = host.known.get(name)
            if there is not None and network.uuid != there.uuid:
                network = network.model_copy(update={"uuid": there.uuid})
            with contextlib.suppress(Refused):
                host.define(codec.new(name, network, mark), name)
            if name in host.known and draw(st.booleans()):
                with contextlib.suppress(Refused):
                    host.start(name)
        if name not in host.known:
            continue
        there = host.known[name]
        if draw(st.integers(0, 2)) == 0:
            host.guests[name] = draw(guests(active=there.running is not None))
        if there.running and draw(st.integers(0, 5)) == 0:
            there = replace(there, config=None)
        else:
            there = replace(there, autostart=draw(st.booleans()))
        host.known[name] = there
    return host
