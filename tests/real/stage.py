"""A libvirt host with networks of every kind, each of which keeps what its kind promises, and `verify` run on it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import netreconcile
from tests.conftest import LabHost, Ran, schema
from tests.waiting import eventually

if TYPE_CHECKING:
    import signal
    from collections.abc import Generator, Mapping

Said = dict[str, Any]

SECOND_LAN = """\
ip netns add lan2
ip link add eth2 type veth peer name eth0 netns lan2
ip link set eth2 up
ip -n lan2 addr add 10.78.0.1/24 dev eth0
ip -n lan2 addr add fd78::1/64 dev eth0 nodad
ip -n lan2 link set lo up
ip -n lan2 link set eth0 up
ip netns exec lan2 dnsmasq --conf-file=/dev/null --interface=eth0 --bind-dynamic --pid-file= --no-ping \
  --no-resolv --no-hosts --dhcp-range=10.78.0.100,10.78.0.150,10m --enable-ra --dhcp-range=fd78::,ra-only \
  --dhcp-leasefile=/run/lan2.leases
"""
"""A LAN behind `eth2`, as macvtap is refused on `eth1`, a port of `br0`."""


def furnish(stage: Stage) -> None:
    """The host has a second LAN, the folder that a sample names, and for new links the filter that systemd sets."""
    stage.shell(SECOND_LAN)
    stage.shell("mkdir -p /var/lib/libvirt/tftp; echo 2 > /proc/sys/net/ipv4/conf/default/rp_filter")


def on(bridge: str, mode: str, *addresses: str | Said, **more: object) -> Said:
    """Return a network on a bridge where ports forward at once."""
    ips = [address if isinstance(address, dict) else {"address": address} for address in addresses]
    return {"mode": mode, "bridge": {"name": bridge, "stp": False}, "ips": ips, **more}


def lent(address: str, *ranges: str, hosts: tuple[Said, ...] = ()) -> Said:
    """Return an address of the host with a DHCP server."""
    return {"address": address, "dhcp": {"ranges": list(ranges), "hosts": list(hosts)}}


NETWORKS: dict[str, Said] = {
    "nat": on(
        "v-nat",
        "nat",
        lent(
            "10.30.0.1/24",
            "10.30.0.100-10.30.0.119",
            "10.30.0.200-10.30.0.250",
            hosts=(
                {"mac": "52:54:00:30:00:10", "name": "web", "ip": "10.30.0.10"},
                {"mac": "52:54:00:30:00:11", "ip": "10.30.0.11", "lease": "5m"},
                {"name": "printer", "ip": "10.30.0.12"},
            ),
        ),
        mtu=1400,
        domain={"name": "nat.lab", "local_only": True},
        dns={
            "hosts": [
                {"ip": "10.30.0.20", "hostnames": ["api.nat.lab", "api-int.nat.lab"]},
                {"ip": "10.30.0.21", "hostnames": ["api.nat.lab"]},
            ],
            "txt": [{"name": "owner.nat.lab", "value": "the platform team"}, {"name": "nat.lab", "value": "a=b,c=d"}],
            "srv": [
                {"service": "ldap", "protocol": "tcp", "domain": "nat.lab", "target": "api.nat.lab", "port": 389},
                {
                    "service": "sip",
                    "protocol": "udp",
                    "target": "web.nat.lab",
                    "port": 5060,
                    "priority": 7,
                    "weight": 3,
                },
            ],
        },
    ),
    "nat66": on(
        "v-nat66",
        "nat",
        lent("10.30.1.1/24", "10.30.1.100-10.30.1.150"),
        lent(
            "fd30:1::1/64",
            "fd30:1::100-fd30:1::1ff",
            hosts=({"id": "00:03:00:01:52:54:00:30:01:10", "name": "six", "ip": "fd30:1::66"},),
        ),
        forward={"nat": {"ipv6": True}},
        dns={"hosts": [{"ip": "fd30:1::20", "hostnames": ["api6.lab"]}]},
    ),
    "half-nat": on("v-half", "nat", lent("10.30.2.1/24", "10.30.2.100-10.30.2.150"), "fd30:2::1/64"),
    "routed": on(
        "v-routed",
        "route",
        lent("10.30.3.1/24", "10.30.3.2-10.30.3.254"),
        "fd30:3::1/64",
        routes=[{"to": "10.130.0.0/16", "via": "10.30.3.254"}],
    ),
    "open": on("v-open", "open", lent("10.30.4.1/24", "10.30.4.100-10.30.4.150"), "fd30:4::1/64"),
    "isolated": on(
        "v-iso",
        "isolated",
        lent("10.30.5.1/24", "10.30.5.100-10.30.5.150"),
        "fd30:5::1/64",
        domain={"name": "iso.lab", "local_only": True},
    ),
    "plain": on("v-plain", "isolated", "10.30.6.1/24", dns={"enable": False}),
    "wire": on("v-wire", "very-isolated"),
    "wire6": on("v-wire6", "very-isolated", ipv6=True, mtu=9000),
    "sandbox": on("v-sand", "isolated", lent("10.30.7.1/24", "10.30.7.100-10.30.7.150"), port={"isolated": True}),
    "fixed": on(
        "v-fixed",
        "nat",
        lent("10.30.8.1/24", hosts=({"mac": "52:54:00:30:08:10", "name": "only", "ip": "10.30.8.10"},)),
    ),
    "masked": on(
        "v-mask",
        "nat",
        lent("10.30.9.1/24", "10.30.9.100-10.30.9.150"),
        forward={"nat": {"addresses": "203.0.113.50-203.0.113.50", "ports": "20000-29999"}},
    ),
    "pinned": on("v-pin", "nat", lent("10.30.10.1/24", "10.30.10.100-10.30.10.150"), forward={"dev": "eth0"}),
    "six": on("v-six", "open", "fd30:b::1/64", dns={"enable": False}),
    "transit": on("v-transit", "route", "10.30.12.1/30", dns={"enable": False}),
    "two-subnets": on("v-two", "route", lent("10.30.13.1/24", "10.30.13.10-10.30.13.90"), "10.30.14.1/24"),
    "narrow": on("v-narrow", "route", "fd30:10::1/120"),
    "small": on("v-small", "isolated", lent("10.30.16.1/24", "10.30.16.100-10.30.16.150"), mtu=576),
    "lan": {"mode": "bridge", "bridge": "br0"},
    "cards": {"mode": "bridge", "forward": {"interfaces": ["eth2"]}},
    "default": {"mode": "nat", "ips": [lent("10.30.15.1/24", "10.30.15.2-10.30.15.254")]},
}
"""Networks of every kind; libvirt chooses everything about the last one, spanning tree too."""


@dataclass(frozen=True, slots=True)
class Verified(Ran):
    """What `verify` has said; promises and remarks are told as `network: code subject`."""

    @property
    def document(self) -> Any:
        """Return the document on standard output, after a look whether it is as its schema says."""
        document = self.json
        schema("verification").validate(document)
        return document

    def standing(self, outcome: str) -> set[str]:
        """Return the promises that stand so."""
        return {
            f"{network['name']}: {promise['code']} {promise['subject'] or ''}".rstrip()
            for network in self.document["networks"]
            for promise in network["promises"]
            if promise["outcome"] == outcome
        }

    @property
    def remarks(self) -> set[str]:
        """Return the remarks."""
        networks = self.document["networks"]
        return {f"{network['name']}: {remark['code']}" for network in networks for remark in network["remarks"]}


class Stage(LabHost):
    """A lab's host with commands as processes of its own: what they plug in, they plug in there."""

    def inside(self, *arguments: str) -> Ran:
        """Run a command of the command line on the host."""
        ran = self.lab.run(*NETRECONCILE, *arguments, capture_output=True, env=environment())
        return Ran(ran.returncode, ran.stdout, ran.stderr)

    def verify(self, *arguments: str) -> Verified:
        """Run `verify` on the host."""
        ran = self.inside("verify", *arguments, "-o", "json")
        assert ran.out, ran.err
        return Verified(ran.code, ran.out, ran.err)

    def begin(self, *arguments: str) -> subprocess.Popen[str]:
        """Begin to run `verify` on the host."""
        command = self.lab.running.command(*NETRECONCILE, "verify", *arguments)
        there = self.lab.running.environment(environment())
        return subprocess.Popen(command, env=there, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def shell(self, commands: str) -> str:
        """Run commands on the host; return what they print."""
        ran = self.lab.run("sh", "-euc", commands, capture_output=True)
        assert ran.returncode == 0, f"{commands}\n{ran.stderr}"
        return ran.stdout

    def send(self, process: subprocess.Popen[str], number: signal.Signals) -> None:
        """A command inside gets the signal; the process is the one outside that waits for it."""
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text(encoding="ascii").split()
        for child in children:
            os.kill(int(child), number)

    @contextmanager
    def watched(self) -> Generator[set[str]]:
        """The set has links with MTU and MAC address that weren't there before, and were for a moment at least."""
        came: set[str] = set()
        before = links(self.shell("ip -o link"))
        command = self.lab.running.command("ip", "-o", "monitor", "link")
        with tempfile.TemporaryFile("w+") as told, subprocess.Popen(command, stdout=told) as monitor:
            self._signal(told, "begin")
            yield came
            self._signal(told, "end")
            monitor.kill()
            told.seek(0)
            came |= {link for link in links(told.read()) - before if link.split()[0] not in {"begin", "end"}}

    def _signal(self, told: IO[str], name: str) -> None:
        """A link comes and goes, and word of it has come to the file."""

        def heard() -> bool:
            self.shell(f"ip link add {name} type bridge; ip link del {name}")
            told.seek(0)
            return f" {name}:" in told.read()

        assert eventually(heard)

    def lan_leases(self) -> str:
        """Return what is lent in the two LANs, by the LANs' own servers."""
        return self.shell("cat /run/lab/lan.leases /run/lan2.leases")

    def restart(self, name: str) -> None:
        """Stop and start a network: libvirt makes bridge, rules and dnsmasq anew."""
        network = self.network(name)
        network.destroy()
        network.create()

    def everything(self) -> Mapping[str, object]:
        """Return all that a probe could leave on the host."""
        return {**self.traces(), "leases": self.leases()}

    def traces(self) -> Mapping[str, object]:
        """Return what even a killed probe must not leave."""
        links = json.loads(self.shell("ip -j -d link"))
        addresses = json.loads(self.shell("ip -j addr"))
        return {
            "links": sorted((link["ifname"], link["address"], link["mtu"], link.get("master", "")) for link in links),
            "addresses": sorted(
                f"{link['ifname']} {own['local']}" for link in addresses for own in link["addr_info"] if not local(own)
            ),
            "routes": sorted(route for route in self.routes() if not route.startswith("fe80::")),
            "rules": sorted(
                rule for rule in self.shell("iptables-save; ip6tables-save").splitlines() if rule[0] == "-"
            ),
            "namespaces": self.namespaces(),
            "processes": sorted(self.processes().values()),
        }

    def routes(self) -> list[str]:
        """Return the host's routes, without word of what the links are at now."""
        return [line.replace("linkdown", "").strip() for line in self.shell("ip route; ip -6 route").splitlines()]

    def leases(self) -> list[str]:
        """Return the addresses that are lent, by all networks."""
        return sorted(
            lease["ipaddr"] for network in self.connection.listAllNetworks() for lease in network.DHCPLeases()
        )

    def processes(self) -> dict[int, str]:
        """Return what runs on the host: the command lines by number, as seen from outside."""
        space = Path(f"/proc/{self.lab.pid}/ns/pid").stat().st_ino
        found: dict[int, str] = {}
        for folder in Path("/proc").iterdir():
            with suppress(OSError, ValueError):
                if (folder / "ns/pid").stat().st_ino == space:
                    found[int(folder.name)] = (folder / "cmdline").read_text(errors="replace")
        return found

    def namespaces(self) -> int:
        """Return how many network namespaces the threads of the host's processes are in."""
        found: set[int] = set()
        for number in self.processes():
            with suppress(OSError):  # it has ended meanwhile
                found |= {(thread / "ns/net").stat().st_ino for thread in Path(f"/proc/{number}/task").iterdir()}
        return len(found)


def links(text: str) -> set[str]:
    """Return name, MTU and MAC address of the links that `ip -o` lists."""
    return {
        " ".join(found) for found in re.findall(r"(?m)^(?:Deleted )?\d+: ([^:@]+).* mtu (\d+) .*link/\w+ (\S+)", text)
    }


def local(address: Said) -> bool:
    """Return whether the kernel has made the address itself, as soon as something is plugged in."""
    return bool(address["scope"] == "link")


NETRECONCILE = (sys.executable, "-m", "netreconcile")


def environment() -> dict[str, str]:
    """Return an environment in which the host's Python finds the package."""
    return {**os.environ, "PYTHONPATH": str(Path(netreconcile.__file__).parents[1])}
