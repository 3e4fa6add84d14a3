"""A lab is a real libvirt host that comes and goes without a trace."""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from netreconcile.lab import Lab, LabUnavailable
from tests.real.rules import has_own_table
from tests.waiting import eventually

if TYPE_CHECKING:
    import libvirt

    from .conftest import Traces
else:
    libvirt = pytest.importorskip("libvirt")

pytestmark = pytest.mark.lab

NAT = """
<network>
  <name>nat</name>
  <forward mode='nat'/>
  <bridge name='virbr7' stp='off'/>
  <ip address='192.168.77.1' netmask='255.255.255.0'>
    <dhcp><range start='192.168.77.2' end='192.168.77.99'/></dhcp>
  </ip>
</network>
"""


def start_network(uri: str) -> None:
    connection = libvirt.open(uri)
    connection.networkDefineXML(NAT).create()
    connection.close()


def names(uri: str) -> list[str]:
    connection = libvirt.open(uri)
    found: list[str]
    found = [network.name() for network in connection.listAllNetworks(libvirt.VIR_CONNECT_LIST_NETWORKS_ACTIVE)]
    connection.close()
    return found


def output(lab: Lab, *command: str) -> str:
    return lab.run(*command, capture_output=True, check=True).stdout


def test_a_nat_network_is_real_in_a_lab(traces: Traces) -> None:
    with Lab() as lab:
        traces.follow(lab.pid)
        start_network(lab.uri)
        (bridge,) = json.loads(output(lab, "ip", "-json", "address", "show", "virbr7"))
        assert "192.168.77.1" in [address["local"] for address in bridge["addr_info"]]
        assert "MASQUERADE" in output(lab, "iptables", "-t", "nat", "-S")
        assert "conf-file=/var/lib/libvirt/dnsmasq/nat.conf" in output(lab, "ps", "-A", "-o", "args")


@pytest.mark.worlds
def test_whichever_libvirt_runs_commands_find_its_files_in_their_places(traces: Traces, libvirt_root: str) -> None:
    with Lab(root=libvirt_root) as lab:
        traces.follow(lab.pid)
        start_network(lab.uri)
        assert "interface=virbr7" in output(lab, "cat", "/var/lib/libvirt/dnsmasq/nat.conf")
        assert output(lab, "ls", "/etc/libvirt/qemu/networks").split() == ["nat.xml"]
        assert has_own_table(lab) is bool(libvirt_root)


def test_the_machine_does_not_notice_a_lab(traces: Traces) -> None:
    before = traces.machine()
    with Lab(scenery=True) as lab:
        traces.follow(lab.pid)
        start_network(lab.uri)
        assert traces.machine() == before


def test_a_stopped_lab_leaves_nothing_and_can_start_again(traces: Traces) -> None:
    lab = Lab(scenery=True)
    for _ in range(2):
        lab.start()
        traces.follow(lab.pid)
        assert names(lab.uri) == []
        start_network(lab.uri)
        lab.stop()
        traces.check()


def test_starting_and_stopping_twice_is_harmless(traces: Traces) -> None:
    lab = Lab()
    lab.stop()
    lab.start()
    traces.follow(lab.pid)
    first = lab.pid
    lab.start()
    assert lab.pid == first
    lab.stop()
    lab.stop()


def test_a_lab_that_is_not_started_says_so() -> None:
    with pytest.raises(LabUnavailable, match="isn't started"):
        _ = Lab().uri


def test_twenty_labs_side_by_side_do_not_see_each_other(traces: Traces) -> None:
    labs = [Lab() for _ in range(20)]
    with ThreadPoolExecutor(len(labs)) as pool:
        try:
            list(pool.map(Lab.start, labs))
            for lab in labs:
                traces.follow(lab.pid)
            for lab in labs[::2]:
                start_network(lab.uri)
            assert [names(lab.uri) for lab in labs] == [["nat"], []] * 10
        finally:
            list(pool.map(Lab.stop, labs))


def test_a_command_inside_has_its_exit_code_its_input_and_its_folder(traces: Traces, tmp_path: Path) -> None:
    with Lab() as lab:
        traces.follow(lab.pid)
        done = lab.run("sh", "-c", "cat; pwd; exit 7", input="hello ", capture_output=True)
        assert (done.returncode, done.stdout) == (7, f"hello {Path.cwd()}\n")
        assert lab.run("pwd", cwd=tmp_path, capture_output=True).stdout == f"{tmp_path}\n"
        assert lab.run("no-such-program", capture_output=True).returncode == 127
        assert lab.run("/etc/passwd", capture_output=True).returncode == 126
        assert lab.run("sh", "-c", "kill -9 $$").returncode == 137


def test_a_command_in_a_folder_that_the_lab_hides_starts_at_the_top(traces: Traces) -> None:
    with Lab() as lab:
        traces.follow(lab.pid)
        assert lab.run("pwd", cwd="/run", capture_output=True).stdout == "/run\n"
        hidden = next(path for path in Path("/run").iterdir() if path.is_dir() and path.name not in {"lock", "libvirt"})
        assert lab.run("pwd", cwd=hidden, capture_output=True).stdout == "/\n"


def test_a_command_that_takes_too_long_ends_with_its_timeout(traces: Traces) -> None:
    with Lab() as lab:
        traces.follow(lab.pid)
        with pytest.raises(subprocess.TimeoutExpired):
            lab.run("sleep", "4242", timeout=0.5)
        assert eventually(lambda: "4242" not in output(lab, "ps", "-A", "-o", "args"))


def test_programs_inside_find_the_lab_by_themselves(traces: Traces) -> None:
    script = "import libvirt; print(libvirt.open().getURI())"
    with Lab() as lab:
        traces.follow(lab.pid)
        assert output(lab, sys.executable, "-c", script).startswith("network+unix:///system?socket=/run/libvirt/")


def test_orphans_are_reaped(traces: Traces) -> None:
    with Lab() as lab:
        traces.follow(lab.pid)
        orphan = output(lab, "sh", "-c", "sh -c 'exit' >/dev/null & echo $!").strip()
        assert eventually(lambda: lab.run("test", "-e", f"/proc/{orphan}").returncode)


def test_the_log_tells_which_calls_reached_the_daemon(traces: Traces) -> None:
    with Lab(log=True) as lab:
        traces.follow(lab.pid)
        reader = libvirt.openReadOnly(lab.uri)
        reader.listAllNetworks()
        reader.close()
        assert {"virConnectOpenAuth", "virConnectListAllNetworks"} <= set(lab.calls())
        assert not {"virNetworkDefineXML", "virNetworkCreate"} & set(lab.calls())
        start_network(lab.uri)
        assert lab.calls().index("virNetworkDefineXML") < lab.calls().index("virNetworkCreate")


def test_a_daemon_that_was_killed_is_back_for_the_next_connection(traces: Traces) -> None:
    with Lab() as lab:
        traces.follow(lab.pid)
        start_network(lab.uri)
        assert lab.run("sh", "-c", "kill -9 $(cat /run/lab/libvirtd.pid)").returncode == 0
        assert names(lab.uri) == ["nat"]
        assert "192.168.77.1" in output(lab, "ip", "address", "show", "virbr7")
