"""libvirt is killed while it starts networks: what it leaves on its host is cleared away, and nothing else is."""

from __future__ import annotations

import re
import signal
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from netreconcile.folder import VARIABLE
from tests.faults.daemon import kill_daemon
from tests.real.stage import NETRECONCILE, Stage, environment, lent, on
from tests.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator
    from pathlib import Path

    from netreconcile.lab import Lab

pytestmark = [pytest.mark.lab, pytest.mark.worlds(modular=True)]

NETWORKS: dict[str, Any] = {
    f"net{number}": on(
        f"vbr-{number}",
        "nat",
        lent(f"10.5{number}.0.1/24", f"10.5{number}.0.10-10.5{number}.0.99"),
        f"fd5{number}::1/64",
    )
    for number in range(4)
}
LEFT = "cleared away what libvirt had left of it when it was killed: "
TIDIES_UP = (10, 8, 0)
"""The first libvirt that, started anew, ends the server of a network whose bridge is gone."""
FOREIGN = "52:54:00:0f:0f:0f"


class Scene(Stage):
    """A host on which an apply is disturbed."""

    state = ""

    def begin(self, *arguments: str) -> subprocess.Popen[str]:
        """Begin to run a command on the host."""
        command = self.lab.running.command("env", f"{VARIABLE}={self.state}", *NETRECONCILE, *arguments)
        there = self.lab.running.environment(environment())
        return subprocess.Popen(command, env=there, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def said(self, *arguments: str) -> tuple[int, str]:
        """Run a command on the host; return its exit code and all that it said."""
        process = self.begin(*arguments)
        text, _ = process.communicate()
        return process.returncode, text

    @property
    def marks(self) -> dict[str, list[str]]:
        """Return what libvirt has made on the host for the networks of these tests."""
        rules = self.shell("iptables-save; ip6tables-save; nft -s list table ip libvirt_network 2>/dev/null || :")
        return {
            "bridges": re.findall(r"(?m)^\d+: (vbr-\d)", self.shell("ip -o link")),
            "servers": sorted(line for line in self.processes().values() if re.search(r"dnsmasq/net\d\.conf", line)),
            "rules": sorted(line.strip() for line in rules.splitlines() if re.search(r"vbr-|\b10\.5\d\.|fd5\d", line)),
        }

    @contextmanager
    def links_that_came(self, file: Path) -> Generator[Callable[[str], bool]]:
        """Yield what tells whether there is, or was, a link of a name, since the context began."""
        command = self.lab.running.command("ip", "-o", "monitor", "link")
        with file.open("w") as told, subprocess.Popen(command, stdout=told) as monitor:
            try:
                assert eventually(
                    lambda: self.shell("ip link add sign type bridge; ip link del sign") + file.read_text()
                )
                yield lambda name: f": {name}:" in file.read_text()
            finally:
                monitor.kill()


@pytest.fixture
def scene(lab: Lab, tmp_path: Path) -> Iterator[Scene]:
    there = Scene(lab, tmp_path)
    there.state = str(tmp_path / "state")
    there.clear()
    yield there
    there.reconnect()
    there.clear()
    there.connection.close()


def disturbed(scene: Scene, bridge: str, folder: Path, *, client: bool) -> tuple[int, str, str]:
    """Kill libvirt as soon as a bridge is there, and the client, too; return how apply ended, its words, and the file.

    After its bridge a network gets its rules and its server, for which libvirt runs a dozen programs.
    """
    file = scene.file(NETWORKS)
    with scene.links_that_came(folder / "links") as came:
        process = scene.begin("apply", file)
        assert eventually(lambda: came(bridge))
        if client:
            scene.send(process, signal.SIGKILL)
        kill_daemon(scene.lab)
        text, _ = process.communicate()
    scene.reconnect()
    return process.returncode, text, file


@pytest.mark.parametrize("bridge", ["vbr-0", "vbr-3"])
def test_an_apply_is_finished_although_libvirt_was_killed_while_it_started_networks(
    scene: Scene, bridge: str, tmp_path: Path
) -> None:
    assert scene.said("apply", scene.file(NETWORKS))[0] == 0
    undisturbed = scene.marks
    scene.clear()
    assert not any(scene.marks.values())

    code, text, file = disturbed(scene, bridge, tmp_path, client=False)
    assert (code, LEFT in text) == (0, True), text
    assert scene.said("drift", file) == (0, "")
    assert sorted(scene.marks["bridges"]) == sorted(undisturbed["bridges"])
    assert scene.marks["servers"] == undisturbed["servers"]
    assert scene.marks["rules"] == undisturbed["rules"]


@pytest.mark.parametrize("bridge", ["vbr-0", "vbr-3"])
def test_what_broke_off_is_finished(scene: Scene, bridge: str, tmp_path: Path) -> None:
    _, _, file = disturbed(scene, bridge, tmp_path, client=True)
    assert "libvirt was killed while it started this" in scene.said("plan", file)[1]
    code, text = scene.said("apply", file)
    assert (code, LEFT in text) == (0, True), text
    assert scene.said("drift", file) == (0, "")
    assert scene.said("destroy", file)[0] == 0
    assert not any(scene.marks.values())


@pytest.mark.parametrize("bridge", ["vbr-0", "vbr-3"])
def test_what_broke_off_is_undone_with_nothing_left(scene: Scene, bridge: str, tmp_path: Path) -> None:
    disturbed(scene, bridge, tmp_path, client=True)
    code, text = scene.said("rollback")
    assert (code, LEFT in text) == (0, True), text
    assert scene.names() == set()
    assert not any(scene.marks.values())


def wire(scene: Scene) -> tuple[str, str]:
    """Return a file that says that a network should run which is stopped, and the MAC address of its bridge."""
    stopped = {"wire": {"mode": "very-isolated", "bridge": "vbr-9", "state": "inactive"}}
    assert scene.said("apply", scene.file(stopped))[0] == 0
    return scene.file({"wire": {**stopped["wire"], "state": "active"}}), scene.config("wire").mac or ""


def test_a_network_leaves_nothing_under_the_name_that_its_bridge_had(scene: Scene) -> None:
    _, mac = wire(scene)
    scene.shell(f"ip link add vbr-9 address {mac} type bridge")
    code, text = scene.said("apply", scene.file({"wire": {"mode": "very-isolated", "bridge": "vbr-8"}}))
    assert (code, f"{LEFT}bridge vbr-9\n" in text) == (0, True), text
    assert scene.interface("vbr-9") is None


@pytest.mark.parametrize("found", ["its own", "with a port", "with another MAC address", "no bridge"])
def test_only_a_bridge_that_libvirt_has_made_for_the_network_is_deleted(scene: Scene, found: str) -> None:
    file, mac = wire(scene)
    mac = FOREIGN if found == "with another MAC address" else mac
    kind = "veth peer name far9" if found == "no bridge" else "bridge"
    port = "; ip link add port9 master vbr-9 type veth peer name far9" if found == "with a port" else ""
    scene.shell(f"ip link add vbr-9 address {mac} type {kind}{port}")
    number = scene.interface("vbr-9")
    code, text = scene.said("apply", file)
    if found == "its own":
        assert (code, f"{LEFT}bridge vbr-9\n" in text) == (0, True), text
        assert scene.interface("vbr-9") != number
        assert scene.network("wire").isActive()
    else:
        assert (code, "the host has a device vbr-9 that is no network's" in text) == (3, True), text
        assert scene.interface("vbr-9") == number
        scene.shell(f"ip link del vbr-9{'; ip link del port9' if port else ''}")


def test_a_server_is_ended_that_outlived_its_bridge_and_no_other_one(scene: Scene) -> None:
    networks = {name: NETWORKS[name] for name in ("net1", "net2")}
    file = scene.file(networks)
    assert scene.said("apply", file)[0] == 0
    undisturbed = scene.marks
    other = {pid for pid, line in scene.processes().items() if "net2.conf" in line}
    scene.shell("ip link del vbr-1")
    kill_daemon(scene.lab)  # a new one finds that the bridge is gone, and leaves the rest
    scene.reconnect()
    assert not scene.network("net1").isActive()
    code, text = scene.said("apply", file)
    assert code == 0, text
    assert f"{LEFT}dnsmasq\n" in text or scene.release >= TIDIES_UP, text
    assert {**scene.marks, "bridges": []} == {**undisturbed, "bridges": []}
    assert {pid for pid, line in scene.processes().items() if "net2.conf" in line} == other
