"""Damage below libvirt, done by hand on a running host: it is found, priced, and repaired at the least cost."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import InitVar, dataclass, field
from pathlib import Path
from subprocess import PIPE
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from netreconcile.lab import Lab
from tests.conftest import Ran, schema
from tests.real.rules import FLUSH_RULES, FROM, has_own_table, no_rules
from tests.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.guesthost import GuestHost

pytestmark = [pytest.mark.lab, pytest.mark.worlds(modular=True)]

ROOT = str(Path(__file__).parents[2])
COMMANDS = """
import contextlib, io, json, sys
from netreconcile.cli import main
for line in sys.stdin:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(json.loads(line))
    print(json.dumps([code, out.getvalue(), err.getvalue()]), flush=True)
"""
"""Runs a command line of netreconcile for each line of its input, on the host itself."""
DHCP = {"ranges": ["10.60.0.100-10.60.0.199"]}
NETWORKS: dict[str, Any] = {
    "nat": {
        "mode": "nat",
        "bridge": {"name": "b-nat", "stp": True},
        "mtu": 1400,
        "ips": [{"address": "10.60.0.1/24", "dhcp": DHCP}, {"address": "fd60::1/64"}],
        "forward": {"nat": {"ipv6": True}},
    },
    "route": {
        "mode": "route",
        "bridge": {"name": "b-route"},
        "ips": [{"address": "10.61.0.1/24"}],
        "routes": [{"to": "10.69.0.0/16", "via": "10.61.0.2"}],
    },
    "iso": {"mode": "isolated", "bridge": {"name": "b-iso"}, "ips": [{"address": "10.62.0.1/24"}]},
    "wire": {"mode": "very-isolated", "bridge": {"name": "b-wire"}},
    "lan": {"mode": "bridge", "bridge": "br0"},
}


@dataclass
class Host:
    """A lab that is looked at from inside, as an operator's machine is."""

    lab: Lab
    file: str
    running: InitVar[subprocess.Popen[str] | None] = None
    commands: subprocess.Popen[str] = field(init=False)

    def __post_init__(self, running: subprocess.Popen[str] | None) -> None:
        if running:
            self.commands = running
            return
        package = {"PYTHONPATH": ROOT}
        environment = {**self.lab.running.environment(os.environ), **package}
        command = self.lab.running.command(sys.executable, "-c", COMMANDS)
        self.commands = subprocess.Popen(command, env=environment, stdin=PIPE, stdout=PIPE, text=True)

    def run(self, *arguments: str) -> Ran:
        """Run a command for the topology."""
        return self.ask(*arguments, self.file)

    def ask(self, *arguments: str) -> Ran:
        """Run a command."""
        assert self.commands.stdin
        assert self.commands.stdout
        self.commands.stdin.write(json.dumps(arguments) + "\n")
        self.commands.stdin.flush()
        code, out, err = json.loads(self.commands.stdout.readline())
        return Ran(code, out, err)

    def shell(self, commands: str) -> str:
        """Run commands, each of which works."""
        return str(self.lab.run("sh", "-ec", commands, check=True, capture_output=True, text=True).stdout)

    def network(self, name: str) -> Any:
        """Return libvirt's own handle of a network."""
        import libvirt

        return libvirt.open(self.lab.uri).networkLookupByName(name)

    def found(self) -> dict[str, str]:
        """Return what `drift` finds below libvirt, each with its price."""
        ran = self.run("drift", "-o", "json")
        document = ran.plan
        assert ran.code == (0 if document["in_sync"] else 2)
        assert document["below_unknown"] is None
        return {_key(finding): "by hand" if finding["by_hand"] else finding["impact"] for finding in document["below"]}

    def repaired(self, *arguments: str) -> Any:
        """Return what `repair` tells of its work; afterwards nothing is wrong."""
        ran = self.run("repair", "-o", "json", *arguments)
        assert ran.code == 0, f"{ran.out}\n{ran.err}"
        document = ran.json
        schema("plan").validate(document)
        assert document.get("left", []) == []
        assert {finding["outcome"] for finding in document["below"]} <= {"mended"}
        assert self.found() == {}
        return document

    def numbers(self) -> dict[str, int]:
        """Return the numbers of the bridges: one that was made anew has another."""
        return {link["ifname"]: link["ifindex"] for link in json.loads(self.shell("ip -j link show type bridge"))}


def _key(finding: dict[str, Any]) -> str:
    return " ".join(part for part in (finding["network"], finding["code"], finding["subject"]) if part)


def written(path: Path, networks: dict[str, Any] = NETWORKS, **policy: Any) -> str:
    """Return the file with the networks."""
    topology = {"version": 1, "name": "below", "policy": policy, "networks": networks}
    path.write_text(yaml.safe_dump(topology))
    return str(path)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The networks as a file."""
    return written(tmp_path_factory.mktemp("below") / "topology.yaml")


def started(file: str, root: str) -> Iterator[Host]:
    """A host with the networks running."""
    with Lab(scenery=True, root=root) as lab:
        host = Host(lab, file)
        with host.commands:
            assert host.run("apply").code == 0
            yield host
            assert host.commands.stdin
            host.commands.stdin.close()


@pytest.fixture(scope="module")
def host(file: str, libvirt_root: str) -> Iterator[Host]:
    """The host of all tests that leave it as it was."""
    yield from started(file, libvirt_root)


def test_a_host_on_which_nothing_is_wrong_is_told_in_no_word(host: Host) -> None:
    assert host.run("drift") == Ran(0, "", "")
    assert host.run("drift") == Ran(0, "", "")
    status = host.run("status", "-o", "json")
    schema("status").validate(status.json)
    assert (status.code, status.json["in_order"], status.json["below_unknown"]) == (0, True, None)
    repaired = host.run("repair")
    assert (repaired.code, repaired.out) == (0, "")


LOADED = """
import json, sys
from netreconcile.cli import main
print(json.dumps([main(["drift", sys.argv[1]]), "pydantic" in sys.modules, "netreconcile.kernel.read" in sys.modules]))
"""


def test_a_second_look_at_what_agreed_reads_little_and_sees_every_change(host: Host) -> None:
    def looked() -> Any:
        ran = host.lab.run(
            *(sys.executable, "-c", LOADED, host.file),
            env={**os.environ, "PYTHONPATH": ROOT},
            capture_output=True,
            text=True,
        )
        return json.loads(ran.stdout.splitlines()[-1])

    assert host.run("drift").code == 0
    assert looked() == [0, False, False]
    host.shell("ip link set b-iso mtu 1300")
    assert looked() == [2, True, True]
    host.shell("ip link set b-iso mtu 1500")
    assert host.run("drift").code == 0


def test_since_when_something_is_wrong_is_told_as_far_as_it_is_known(host: Host) -> None:
    assert host.run("drift").code == 0
    host.shell("ip link set b-iso down")
    first = host.run("drift")
    assert re.search("^    first seen at 20.*; all was well at 20", first.out, re.MULTILINE)
    assert "Known to be wrong below libvirt since: iso (bridge.up) 20" in first.err
    assert host.run("drift").out == first.out, "whoever compares the differences of two looks sees none"
    (finding,) = host.run("drift", "-o", "json").plan["below"]
    assert "    first seen at 20" in host.run("status").out
    host.repaired()
    assert host.run("drift").code == 0
    host.shell("ip link set b-iso down")
    (again,) = host.run("drift", "-o", "json").plan["below"]
    assert again["first_seen"] > finding["first_seen"] > finding["well"]
    assert again["well"] >= finding["well"]
    host.repaired()


def test_the_doctor_sees_what_is_in_the_way_and_its_fixes_help(file: str) -> None:
    with Lab(scenery=True) as lab:
        host = Host(lab, file)
        with host.commands:
            ran = host.run("doctor")
            assert ran.code == 0, ran.out
            assert {line[:6] for line in ran.out.splitlines()} == {"ok    "}
            lab.run("sh", "-ec", IN_THE_WAY, check=True)
            ran = host.run("doctor", "-o", "json")
            document = ran.json
            schema("doctor").validate(document)
            wrong = {check["code"]: check["remedy"] for check in document["checks"] if check["mark"] == "FAIL"}
            assert (ran.code, document["fine"]) == (1, False)
            assert wrong.keys() == {"host-device", "subnet-collides", "dns-port"}
            assert wrong["host-device"] == "sudo ip link set br0 up"
            host.shell(f"{wrong['host-device'].removeprefix('sudo ')}; kill $(cat /run/other-dns.pid)")
            host.shell("ip address delete 10.60.0.77/25 dev br0")
            assert eventually(lambda: host.run("doctor").code == 0)
            assert host.run("apply").code == 0
            assert host.run("doctor").code == 0, "what libvirt has made isn't in its own way"
            assert host.commands.stdin
            host.commands.stdin.close()


IN_THE_WAY = """\
ip address add 10.60.0.77/25 dev br0
ip link set br0 down
dnsmasq --conf-file=/dev/null --port=53 --pid-file=/run/other-dns.pid
"""


@dataclass(frozen=True)
class Damage:
    """Commands that break something, what is found then with its price, and what `repair` does about it."""

    commands: str
    found: dict[str, str]
    repair: tuple[str, ...]


NO_V4 = {f"{name} forwarding4": "live" for name in ("nat", "route")}
DAMAGES = {
    "bridge down": Damage(
        "ip link set b-nat down",
        {"nat bridge.up": "live", "nat bridge.address fd60::1": "live"},
        ("ip link set b-nat up", "ip address add fd60::1/64 dev b-nat"),
    ),
    "address removed": Damage(
        "ip address delete 10.62.0.1/24 dev b-iso",
        {"iso bridge.address 10.62.0.1": "live"},
        ("ip address add 10.62.0.1/24 broadcast + dev b-iso",),
    ),
    "IPv6 off": Damage(
        "sysctl -qw net.ipv6.conf.b-nat.disable_ipv6=1",
        {"nat bridge.address fd60::1": "live"},
        ("sysctl -w net/ipv6/conf/b-nat/disable_ipv6=0", "ip address add fd60::1/64 dev b-nat"),
    ),
    "address where none may be": Damage(
        "ip address add 10.99.0.1/24 dev b-wire",
        {"wire bridge.address": "live"},
        ("ip address delete 10.99.0.1/24 dev b-wire",),
    ),
    "MTU": Damage("ip link set b-nat mtu 1280", {"nat bridge.mtu": "live"}, ("ip link set b-nat mtu 1400",)),
    "STP": Damage(
        "ip link set b-nat type bridge stp_state 0",
        {"nat bridge.stp": "live"},
        ("ip link set b-nat type bridge stp_state 1",),
    ),
    "route removed": Damage(
        "ip route delete 10.69.0.0/16",
        {"route bridge.route 10.69.0.0/16": "live"},
        ("ip route replace 10.69.0.0/16 via 10.61.0.2 dev b-route metric 1",),
    ),
    "forwarding off": Damage("sysctl -qw net.ipv4.ip_forward=0", NO_V4, ("sysctl -w net/ipv4/ip_forward=1",)),
    "rules of one network": Damage(
        no_rules(f"{FROM} .?b-wire.*reject"),
        {"wire firewall IPv4": "live"},
        ("let libvirt make the network's rules again",),
    ),
    "dnsmasq killed": Damage(
        "pid=$(cat /run/libvirt/network/nat.pid); kill -9 $pid; while [ -s /proc/$pid/cmdline ]; do :; done",
        {"nat dnsmasq": "live"},
        ("let libvirt start the network's dnsmasq again",),
    ),
    "dnsmasq's file edited": Damage(
        "echo port=0 >> /var/lib/libvirt/dnsmasq/nat.conf",
        {"nat dnsmasq.conf": "live"},
        ("let libvirt write the file of the network's dnsmasq, and start it anew",),
    ),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_damage_is_found_priced_and_repaired_without_a_restart(host: Host, name: str) -> None:
    damage, bridges = DAMAGES[name], host.numbers()
    host.shell(damage.commands)
    assert host.found() == damage.found
    document = host.repaired()
    assert {_key(finding) for finding in document["below"]} == damage.found.keys()
    assert tuple(dict.fromkeys(each for finding in document["below"] for each in finding["repair"])) == damage.repair
    assert document["steps"] == []
    assert host.numbers() == bridges


def test_what_libvirt_changes_itself_in_a_running_network_is_no_damage(host: Host, tmp_path: Path) -> None:
    dns = {"txt": [{"name": "a", "value": "b"}], "hosts": [{"ip": "10.60.0.9", "hostnames": ["nine"]}]}
    networks = {**NETWORKS, "nat": {**NETWORKS["nat"], "dns": dns}}
    changed = written(tmp_path / "changed.yaml", networks)
    other = Host(host.lab, changed)
    with other.commands:
        assert other.run("apply", "--max-impact", "live").code == 0
        assert other.found() == {}
        other.shell("kill -HUP $(pgrep -x 'libvirtd|virtnetworkd')")
        assert other.found() == {}
        assert other.commands.stdin
        other.commands.stdin.close()
    assert host.run("apply", "--max-impact", "live").code == 0


def test_a_deleted_bridge_comes_back_by_a_restart_of_its_network_alone(host: Host) -> None:
    bridges = host.numbers()
    host.shell("ip link delete b-nat; kill $(cat /run/libvirt/network/nat.pid)")
    assert host.found()["nat bridge"] == "restart"
    told = host.run("drift")
    assert told.code == 2
    assert all(": below libvirt: " in line for line in told.out.splitlines() if not line.startswith(" "))
    assert host.run("status").out.splitlines()[-1] == "5 networks, 1 not in order: nat"
    document = host.repaired()
    assert [(step["network"], step["sentence"]) for step in document["steps"]] == [
        ("nat", "stop"),
        ("nat", "start"),
    ]
    assert {name for name, number in host.numbers().items() if bridges[name] != number} == {"b-nat"}


def test_a_bridge_made_again_by_hand_gets_rules_where_they_went_with_the_old_one(host: Host) -> None:
    numbers, (link,) = host.numbers(), json.loads(host.shell("ip -j link show b-iso"))
    host.shell(
        f"ip link delete b-iso; ip link add b-iso address {link['address']} type bridge stp_state 1;"
        "ip address add 10.62.0.1/24 broadcast + dev b-iso; ip link set b-iso up"
    )
    # nftables' rules name bridges by number (network_nftables.c), those of iptables by name.
    assert host.found() == ({"iso firewall IPv4": "live"} if has_own_table(host.lab) else {})
    assert host.repaired()["steps"] == []
    assert host.numbers()["b-iso"] > numbers["b-iso"]


def test_what_libvirt_knows_itself_is_repaired_too(host: Host) -> None:
    import libvirt

    record = "<host ip='10.62.0.9'><hostname>stranger</hostname></host>"
    host.network("iso").update(libvirt.VIR_NETWORK_UPDATE_COMMAND_ADD_LAST, 10, -1, record, 1)
    host.network("wire").setAutostart(0)
    host.network("route").destroy()
    assert host.found() == {}
    assert host.run("drift").code == 2
    steps = host.repaired()["steps"]
    assert sorted((step["network"], step["sentence"]) for step in steps) == [
        ("iso", "delete dns-host 10.62.0.9"),
        ("route", "start"),
        ("wire", "autostart on"),
    ]


def test_what_the_file_says_anew_is_left_to_apply(host: Host, tmp_path: Path) -> None:
    changed = written(tmp_path / "changed.yaml", {**NETWORKS, "wire": {**NETWORKS["wire"], "mtu": 1300}})
    host.shell("ip link set b-wire down")
    other = Host(host.lab, changed)
    with other.commands:
        ran = other.run("repair")
        assert other.commands.stdin
        other.commands.stdin.close()
    assert ran.code == 3
    assert "the file says something else than what was applied here" in ran.out
    assert host.run("drift").code == 0


def test_a_bridge_of_the_hosts_own_is_not_risked(host: Host, tmp_path: Path) -> None:
    """A start that finds the name taken fails, and libvirt from 11 on deletes that bridge for it."""
    host.shell("ip link add own type bridge; ip link set own up")
    try:
        file = tmp_path / "risky.yaml"
        risky = {"mode": "nat", "bridge": "own", "ips": [{"address": "10.69.0.1/24"}]}
        fine = {"mode": "very-isolated", "bridge": "b-fine"}
        file.write_text(yaml.safe_dump({"version": 1, "name": "risky", "networks": {"risky": risky, "fine": fine}}))
        ran = host.ask("apply", str(file))
        assert (ran.code, "the host has a device own that is no network's" in ran.out) == (3, True), ran
        assert {"own", "b-fine"} <= host.numbers().keys()
        assert host.ask("destroy", str(file)).code == 0
    finally:
        host.shell("ip link del own")


@pytest.fixture
def asking(host: Host, tmp_path: Path) -> Host:
    """The same host for a file that asks `apply` for repairs."""
    return Host(host.lab, written(tmp_path / "asking.yaml", repair=True), host.commands)


def test_apply_repairs_where_the_file_asks_and_only_there(host: Host, asking: Host) -> None:
    bridges = host.numbers()
    host.shell("ip link set b-nat down; ip address delete 10.62.0.1/24 dev b-iso; ip link delete b-wire")
    found = {**DAMAGES["bridge down"].found, **DAMAGES["address removed"].found, "wire bridge": "restart"}
    assert host.found() == found
    assert host.run("plan", "--exit-code").code == 0
    assert host.run("apply").err == "nothing to do: 5 networks in sync\n"
    planned = asking.run("plan", "--exit-code", "-o", "json")
    schema("plan").validate(planned.plan)
    assert (planned.code, {_key(finding) for finding in planned.plan["below"]}) == (2, set(found))
    assert [step["sentence"] for step in planned.plan["steps"]] == ["stop", "start"]
    ran = asking.run("apply", "-o", "json")
    schema("plan").validate(ran.json)
    assert (ran.code, ran.json["left"], ran.json["fingerprint"]) == (0, [], planned.plan["fingerprint"])
    assert {finding["outcome"] for finding in ran.json["below"]} == {"mended"}
    assert host.found() == {}
    assert {name for name, number in host.numbers().items() if bridges[name] != number} == {"b-wire"}
    assert asking.run("apply").err == "nothing to do: 5 networks in sync\n"


def test_what_was_mended_is_in_the_history_and_stays(host: Host, asking: Host) -> None:
    host.shell("ip link set b-iso down")
    assert "below libvirt: 1 to mend" in asking.run("plan").out
    assert "mended: iso: below libvirt: bridge.up" in asking.run("apply").err
    history = host.ask("history", "-o", "json").json
    schema("history").validate(history)
    newest = history["entries"][0]
    assert (newest["status"], newest["command"], newest["networks"]) == ("applied", "apply", ["iso"])
    entry = host.ask("show", str(newest["entry"]), "-o", "json").json
    schema("history").validate(entry)
    assert [(each["finding"], each["actions"], each["done"]) for each in entry["mended"]] == [
        ("bridge.up", ["ip link set b-iso up"], True)
    ]
    assert "iso: below libvirt: bridge.up: ip link set b-iso up: done" in host.ask("show", str(newest["entry"])).out
    back = host.ask("rollback", str(newest["entry"]))
    assert (back.code, back.err.splitlines()) == (
        0,
        [
            f"what entry {newest['entry']} has mended below libvirt stays: iso (bridge.up)",
            "there is nothing to take back",
        ],
    )
    assert host.found() == {}


def test_repairs_keep_to_the_cap_and_a_plan_that_was_reviewed_without_them_is_stale(
    host: Host, asking: Host, tmp_path: Path
) -> None:
    host.shell("ip link set b-iso down")
    ran = asking.run("apply", "--max-impact", "none")
    assert (ran.code, "below libvirt: 1 held back" in ran.out) == (3, True)
    changed = written(tmp_path / "changed.yaml", {**NETWORKS, "wire": {**NETWORKS["wire"], "autostart": False}})
    reviewed = Host(host.lab, changed, host.commands)
    assert reviewed.run("plan", "--out", str(tmp_path / "plan.json")).code == 0
    written(Path(changed), {**NETWORKS, "wire": {**NETWORKS["wire"], "autostart": False}}, repair=True)
    stale = host.ask("apply", str(tmp_path / "plan.json"))
    assert (stale.code, "the file has changed" in stale.err) == (3, True)
    assert asking.run("apply", "--expect", "0" * 20).code == 0, "what is mended is no plan that was reviewed"
    assert host.found() == {}


def test_repairs_leave_a_change_that_waits_for_its_confirmation_to_that(
    host: Host, asking: Host, tmp_path: Path
) -> None:
    changed = {**NETWORKS, "wire": {**NETWORKS["wire"], "autostart": False}}
    waiting = Host(host.lab, written(tmp_path / "waiting.yaml", changed, repair=True), host.commands)
    assert waiting.run("apply", "--confirm", "300").code == 0
    host.shell("ip link set b-iso down")
    assert waiting.run("apply").code == 0
    assert host.ask("history", "-o", "json").json["entries"][1]["status"] == "unconfirmed"
    assert host.ask("confirm").code == 0
    host.shell("ip link set b-iso down")
    assert asking.run("apply").code == 0, "with autostart on again, along with the repair"
    newest = host.ask("history", "-o", "json").json["entries"][0]
    assert newest["networks"] == ["iso", "wire"]
    back = host.ask("rollback")
    assert (back.code, f"what entry {newest['entry']} has mended below libvirt stays" in back.err) == (0, True)
    assert host.run("apply", "--again").code == 0
    assert host.found() == {}


def test_what_a_file_accepts_is_told_only_to_those_who_ask(host: Host, tmp_path: Path) -> None:
    host.shell("ip address add 10.60.0.77/25 dev br0")
    wanted = {"network": "nat", "finding": "subnet-collides", "reason": "the lab has it too"}
    subject = "10.60.0.0/25 on br0"
    accepting = Host(host.lab, written(tmp_path / "a.yaml", accept=[{**wanted, "subject": subject}]), host.commands)
    assert accepting.run("drift") == Ran(0, "", "")
    assert "accepted by the file: nat: subnet-collides 10.60.0.0/25 on br0: " in accepting.run("drift", "-v").err
    assert accepting.run("repair").code == 0
    status = accepting.run("status", "-o", "json")
    schema("status").validate(status.json)
    assert (status.code, [each["reason"] for each in status.json["below_accepted"]]) == (0, ["the lab has it too"])
    host.shell("ip address add 10.60.0.130/26 dev br0")
    assert accepting.found().keys() == {"nat subnet-collides 10.60.0.128/26 on br0"}
    host.shell("ip address delete 10.60.0.130/26 dev br0; ip address delete 10.60.0.77/25 dev br0")
    unknown = host.ask("validate", written(tmp_path / "b.yaml", accept=[{**wanted, "finding": "dnsmasq"}]))
    assert (unknown.code, "'subnet-collides', 'no-uplink' or 'firewall.others'" in unknown.out + unknown.err) == (
        65,
        True,
    )


FOREIGN = {
    "a firewall that drops": (
        "iptables -I FORWARD -i b-route -j DROP",
        "iptables -D FORWARD -i b-route -j DROP",
        {"route firewall.others IPv4"},
    ),
    "the host's bridge down": ("ip link set br0 down", "ip link set br0 up", {"lan host-bridge br0"}),
    "no uplink": ("ip link set eth1 nomaster", "ip link set eth1 master br0", {"lan no-uplink"}),
    "another network on the subnet": (
        "ip address add 10.60.0.77/25 dev br0",
        "ip address delete 10.60.0.77/25 dev br0",
        {"nat subnet-collides 10.60.0.0/25 on br0"},
    ),
}


@pytest.mark.parametrize("name", FOREIGN)
def test_what_is_not_libvirts_is_found_and_left_to_its_owner(host: Host, name: str) -> None:
    commands, undone, found = FOREIGN[name]
    host.shell(commands)
    assert host.found() == dict.fromkeys(found, "by hand")
    ran = host.run("repair")
    assert ran.code == 3
    assert "below libvirt: 1 by hand" in ran.out
    assert host.found().keys() == found
    host.shell(undone)


def test_a_flushed_ruleset_needs_a_restart_of_the_daemon_which_is_advised(file: str, libvirt_root: str) -> None:
    for host in started(file, libvirt_root):
        host.shell(FLUSH_RULES)
        rules = dict.fromkeys(f"{name} firewall IPv4" for name in ("nat", "route", "iso", "wire"))
        assert host.found() == {**dict.fromkeys(rules, "by hand"), "nat firewall IPv6": "by hand"}
        host.shell("nft flush ruleset; ip link delete b-iso")
        found = host.found()
        assert found["iso bridge"] == "by hand"
        ran = host.run("repair")
        assert ran.code == 3
        assert "systemctl restart libvirtd" in ran.out
        assert re.search("virsh net-destroy iso; .*; virsh net-start iso", ran.out)
        assert host.found() == found


def test_from_elsewhere_it_is_said_that_nothing_can_be_seen(
    host: Host, asking: Host, capsys: pytest.CaptureFixture[str]
) -> None:
    from netreconcile import cli

    def ran(*arguments: str) -> int:
        return cli.main([*arguments, "-c", host.lab.uri, host.file])

    host.shell("ip link set b-iso down")
    assert ran("drift") == 0
    assert ran("repair") == 1
    capsys.readouterr()
    assert cli.main(["apply", "-c", host.lab.uri, asking.file]) == 0
    assert "not looked at, and not repaired: what is below libvirt (libvirt runs in another" in capsys.readouterr().err
    host.repaired()


def test_why_nothing_can_be_seen_is_told_where_somebody_asks(host: Host, capsys: pytest.CaptureFixture[str]) -> None:
    from netreconcile import cli

    assert cli.main(["drift", "-c", host.lab.uri, host.file, "-o", "json"]) == 0
    assert "another network namespace" in json.loads(capsys.readouterr().out)["below_unknown"]
    assert cli.main(["drift", "-c", host.lab.uri, host.file]) == 0
    assert capsys.readouterr() == ("", "")
    assert cli.main(["drift", "-c", host.lab.uri, host.file, "-v"]) == 0
    assert "another network namespace" in capsys.readouterr().err
    assert cli.main(["status", "-c", host.lab.uri]) == 0
    shown = capsys.readouterr()
    assert "another network namespace" in shown.err
    assert shown.out.splitlines()[-1] == "5 networks, all in order; what is below libvirt isn't seen"


def inside(guests: GuestHost, command: str, file: str) -> Ran:
    """Run a command on the host of the guests itself."""
    package = {**os.environ, "PYTHONPATH": ROOT}
    argv = (sys.executable, "-m", "netreconcile", command, file)
    ran = guests.lab.run(*argv, env=package, capture_output=True, text=True)
    return Ran(ran.returncode, ran.stdout, ran.stderr)


def test_guests_get_their_links_back_at_the_least_cost(guests: GuestHost) -> None:
    from tests.guesthost import NETWORKS as GUESTS_NETWORKS

    file = guests.file(GUESTS_NETWORKS)
    web = next(plug for plug in guests.plugs().values() if plug.domain == "web")
    bridge = guests.interface("virbr-n")
    guests.lab.run("ip", "link", "set", web.target, "nomaster", check=True)
    found = inside(guests, "drift", file)
    assert found.code == 2
    assert found.out.startswith(f"nat: below libvirt: tap web {web.target}: on no bridge, instead of on virbr-n")
    ran = inside(guests, "repair", file)
    assert ran.code == 0, ran.err
    assert f"ip link set {web.target} master virbr-n" in ran.out
    assert eventually(guests.plugged)
    assert guests.interface("virbr-n") == bridge

    guests.lab.run("ip", "link", "delete", "virbr-n", check=True)
    ran = inside(guests, "repair", file)  # nobody loses a link by that, and so nobody is asked
    assert ran.code == 0, ran.err
    assert guests.plugged()
    assert inside(guests, "drift", file) == Ran(0, "", "")
