"""The sample host's surroundings: an outside behind `eth0`, and a LAN of its own behind `eth1`, the port of `br0`.

Outside and LAN are network namespaces, each kept by the dnsmasq that serves in it. Nothing here touches a real network.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from netreconcile.lab.inside.mounts import replace

if TYPE_CHECKING:
    from collections.abc import Sequence

CLONE_NEWNET = 0x40000000
OUTSIDE = """\
link add eth0 type veth peer name eth0 netns 1
addr add 203.0.113.1/24 dev eth0
addr add 2001:db8:ffff::1/64 dev eth0 nodad
addr add 198.51.100.1/32 dev lo
addr add 2001:db8:1::1/128 dev lo nodad
link set lo up
link set eth0 up
route add default via 203.0.113.2
route add default via 2001:db8:ffff::2
"""
LAN = """\
link add eth0 type veth peer name eth1 netns 1
addr add 10.77.0.1/24 dev eth0
addr add fd77::1/64 dev eth0 nodad
addr add 198.51.100.1/32 dev lo
addr add 2001:db8:1::1/128 dev lo nodad
link set lo up
link set eth0 up
"""
HOST = """\
addr add 203.0.113.2/24 dev eth0
addr add 2001:db8:ffff::2/64 dev eth0 nodad
link set eth0 up
route add default via 203.0.113.1
route add default via 2001:db8:ffff::1
link add br0 type bridge
link set eth1 master br0
link set eth1 up
addr add 10.77.0.2/24 dev br0
addr add fd77::2/64 dev br0 nodad
link set br0 up
"""
NAMES = ("--no-resolv", "--no-hosts", "--host-record=outside.test,198.51.100.1,2001:db8:1::1")
LEASES = (
    "--no-ping",
    "--dhcp-authoritative",
    "--dhcp-range=10.77.0.100,10.77.0.150,255.255.255.0,10m",
    "--enable-ra",
    "--dhcp-range=fd77::,ra-only",
    "--domain=lan.test",
    "--dhcp-leasefile=/run/lab/lan.leases",
)


def build() -> None:
    """Outside, LAN, `eth0` and `br0` are there and answer. Raises: OSError."""
    # The host's links appear with the outside and the LAN; their settings must be right before the first packet.
    for name in ("all", "default"):
        sysctl(f"ipv6/conf/{name}/accept_ra", "0")
    apart(OUTSIDE, NAMES)
    apart(LAN, (*NAMES, *LEASES))
    ip(HOST)
    replace("/etc/resolv.conf", "nameserver 203.0.113.1\n")


def apart(links: str, serving: Sequence[str]) -> None:
    """A new network namespace has the links and a dnsmasq, which keeps it; it forwards."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            namespace(links, serving)
        except OSError as error:
            os.write(writer, str(error).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, encoding="utf-8") as stream:
        problem = stream.read()
    os.waitpid(child, 0)
    if problem:
        raise OSError(problem)


def namespace(links: str, serving: Sequence[str]) -> None:
    """This process is in a new network namespace, set up and served."""
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "the kernel gives no further network namespace")
    for name in ("all", "default"):
        sysctl(f"ipv6/conf/{name}/accept_ra", "0")
        sysctl(f"ipv6/conf/{name}/forwarding", "1")
    sysctl("ipv4/ip_forward", "1")
    ip(links)
    run(["dnsmasq", "--conf-file=/dev/null", "--interface=eth0", "--bind-dynamic", "--pid-file=", *serving])


def sysctl(name: str, value: str) -> None:
    """The network setting has the value; `/proc/sys/net` shows each reader its own namespace."""
    path = Path("/proc/sys/net", name)
    if path.exists():
        path.write_text(value, encoding="utf-8")


def ip(commands: str) -> None:
    """All of the `ip` commands are carried out. Raises: OSError."""
    run(["ip", "-batch", "-"], commands)


def run(command: Sequence[str], standard_input: str = "") -> None:
    """The command has succeeded. Raises: OSError with what it said."""
    done = subprocess.run(command, input=standard_input, capture_output=True, encoding="utf-8", check=False)
    if done.returncode:
        raise OSError(f"{' '.join(command[:2])}: {done.stderr.strip()}")
