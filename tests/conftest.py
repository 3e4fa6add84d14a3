"""What tests with a real libvirt share: a lab for the session, and its host as tests see it, clean for each of them."""

from __future__ import annotations

import contextlib
import io
import json
import os
from dataclasses import dataclass
from functools import cache
from importlib import resources
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import jsonschema
import pytest
import yaml

from netreconcile import cli, codec
from netreconcile.commands import execute
from netreconcile.folder import VARIABLE
from netreconcile.lab import Lab, programs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from netreconcile.actions import Step
    from netreconcile.model import Network
    from netreconcile.results import Result
    from netreconcile.worker import Watcher
    from tests.guesthost import GuestHost

    Meanwhile = Callable[[Callable[[], object]], None]

ROOT = Path(__file__).parents[1]
LINKS = """\
link add br0 type bridge
link add br1 type bridge
link set br0 up
link set br1 up
link add eth1 type veth peer name far1
link add eth2 type veth peer name far2
link add eth3 type veth peer name far3
link add eth4 type veth peer name far4
"""
"""The host's devices that topologies name: bridges of its own, and NICs that lead nowhere."""
MODULAR = ROOT / ".libvirt-virtnetworkd"
"""What `scripts/build-virtnetworkd` makes."""
OWNER = "tests"
NOTHING = {"elsewhere": {"mode": "very-isolated", "state": "absent"}}
"""A topology of no network; one that names none is taken for a mistake."""
READS = frozenset(
    {
        *("virConnectOpenAuth", "virConnectClose", "virConnectGetLibVersion", "virConnectGetType"),
        *("virConnectListAllNetworks", "virConnectListAllDomains", "virDomainGetXMLDesc", "virDomainIsActive"),
        *("virNetworkGetXMLDesc", "virNetworkLookupByName", "virNetworkListAllPorts", "virNetworkPortGetXMLDesc"),
        *("virNetworkIsActive", "virNetworkIsPersistent", "virNetworkGetAutostart"),
        "virNetworkGetDHCPLeases",
    }
)
"""What reading a host calls in the daemon; whatever else its log has is taken for a write."""


@dataclass(frozen=True, slots=True)
class Ran:
    """A command that has ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Return the document on standard output."""
        return json.loads(self.out)

    @property
    def plan(self) -> Any:
        """Return the plan or report on standard output, after a look whether it is as its schema says."""
        document = self.json
        schema("plan").validate(document)
        return document

    @property
    def history(self) -> Any:
        """Return the history, or an entry of it, on standard output, after a look whether it is as its schema says."""
        document = self.json
        schema("history").validate(document)
        return document

    @property
    def verification(self) -> Any:
        """Return the verdicts on standard output, after a look whether they are as their schema says."""
        document = self.json
        schema("verification").validate(document)
        return document


@cache
def schema(name: str) -> jsonschema.Draft7Validator:
    """Return what validates documents of a kind."""
    text = resources.files("netreconcile").joinpath(f"schemas/{name}.schema.json").read_text(encoding="utf-8")
    return jsonschema.Draft7Validator(json.loads(text))


class LabHost:
    """A libvirt host that tests may do anything to: commands run on it, and what libvirt says of it afterwards."""

    def __init__(self, lab: Lab, folder: Path) -> None:
        self.lab = lab
        self.uri = lab.uri
        self._folder = folder
        self.reconnect()

    def reconnect(self) -> None:
        """`connection` is open; for tests that have ended the daemon."""
        import libvirt

        self.connection: Any = libvirt.open(self.uri)

    @property
    def release(self) -> tuple[int, int, int]:
        """Return libvirt's release."""
        number = int(self.connection.getLibVersion())
        return number // 1_000_000, number // 1_000 % 1_000, number % 1_000

    def file(self, networks: Mapping[str, object], *, name: str = OWNER, file: str = "topology.yaml") -> str:
        """Return the path of a topology file with the networks."""
        path = self._folder / file
        path.write_text(yaml.safe_dump({"version": 1, "name": name, "networks": dict(networks)}, sort_keys=False))
        return str(path)

    def run(self, *arguments: str) -> Ran:
        """Run a command of the command line in this process, with this host as its connection."""
        command, *rest = arguments
        connection = () if "-c" in rest else ("-c", self.uri)
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                code = cli.main([command, *connection, *rest])
            except SystemExit as end:
                code = cast("int", end.code)
        return Ran(code, out.getvalue(), err.getvalue())

    def apply(self, networks: Mapping[str, object], *arguments: str, name: str = OWNER) -> Ran:
        """Run `apply` with a topology of the networks."""
        return self.run("apply", self.file(networks, name=name), *arguments)

    def applied(self, networks: Mapping[str, object], *arguments: str, name: str = OWNER) -> Ran:
        """Apply the networks; fail unless that works."""
        ran = self.apply(networks, *arguments, name=name)
        assert ran.code == 0, f"{ran.out}\n{ran.err}"
        return ran

    def planned(self, networks: Mapping[str, object], *arguments: str, name: str = OWNER) -> Any:
        """Return the plan for the networks, as JSON tells it."""
        ran = self.run("plan", self.file(networks, name=name), "-o", "json", *arguments)
        assert ran.code == 0, f"{ran.out}\n{ran.err}"
        return ran.plan

    def drifted(self, networks: Mapping[str, object], *, name: str = OWNER) -> tuple[str, ...]:
        """Return the lines of `drift`; none where the host is in sync."""
        ran = self.run("drift", self.file(networks, name=name))
        assert ran.code == (2 if ran.out else 0), ran.err
        return tuple(ran.out.splitlines())

    def causes(self, networks: Mapping[str, object], network: str, *, name: str = OWNER) -> dict[str, str]:
        """Return the causes of a network's drift by path; the path of the network as a whole is empty."""
        plan = self.planned(networks, name=name)
        part = next(part for part in plan["networks"] if part["name"] == network)
        return {drift.get("path", ""): drift["cause"] for drift in part["drift"]}

    def define(self, xml: str, *, start: bool = False) -> None:
        """Define a network behind the back of the tool, and start it."""
        network = self.connection.networkDefineXML(xml)
        if start:
            network.create()

    def network(self, name: str) -> Any:
        """Return libvirt's own handle of a network."""
        return self.connection.networkLookupByName(name)

    def names(self) -> set[str]:
        """Return the names of the host's networks."""
        return {network.name() for network in self.connection.listAllNetworks()}

    def config_xml(self, name: str) -> str:
        """Return libvirt's definition of a network."""
        import libvirt

        return str(self.network(name).XMLDesc(libvirt.VIR_NETWORK_XML_INACTIVE))

    def running_xml(self, name: str) -> str:
        """Return the definition that runs."""
        network = self.network(name)
        assert network.isActive()
        return str(network.XMLDesc(0))

    def config(self, name: str) -> Network:
        """Return what libvirt has defined."""
        return codec.parse(self.config_xml(name))[0]

    def running(self, name: str) -> Network:
        """Return what libvirt runs."""
        return codec.parse(self.running_xml(name))[0]

    def snapshot(self, name: str) -> tuple[object, ...]:
        """Return everything that libvirt tells of a network."""
        network = self.network(name)
        running = self.running_xml(name) if network.isActive() else None
        config = self.config_xml(name) if network.isPersistent() else None
        autostart = network.isPersistent() and bool(network.autostart())
        return network.UUIDString(), config, running, autostart

    def interface(self, bridge: str) -> int | None:
        """Return the number of a network device inside the lab: a bridge that was made anew has another one."""
        ran = self.lab.run("ip", "-j", "link", capture_output=True, check=True)
        return next((link["ifindex"] for link in json.loads(ran.stdout) if link["ifname"] == bridge), None)

    def forget_calls(self) -> None:
        """`writes` and `log` tell only what happens from now on."""
        os.truncate(self.lab.running.log_file, 0)

    def writes(self) -> list[str]:
        """Return the daemon's calls since `forget_calls` that can change something."""
        return [call for call in self.lab.calls() if call not in READS]

    def log(self) -> str:
        """Return what the daemon has logged since `forget_calls`."""
        return self.lab.running.log_file.read_text(encoding="utf-8", errors="replace")

    def clear(self) -> None:
        """No network is left."""
        for network in self.connection.listAllNetworks():
            persistent = bool(network.isPersistent())
            if network.isActive():
                network.destroy()
            if persistent:
                network.undefine()
        assert not self.connection.listAllNetworks()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Tests can have a second libvirt."""
    text = "the folder with the second libvirt for tests marked `worlds` (default: %(default)s)"
    parser.addoption("--libvirt-root", type=Path, default=ROOT / ".libvirt-trixie", metavar="DIR", help=text)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Tests marked `worlds` run here and in the second world, where that is there; in CI it has to be.

    Those that say `modular` run on the modular daemon, too, where that has been built, unless they need guests.
    """
    marker = metafunc.definition.get_closest_marker("worlds")
    if "libvirt_root" in metafunc.fixturenames and marker:
        root: Path = metafunc.config.option.libvirt_root
        roots = [root] if root.is_dir() or os.environ.get("CI") else []
        guests = "guests_lab" in metafunc.fixturenames or metafunc.definition.get_closest_marker("guests")
        if marker.kwargs.get("modular") and not guests and MODULAR.is_dir() and MODULAR not in roots:
            roots.append(MODULAR)
        worlds = {"here": None, **{each.name.removeprefix(".libvirt-"): each for each in roots}}
        metafunc.parametrize("libvirt_root", worlds.values(), ids=worlds, indirect=True, scope="session")


@pytest.fixture(scope="session")
def libvirt_root(request: pytest.FixtureRequest) -> str:
    """Return the folder with the libvirt that labs run; empty for this machine's own."""
    root: Path | None = getattr(request, "param", None)
    if root and not root.is_dir():
        pytest.fail(f"there is no {root}: scripts/unpack-libvirt makes it")
    return str(root or "")


@pytest.fixture(scope="session")
def lab(libvirt_root: str) -> Iterator[Lab]:
    """A lab with the network driver, a log of its calls, and NICs and bridges of its own."""
    lacking = programs.missing()
    if lacking or not find_spec("libvirt"):
        hint = programs.install_command(lacking) if lacking else "pip install libvirt-python"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(hint)
    with Lab(log=True, root=libvirt_root) as lab:
        lab.run("ip", "-batch", "-", input=LINKS, check=True)
        yield lab


@pytest.fixture(autouse=True)
def _state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What commands keep of their changes ends with the test."""
    monkeypatch.setenv(VARIABLE, str(tmp_path / "state"))


@pytest.fixture
def host(lab: Lab, tmp_path: Path) -> Iterator[LabHost]:
    """The lab's host, without any network before and after the test."""
    there = LabHost(lab, tmp_path)
    there.forget_calls()
    yield there
    there.clear()
    there.connection.close()


@pytest.fixture(scope="session")
def guests_lab(libvirt_root: str) -> Iterator[Lab]:
    """A lab with QEMU."""
    if os.geteuid() != 0:
        pytest.skip("libvirt's QEMU driver runs for root only")
    lacking = programs.missing(guests=True)
    if lacking:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(programs.install_command(lacking))
    with Lab(guests=True, log=True, root=libvirt_root) as lab:
        yield lab


@pytest.fixture
def guests(guests_lab: Lab, tmp_path: Path) -> Iterator[GuestHost]:
    """A host where every guest of `GUESTS` runs, plugged in; those that the test before left so are used again."""
    from tests.guesthost import GUESTS, NETWORKS, GuestHost  # it builds on this module

    there = GuestHost(guests_lab, tmp_path)
    running = {domain.name() for domain in there.connection.listAllDomains()}
    ready = running == {*GUESTS, "later"} and there.apply(NETWORKS, "--allow-disruption").code == 0
    if not ready or there.names() != NETWORKS.keys() or not there.plugged() or there.drifted(NETWORKS):
        there.reset()
    assert there.plugged()
    there.forget_calls()
    yield there
    there.connection.close()


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> Meanwhile:
    """Let something else happen between the plan of the next apply and its first step."""

    def during(happening: Callable[[], object]) -> None:
        progress, waiting = execute.progress, [happening]

        def watched(total: int) -> Watcher:
            tell = progress(total)

            def watch(step: Step, result: Result | None, undo: bool) -> None:  # noqa: FBT001 -- a watcher's
                while waiting:
                    waiting.pop()()
                tell(step, result, undo)

            return watch

        monkeypatch.setattr(execute, "progress", watched)

    return during


@pytest.fixture
def nothing_allowed(tmp_path: Path) -> str:
    """Return the path of an operator's policy that allows nothing, whatever this machine's own does."""
    file = tmp_path / "operator-policy.yaml"
    file.write_text("version: 1\n")
    file.chmod(0o644)
    return str(file)
