"""The commands on a real host: who may write, how they end, and what they leave alone."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

import netreconcile
from netreconcile.actions import Impact, Start, Step, Stop, Undefine
from netreconcile.errors import LibvirtFailed
from netreconcile.folder import folder_of
from netreconcile.host import connect
from netreconcile.lab import Lab
from tests.conftest import NOTHING

if TYPE_CHECKING:
    from tests.conftest import LabHost

pytestmark = pytest.mark.worlds(modular=True)

Said = dict[str, Any]
OPEN: Said = {"mode": "open", "bridge": "virbr-t", "ips": [{"address": "10.1.0.1/24"}]}
WIRE: Said = {"mode": "very-isolated", "bridge": "virbr-w"}
OPERATION_DENIED = 29
"""VIR_ERR_OPERATION_DENIED of libvirt's virterror.h."""
PACKAGE = Path(netreconcile.__file__).parents[1]
THEIRS = "<netreconcile:owner xmlns:netreconcile='urn:netreconcile:1' topology='somebody' desired='0'/>"
OTHERS = "<other:tag xmlns:other='urn:other' a='1'><other:b>&lt;c&gt;</other:b><!-- kept --></other:tag>"
FOREIGN = "<network><name>foreign</name><bridge name='virbr-f'/><ip address='10.9.0.1' prefix='24'/></network>"
UNREADABLE = """
<network><name>broken</name><forward mode='open'/><bridge name='virbr-b'/>
  <ip address='10.8.0.1' prefix='24'><dhcp><host mac='52:54:00:00:00:08' name='a&amp;b' ip='10.8.0.8'/></dhcp></ip>
</network>
"""
MODES = """
<network><name>nat</name><forward mode='nat'><nat><port start='5000' end='5999'/></nat></forward>
  <domain name='nat.test' localOnly='yes'/>
  <dns><forwarder domain='a.test'/><txt name='t' value='v w'/><srv service='ldap' protocol='tcp' target='x' port='1'/>
    <host ip='10.1.0.2'><hostname>a</hostname><hostname>b</hostname></host></dns>
  <ip address='10.1.0.1' netmask='255.255.255.0'><dhcp><range start='10.1.0.2' end='10.1.0.9'/>
    <host mac='52:54:00:00:00:0A' name='h' ip='10.1.0.3'><lease expiry='1' unit='hours'/></host></dhcp></ip>
  <ip family='ipv6' address='fd01::1' prefix='64'/></network>
<network><name>route</name><forward dev='eth1' mode='route'/><ip address='10.2.0.1' prefix='24'/>
  <route address='10.64.0.0' prefix='16' gateway='10.2.0.9' metric='7'/></network>
<network><name>open</name><forward mode='open'/><mtu size='1400'/><ip address='10.3.0.1'/></network>
<network><name>isolated</name><bridge stp='off' delay='3'/><ip address='10.4.0.1' prefix='24'/></network>
<network ipv6='yes' trustGuestRxFilters='yes'><name>very-isolated</name><port isolated='yes'/></network>
<network><name>bridge</name><forward mode='bridge'/><bridge name='br0'/><virtualport type='openvswitch'/>
  <portgroup name='p' default='yes'><vlan trunk='yes'><tag id='5' nativeMode='tagged'/><tag id='6'/></vlan></portgroup>
</network>
<network><name>macvtap</name><forward mode='bridge'><interface dev='eth1'/><interface dev='eth2'/></forward></network>
<network><name>private</name><forward mode='private' dev='eth1'/></network>
<network><name>vepa</name><forward mode='vepa'><interface dev='eth1'/></forward>
  <virtualport type='802.1Qbg'><parameters managerid='1' typeid='2' typeidversion='3'/></virtualport></network>
<network><name>passthrough</name><forward mode='passthrough'><interface dev='eth3'/></forward></network>
<network xmlns:dnsmasq='http://libvirt.org/schemas/network/dnsmasq/1.0'><name>options</name><forward mode='open'/>
  <ip address='10.5.0.1' prefix='24'/>
  <dnsmasq:options><dnsmasq:option value='cache-size=0'/></dnsmasq:options></network>
"""


def program(host: LabHost, *arguments: str, uri: str = "") -> subprocess.CompletedProcess[str]:
    """Run the command as users do, with the connection from the environment."""
    environment = {**os.environ, "LIBVIRT_DEFAULT_URI": uri or host.uri, "PYTHONPATH": str(PACKAGE)}
    command = [sys.executable, "-B", "-W", "error", "-m", "netreconcile", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


def each(xml: str) -> list[str]:
    """Return the networks in a text one by one."""
    return re.findall(r"<network\b.*?</network>", xml, re.DOTALL)


# -- reading


@pytest.mark.parametrize("command", ["plan", "drift", "show", "import"])
@pytest.mark.parametrize("output", ["text", "json"])
def test_reading_commands_cannot_write(host: LabHost, command: str, output: str) -> None:
    host.applied({"t": OPEN, "w": WIRE})
    host.network("t").destroy()
    host.define(FOREIGN)
    host.define(UNREADABLE)
    file = (
        []
        if command in ("show", "import")
        else [host.file({"t": {**OPEN, "mtu": 1400}, "new": {"mode": "nat"} | {"ips": [{"address": "10.7.0.1/24"}]}})]
    )
    host.forget_calls()
    host.run(command, *file, *([] if command == "import" else ["-o", output]))
    assert host.writes() == []
    opened = re.findall(r" virConnectOpenAuth:\d+ : .* flags=(\w+)", host.log())
    assert set(opened) == {"0x1"}, "libvirt itself refuses to write for a connection that is read-only (VIR_CONNECT_RO)"


def test_a_read_only_connection_refuses_every_step(host: LabHost) -> None:
    host.applied({"t": OPEN})
    before = host.snapshot("t")
    with connect(host.uri, readonly=True) as connection:
        for action in (Stop(), Undefine(), Start()):
            with pytest.raises(LibvirtFailed) as caught:
                connection.perform(Step("t", action, Impact.NONE))
            assert caught.value.code == OPERATION_DENIED
    assert host.snapshot("t") == before


def test_drift_is_silent_when_clean(host: LabHost) -> None:
    host.applied({"t": OPEN})
    ran = program(host, "drift", host.file({"t": OPEN}))
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")


def test_show_tells_what_the_host_has(host: LabHost) -> None:
    host.applied({"t": OPEN})
    host.define(FOREIGN)
    host.define(UNREADABLE)
    rows = {line.split()[0]: line.split()[1:] for line in host.run("show").out.splitlines()}
    assert rows["t"] == ["open", "active", "yes", "tests", "virbr-t", "10.1.0.1/24", "0", "0"]
    assert rows["foreign"] == ["isolated", "inactive", "no", "-", "virbr-f", "10.9.0.1/24", "0", "0"]
    assert rows["broken"][:2] == ["unreadable", "inactive"]
    found = {item["name"]: item for item in host.run("show", "-o", "json").json["networks"]}
    assert found["t"]["owner"] == "tests"
    assert found["foreign"]["owner"] is None
    assert found["broken"]["trouble"]


# -- how commands end


def test_exit_codes(host: LabHost, tmp_path: Path) -> None:
    file, other = host.file({"t": OPEN}), host.file({"t": OPEN}, name="other", file="other.yaml")
    wrong = host.file({"t": {**OPEN, "mdoe": "nat"}}, file="wrong.yaml")
    failing = host.file({"t": {**OPEN, "dnsmasq_options": ["no-such-option"]}}, file="failing.yaml")
    saved = str(tmp_path / "plan.json")
    for arguments, code in (
        (("drift", file), 2),
        (("plan", file), 0),
        (("plan", file, "--exit-code"), 2),
        (("history",), 0),
        (("confirm",), 1),
        (("rollback",), 0),
        (("apply", failing, "--allow-dnsmasq-options"), 4),
        (("apply", failing, "--allow-dnsmasq-options", "--on-error", "keep-going"), 1),
        (("apply", file, "--expect", "0" * 20), 3),
        (("plan", file, "--out", saved), 0),
        (("apply", saved), 0),
        (("apply", saved), 3),
        (("rollback", "9"), 64),
        (("rollback",), 0),
        (("apply", file), 3),
        (("apply", file, "--again"), 0),
        (("plan", file, "--exit-code"), 0),
        (("drift", file), 0),
        (("apply", other), 3),
        (("plan", other, "--exit-code"), 2),
        (("drift", other), 2),
        (("apply",), 64),
        (("apply", file, "--no-such-flag"), 64),
        (("import", "no-such-network"), 64),
        (("show", "9"), 64),
        (("plan", file, "--out", "plan.yaml"), 64),
        (("apply", wrong), 65),
        (("drift", wrong), 65),
        (("apply", str(tmp_path / "missing.yaml")), 65),
        (("show", "-c", "network+unix:///system?socket=/nowhere"), 69),
        (("destroy", file), 0),
        (("destroy", file), 0),
    ):
        ran = host.run(*arguments)
        assert ran.code == code, (arguments, ran)
        assert "This is a bug" not in ran.err
        assert ran.out or ran.err or arguments[0] == "drift"


@pytest.mark.parametrize("command", ["apply", "destroy", "rollback"])
def test_only_one_run_changes_a_host(host: LabHost, command: str) -> None:
    file = [] if command == "rollback" else [host.file({"t": OPEN})]
    host.forget_calls()
    with folder_of(host.uri).locked(0, "netreconcile apply", lambda _: None):
        ran = host.run(command, *file)
    assert ran.code == 75
    assert "another run changes this host: netreconcile apply, process" in ran.err
    assert host.writes() == []
    assert host.run(command, *file, "--lock-timeout", "60").code == 0


def test_the_program_ends_as_its_command(host: LabHost) -> None:
    file = host.file({"t": OPEN})
    for arguments, code in ((("drift", file), 2), (("apply", file), 0), (("apply", "--no-such-flag"), 64)):
        ran = program(host, *arguments)
        assert (ran.returncode, "Traceback" in ran.stderr) == (code, False), ran


@pytest.mark.parametrize("command", ["apply", "plan", "drift", "destroy", "show", "import"])
def test_an_unreachable_daemon_comes_with_the_virsh_line(host: LabHost, command: str) -> None:
    file = [] if command in ("show", "import") else [host.file({"t": OPEN})]
    uri = "network+unix:///system?socket=/no where/libvirt-sock"
    ran = program(host, command, *file, uri=uri)
    assert (ran.returncode, ran.stdout) == (69, "")
    readonly = "" if command in ("apply", "destroy") else " --readonly"
    assert f"virsh{readonly} -c '{uri}' net-list" in ran.stderr
    assert "/no where/libvirt-sock" in ran.stderr


def test_a_failed_step_is_the_end_and_everything_is_as_before(host: LabHost) -> None:
    bad = {**OPEN, "ips": [{"address": "10.1.0.1/24", "tftp": "/run/tftp"}]}
    host.applied({"w": WIRE})
    before = host.snapshot("w")
    ran = host.apply({"bad": bad, "w": {**WIRE, "mtu": 1400}}, "--allow-tftp-root")
    assert ran.code == 4
    assert "failed: bad: start: " in ran.err
    assert ran.err.endswith("failed, and rolled back: the host is as it was before (entry 2)\n")
    assert host.names() == {"w"}
    assert host.snapshot("w") == before
    report = host.apply({"bad": bad, "w": WIRE}, "--allow-tftp-root", "-o", "json")
    assert report.code == 4
    back = report.plan["rolled_back"]
    assert (back["everything"], back["complete"], back["remaining"]) == (True, True, [])
    assert back["why"].startswith("bad: start: ")
    assert {step["network"] for step in back["steps"]} == {"bad"}
    assert host.snapshot("w") == before


def test_with_keep_going_a_failed_step_stops_only_its_network_and_takes_it_back(host: LabHost) -> None:
    bad = {**OPEN, "ips": [{"address": "10.1.0.1/24", "tftp": "/run/tftp"}]}
    networks = {"bad": {**bad, "autostart": False}, "good": WIRE}
    going = ("--allow-tftp-root", "--on-error", "keep-going")
    ran = host.apply(networks, *going)
    assert ran.code == 1
    assert "failed: bad: start: " in ran.err
    assert "taken back: 1 step" in ran.err
    assert "bad: missing" in ran.err
    assert "4 steps done, 1 failed; the host does not match the file" in ran.err
    assert host.names() == {"good"}
    assert host.network("good").isActive()

    report = host.apply(networks, *going, "-o", "json").plan
    assert report["verified"] is False
    assert [(step["network"], step["outcome"]) for step in report["steps"]] == [("bad", "done"), ("bad", "failed")]
    assert report["steps"][1]["message"]
    assert [part["name"] for part in report["remaining"]] == ["bad"]
    assert (report["rolled_back"]["everything"], report["rolled_back"]["complete"]) == (False, True)

    host.lab.run("mkdir", "/run/tftp", check=True)
    host.applied(networks, "--allow-tftp-root")
    assert host.drifted(networks) == ()
    host.lab.run("rmdir", "/run/tftp", check=True)


def test_after_a_failed_step_the_rest_of_the_network_is_skipped(host: LabHost) -> None:
    host.define(FOREIGN.replace("virbr-f", "virbr-t"))
    host.applied({"t": {**OPEN, "bridge": "virbr-u"}})
    host.network("foreign").undefine()
    function = {"mode": "hostdev", "forward": {"addresses": ["0000:03:10.0"]}}
    ran = host.apply({"t": OPEN, "u": function}, "--on-error", "keep-going")
    assert ran.code == 1
    assert "failed: u: define: " in ran.err
    assert "skipped: u: start, because an earlier step of this network failed" in ran.err
    assert host.running("t").bridge.name == "virbr-t"
    assert host.names() == {"t"}


# -- what was done


def test_what_was_done_is_listed_shown_and_taken_back(host: LabHost) -> None:
    host.applied({"t": OPEN})
    before = host.snapshot("t")
    host.applied({"t": {**OPEN, "mtu": 1400}, "w": WIRE})
    rows = [line.split() for line in host.run("history").out.splitlines()]
    assert [row[0] for row in rows] == ["entry", "2", "1"]
    assert {"apply", "applied", "restart"} <= set(rows[1])
    found = host.run("history", "-o", "json").history["entries"]
    assert [(entry["entry"], entry["status"], entry["networks"]) for entry in found] == [
        (2, "applied", ["t", "w"]),
        (1, "applied", ["t"]),
    ]
    entry = host.run("show", "2", "-o", "json").history
    assert entry["before"]["t"]["config_xml"] == before[1]
    assert entry["before"]["w"] is None
    assert [step["step"] for step in entry["steps"]] == [
        f"{step['network']}: {step['sentence']}" for step in entry["plan"]["steps"]
    ]
    assert "w: start: done" in host.run("show", "2").out

    assert host.run("rollback").code == 0
    assert host.names() == {"t"}
    assert host.snapshot("t") == before
    statuses = [entry["status"] for entry in host.run("history", "-o", "json").history["entries"]]
    assert statuses == ["applied", "undone", "applied"]


def test_history_and_confirm_need_no_libvirt(host: LabHost) -> None:
    host.applied({"t": OPEN})
    host.forget_calls()
    assert host.run("history").code == 0
    assert host.run("show", "1").code == 0
    assert host.run("confirm").code == 1
    assert "virConnectOpen" not in host.log()


# -- whose network it is


def test_a_network_of_another_topology_is_left_alone_unless_taken_over(host: LabHost) -> None:
    host.applied({"t": OPEN}, name="first")
    before, device = host.snapshot("t"), host.interface("virbr-t")
    ran = host.apply({"t": OPEN}, name="second")
    assert ran.code == 3
    assert "it belongs to topology 'first'; --take-over makes it this one's" in ran.out
    assert host.snapshot("t") == before
    host.applied({"t": OPEN}, "--take-over", name="second")
    assert host.interface("virbr-t") == device
    assert host.drifted({"t": OPEN}, name="second") == ()
    assert host.apply({"t": OPEN}, name="first").code == 3
    assert host.apply(NOTHING, name="first").code == 0
    assert host.interface("virbr-t") == device


def test_nothing_foreign_is_written(host: LabHost) -> None:
    host.define(FOREIGN, start=True)
    host.define(f"<network><name>theirs</name><metadata>{THEIRS}</metadata></network>")
    host.connection.networkCreateXML("<network><name>passing</name></network>")
    before = {name: host.snapshot(name) for name in host.names()}
    for networks in ({"t": OPEN}, {"t": {**OPEN, "mtu": 1400}}, NOTHING, {"t": WIRE}):
        host.applied(networks)
    host.run("destroy", host.file({}))
    assert {name: host.snapshot(name) for name in before} == before
    assert host.names() == before.keys()


def test_destroy_removes_exactly_what_the_topology_owns(host: LabHost) -> None:
    host.applied({"t": OPEN, "w": {**WIRE, "state": "inactive"}, "gone": {"mode": "bridge", "bridge": "br0"}})
    host.network("gone").undefine()  # transient now
    host.define(FOREIGN, start=True)
    host.applied({"x": {"mode": "very-isolated"}}, name="somebody")
    before = {name: host.snapshot(name) for name in ("foreign", "x")}
    ran = host.run("destroy", host.file({"foreign": {"mode": "very-isolated"}}))
    assert ran.code == 0, ran
    assert host.names() == {"foreign", "x"}
    assert {name: host.snapshot(name) for name in before} == before
    assert "nothing to do" in host.run("destroy", host.file({})).err


def test_destroy_spares_what_is_protected(host: LabHost) -> None:
    host.applied({"t": {**OPEN, "protect": True}, "w": WIRE})
    device = host.interface("virbr-t")
    ran = host.run("destroy", host.file({}))
    assert ran.code == 3
    assert "t: refuse" in ran.out
    assert "protected" in ran.out
    assert (host.names(), host.interface("virbr-t")) == ({"t"}, device)


def test_what_others_put_into_the_metadata_survives(host: LabHost) -> None:
    xml = FOREIGN.replace("</name>", f"</name><metadata>{OTHERS}</metadata>").replace("foreign", "t")
    host.define(xml)
    (kept,) = re.findall(r"<other:tag.*?</other:tag>", host.config_xml("t"), re.DOTALL)
    said: Said = {"mode": "isolated", "ips": [{"address": "10.9.0.1/24"}]}
    for change in ({"state": "inactive"}, {}, {"mtu": 1400}, {"portgroups": [{"name": "p"}]}, {"mode": "open"}):
        host.applied({"t": {**said, **change}})
        assert kept in host.config_xml("t")
    host.applied({"t": {**said, "uuid": "a1f0c5c8-3ab7-4f6e-8f0f-7d3c3a6c7f01"}})
    assert kept in host.config_xml("t")
    host.applied({"t": said}, "--take-over", name="second")
    assert kept in host.config_xml("t")


def test_a_transient_network_is_adopted_without_a_stop(host: LabHost) -> None:
    host.connection.networkCreateXML(FOREIGN)
    device = host.interface("virbr-f")
    said = {"foreign": {"mode": "isolated", "bridge": "virbr-f", "ips": [{"address": "10.9.0.1/24"}]}}
    assert host.causes(said, "foreign") == {"": "transient"}
    host.applied(said)
    assert host.network("foreign").isPersistent()
    assert host.network("foreign").autostart()
    assert host.interface("virbr-f") == device
    assert host.drifted(said) == ()


def test_an_unreadable_network_spoils_only_itself(host: LabHost) -> None:
    """The name of a DHCP host is written unescaped: what libvirt prints is no XML, and it can't start that itself."""
    host.define(UNREADABLE)
    host.applied({"t": OPEN})
    assert host.drifted({"t": OPEN}) == ()
    ran = host.apply({"t": {**OPEN, "mtu": 1400}, "broken": WIRE})
    assert ran.code == 3
    assert "! broken: refuse" in ran.out
    assert host.running("t").mtu == 1400
    ran = host.run("import")
    assert "broken is left out: " in ran.err
    assert list(yaml.safe_load(ran.out)["networks"]) == ["t"]
    assert host.run("import", "broken").code == 1
    assert host.run("destroy", host.file({})).code == 0
    assert host.names() == {"broken"}


# -- import


def test_import_of_every_mode_proves_itself(host: LabHost, tmp_path: Path) -> None:
    for xml in each(MODES):
        host.define(xml, start=True)
    host.define("<network><name>hostdev</name><forward mode='hostdev'><pf dev='eth4'/></forward></network>")
    host.network("open").setAutostart(1)
    before = {name: host.snapshot(name) for name in host.names()}
    devices = {name: host.interface(host.config(name).bridge.name or "lo") for name in host.names()}

    ran = host.run("import")
    assert ran.code == 0, ran
    file = tmp_path / "imported.yaml"
    file.write_text(ran.out)
    assert host.run("drift", str(file)).code == 0
    validated = program(host, "validate", str(file))
    assert validated.returncode == 0, validated.stderr
    plan = host.run("plan", str(file), "-o", "json").plan
    assert {part["verb"] for part in plan["networks"]} == {"adopt"}
    assert (plan["impact"], plan["in_sync"]) == ("none", True)

    host.forget_calls()
    assert host.run("apply", str(file)).code == 0
    assert set(host.writes()) <= {"virNetworkDefineXMLFlags", "virNetworkDefineXML"}
    assert {name: host.interface(host.config(name).bridge.name or "lo") for name in host.names()} == devices
    for name, (uuid, config, running, autostart) in before.items():
        after = host.snapshot(name)
        assert (after[0], after[2], after[3]) == (uuid, running, autostart)
        assert re.sub(r" *<metadata>.*?</metadata>\n", "", str(after[1]), flags=re.DOTALL) == config
    assert program(host, "drift", str(file)).stdout == ""
    assert "nothing to do" in host.run("apply", str(file)).err


def test_import_of_some_networks_names_the_topology(host: LabHost) -> None:
    host.applied({"t": OPEN, "w": WIRE})
    ran = host.run("import", "t", "--name", "other")
    assert ran.code == 0
    assert yaml.safe_load(ran.out)["name"] == "other"
    assert list(yaml.safe_load(ran.out)["networks"]) == ["t"]
    assert yaml.safe_load(host.run("import").out)["name"] == "tests"


@pytest.mark.parametrize("name", ["a b", "ü", "it's", "a&b", "a<b", "autostart", "..", "-c", "0", "yes"])
def test_names_that_libvirt_takes(host: LabHost, tmp_path: Path, name: str) -> None:
    networks = {name: WIRE, "other": OPEN}
    host.applied(networks)
    assert host.names() == {name, "other"}
    assert host.drifted(networks) == ()
    file = tmp_path / "imported.yaml"
    file.write_text(host.run("import").out)
    assert "nothing to do" in host.run("apply", str(file)).err
    host.applied({"other": OPEN})
    assert host.names() == {"other"}


def test_a_restart_of_the_daemon_is_no_drift(tmp_path: Path, host: LabHost) -> None:
    networks = {"t": OPEN, "w": WIRE, "n": {"mode": "nat", "ips": [{"address": "10.3.0.1/24"}]}}
    with Lab(log=True) as lab:
        there = type(host)(lab, tmp_path)
        there.applied(networks)
        there.connection.close()
        kill = (
            f"pid=$(cat /run/lab/{lab.running.setup.kind}.pid); kill $pid; while kill -0 $pid 2>/dev/null; do :; done"
        )
        lab.run("timeout", "30", "sh", "-c", kill, check=True)
        there.reconnect()
        assert there.drifted(networks) == ()
        there.forget_calls()
        assert "nothing to do" in there.applied(networks).err
        assert there.writes() == []
        there.connection.close()
