"""Connections that are not made, hang or break: nothing waits for ever, and each failure says what to do.

Daemons are stopped and killed in labs of their own; a hook of libvirt's does it in the middle of a call.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import netreconcile
from netreconcile import client, reach
from netreconcile.actions import Impact, Start, Step
from netreconcile.errors import ConnectionLost, Unreachable
from netreconcile.host import connect
from netreconcile.lab import Lab
from tests.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.conftest import LabHost

# A call that hangs in C is deaf to signals: only another thread can end the run then.
pytestmark = pytest.mark.timeout(120, method="thread")

NAT = """
<network><name>n</name><forward mode='nat'/><bridge name='virbr-n'/><ip address='10.1.0.1' prefix='24'>
  <dhcp><range start='10.1.0.2' end='10.1.0.9'/></dhcp></ip></network>
"""
START = Step("n", Start(), Impact.NONE)
HOOKS = "/etc/libvirt/hooks"
HOOK = f"""#!/bin/sh
[ -e {HOOKS}/armed ] && [ "$2" = {{moment}} ] && rm {HOOKS}/armed && kill -{{signal}} $(cat {{pid}})
exit 0
"""
"""What libvirt runs when a network is about to start (`start`), and when it has done so (`started`)."""
PACKAGE = Path(netreconcile.__file__).parents[1]
HANGING = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where the tests run in the background
from netreconcile.errors import Unreachable
from netreconcile.host import connect
print("ready", flush=True)
try:
    with connect(sys.argv[1], readonly=True, timeout=float(sys.argv[2])):
        pass
except Unreachable as error:
    sys.exit(str(error))
"""
NOBODY = """
import os, pwd, sys
import libvirt
import netreconcile.advice, netreconcile.host
if os.geteuid() == 0:
    nobody = pwd.getpwnam("nobody")
    os.setgroups([])
    os.setgid(nobody.pw_gid)
    os.setuid(nobody.pw_uid)
with netreconcile.host.connect(sys.argv[1], readonly=True):
    pass
"""


class Sick:
    """A lab whose daemon does as it is told."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.uri = lab.uri
        self._pid = f"/run/lab/{lab.running.setup.kind}.pid"

    def shell(self, script: str) -> None:
        """Run a script inside."""
        self.lab.run("sh", "-ec", script, check=True)

    def send(self, name: str) -> None:
        """The daemon has the signal; one that ends it has ended it."""
        gone = "while kill -0 $pid 2>/dev/null; do :; done" if name == "KILL" else ""
        self.shell(f"pid=$(cat {self._pid}); kill -{name} $pid; {gone}")

    def hook(self, moment: str, name: str) -> None:
        """The next start of a network sends the daemon the signal; the daemon must be started again before that."""
        self.shell(f"mkdir -p {HOOKS}; cat > {HOOKS}/network <<'END'\n{self._hook(moment, name)}END")
        self.shell(f"chmod 755 {HOOKS}/network; touch {HOOKS}/armed")
        self.send("KILL")

    def _hook(self, moment: str, name: str) -> str:
        return HOOK.format(moment=moment, signal=name, pid=self._pid)

    def define(self) -> None:
        """A NAT network is defined."""
        import libvirt

        connection = libvirt.open(self.uri)
        connection.networkDefineXML(NAT)
        connection.close()

    def failing(self, uri: str, *command: str) -> str:
        """Return what a command inside says that can't reach libvirt at the URI; inside, no other network is near."""
        ran = self.lab.run(*command, *program("show", "-c", uri), capture_output=True, timeout=60)
        assert (ran.returncode, ran.stdout) == (69, ""), ran.stderr
        assert f"virsh --readonly -c {uri} net-list" in ran.stderr.replace("'", "")
        return str(ran.stderr)


def program(*arguments: str) -> list[str]:
    """Return the command line of the tool as a process of its own."""
    return [sys.executable, "-B", "-c", f"import sys; sys.path[0] = {str(PACKAGE)!r}; {MAIN}", *arguments]


MAIN = "from netreconcile.cli import main; sys.exit(main())"


@pytest.fixture
def sick(lab: Lab) -> Iterator[Sick]:
    """A lab of the test's own; the session's lab tells whether this machine can have one."""
    assert lab.pid
    with Lab() as own:
        yield Sick(own)


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """A daemon that hangs is found out in two seconds."""
    monkeypatch.setattr(reach, "KEEPALIVE", (1, 1))


# -- a daemon that hangs


def test_a_hung_daemon_is_unreachable_after_the_timeout(sick: Sick) -> None:
    sick.send("STOP")
    with pytest.raises(Unreachable) as caught, connect(sick.uri, readonly=False, timeout=0.5):
        pass
    assert "no answer within 0.5 s" in str(caught.value)
    assert "systemctl status libvirtd" in str(caught.value)
    assert f"virsh -c '{sick.uri}' net-list" in str(caught.value)


def test_the_process_ends_though_libvirt_still_waits(sick: Sick) -> None:
    sick.send("STOP")
    ran = hanging(sick.uri, 0.5)
    _, said = ran.communicate(timeout=30)
    assert ran.returncode == 1
    assert "no answer within 0.5 s" in said


def test_waiting_for_a_hung_daemon_can_be_interrupted(sick: Sick) -> None:
    sick.send("STOP")
    ran = hanging(sick.uri, 600)
    assert ran.stdout
    assert ran.stdout.readline() == "ready\n"
    ran.send_signal(signal.SIGINT)
    _, said = ran.communicate(timeout=30)
    assert ran.returncode == -signal.SIGINT
    assert "KeyboardInterrupt" in said


def hanging(uri: str, timeout: float) -> subprocess.Popen[str]:
    """Return a process that connects."""
    command = [sys.executable, "-B", "-c", HANGING, uri, str(timeout)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=PACKAGE)


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("readonly", [True, False])
def test_a_daemon_that_hangs_loses_its_clients(sick: Sick, *, readonly: bool) -> None:
    with connect(sick.uri, readonly=readonly) as connection:
        assert not connection.read().networks
        sick.send("STOP")
        for call in (connection.read, lambda: connection.read_network("n")):
            with pytest.raises(ConnectionLost, match="the connection to libvirt was lost"):
                call()
        sick.send("CONT")
        connection.reopen()
        assert not connection.read().networks


def test_who_is_idle_stays_connected(sick: Sick, monkeypatch: pytest.MonkeyPatch) -> None:
    """A daemon asks its silent clients, by default every 5 seconds, and drops who doesn't answer (keepalive_count)."""
    config, log = f"/run/lab/{sick.lab.running.setup.kind}.conf", "/run/keepalive.log"
    said = f'keepalive_interval = 1\nkeepalive_count = 2\nlog_filters = "1:rpc"\nlog_outputs = "1:file:{log}"\n'
    sick.shell(f"sed -i /^log_/d {config}; cat >> {config} <<'END'\n{said}END")
    sick.send("KILL")
    monkeypatch.setattr(reach, "PULSE", 0.05)
    with connect(sick.uri, readonly=True) as connection:
        file = Path(f"/proc/{sick.lab.pid}/root{log}")
        assert eventually(lambda: file.read_text(errors="replace").count("RPC_KEEPALIVE_RECEIVED") > 3)
        assert not connection.read().networks


# -- a connection that breaks


def test_a_daemon_killed_during_a_call_takes_the_connection_along(sick: Sick) -> None:
    sick.define()
    sick.hook("start", "KILL")
    with connect(sick.uri, readonly=False) as connection:
        with pytest.raises(ConnectionLost, match="n: start: the connection to libvirt was lost"):
            connection.perform(START)
        with pytest.raises(ConnectionLost):
            connection.read()
        connection.reopen()
        there = connection.read_network("n")
        assert there
        assert not there.active
        connection.perform(START)
        assert connection.read().networks == {"n": connection.read_network("n")}


@pytest.mark.usefixtures("hasty")
def test_a_call_that_was_given_up_may_have_been_carried_out(sick: Sick) -> None:
    sick.define()
    sick.hook("start", "STOP")
    with connect(sick.uri, readonly=False) as connection:
        with pytest.raises(ConnectionLost):
            connection.perform(START)
        sick.send("CONT")
        connection.reopen()
        assert eventually(lambda: bool((there := connection.read_network("n")) and there.active))


def test_a_connection_cut_off_is_lost_and_opens_again(host: LabHost) -> None:
    before = sockets()
    with connect(host.uri, readonly=True) as connection:
        for number in sockets() - before:
            with socket.socket(fileno=os.dup(number)) as line:
                line.shutdown(socket.SHUT_RDWR)
        with pytest.raises(ConnectionLost) as caught:
            connection.read_network("n")
        assert caught.value.exit_code == Unreachable.exit_code
        connection.reopen()
        assert connection.read_network("n") is None


def sockets() -> set[int]:
    """Return the sockets of this process."""
    with os.scandir("/proc/self/fd") as entries:
        numbers = [int(entry.name) for entry in entries]
    return {number for number in numbers if is_socket(number)}


def is_socket(number: int) -> bool:
    try:
        return stat.S_ISSOCK(os.fstat(number).st_mode)
    except OSError:
        return False


def test_reopening_waits_for_a_daemon_that_is_slow(sick: Sick, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 2:
            sick.send("CONT")

    monkeypatch.setattr(client, "sleep", pause)
    with connect(sick.uri, readonly=True, timeout=0.5) as connection:
        sick.send("KILL")
        connection.reopen()  # so the daemon runs again
        sick.send("STOP")
        monkeypatch.setattr(connection._client.connection, "close", lambda: 0)
        connection.reopen()
        assert len(pauses) == 2
        assert not connection.read().networks


def test_reopening_gives_up_when_patience_ends(lab: Lab) -> None:
    assert lab.pid
    with Lab() as own, connect(own.uri, readonly=True) as connection:
        own.stop()
        with pytest.raises(Unreachable, match="the same by hand: virsh --readonly"):
            connection.reopen(patience=0.3)
        with pytest.raises(ConnectionLost):
            connection.read()


# -- a connection that isn't made


def test_no_daemon_here(sick: Sick) -> None:
    sick.shell("rm /run/libvirt/libvirt-sock-ro")
    assert "`systemctl start libvirtd.socket`" in sick.failing("network:///system")


@pytest.mark.parametrize(("there", "why"), [(False, "No such file or directory"), (True, "Connection refused")])
def test_nobody_at_the_socket(tmp_path: Path, why: str, *, there: bool) -> None:
    path = tmp_path / "sock"
    with socket.socket(socket.AF_UNIX) as left_behind:
        if there:
            left_behind.bind(str(path))
    with pytest.raises(Unreachable) as caught, connect(f"network+unix:///system?socket={path}", readonly=True):
        pass
    assert f"'{path}': {why}\nno daemon listens at this socket" in str(caught.value)


def test_a_socket_that_this_user_may_not_use(tmp_path: Path) -> None:
    path = tmp_path / "sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        path.chmod(0)
        command = [sys.executable, "-B", "-c", NOBODY, f"network+unix:///system?socket={path}"]
        ran = subprocess.run(command, cwd=PACKAGE, capture_output=True, text=True, timeout=60, check=False)
    assert "Permission denied\nrun this with sudo, or become a member of libvirt's group: " in ran.stderr


def test_a_uri_that_libvirt_does_not_know(host: LabHost) -> None:
    for uri, words in (
        (host.uri.replace("network", "carrier", 1), "libvirt there has no driver `carrier`"),
        ("network+pigeon:///system", "a URI looks like qemu:///system"),
        ("network", "a URI looks like qemu:///system"),
        ("network:///system?%zz", "a URI looks like qemu:///system"),
    ):
        with (
            pytest.raises(Unreachable, match="the same by hand: virsh --readonly -c ") as caught,
            connect(uri, readonly=True),
        ):
            pass
        assert words in str(caught.value)


def test_another_host_that_does_not_answer(sick: Sick) -> None:
    for uri, words in (
        ("qemu+tcp://nowhere.invalid/system", "nowhere.invalid isn't known: check how it is spelt"),
        ("qemu+tcp://127.0.0.1/system", "`systemctl start libvirtd-tcp.socket`"),
        ("qemu+tcp://192.0.2.1/system", "no way leads to 192.0.2.1"),
        ("qemu+tls://127.0.0.1/system?pkipath=/nowhere", "https://libvirt.org/kbase/tlscerts.html"),
    ):
        assert words in sick.failing(uri)


@pytest.mark.skipif(not shutil.which("ssh"), reason="apt install openssh-client")
def test_ssh_that_does_not_get_there(sick: Sick) -> None:
    for uri, words in (
        ("qemu+ssh://nowhere.invalid/system", "nowhere.invalid isn't known: check how it is spelt"),
        ("qemu+ssh://me@127.0.0.1/system", "start the SSH server on 127.0.0.1, or correct the port: `ssh me@127.0.0.1"),
        ("qemu+ssh://192.0.2.1/system", "no way leads to 192.0.2.1"),
    ):
        assert words in sick.failing(uri)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("Host key verification failed.", "log in once with `ssh far` and confirm it"),
        ("me@far: Permission denied (publickey,password).", "ssh-copy-id far"),
        ("sh: 1: nc: not found", "install libvirt on far"),
        ("", "End of file while reading data"),
    ],
)
def test_ssh_that_is_refused(sick: Sick, tmp_path: Path, said: str, words: str) -> None:
    """What OpenSSH 9.2 says, by a stand-in: the real one needs a server."""
    stand_in = tmp_path / "ssh"
    stand_in.write_text(
        f'#!/bin/sh\nhead -c 28 > /dev/null  # libvirt\'s first question\necho "{said}" >&2\nexit 255\n'
    )
    stand_in.chmod(0o755)
    told = sick.failing("qemu+ssh://far/system", "env", f"PATH={tmp_path}:{os.environ['PATH']}")
    assert words in told
    assert said in told


def test_a_machine_without_ssh(sick: Sick) -> None:
    assert "apt install openssh-client" in sick.failing("qemu+ssh://far/system", "env", "PATH=/nowhere")


def test_a_driver_without_a_daemon_needs_no_keepalive() -> None:
    with connect("test:///default", readonly=True) as connection:
        assert connection.read_network("nowhere") is None


# -- one network


def test_one_network_is_read_as_it_is_among_all(host: LabHost) -> None:
    host.define(NAT.replace("nat", "open"), start=True)
    host.define("<network><name>defined</name><bridge name='virbr-d'/></network>")
    host.network("defined").setAutostart(1)
    host.connection.networkCreateXML("<network><name>passing</name><bridge name='virbr-p'/></network>")
    with connect(host.uri, readonly=True) as connection:
        networks = connection.read().networks
        assert {name: connection.read_network(name) for name in networks} == networks
        assert {(item.active, item.persistent, item.autostart) for item in networks.values()} == {
            (True, True, False),
            (False, True, True),
            (True, False, False),
        }
        assert connection.read_network("nowhere") is None


def test_a_network_that_vanishes_while_it_is_read_is_not_there(host: LabHost, monkeypatch: pytest.MonkeyPatch) -> None:
    def lookup(self: client.Client, words: str, name: str) -> Any:
        found = found_by(self, words, name)
        host.network(name).undefine()
        return found

    found_by: Callable[..., Any] = client.Client.lookup
    monkeypatch.setattr(client.Client, "lookup", lookup)
    host.define(NAT)
    with connect(host.uri, readonly=True) as connection:
        assert connection.read_network("n") is None


def test_nothing_is_left_of_closed_connections(lab: Lab) -> None:
    def files() -> int:
        return len(os.listdir("/proc/self/fd"))  # noqa: PTH208 -- names, not paths

    with connect(lab.uri, readonly=True) as first:
        first.read()
    before = files()
    for _ in range(30):
        with connect(lab.uri, readonly=True) as connection:
            connection.read()
    assert eventually(lambda: files() <= before)
