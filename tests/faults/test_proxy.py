"""The proxy and the killing of daemons themselves: nothing is different but the one call that was to go wrong."""

from __future__ import annotations

import socket
import subprocess
import sys
import tempfile
import threading
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from netreconcile.lab.inside.daemon import GREETING
from tests.faults.daemon import kill_daemon
from tests.faults.proxy import HEADER, Call, Fault, Proxy
from tests.waiting import DEADLINE, eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    import libvirt

    from tests.conftest import LabHost
else:
    libvirt = pytest.importorskip("libvirt")

pytestmark = pytest.mark.lab

NETWORKS = {
    "served": {"mode": "nat", "bridge": {"name": "vbr-s"}, "ips": [{"address": "10.3.0.1/24"}], "autostart": True},
    "bare": {"mode": "open", "bridge": {"name": "vbr-b"}, "ips": [{"address": "10.4.0.1/24"}]},
}
XML = "<network><name>{}</name>{}</network>"
CLIENT = "import sys, libvirt; input(); libvirt.open(sys.argv[1]).networkDefineXML(sys.argv[2])"
"""A program that defines a network as soon as it's told a line."""
SERIAL = 7
PING = HEADER.pack(28, 0x6B656570, 1, 1, 2, 0, 0)
EVENT = HEADER.pack(28, 0x20008086, 1, 315, 2, 0, 0)
ASKED = HEADER.pack(28, 0x20008086, 1, 283, 0, SERIAL, 0)
ANSWER = HEADER.pack(28, 0x20008086, 1, 283, 1, SERIAL, 0)


@pytest.fixture
def proxy(host: LabHost) -> Iterator[Proxy]:
    """A proxy in front of the host."""
    with Proxy(host.uri) as between:
        yield between


@dataclass(frozen=True, slots=True)
class Wire:
    """A proxy, and the two ends of a connection through it."""

    proxy: Proxy
    client: socket.socket
    daemon: socket.socket


@pytest.fixture
def wire() -> Iterator[Wire]:
    """A client and a daemon that say just what the test wants them to."""
    with tempfile.TemporaryDirectory(prefix="wire-") as folder, socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"{folder}/sock")
        listener.listen()
        with Proxy(f"test:///system?socket={folder}/sock") as between, socket.socket(socket.AF_UNIX) as client:
            client.settimeout(DEADLINE)
            client.connect(path(between))
            daemon, _ = listener.accept()
            with daemon:
                daemon.settimeout(DEADLINE)
                yield Wire(between, client, daemon)


def path(proxy: Proxy) -> str:
    """Return where the proxy listens."""
    return proxy.uri.partition("?socket=")[2]


def connect(proxy: Proxy) -> closing[Any]:
    """Return a connection through the proxy, as a context."""
    return closing(libvirt.open(proxy.uri))


def everything(source: socket.socket) -> bytes:
    """Return what comes until the other side hangs up."""
    return b"".join(iter(lambda: source.recv(1 << 16), b""))


def test_an_apply_through_the_proxy_gives_the_same_result(host: LabHost, proxy: Proxy) -> None:
    file = host.file(NETWORKS)
    direct = host.run("apply", file)
    host.clear()
    through = host.run("apply", file, "-c", proxy.uri)
    assert through.code == direct.code == 0
    assert through.out.replace(proxy.uri, host.uri) == direct.out
    assert host.drifted(NETWORKS) == ()
    assert host.run("import", "-c", proxy.uri).out == host.run("import").out


def test_the_calls_of_the_proxy_are_those_of_the_daemon(host: LabHost, proxy: Proxy) -> None:
    host.forget_calls()
    assert host.run("apply", host.file(NETWORKS), "-c", proxy.uri).code == 0
    writes = [call.procedure.replace("_", "").lower() for call in proxy.calls if call.write]
    assert writes == [call.removeprefix("vir").lower() for call in host.writes()]
    assert [call.number for call in proxy.calls] == list(range(len(proxy.calls)))
    assert not [call for call in proxy.calls if ":" in call.procedure]


def test_a_long_message_gets_through_in_both_directions(host: LabHost, proxy: Proxy) -> None:
    text = "long " * 800_000
    with connect(proxy) as connection:
        connection.networkDefineXML(XML.format("t", f"<metadata><t:t xmlns:t='urn:t'>{text}</t:t></metadata>"))
        assert text in connection.networkLookupByName("t").XMLDesc()
    assert text in host.config_xml("t")


def test_connections_at_the_same_time_are_counted_together(host: LabHost, proxy: Proxy) -> None:
    with connect(proxy) as one, connect(proxy) as other:
        proxy.reset()
        assert one.listAllNetworks() == other.listAllNetworks() == []
        one.networkDefineXML(XML.format("t", ""))
        assert [network.name() for network in other.listAllNetworks()] == ["t"]
    listed = "CONNECT_LIST_ALL_NETWORKS"
    assert proxy.calls[:4] == (
        *(Call(0, listed, write=False), Call(1, listed, write=False)),
        *(Call(2, "NETWORK_DEFINE_XML", write=True), Call(3, listed, write=False)),
    )
    assert {call.procedure for call in proxy.calls[4:]} == {"CONNECT_CLOSE"}
    assert host.names() == {"t"}


def test_a_call_that_fails_is_libvirts_error_and_the_connection_goes_on(host: LabHost, proxy: Proxy) -> None:
    with connect(proxy) as connection:
        proxy.arm(0, Fault.FAIL)
        with pytest.raises(libvirt.libvirtError, match=r"^injected$") as caught:
            connection.networkDefineXML(XML.format("t", ""))
        assert caught.value.get_error_code() == libvirt.VIR_ERR_INTERNAL_ERROR
        assert caught.value.get_error_domain() == libvirt.VIR_FROM_NETWORK
        assert caught.value.get_error_level() == libvirt.VIR_ERR_ERROR
        assert proxy.fired
        assert host.names() == set()
        connection.networkDefineXML(XML.format("t", ""))
    assert host.names() == {"t"}


@pytest.mark.parametrize(("fault", "done"), [(Fault.DROP_BEFORE, set[str]()), (Fault.DROP_AFTER, {"t"})])
def test_a_connection_is_lost_before_or_after_the_call(
    host: LabHost, proxy: Proxy, fault: Fault, done: set[str]
) -> None:
    with connect(proxy) as connection:
        proxy.arm(0, fault)
        with pytest.raises(libvirt.libvirtError, match="End of file"):
            connection.networkDefineXML(XML.format("t", ""))
        assert proxy.fired
        with pytest.raises(libvirt.libvirtError, match="socket is closed"):
            connection.listAllNetworks()
    assert host.names() == done
    with connect(proxy) as connection:
        assert {network.name() for network in connection.listAllNetworks()} == done


@pytest.mark.parametrize(("fault", "done"), [(Fault.KILL_BEFORE, False), (Fault.KILL_AFTER, True)])
def test_who_is_to_be_killed_is_killed_once_before_or_after_the_call(
    host: LabHost, proxy: Proxy, fault: Fault, *, done: bool
) -> None:
    seen: list[bool] = []
    with connect(proxy) as connection:
        proxy.arm(0, fault, on_kill=lambda: seen.append("t" in host.names()))
        with pytest.raises(libvirt.libvirtError, match="End of file"):
            connection.networkDefineXML(XML.format("t", ""))
    with connect(proxy) as connection:
        connection.networkDefineXML(XML.format("other", ""))
    assert seen == [done]
    assert host.names() == ({"t", "other"} if done else {"other"})


@pytest.mark.parametrize(("fault", "done"), [(Fault.KILL_BEFORE, set[str]()), (Fault.KILL_AFTER, {"t"})])
def test_a_client_is_killed_in_the_middle_of_a_call(host: LabHost, proxy: Proxy, fault: Fault, done: set[str]) -> None:
    command = [sys.executable, "-c", CLIENT, proxy.uri, XML.format("t", "")]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as client:
        proxy.arm(0, fault, writes_only=True, on_kill=client.kill)
        client.communicate(b"\n")
    assert client.returncode == -9
    assert proxy.fired
    assert host.names() == done


def test_the_kth_write_is_told_from_reads(host: LabHost, proxy: Proxy) -> None:
    with connect(proxy) as connection:
        proxy.arm(1, Fault.FAIL, writes_only=True)
        network = connection.networkDefineXML(XML.format("t", ""))
        assert not network.isActive()
        assert not proxy.fired
        with pytest.raises(libvirt.libvirtError, match="injected"):
            network.setAutostart(1)
        network.undefine()
        writes = [call.procedure for call in proxy.calls if call.write]
    assert writes == ["NETWORK_DEFINE_XML", "NETWORK_SET_AUTOSTART", "NETWORK_UNDEFINE"]
    assert host.names() == set()


def test_only_killing_needs_someone_who_does_it(proxy: Proxy) -> None:
    with pytest.raises(ValueError, match="kill_after"):
        proxy.arm(0, Fault.KILL_AFTER)
    with pytest.raises(ValueError, match="fail"):
        proxy.arm(0, Fault.FAIL, on_kill=threading.Event().set)


def test_keepalives_and_events_pass_uncounted_and_in_pieces(wire: Wire) -> None:
    wire.client.sendall(PING + ASKED[:5])
    assert wire.daemon.recv(100) == PING
    wire.client.sendall(ASKED[5:])
    assert wire.daemon.recv(100) == ASKED
    wire.daemon.sendall(PING + EVENT + ANSWER)
    wire.daemon.shutdown(socket.SHUT_WR)
    assert everything(wire.client) == PING + EVENT + ANSWER
    assert wire.proxy.calls == (Call(0, "CONNECT_LIST_ALL_NETWORKS", write=False),)


def test_a_client_that_has_said_all_still_hears_the_answer(wire: Wire) -> None:
    wire.client.sendall(ASKED)
    wire.client.shutdown(socket.SHUT_WR)
    assert everything(wire.daemon) == ASKED
    wire.daemon.sendall(ANSWER)
    wire.daemon.close()
    assert everything(wire.client) == ANSWER


def test_only_the_reply_to_the_call_is_withheld(wire: Wire) -> None:
    wire.proxy.arm(0, Fault.DROP_AFTER)
    wire.client.sendall(ASKED)
    assert wire.daemon.recv(100) == ASKED
    wire.daemon.sendall(EVENT + ANSWER + EVENT)
    assert everything(wire.client) == EVENT


def test_a_connection_that_hangs_is_deaf_both_ways_and_stays(wire: Wire) -> None:
    wire.proxy.arm(0, Fault.HANG)
    wire.client.sendall(ASKED)
    assert eventually(lambda: wire.proxy.fired)
    wire.daemon.sendall(EVENT)
    wire.client.sendall(PING)
    wire.client.shutdown(socket.SHUT_WR)
    assert everything(wire.client) == b""
    assert everything(wire.daemon) == b""


def test_a_procedure_without_a_name_is_taken_for_a_write(wire: Wire) -> None:
    wire.client.sendall(HEADER.pack(28, 0x20008086, 1, 999, 0, 1, 0) + HEADER.pack(28, 0x20008087, 1, 1, 0, 2, 0))
    wire.client.shutdown(socket.SHUT_WR)
    everything(wire.daemon)
    assert wire.proxy.calls == (Call(0, "20008086:999", write=True), Call(1, "20008087:1", write=True))


def test_a_host_that_is_gone_is_a_connection_that_ends(tmp_path: Path) -> None:
    with Proxy(f"test:///system?socket={tmp_path}/none") as proxy, socket.socket(socket.AF_UNIX) as client:
        client.connect(path(proxy))
        client.settimeout(DEADLINE)
        assert client.recv(100) == b""


def test_nothing_is_left(host: LabHost) -> None:
    threads, files = set(threading.enumerate()), set(Path("/proc/self/fd").iterdir())
    with Proxy(host.uri) as proxy, socket.socket(socket.AF_UNIX) as client:
        there = Path(path(proxy))
        with connect(proxy):
            pass
        client.connect(str(there))
        client.sendall(GREETING)
        assert client.recv(512)
    assert set(threading.enumerate()) <= threads
    # libvirt frees what closed connections leave in its event loop, now and then.
    assert eventually(lambda: set(Path("/proc/self/fd").iterdir()) <= files)
    assert not there.parent.exists()


def test_a_daemon_that_was_killed_is_back_for_the_next_connection_and_its_networks_run_on(host: LabHost) -> None:
    host.applied(NETWORKS)
    before = {name: host.snapshot(name) for name in NETWORKS}
    bridge = host.interface("vbr-s")
    for _ in range(2):
        kill_daemon(host.lab)
    with pytest.raises(libvirt.libvirtError):
        host.connection.listAllNetworks()
    host.reconnect()
    assert {name: host.snapshot(name) for name in NETWORKS} == before
    assert host.interface("vbr-s") == bridge
    assert host.drifted(NETWORKS) == ()


@pytest.mark.parametrize(("fault", "done"), [(Fault.KILL_BEFORE, set[str]()), (Fault.KILL_AFTER, {"t"})])
def test_the_daemon_is_killed_before_or_after_the_call(
    host: LabHost, proxy: Proxy, fault: Fault, done: set[str]
) -> None:
    with connect(proxy) as connection, connect(proxy) as idle:
        proxy.arm(0, fault, on_kill=lambda: kill_daemon(host.lab))
        with pytest.raises(libvirt.libvirtError, match="End of file"):
            connection.networkDefineXML(XML.format("t", ""))
        with pytest.raises(libvirt.libvirtError):
            idle.listAllNetworks()
    host.reconnect()
    assert host.names() == done


@pytest.mark.parametrize("k", range(4))
def test_a_daemon_that_is_just_starting_is_killed_when_it_is_up(host: LabHost, proxy: Proxy, k: int) -> None:
    kill_daemon(host.lab)
    proxy.arm(k, Fault.KILL_BEFORE, on_kill=lambda: kill_daemon(host.lab))
    with pytest.raises(libvirt.libvirtError), connect(proxy) as connection:
        connection.listAllNetworks()
    assert proxy.fired
    host.reconnect()
    assert host.names() == set()
