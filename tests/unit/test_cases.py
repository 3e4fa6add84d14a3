"""Cases as data: a folder of `tests/cases` holds what a host has, a topology, and the plan that must come of them.

| file            | holds                                                                                       |
|-----------------|---------------------------------------------------------------------------------------------|
| `topology.yaml` | what the file wants; its first line says what the case is about                             |
| `live.xml`      | a network as it runs; `live-b.xml` and so on are further ones                               |
| `config.xml`    | its definition: the same as `live.xml` if absent, none if empty; alone it is a stopped one  |
| `host.yaml`     | what no XML says: `libvirt`, `autostart: {net: false}`, `guests: {net: [web]}`, `take_over: true` |
|                 | `loose: [web]`, which of the guests have lost their link; and what the operator allows,     |
|                 | `allow: {dnsmasq_options: [log-queries], tftp_roots: [/srv/tftp]}`                          |
| `plan.txt`      | what `plan` prints                                                                          |

With UPDATE_CASES in the environment the plans are written anew: read the difference before it is committed.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from netreconcile.actions import Start
from netreconcile.allowance import Allowance
from netreconcile.loader import load
from netreconcile.observed import Guest, Host, Observed, observed
from netreconcile.plan import Plan, plan
from netreconcile.render import plan_lines
from tests.unit.simulator import Known, Simulator

CASES = sorted(path.parent for path in (Path(__file__).parents[1] / "cases").glob("*/topology.yaml"))


@dataclass(frozen=True, slots=True)
class Case:
    """What a folder holds."""

    folder: Path
    host: Host
    take_over: bool
    allowed: Allowance

    def plan(self, host: Host) -> Plan:
        """Return the plan for a host."""
        topology = load([str(self.folder / "topology.yaml")]).topology
        return plan(topology, host, take_over=self.take_over, allowed=self.allowed)


def read(folder: Path) -> Case:
    """Return the case in the folder."""
    facts: dict[str, Any] = {}
    if (folder / "host.yaml").exists():
        facts = yaml.safe_load((folder / "host.yaml").read_text())
    parts = {path.name.removeprefix("live").removeprefix("config") for path in folder.glob("*.xml")}
    networks: dict[str, Observed] = {}
    for part in sorted(parts):
        live, config = (_text(folder / f"{kind}{part}") for kind in ("live", "config"))
        config = live if config is None else config or None
        known = live or config or ""
        name, uuid = _element("name", known), _element("uuid", known)
        networks[name] = observed(
            name,
            uuid,
            config_xml=config,
            running_xml=live,
            autostart=facts.get("autostart", {}).get(name, config is not None),
            guests=tuple(
                Guest(
                    domain,
                    f"52:54:00:aa:00:{number:02x}",
                    f"vnet{number}",
                    plugged=domain not in facts.get("loose", ()),
                )
                for number, domain in enumerate(facts.get("guests", {}).get(name, ()))
            ),
        )
    version = tuple(map(int, facts.get("libvirt", "12.0.0").split(".")))
    assert len(version) == 3
    allow = facts.get("allow", {})
    allowed = Allowance(tuple(allow.get("dnsmasq_options", ())), tuple(allow.get("tftp_roots", ())))
    return Case(folder, Host("test:///case", version, networks), facts.get("take_over", False), allowed)


def _text(path: Path) -> str | None:
    return path.read_text() if path.exists() else None


def _element(name: str, xml: str) -> str:
    """Return an element's text, also from XML that is not well-formed."""
    found = re.search(f"<{name}>(.*?)</{name}>", xml)
    assert found, name
    return found[1]


@pytest.mark.parametrize("folder", CASES, ids=lambda folder: folder.name)
def test_the_plan_is_the_one_that_the_case_says(folder: Path) -> None:
    case = read(folder)
    text = "\n".join(line.text for line in plan_lines(case.plan(case.host), case.host)) + "\n"
    if os.environ.get("UPDATE_CASES"):
        (folder / "plan.txt").write_text(text)
    assert text == (folder / "plan.txt").read_text()


@pytest.mark.parametrize("folder", CASES, ids=lambda folder: folder.name)
def test_what_the_plan_does_leaves_nothing_to_do(folder: Path) -> None:
    case = read(folder)
    found = case.plan(case.host)
    simulator = Simulator(
        {
            name: Known(there.uuid, there.config_xml, there.running_xml, there.autostart)
            for name, there in case.host.networks.items()
        },
        {name: there.guests for name, there in case.host.networks.items()},
        version=case.host.version,
    )
    for step in found.steps:
        simulator.perform(step)
    left = case.plan(simulator.host())
    assert left.steps == ()
    assert {part.name for part in left.drifted} == {part.name for part in found.refused}
    restarted = {step.network for step in found.steps if isinstance(step.action, Start)}
    assert not [guest for name in restarted for guest in simulator.host().networks[name].loose]


def test_a_case_has_everything_and_nothing_else() -> None:
    files = {"topology.yaml", "plan.txt", "host.yaml"}
    for folder in CASES:
        names = {path.name for path in folder.iterdir()}
        assert {"topology.yaml", "plan.txt"} <= names
        assert all(re.fullmatch(r"(live|config)(-[a-z]+)?\.xml", name) for name in names - files), folder
        assert (folder / "topology.yaml").read_text().startswith("# "), folder
