"""What would happen on a host is found out on a copy of it; the host itself is only read."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.conftest import schema
from tests.guesthost import NAT, NETWORKS
from tests.waiting import eventually

if TYPE_CHECKING:
    from tests.conftest import LabHost, Ran
    from tests.guesthost import GuestHost

Said = dict[str, Any]
pytestmark = pytest.mark.lab
ROOT = Path(__file__).parents[2]

DHCP: Said = {"address": "10.61.0.1/24", "dhcp": {"ranges": ["10.61.0.10-10.61.0.20"]}}
WEB: Said = {"mode": "nat", "bridge": {"name": "virbr-t", "stp": False}, "ips": [DHCP]}
BACK: Said = {"mode": "isolated", "bridge": {"name": "virbr-u", "stp": False}, "ips": [{"address": "10.62.0.1/24"}]}
RESERVED: Said = {
    **WEB,
    "ips": [{**DHCP, "dhcp": {**DHCP["dhcp"], "hosts": [{"mac": "52:54:00:00:00:77", "ip": "10.61.0.77"}]}}],
}
COMMAND_ADD_LAST, SECTION_DHCP_HOST, AFFECT_LIVE = 3, 4, 1
"""Of virNetworkUpdate."""
FOREIGN = "<network><name>foreign</name><bridge name='virbr-f'/><ip address='10.64.0.1' prefix='24'/></network>"
OPTIONS = """
<network xmlns:dnsmasq='http://libvirt.org/schemas/network/dnsmasq/1.0'><name>t</name><forward mode='open'/>
  <bridge name='virbr-t'/><ip address='10.66.0.1' prefix='24'/>
  <dnsmasq:options><dnsmasq:option value='log-facility={file}'/></dnsmasq:options></network>
"""
STOPPED: Said = {"mode": "isolated", "bridge": "virbr-v", "ips": [{"address": "10.65.0.1/24"}]}
MOVED: Said = {**BACK, "ips": [{"address": "10.63.0.1/24"}]}


class Rehearsed:
    """A rehearsal that has ended, after a look whether its document is as its schema says."""

    def __init__(self, ran: Ran) -> None:
        self.code, self.err = ran.code, ran.err
        assert ran.out, ran.err
        self.document = ran.json
        schema("rehearsal").validate(self.document)

    @property
    def would(self) -> str:
        return str(self.document["would"])

    def outcomes(self, act: int = 0) -> dict[str, str]:
        """Return what became of each step that was to be taken."""
        steps = self.document["acts"][act]["steps"]
        return {f"{step['network']}: {step['sentence']}": step["outcome"] for step in steps if not step["undo"]}

    def cut(self, act: int = 0) -> dict[str, float | None]:
        """Return for how long each guest was cut off."""
        return {guest["domain"]: guest["cut_seconds"] for guest in self.document["acts"][act]["guests"]}


def rehearse(host: LabHost, networks: Said, *arguments: str) -> Rehearsed:
    """Rehearse the networks on a copy of the host, which stays as it is."""
    before = {name: host.snapshot(name) for name in host.names()}
    host.forget_calls()
    ran = Rehearsed(host.run("rehearse", host.file(networks), "-o", "json", *arguments))
    assert host.writes() == []
    assert {name: host.snapshot(name) for name in host.names()} == before
    return ran


def state(host: LabHost, folder: Path) -> Said:
    """Return what the host exports."""
    file = folder / "exported.json"
    assert host.run("show", "--export", str(file)).code == 0
    return dict(json.loads(file.read_text()))


def from_state(host: LabHost, folder: Path, exported: Said, networks: Said, *arguments: str) -> Rehearsed:
    """Rehearse the networks on a copy of the host that the state describes."""
    file = folder / "state.json"
    file.write_text(json.dumps(exported))
    return Rehearsed(
        host.run("rehearse", "-c", "", "--state", str(file), host.file(networks), "-o", "json", *arguments)
    )


def guest(domain: str, number: int, **said: object) -> Said:
    return {
        "domain": domain,
        "mac": f"52:54:00:00:06:{number:02x}",
        "target": f"vnet{number}",
        "running": True,
        "by_bridge": False,
        "plugged": True,
        "reachable": True,
        "address": "",
        "portgroup": "",
        **said,
    }


def test_a_host_that_matches_has_nothing_to_rehearse(host: LabHost) -> None:
    host.applied({"web": WEB})
    found = rehearse(host, {"web": WEB})
    assert (found.code, found.would, found.document["acts"]) == (0, "do nothing", [])


def test_a_change_that_works_is_done_verified_taken_back_and_done_again(host: LabHost) -> None:
    host.applied({"web": WEB, "back": BACK})
    found = rehearse(host, {"web": RESERVED, "back": MOVED})
    assert (found.code, found.would) == (0, "work")
    assert [act["name"] for act in found.document["acts"]] == ["apply", "rollback", "apply again"]
    assert set(found.outcomes().values()) == {"done"}
    planned = [f"{step['network']}: {step['sentence']}" for step in found.document["plan"]["steps"]]
    assert list(found.outcomes()) == planned
    assert found.document["copy"]["differences"] == []
    assert {promise["network"] for promise in found.document["promises"]} == {"web", "back"}
    assert found.document["kept"] > 0
    assert found.document["broken"] == 0


def test_guests_keep_their_link_where_a_network_changes_in_place_and_lose_it_where_it_restarts(
    host: LabHost, tmp_path: Path
) -> None:
    host.applied({"web": WEB, "back": BACK})
    exported = state(host, tmp_path)
    exported["networks"]["web"]["guests"] = [guest("www", 1), guest("proxy", 2, by_bridge=True)]
    exported["networks"]["back"]["guests"] = [guest("db", 3), guest("cache", 4), guest("off", 5, running=False)]
    found = from_state(host, tmp_path, exported, {"web": RESERVED, "back": MOVED})
    assert found.would == "work"
    for act in range(3):
        cut = found.cut(act)
        assert cut.keys() == {"www", "proxy", "db", "cache"}
        assert cut["www"] == cut["proxy"] == 0
        # A stop and a start of a network take at least so long, and STP is off.
        assert all(0.02 < (cut[name] or 0) < 4 for name in ("db", "cache"))
        assert all(link["linked"] for link in found.document["acts"][act]["guests"])
    assert found.document["plan"]["needs_consent"]


def test_a_guest_without_a_link_gets_one_and_one_known_by_its_port_only_loses_it(host: LabHost, tmp_path: Path) -> None:
    host.applied({"web": WEB, "back": BACK})
    exported = state(host, tmp_path)
    exported["networks"]["web"]["guests"] = [guest("loose", 1, plugged=False)]
    exported["networks"]["back"]["guests"] = [guest("somebody", 2, target="", reachable=False)]
    found = from_state(host, tmp_path, exported, {"web": WEB, "back": MOVED})
    links = {link["domain"]: link for link in found.document["acts"][0]["guests"]}
    assert (links["loose"]["cut_seconds"], links["loose"]["linked"]) == (None, True)
    assert not links["somebody"]["linked"]
    assert found.would == "work"


def test_a_step_that_fails_is_foretold_and_taken_back_and_with_stp_guests_wait_for_their_port(
    host: LabHost, tmp_path: Path
) -> None:
    slow = {"bridge": {"name": "virbr-u", "stp": True, "delay": 2}}
    host.applied({"back": {**BACK, **slow}, "web": WEB})
    exported = state(host, tmp_path)
    exported["networks"]["back"]["guests"] = [guest("db", 1)]
    exported["machine"] = {
        "hostname": "elsewhere",
        "links": [nic("eth7", "10.63.0.9/24")],
        "routes": [],
        "forwarding4": True,
        "forwarding6": False,
    }
    exported["machine_unknown"] = ""
    found = from_state(host, tmp_path, exported, {"back": {**MOVED, **slow}, "web": RESERVED})
    assert (found.code, found.would) == (1, "fail")
    (act,) = found.document["acts"]
    assert found.outcomes()["back: start"] == "failed"
    assert "eth7" in act["problem"]
    assert "taken back" in act["problem"]
    assert "not as it was" not in act["problem"]
    assert any(step["undo"] for step in act["steps"])
    cut = found.cut()["db"]
    assert cut is not None
    assert cut > 4  # listening and learning, two seconds each
    assert act["guests"][0]["linked"]


def nic(name: str, *addresses: str) -> Said:
    return {
        "name": name,
        "number": 7,
        "kind": "",
        "up": True,
        "mtu": 1500,
        "mac": "52:54:00:00:07:07",
        "master": "",
        "port_state": "",
        "isolated": False,
        "stp": None,
        "delay": None,
        "vlan_filtering": None,
        "peer": 0,
        "addresses": [{"interface": address, "tentative": False} for address in addresses],
    }


def test_all_that_can_be_odd_about_networks_is_copied(host: LabHost) -> None:
    host.applied({"pending": BACK, "live": WEB, "stopped": STOPPED})
    host.network("stopped").destroy()
    host.network("stopped").setAutostart(0)
    host.define(host.config_xml("pending").replace("10.62.0.1", "10.63.0.1"))
    reserved = "<host mac='52:54:00:00:00:66' ip='10.61.0.66'/>"
    host.network("live").update(COMMAND_ADD_LAST, SECTION_DHCP_HOST, 0, reserved, AFFECT_LIVE)
    host.connection.networkCreateXML("<network><name>passing</name><bridge name='virbr-p'/></network>")
    host.define(FOREIGN, start=True)
    wanted = {
        "pending": MOVED,
        "live": WEB,
        "stopped": STOPPED,
        "passing": {"mode": "very-isolated"},
    }
    found = rehearse(host, wanted)
    assert found.would == "work"
    assert found.document["copy"]["differences"] == []
    (said,) = found.document["copy"]["left_out"]
    assert "machine below libvirt" in said
    causes = {drift["cause"] for network in found.document["plan"]["networks"] for drift in network["drift"]}
    assert causes >= {"pending restart", "live only", "stopped", "transient"}


def test_what_would_be_refused_is_told_and_the_rest_is_rehearsed(host: LabHost) -> None:
    host.applied({"web": WEB}, name="somebody-else")
    found = rehearse(host, {"web": RESERVED, "back": BACK})
    assert (found.code, found.would) == (3, "be refused")
    assert set(found.outcomes()) == {"back: define", "back: autostart on", "back: start"}
    assert {promise["network"] for promise in found.document["promises"]} == {"back"}


def test_a_network_that_cannot_be_copied_leaves_the_outcome_unknown(host: LabHost, tmp_path: Path) -> None:
    host.applied({"web": WEB, "back": BACK})
    exported = state(host, tmp_path)
    smuggled = '<dns><txt name="a" value="b&#10;conf-file=/x"/></dns></network>'
    for side in ("config_xml", "running_xml"):
        xml = exported["networks"]["web"][side]
        exported["networks"]["web"][side] = xml.replace("</network>", smuggled)
    found = from_state(host, tmp_path, exported, {"web": RESERVED, "back": MOVED})
    assert (found.code, found.would) == (1, "be unknown")
    assert found.document["copy"]["unseen_networks"] == ["web"]
    assert {step["network"] for step in found.document["acts"][0]["steps"]} == {"back"}


def test_dnsmasq_options_of_the_host_run_in_the_lab_only_if_they_are_permitted(
    host: LabHost, tmp_path: Path, nothing_allowed: str
) -> None:
    made = tmp_path / "made-by-dnsmasq"
    host.define(OPTIONS.format(file=made))
    with_option: Said = {"mode": "open", "bridge": "virbr-t", "ips": [{"address": "10.66.0.1/24"}]}
    with_option["dnsmasq_options"] = [f"log-facility={made}"]
    found = rehearse(host, {"t": with_option}, "--operator-policy", nothing_allowed)
    assert found.would == "work"
    assert any("log-facility" in said for said in found.document["copy"]["left_out"])
    assert not made.exists()
    found = rehearse(host, {"t": with_option}, "--allow-dnsmasq-options")
    assert found.would == "work"
    assert made.exists()


def test_a_promise_that_would_be_broken_is_told(host: LabHost) -> None:
    silent = {**WEB, "dnsmasq_options": ["port=0"]}
    found = rehearse(host, {"web": silent}, "--allow-dnsmasq-options")
    assert (found.code, found.would) == (2, "break a promise")
    broken = {promise["code"] for promise in found.document["promises"] if promise["outcome"] == "broken"}
    assert "dns" in broken


def test_the_machine_below_libvirt_is_copied_and_a_real_guest_is_stood_for(guests: GuestHost) -> None:
    before = guests.plugs()
    wanted = {**NETWORKS, "nat": {**NAT, "mtu": 1400}}
    found = rehearse(guests, wanted)
    assert found.would == "work"
    cut = found.cut()
    assert all(cut[name] for name in ("web", "straight"))
    assert guests.plugs() == before


def test_inside_a_lab_the_copy_has_the_links_and_routes_of_its_host(host: LabHost) -> None:
    """A subnet that the host's own NIC has can't be given to a network."""
    host.applied({"back": BACK})
    host.lab.run("ip", "address", "add", "10.63.0.9/24", "dev", "eth1", check=True)
    host.lab.run("ip", "link", "set", "eth1", "up", check=True)
    try:
        command = [sys.executable, "-m", "netreconcile", "rehearse", host.file({"back": MOVED})]
        ran = host.lab.run(*command, capture_output=True, cwd=ROOT)
        assert ran.returncode == 1, ran.stderr
        assert "Network is already in use by interface eth1" in ran.stdout
        assert "it would fail at apply" in ran.stdout
    finally:
        host.lab.run("ip", "address", "flush", "dev", "eth1", check=True)


def test_nothing_is_left_of_a_rehearsal_that_is_killed(host: LabHost) -> None:
    host.applied({"web": WEB, "back": BACK})
    command = [sys.executable, "-m", "netreconcile", "rehearse", "-c", host.uri, host.file({"web": RESERVED})]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, cwd=ROOT)
    assert process.stderr is not None
    assert any("apply" in line for line in process.stderr)
    labs = below(process.pid)
    assert labs
    process.kill()
    process.communicate()
    assert eventually(lambda: not any(Path(f"/proc/{pid}").exists() for pid in labs))
    assert host.drifted({"web": WEB, "back": BACK}) == ()


def below(pid: int) -> set[int]:
    """Return the processes that a process has started, and those that these have."""
    found: set[int] = set()
    waiting = [pid]
    while waiting:
        task = Path(f"/proc/{waiting.pop()}/task")
        children = [int(word) for each in task.glob("*/children") for word in each.read_text().split()]
        found.update(children)
        waiting += children
    return found


def test_what_the_readme_shows_is_what_is_told(host: LabHost, tmp_path: Path) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    topology = tmp_path / "readme.yaml"
    topology.write_text(readme.partition("```yaml\n")[2].partition("```")[0])
    before = yaml.safe_load(topology.read_text())["networks"]
    del before["backend"]["mtu"]
    del before["default"]["ips"][0]["dhcp"]["hosts"][1]
    host.applied(before, name="home-lab")
    exported = state(host, tmp_path)
    exported["networks"]["default"]["guests"] = [guest("web", 2)]
    exported["networks"]["backend"]["guests"] = [guest("db", 3)]
    file = tmp_path / "state.json"
    file.write_text(json.dumps(exported))
    ran = host.run("rehearse", "-c", "", "--state", str(file), str(topology))
    assert "[1/6] backend: define" in ran.err
    shown = readme.partition("```console\nrehearsed on a copy")[2].partition("```")[0]
    release = ".".join(map(str, host.release))
    assert without_seconds(ran.out.partition("rehearsed on a copy")[2]) == without_seconds(
        shown.replace("9.0.0", release)
    )


def without_seconds(text: str) -> list[str]:
    """Return the lines without times, which take more or less of a column, and without the number of promises."""
    return [
        " ".join(re.sub(r"\d+\.\d+ s|\d+ promises", "", line).split())
        for line in text.splitlines()
        if "not copied: the machine" not in line
    ]
