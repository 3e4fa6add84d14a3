"""`watch` on the host itself: it tells each change within seconds, once; mends, outlives libvirt, and ends at once."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from netreconcile.lab import Lab
from tests.waiting import DEADLINE, eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

pytestmark = pytest.mark.lab
ROOT = Path(__file__).parents[2]
NETWORKS: dict[str, Any] = {
    "nat": {
        "mode": "nat",
        "bridge": {"name": "b-nat", "stp": False},
        "ips": [{"address": "10.70.0.1/24", "dhcp": {"ranges": ["10.70.0.100-10.70.0.199"]}}],
    },
    "open": {"mode": "open", "bridge": {"name": "b-open", "stp": False}, "ips": [{"address": "10.71.0.1/24"}]},
    "wire": {"mode": "very-isolated", "bridge": {"name": "b-wire", "stp": False}},
}
RECORD = "<host ip='10.71.0.9'><hostname>late</hostname></host>"


class Watched:
    """A host with a `watch` that runs on it, and what that has told."""

    def __init__(self, lab: Lab, folder: Path) -> None:
        self.lab = lab
        self.folder = folder
        self.file = folder / "topology.yaml"
        self.out, self.err = folder / "out", folder / "err"
        self.systemd = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.systemd.settimeout(DEADLINE)
        self.systemd.bind(str(folder / "notify"))

    def write(self, networks: dict[str, Any]) -> None:
        """The file holds the networks."""
        text = yaml.safe_dump({"version": 1, "name": "tests", "networks": networks})
        (self.folder / "new").write_text(text)
        (self.folder / "new").replace(self.file)

    def command(self, *arguments: str) -> list[str]:
        """Return the command that runs a command of netreconcile on the host, after it has written its number down."""
        script = f'echo $$ > {self.folder}/pid; exec "$@"'
        return self.lab.running.command("sh", "-c", script, "sh", sys.executable, "-m", "netreconcile", *arguments)

    def environment(self, **variables: str) -> dict[str, str]:
        """Return the environment of commands on the host."""
        return {**self.lab.running.environment(os.environ), "PYTHONPATH": str(ROOT), **variables}

    def run(self, *arguments: str) -> int:
        """Run a command for the topology; return its exit code."""
        command = self.command(*arguments, str(self.file))
        return subprocess.run(command, env=self.environment(), capture_output=True, check=False).returncode

    @contextmanager
    def watch(self, *arguments: str) -> Generator[None]:
        """Watch meanwhile; it ends with 0 when it is asked to."""
        environment = self.environment(NOTIFY_SOCKET=f"{self.folder}/notify", WATCHDOG_USEC="1000000")
        command = self.command("watch", "-v", *arguments, str(self.file))
        with (
            self.out.open("w") as out,
            self.err.open("w") as err,
            subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=err) as process,
        ):
            try:
                assert self.hears("READY=1")
                yield
                self.shell(f"kill $(cat {self.folder}/pid)")
                assert self.hears("STOPPING=1")
                assert process.wait(DEADLINE) == 0
            finally:
                process.kill()
        assert "netreconcile watch" not in self.shell("ps -eo args")
        assert "netreconcile.cli" not in self.shell("ps -eo args")

    def hears(self, state: str, times: int = 1) -> bool:
        """Return whether systemd is told so, so many times."""
        heard: list[str] = []

        def enough() -> bool:
            heard.extend(self.systemd.recv(4096).decode().split("\n"))
            return heard.count(state) >= times

        return eventually(enough)

    def shell(self, commands: str) -> str:
        """Run commands on the host, each of which works."""
        return str(self.lab.run("sh", "-ec", commands, check=True, capture_output=True).stdout)

    def network(self, name: str) -> Any:
        """Return libvirt's own handle of a network."""
        import libvirt

        return libvirt.open(self.lab.uri).networkLookupByName(name)

    def told(self, text: str, times: int = 1) -> bool:
        """Return whether the watch tells this, so many times."""
        return eventually(lambda: (self.out.read_text() + self.err.read_text()).count(text) >= times)

    def looks(self) -> list[str]:
        """Return why it has looked, each time."""
        return re.findall(r"^INFO look: (.*)$", self.err.read_text(), re.MULTILINE)


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """A lab of its own: what happens there is seen, whoever does it."""
    with Lab(scenery=True) as lab:
        yield lab


@pytest.fixture
def host(lab: Lab, tmp_path: Path) -> Iterator[Watched]:
    """A host that is as its file says."""
    watched = Watched(lab, tmp_path)
    watched.write(NETWORKS)
    assert watched.run("apply") == 0
    yield watched
    watched.systemd.close()


HELD_BACK = "held back: its impact is restart, above --max-impact live"
KERNEL, LIBVIRTS, SERVERS = "links, addresses or routes", "what libvirt keeps", "DNS servers"


def test_each_change_is_told_once_and_by_whom_it_was_noticed(host: Watched) -> None:
    def edit_and_kill() -> None:
        host.network("open").update(3, 10, 0, RECORD, 1)
        host.shell("kill -9 $(cat /run/libvirt/network/nat.pid)")

    flush = "ip address delete 10.70.0.1/24 dev b-nat; iptables -t nat -F LIBVIRT_PRT"
    more = {**NETWORKS, "more": {"mode": "very-isolated"}}
    changes: tuple[tuple[tuple[str, ...], Callable[[], object], tuple[str, ...]], ...] = (
        (("libvirt",), lambda: host.network("wire").destroy(), ("wire: stopped",)),
        ((LIBVIRTS, SERVERS), edit_and_kill, ("open: live only: dns.hosts[10.71.0.9]", "below libvirt: dnsmasq")),
        ((KERNEL,), lambda: host.shell("echo 0 > /proc/sys/net/ipv4/ip_forward"), ("below libvirt: forwarding4",)),
        ((KERNEL, "firewall rules"), lambda: host.shell(flush), ("bridge.address", "below libvirt: firewall IPv4")),
        (("files of the topology",), lambda: host.write(more), ("more: missing",)),
        (("files of the topology",), lambda: host.file.write_text("networks: ["), ("a value is missing here",)),
    )
    with host.watch():
        assert host.told("matches")
        for noticed, happens, differences in changes:
            looks = len(host.looks())
            happens()
            assert all(host.told(difference) for difference in differences)
            assert all(source in " ".join(host.looks()[looks:]) for source in noticed)
    host.write(NETWORKS)
    assert host.run("repair", "--allow-disruption") == 0


def test_nothing_that_it_does_itself_makes_it_look(host: Watched) -> None:
    with host.watch("--interval", "1"):
        assert eventually(lambda: len(host.looks()) > 2)
    first, *others = host.looks()
    assert "start" in first
    assert set(others) == {"time"}


def test_apply_starts_what_stopped_and_leaves_a_restart_and_says_so_once(host: Watched) -> None:
    with host.watch("--apply"):
        assert host.told("matches")
        stopped = host.network("wire"), host.network("open")
        stopped[0].destroy()
        assert host.told("matches again")
        assert stopped[0].isActive()
        host.write({**NETWORKS, "wire": {**NETWORKS["wire"], "mtu": 1400}})
        assert host.told(HELD_BACK)
        host.shell(f"kill -HUP $(cat {host.folder}/pid)")
        assert host.hears("RELOADING=1")
        assert host.hears("STATUS=differs: wire: file changed: mtu: 1400")
        assert host.out.read_text().count(HELD_BACK) == 1
        stopped[1].destroy()
        assert eventually(stopped[1].isActive)
    assert host.run("apply") == 0


def test_it_outlives_libvirt_and_a_libvirt_that_hangs(host: Watched) -> None:
    daemon = f"$(cat /run/lab/{host.lab.running.setup.kind}.pid)"
    with host.watch("--timeout", "2", "--interval", "2"):
        assert host.told("matches")
        host.shell(f"kill -9 {daemon}")
        host.network("wire").destroy()
        assert host.told("wire: stopped")
        host.shell(f"kill -STOP {daemon}; kill -HUP $(cat {host.folder}/pid)")
        assert host.told("no answer within 2 s")
        assert host.hears("WATCHDOG=1", 3)
        host.shell(f"kill -CONT {daemon}")
        assert host.told("libvirt answers again")
        assert host.told("wire: stopped", 2)
