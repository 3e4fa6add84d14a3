"""The sample host: an uplink to a simulated outside, and a bridge into a simulated LAN."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import pytest

from netreconcile.lab import Lab

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.lab

DISCOVER = """
import socket, struct
client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
client.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
client.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"br0")
client.bind(("0.0.0.0", 68))
client.settimeout(20)
head = struct.pack("!4BIHH16x16s192xI", 1, 1, 6, 0, 42, 0, 0x8000, bytes.fromhex("525400000001"), 0x63825363)
client.sendto(head + bytes([53, 1, 1, 255]), ("255.255.255.255", 67))
print(socket.inet_ntoa(client.recv(2048)[16:20]))
"""


@pytest.fixture(scope="module")
def host() -> Iterator[Lab]:
    with Lab(scenery=True) as lab:
        yield lab


@pytest.mark.parametrize(
    "address",
    ["203.0.113.1", "198.51.100.1", "10.77.0.1", "2001:db8:ffff::1", "2001:db8:1::1", "fd77::1", "outside.test"],
)
def test_outside_and_lan_answer(host: Lab, address: str) -> None:
    done = host.run("ping", "-c1", "-W9", address, capture_output=True)
    assert done.returncode == 0, done.stdout


def test_eth0_is_the_uplink(host: Lab) -> None:
    (route,) = json.loads(host.run("ip", "-json", "route", "show", "default", capture_output=True).stdout)
    assert (route["dev"], route["gateway"]) == ("eth0", "203.0.113.1")


def test_br0_leads_into_the_lan(host: Lab) -> None:
    links = json.loads(host.run("ip", "-json", "-details", "link", "show", capture_output=True).stdout)
    bridge = next(link for link in links if link["ifname"] == "br0")
    assert bridge["linkinfo"]["info_kind"] == "bridge"
    assert [link["ifname"] for link in links if link.get("master") == "br0"] == ["eth1"]


def test_the_lan_has_a_dhcp_server_of_its_own(host: Lab) -> None:
    offered = host.run(sys.executable, "-c", DISCOVER, capture_output=True, check=True).stdout
    assert offered.startswith("10.77.0.1")
