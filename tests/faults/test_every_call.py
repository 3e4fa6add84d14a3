"""A fault at every libvirt call: afterwards all is done, or all is as it was, or the next command makes it so.

By default every call that writes gets every fault, and every few of those that read; FAULTS=all leaves nothing out.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from netreconcile import codec
from netreconcile.diff import changes
from netreconcile.folder import VARIABLE
from tests.faults.conftest import PROPERTY
from tests.faults.daemon import kill_daemon
from tests.faults.proxy import Fault, Proxy
from tests.faults.runner import Ended, Runner

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.conftest import LabHost

pytestmark = pytest.mark.lab

Said = dict[str, Any]
NTH = 1 if os.environ.get("FAULTS") == "all" else 15
"""One in so many calls that only read gets the faults."""
FOREIGN = """\
<network xmlns:x='urn:others'>
  <name>foreign</name>
  <metadata><x:note xmlns:x='urn:others' deep='1'><x:more/></x:note></metadata>
  <bridge name='vbr-f'/>
</network>"""
UNMODELLED = "<metadata><x:note xmlns:x='urn:others'>kept</x:note></metadata>"


def quiet(number: int, **more: Any) -> Said:
    """Return a network that starts fast: without firewall rules and dnsmasq."""
    dns = {} if "hosts" in more else {"dns": {"enable": False}}
    hosts = more.pop("hosts", None)
    dhcp = {"dhcp": {"ranges": [f"10.{number}.0.100-10.{number}.0.110"], "hosts": hosts}} if hosts is not None else {}
    bridge = more.pop("bridge", f"vbr-{number}")
    return {"mode": "open", "bridge": bridge, "ips": [{"address": f"10.{number}.0.1/24", **dhcp}], **dns, **more}


WEB = {"mac": "52:54:00:00:00:01", "name": "web", "ip": "10.1.0.10"}
DB = {"mac": "52:54:00:00:00:02", "name": "db", "ip": "10.1.0.11"}


@dataclass(frozen=True, slots=True)
class Scenario:
    """What a file says first, and what it says then."""

    before: dict[str, Said]
    after: dict[str, Said]
    arguments: tuple[str, ...] = ()


SCENARIOS = {
    "creation": Scenario({}, {"a": quiet(1, hosts=[WEB]), "b": quiet(2), "c": {"mode": "very-isolated"}}),
    "mixture": Scenario(
        {
            "live": quiet(1, hosts=[WEB]),
            "restarted": quiet(2, autostart=False),
            "removed": quiet(3),
            "stopped": quiet(4),
        },
        {
            "live": quiet(1, hosts=[DB]),
            "restarted": quiet(2, mtu=1400),
            "stopped": quiet(4, state="inactive", autostart=False),
            "new": quiet(5),
        },
    ),
    "exchange": Scenario(
        {"one": quiet(1, bridge="vbr-1"), "two": quiet(2, bridge="vbr-2")},
        {"one": quiet(2, bridge="vbr-2"), "two": quiet(1, bridge="vbr-1")},
    ),
}
KILLS = ("killed before", "killed after", "daemon killed before", "daemon killed after")
FAULTS: dict[str, Fault] = {
    "fails": Fault.FAIL,
    "dropped before": Fault.DROP_BEFORE,
    "dropped after": Fault.DROP_AFTER,
    "killed before": Fault.KILL_BEFORE,
    "killed after": Fault.KILL_AFTER,
    "daemon killed before": Fault.KILL_BEFORE,
    "daemon killed after": Fault.KILL_AFTER,
}


@dataclass(frozen=True, slots=True)
class Bench:
    """A host behind a proxy, and what runs commands against it."""

    host: LabHost
    proxy: Proxy
    runner: Runner
    folder: Path

    def run(self, command: str, *arguments: str) -> Ended:
        """Run a command directly, without the proxy."""
        return self.runner.run([command, "-c", self.proxy.uri, *arguments], self.environment)

    @property
    def environment(self) -> dict[str, str]:
        return {VARIABLE: str(self.folder / "state")}

    def prepared(self, scenario: Scenario) -> dict[str, tuple[object, ...]]:
        """Return the snapshots of all networks, when the host is as the scenario begins and nothing is on record."""
        for file in (self.folder / "state").rglob("*.*"):
            file.unlink()
        self.proxy.reset()
        self.host.reconnect()
        self.host.clear()
        self.host.define(FOREIGN, start=True)
        if scenario.before:
            assert self.run("apply", self.host.file(scenario.before)).code == 0
            for name in scenario.before:
                xml = self.host.config_xml(name).replace("<metadata>", UNMODELLED.removesuffix("</metadata>"), 1)
                self.host.define(xml)
            for file in (self.folder / "state").rglob("*.*"):
                file.unlink()
        return self.snapshots()

    def snapshots(self) -> dict[str, tuple[object, ...]]:
        """Return all that libvirt has, but for space between elements: with each restart it indents metadata more."""
        snapshots = {name: self.host.snapshot(name) for name in self.host.names()}
        return {name: tuple(_unindented(part) for part in parts) for name, parts in snapshots.items()}

    def unfinished(self) -> bool:
        """Return whether a change is still to be finished or undone."""
        return "unfinished" in self.run("history").said


@pytest.fixture
def bench(host: LabHost, tmp_path: Path) -> Iterator[Bench]:
    with Proxy(host.uri) as proxy, Runner(tmp_path) as runner:
        yield Bench(host, proxy, runner, tmp_path)


def _unindented(part: object) -> object:
    return re.sub(r">\s+<", "><", part) if isinstance(part, str) else part


def as_before(now: dict[str, tuple[object, ...]], before: dict[str, tuple[object, ...]]) -> str:
    """Return what is different, nothing where every network is what it was."""
    if now.keys() != before.keys():
        return f"networks: {sorted(now)} instead of {sorted(before)}"
    for name, was in before.items():
        uuid, config, running, autostart = now[name]
        if (uuid, config, autostart) != (was[0], was[1], was[3]):
            return f"{name}: {now[name]} instead of {was}"
        if (running is None) != (was[2] is None):
            return f"{name}: running {running} instead of {was[2]}"
        if running and changes(codec.parse(str(running))[0], codec.parse(str(was[2]))[0]):
            return f"{name}: runs {running} instead of {was[2]}"
    return ""


def count_calls(bench: Bench, scenario: Scenario) -> list[bool]:
    """Return for each call of an undisturbed apply whether it writes."""
    bench.prepared(scenario)
    bench.proxy.reset()
    ended = bench.run("apply", bench.host.file(scenario.after))
    assert ended.code == 0, ended.said
    return [call.write for call in bench.proxy.calls]


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_fault_at_any_call(
    bench: Bench, scenario: str, fault: str, record_property: Callable[[str, object], None]
) -> None:
    wanted = SCENARIOS[scenario]
    calls = count_calls(bench, wanted)
    chosen = [number for number, write in enumerate(calls) if write or number % NTH == len(fault) % NTH]
    outcomes: dict[str, int] = {}
    for number in chosen:
        outcome = _one(bench, wanted, fault, number)
        outcomes[outcome] = outcomes.get(outcome, 0) + 1
    record_property(PROPERTY, (scenario, fault, len(calls), outcomes))


def _one(bench: Bench, scenario: Scenario, fault: str, number: int) -> str:
    """Let one call go wrong; return how that ended, when the host is consistent."""
    before = bench.prepared(scenario)
    file = bench.host.file(scenario.after)
    hit = (lambda: kill_daemon(bench.host.lab)) if fault.startswith("daemon") else bench.runner.kill
    bench.proxy.arm(number, FAULTS[fault], on_kill=hit if fault in KILLS else None)
    ended = bench.run("apply", file)
    place = f"{fault} at call {number} ({bench.proxy.calls[-1] if bench.proxy.calls else 'none'}): {ended}"
    assert "Traceback" not in ended.said, place
    assert "unexpected" not in ended.said, place
    bench.proxy.reset()
    bench.host.reconnect()
    now = bench.snapshots()
    assert now["foreign"] == before["foreign"], place
    pending = bench.unfinished()
    if ended.code == 0:
        assert not pending, place
        assert bench.run("drift", file).code == 0, place
        return "done"
    if ended.code == 4:
        assert not pending, place
        assert as_before(now, before) == "", place
        return "rolled back"
    if not pending:
        different = as_before(now, before)
        if ended.code < 0 and different:
            assert bench.run("drift", file).code == 0, place
            return "killed when all was done"
        assert different == "", place
        return "nothing done" if ended.code < 0 else f"nothing done, exit {ended.code}"
    if number % 2:
        ended = bench.run("apply", file)
        assert ended.code == 0, f"{place}\nthen apply: {ended}"
        assert bench.run("drift", file).code == 0, place
        outcome = "finished by apply"
    else:
        ended = bench.run("rollback")
        assert ended.code == 0, f"{place}\nthen rollback: {ended}"
        bench.host.reconnect()
        assert as_before(bench.snapshots(), before) == "", f"{place}\nthen rollback: {ended}"
        outcome = "undone by rollback"
    assert not bench.unfinished(), place
    assert bench.snapshots()["foreign"] == before["foreign"], place
    return outcome
