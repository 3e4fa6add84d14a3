"""What is measured: each group is a handful of commands that do the same job, side by side on hosts of their own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from benchmarks import sizes
from benchmarks.timing import Case, Sample, interleaved
from netreconcile.lab import Lab

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

BARE = Path(__file__).parent / "bare"
PYTHON = sys.executable
OURS = (PYTHON, "-m", "netreconcile")
LIMIT = "bare libvirt-python"
"""The case that the others of its group are compared with, where it is there."""
MOST_FOR_ANSIBLE = 10
"""Networks; it takes about a second for each, however many there are."""
MOST_FOR_VIRSH = 100
"""Networks; a look at each takes three processes."""


@dataclass(slots=True)
class Group:
    """Commands that do the same job; `size` is what the job grows with. `base` is what they are compared with."""

    name: str
    size: int
    base: str
    samples: dict[str, tuple[Sample, ...]] = field(default_factory=dict)


def start_up(rounds: int) -> Iterator[Group]:
    """Yield what commands cost that need no host."""
    with _folder() as folder:
        ten = folder / "ten.yaml"
        ten.write_text(sizes.text(sizes.networks(10)))
        environment = _environment()
        commands: dict[str, tuple[str, ...]] = {
            "python -c pass": (PYTHON, "-c", "pass"),
            "--help": (*OURS, "--help"),
            "validate, 10 networks": (*OURS, "validate", str(ten)),
        }
        cases = {name: Case(command, environment) for name, command in commands.items()}
        yield Group("start-up", 0, "python -c pass", interleaved(cases, rounds, folder / "log"))


def drift(rounds: int, networks: int, hosts: int = 2) -> Iterator[Group]:
    """Yield what a drift check costs of a host that is in sync; more than 2 reservations grow with `hosts`."""
    with _folder() as folder, Lab() as lab:
        topology = sizes.networks(networks, hosts=hosts, mode="open")
        file = folder / "topology.yaml"
        file.write_text(sizes.text(topology))
        environment = _connected(lab)
        _prepare(lab, "apply", str(file))
        commands: dict[str, tuple[str, ...]] = {
            "python -c pass": (PYTHON, "-c", "pass"),
            LIMIT: (PYTHON, str(BARE / "read.py")),
            "netreconcile drift": (*OURS, "drift", str(file)),
        }
        if shutil.which("virsh") and networks <= MOST_FOR_VIRSH:
            commands["virsh script"] = ("sh", str(BARE / "virsh_read.sh"))
        if shutil.which("ansible-playbook") and networks <= MOST_FOR_ANSIBLE and hosts <= MOST_FOR_ANSIBLE:
            xml = sizes.write_xml(topology, folder / "xml")
            commands["ansible virt_net --check"] = _playbook(xml, "--check")
        cases = {name: Case(command, environment) for name, command in commands.items()}
        # Outside of the lab's namespaces it can't look below libvirt.
        inside = lab.running.environment(_environment())
        whole = Case(commands["netreconcile drift"], inside, entrance=lab.running.command())
        cases["netreconcile drift, down to the kernel"] = whole
        name, size = ("drift, 1 network, DHCP hosts", hosts) if hosts > 2 else ("drift, networks", networks)  # noqa: PLR2004
        yield Group(name, size, LIMIT, interleaved(cases, rounds, folder / "log"))


def apply(rounds: int, networks: int) -> Iterator[Group]:
    """Yield what it costs to make NAT networks on a host that has none; each run gets a fresh host."""
    with _folder() as folder, ExitStack() as hosts:
        topology = sizes.networks(networks)
        file = folder / "topology.yaml"
        file.write_text(sizes.text(topology))
        xml = sizes.write_xml(topology, folder / "xml")
        commands: dict[str, tuple[str, ...]] = {
            LIMIT: (PYTHON, str(BARE / "apply.py"), str(xml)),
            "netreconcile apply": (*OURS, "apply", str(file)),
        }
        if shutil.which("virsh"):
            commands["virsh script"] = ("sh", str(BARE / "virsh_apply.sh"), str(xml))
        if shutil.which("ansible-playbook") and networks <= MOST_FOR_ANSIBLE:
            commands["ansible virt_net"] = _playbook(xml)
        cases = {name: _on_fresh_hosts(hosts, command, warm=True) for name, command in commands.items()}
        cases["netreconcile apply, from afar"] = _on_fresh_hosts(
            hosts, commands["netreconcile apply"], warm=True, afar=True
        )
        yield Group("apply from nothing, networks", networks, LIMIT, interleaved(cases, rounds, folder / "log"))


def change(rounds: int, networks: int) -> Iterator[Group]:
    """Yield what one DHCP host costs, added to (and in the next round taken from) one of the running networks."""
    with _folder() as folder, Lab() as one, Lab() as other:
        before = sizes.networks(networks)
        after = sizes.networks(networks)
        first = next(iter(after["networks"]))
        entry = {"mac": "52:54:00:ff:ff:ff", "name": "late", "ip": "10.0.0.9"}
        after["networks"][first]["ips"][0]["dhcp"]["hosts"].append(entry)
        files = [folder / "before.yaml", folder / "after.yaml", folder / "present.yaml"]
        for file, topology in zip(files, (before, after, before), strict=True):
            file.write_text(sizes.text(topology))
        for lab in (one, other):
            _prepare(lab, "apply", str(files[2]))
        wanted = cycle((files[1], files[0]))
        host = "<host mac='52:54:00:ff:ff:ff' name='late' ip='10.0.0.9'/>"
        cases = {
            LIMIT: Case((PYTHON, str(BARE / "change.py"), first, host), _connected(one)),
            "netreconcile apply": Case(
                (*OURS, "apply", str(files[2])),
                _connected(other),
                before=lambda: files[2].write_bytes(next(wanted).read_bytes()),
            ),
        }
        yield Group("one change among networks", networks, LIMIT, interleaved(cases, rounds, folder / "log"))


def teardown(rounds: int, networks: int) -> Iterator[Group]:
    """Yield what it costs to remove NAT networks that run."""
    with _folder() as folder, ExitStack() as hosts:
        file = folder / "topology.yaml"
        file.write_text(sizes.text(sizes.networks(networks)))
        commands: dict[str, tuple[str, ...]] = {
            LIMIT: (PYTHON, str(BARE / "destroy.py")),
            "netreconcile destroy": (*OURS, "destroy", str(file)),
        }
        applied = ("apply", str(file))
        cases = {name: _on_fresh_hosts(hosts, command, *applied) for name, command in commands.items()}
        yield Group("teardown, networks", networks, LIMIT, interleaved(cases, rounds, folder / "log"))


def _on_fresh_hosts(
    stack: ExitStack, command: tuple[str, ...], *prepared: str, warm: bool = False, afar: bool = False
) -> Case:
    """Return the case that gets a host of its own for each run, on which a command of ours has run before.

    The command runs on that host, or with `afar` where it sees libvirt alone. With `warm` the daemon has made its own
    firewall chains, as on any host that has had a network.
    """
    environment: dict[str, str] = {}
    entrance: list[str] = []
    last: list[Lab] = []

    def stop() -> None:
        while last:
            last.pop().stop()

    def fresh() -> None:
        stop()
        lab = Lab()
        lab.start()
        last.append(lab)
        environment.clear()
        environment.update(_connected(lab) if afar else lab.running.environment(_environment()))
        entrance[:] = () if afar else lab.running.command()
        if prepared:
            _prepare(lab, *prepared)
        if warm:
            _warm(lab)

    stack.callback(stop)
    return Case(command, environment, before=fresh, entrance=entrance)


def _warm(lab: Lab) -> None:
    import libvirt

    connection = libvirt.open(lab.uri)
    connection.networkCreateXML(
        "<network><name>warm</name><forward mode='nat'/><ip address='172.31.255.1'/></network>"
    ).destroy()
    connection.close()


def _connected(lab: Lab) -> dict[str, str]:
    """Return the environment in which commands find the lab."""
    state = f"/proc/{lab.pid}/root/run/netreconcile"
    return {**_environment(), "LIBVIRT_DEFAULT_URI": lab.uri, "NETRECONCILE_STATE": state}


def _environment() -> dict[str, str]:
    """Return the environment of commands: what is installed is compiled, so Python keeps what it compiles here, too."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def _prepare(lab: Lab, *arguments: str) -> None:
    subprocess.run((*OURS, *arguments), env=_connected(lab), check=True, capture_output=True)


def _playbook(xml: Path, *options: str) -> tuple[str, ...]:
    return (
        shutil.which("ansible-playbook") or "",
        "-i",
        "localhost,",
        "-e",
        f"folder={xml}",
        *options,
        str(BARE / "playbook.yaml"),
    )


@contextmanager
def _folder() -> Generator[Path]:
    with TemporaryDirectory(prefix="benchmark-") as folder:
        yield Path(folder)
