"""What holds for any bytes at all. Each function ends quietly, or raises where a promise is broken."""
# ruff: noqa: PT017 -- nothing is expected to fail; what does has to fail well

from __future__ import annotations

import json
import re
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

import yaml
from lxml import etree

from netreconcile import codec, dump, reader
from netreconcile.allowance import EVERYTHING
from netreconcile.binding import bindings
from netreconcile.checks import check
from netreconcile.checks.addresses import interface
from netreconcile.diff import changes
from netreconcile.document import plan_document
from netreconcile.errors import InvalidTopology, Severity
from netreconcile.fill import mark_of
from netreconcile.loader import load_text
from netreconcile.mark import NAMESPACE, Mark
from netreconcile.model import Network, Topology
from netreconcile.observed import Guest, Host, Observed, observed
from netreconcile.plan import Plan, removal
from netreconcile.plan import plan as plan_of
from netreconcile.render import drift_lines, plan_lines
from netreconcile.unmodelled import unmodelled
from tests.unit.simulator import Known, Refused, Simulator

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

FILE: Final = "t.yaml"
MARK: Final = Mark("fuzz", "0123456789abcdef", protect=True)
VERSION: Final = (12, 0, 0)
_OTHERS: Final = (
    {"mode": "very-isolated"},
    {"mode": "isolated", "ips": [{"address": "10.9.0.1/24"}], "title": "other", "dns": {"enable": False}},
    {
        "mode": "nat",
        "mtu": 1400,
        "bridge": {"name": "br9", "stp": False, "delay": 2},
        "forward": {"dev": "eth9", "nat": {"addresses": "192.0.2.1-192.0.2.9", "ports": "1-2", "ipv6": True}},
        "domain": {"name": "other.example", "local_only": True},
        "dns": {"hosts": [{"ip": "10.9.0.2", "hostnames": ["a", "b"]}], "txt": [{"name": "a", "value": "<&>'\""}]},
        "ips": [
            {
                "address": "10.9.0.1/24",
                "dhcp": {"ranges": ["10.9.0.2-10.9.0.9"], "hosts": [{"name": "a", "ip": "10.9.0.3"}]},
            },
            {"address": "fd09::1/64", "local_ptr": True, "tftp": "/srv"},
        ],
        "portgroups": [{"name": "a", "default": True}, {"name": "b", "vlan": {"tags": [1, 2]}}],
        "routes": [{"to": "10.8.0.0/16", "via": "10.9.0.2", "metric": 1}],
        "dnsmasq_options": ["log-dhcp", "cache-size=0"],
    },
    {
        "mode": "hostdev",
        "forward": {"addresses": ["0000:03:10.0"], "managed": True, "driver": "vfio"},
        "virtualport": {"type": "802.1Qbh", "profileid": "p"},
        "vlan": {"tags": [{"id": 7, "native_mode": "tagged"}]},
        "bandwidth": {"inbound": {"average": 1, "peak": 2, "burst": 3}},
    },
)  # fmt: skip
_SEPARATOR: Final = re.compile(r"^===([ a-z]*)\n", re.MULTILINE)


def topology(data: bytes) -> None:
    """Check a topology file: it is read, or everything that is wrong with it is told at its place.

    What it says is what libvirt would get, and what a dump of that says again.
    """
    loaded = _loaded(data)
    if loaded is None:
        return
    for name, network in loaded.networks.items():
        if network.state == "absent":
            continue
        mark = mark_of(loaded, network)
        xml = codec.new(name, network, mark)
        there, found = codec.parse(xml)
        assert codec.same(there, network), changes(there, network)
        assert found == mark
        assert codec.parse_xml(xml).findtext("name") == name
        assert codec.overlay(xml, network, mark) == xml
        assert unmodelled(xml) == ()
        _dumped(name, network, xml)


def network_xml(data: bytes) -> None:
    """Check the XML of a network: it is read, or refused; nothing of it is lost when something else is changed."""
    xml = data.decode(errors="surrogateescape")
    try:
        network, mark = codec.parse(xml)
    except codec.UnreadableXml as error:
        assert _is_one_line(str(error)), error
        return
    assert codec.overlay(xml, network, None) == xml
    if mark is not None:
        assert codec.overlay(xml, network, mark) == xml
    marked = codec.overlay(xml, network, MARK)
    assert codec.parse(marked) == (network, MARK)
    assert codec.overlay(marked, network, MARK) == marked
    rest = unmodelled(xml)
    assert unmodelled(marked) == rest
    edited = network.model_copy(update={"title": "fuzz", "ipv6": network.ipv6 is False, "mtu": 9001})
    changed = codec.overlay(xml, edited, None)
    assert codec.same(codec.parse(changed)[0], edited)
    assert unmodelled(changed) == rest
    other = Network.model_validate(_OTHERS[len(xml) % len(_OTHERS)])  # one by chance: all would take four times as long
    result = codec.overlay(xml, other, MARK)
    found, found_mark = codec.parse(result)
    assert changes(found, other) == ()
    assert found_mark == MARK
    assert _kept(rest) <= set(unmodelled(result))
    assert _metadata_of_others(result) == _metadata_of_others(xml)
    assert codec.overlay(result, other, MARK) == result
    _same_both_ways(network, other)
    there = observed("net", "", config_xml=xml, running_xml=None, autostart=True)
    text = dump.topology_text("fuzz", {"net": there})
    try:
        assert yaml.safe_load(text) == reader.read(text.encode(), FILE).value
        load_text(text, FILE)
    except InvalidTopology as error:  # a host may have what no topology may say
        assert not {problem.code for problem in error.problems} & {"syntax", "several-documents", "duplicate-key"}


def plan(data: bytes) -> None:
    """Check what is planned for a topology file and a host.

    The host's networks follow the topology, each after a line of words: `=== config live auto guest`.
    """
    world = _world(data)
    if world is None:
        return
    wanted, host, take_over = world

    def made(there: Host) -> Plan:
        return plan_of(wanted, there, take_over=take_over, allowed=EVERYTHING)

    for make in (made, lambda there: removal(wanted, there)):
        found = make(host)
        assert make(host) == found
        other = make(replace(host, networks=dict(reversed([*host.networks.items()]))))
        assert other.steps == found.steps
        assert {part.name: part for part in other.networks} == {part.name: part for part in found.networks}
        assert all(map(_is_one_line, _lines(found, host)))
        assert json.loads(json.dumps(plan_document(found, host)))
        if _is_lifelike(host):
            _carried_out(make, found, host)


def lines_of(data: bytes) -> list[str]:
    """Return what is told of the plan for a topology file and a host, as `plan` takes them."""
    world = _world(data)
    assert world is not None
    wanted, host, take_over = world
    return _lines(plan_of(wanted, host, take_over=take_over, allowed=EVERYTHING), host)


def _lines(found: Plan, host: Host) -> list[str]:
    return [line.text for line in (*plan_lines(found, host), *drift_lines(found))]


def _world(data: bytes) -> tuple[Topology, Host, bool] | None:
    """Return a topology and a host, and whether networks of others are taken over; None if the topology is refused."""
    text, *rest = _SEPARATOR.split(data.decode(errors="surrogateescape"))
    wanted = _loaded(text.encode(errors="surrogateescape"))
    if wanted is None:
        return None
    host = _host(list(zip(rest[::2], rest[1::2], strict=True)))
    return wanted, host, any("take" in words for words in rest[::2])


def _loaded(data: bytes) -> Topology | None:
    """Return the topology that the file says, or None if it is refused with all that a user needs to mend it."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        text = None
    try:
        if text is None:
            reader.read(data, FILE)
            raise AssertionError("what isn't UTF-8 is no topology")
        loaded = load_text(text, FILE)
    except InvalidTopology as error:
        assert any(problem.severity is Severity.ERROR for problem in error.problems)
        for problem in error.problems:
            assert problem.position is not None, problem
            assert _is_one_line(str(problem)), problem
        return None
    for problem in loaded.warnings:
        assert problem.severity is Severity.WARNING
        assert problem.position is not None, problem
        assert _is_one_line(str(problem)), problem
    return loaded.topology


def _is_one_line(text: str) -> bool:
    """Return whether the text can do nothing to a terminal, nor pass for two lines."""
    return text.isprintable()


def _dumped(name: str, network: Network, xml: str) -> None:
    """Check that a dump of the network is a topology that says the same."""
    there = observed(name, network.uuid or "", config_xml=xml, running_xml=None, autostart=network.autostart)
    again = load_text(dump.topology_text("fuzz", {name: there}), FILE).topology.networks[name]
    silent = {key: None for key, value in (("stp", True), ("delay", 0)) if getattr(network.bridge, key) == value}
    expected = network.model_copy(update={"bridge": network.bridge.model_copy(update=silent)})
    assert codec.same(again, expected), changes(again, expected)
    assert again.autostart == network.autostart


def _kept(paths: Iterable[str]) -> set[str]:
    """Return which of the unmodelled paths no change of the model's values can take away with something else."""
    owners = {step.rpartition("}")[2] for binding in bindings(Network) for step in binding.steps[:1]}
    return {path for path in paths if path.split("/")[2] not in {*owners, "forward"}}


def _metadata_of_others(xml: str) -> list[str]:
    elements = codec.parse_xml(xml).iterfind("metadata/*")
    others = (each for each in elements if each.tag != f"{{{NAMESPACE}}}owner")
    return [etree.tostring(each, encoding="unicode", with_tail=False) for each in others]


def _same_both_ways(one: Network, two: Network) -> None:
    there, back = changes(one, two), changes(two, one)
    assert [(change.path, change.before, change.after) for change in there] == [
        (change.path, change.after, change.before) for change in back
    ]


@dataclass
class _Found:
    """A network of the host as its parts tell of it."""

    uuid: str
    config: str | None = None
    running: str | None = None
    autostart: bool = False
    guests: list[Guest] = field(default_factory=list[Guest])


def _host(parts: list[tuple[str, str]]) -> Host:
    found: dict[str, _Found] = {}
    for number, (words, xml) in enumerate(parts):
        name, uuid = f"broken-{number}", None
        with suppress(codec.UnreadableXml):
            name, uuid = codec.parse_xml(xml).findtext("name") or name, codec.parse(xml)[0].uuid
        uuid = uuid or f"00000000-0000-4000-8000-{len(name):012x}"
        there = found.setdefault(name, _Found(uuid))
        if there.uuid != uuid:
            continue  # a network has one
        if "live" in words:
            there.running = xml
        if "config" in words or "live" not in words:
            there.config = xml
        there.autostart |= "auto" in words
        if "guest" in words:
            running, plugged = "off" not in words, "loose" not in words
            guest = Guest(
                f"vm{number}", f"52:54:00:00:01:{number & 255:02x}", f"vnet{number}", running, plugged=plugged
            )
            there.guests.append(guest)
    networks = {name: _observed(name, there) for name, there in found.items()}
    return Host("test:///fuzz", VERSION, networks)


def _observed(name: str, there: _Found) -> Observed:
    return observed(
        name,
        there.uuid,
        config_xml=there.config,
        running_xml=there.running,
        autostart=there.autostart and there.config is not None,
        guests=tuple(there.guests),
    )


def _is_lifelike(host: Host) -> bool:
    """Return whether a libvirt would have taken the host's networks: only then it is known what it would do next."""
    for side in ("config", "running"):
        networks = {name: getattr(there, side) for name, there in host.networks.items() if getattr(there, side)}
        for name, network in networks.items():
            if host.networks[name].trouble or not _is_valid(network) or network.uuid != host.networks[name].uuid:
                return False
        whole = Topology.model_construct(version=1, name="host", networks=networks)
        if any(problem.severity is Severity.ERROR for problem in check(whole)):
            return False
    return not any(there.trouble for there in host.networks.values())


def _is_valid(network: Network) -> bool:
    said: Any = dump.said_by(network)
    try:
        again = Network.model_validate(said)
    except ValueError:
        return False
    bridge = network.bridge
    chosen = (bridge.name, bridge.stp, bridge.delay, network.mac) if network.own_bridge else ()
    return codec.same(again, network) and None not in (*chosen, *map(interface, network.ips))


def _carried_out(make: Callable[[Host], Plan], found: Plan, host: Host) -> None:
    """Check that the steps can be carried out, and that nothing is left to do if none of them is refused."""
    known = {
        name: Known(there.uuid, there.config_xml, there.running_xml, there.autostart)
        for name, there in host.networks.items()
    }
    simulator = Simulator(known, {name: there.guests for name, there in host.networks.items()}, host.version)
    failed: set[str] = set()
    for step in found.steps:
        if step.network in failed:
            continue
        try:
            simulator.perform(step)
        except Refused:
            failed.add(step.network)
    if not failed:
        left = make(simulator.host())
        assert left.steps == (), (found.steps, left.steps)
        assert {part.name for part in left.drifted} <= {part.name for part in found.refused}


TARGETS: Final = {function.__name__: function for function in (topology, network_xml, plan)}
