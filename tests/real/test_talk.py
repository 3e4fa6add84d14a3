"""What is heard of a real dnsmasq, from the host itself and from a namespace on its bridge, where guests are."""

from __future__ import annotations

import json
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from tests.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from tests.conftest import LabHost

pytestmark = pytest.mark.lab

BRIDGE, RANGE = "virbr-t", {f"10.1.0.{number}" for number in range(50, 61)}
NETWORK: dict[str, Any] = {
    "mode": "nat",
    "mtu": 1400,
    "bridge": {"name": BRIDGE, "stp": False},
    "domain": {"name": "lab.test", "local_only": True},
    "dns": {
        "hosts": [{"ip": "10.1.0.7", "hostnames": ["db.lab.test"]}, {"ip": "10.1.0.8", "hostnames": ["db.lab.test"]}],
        "txt": [{"name": "note.lab.test", "value": "one,two words"}],
        "srv": [
            {
                "service": "ldap",
                "protocol": "tcp",
                "domain": "lab.test",
                "target": "db.lab.test",
                "port": 389,
                "priority": 1,
                "weight": 2,
            }
        ],
    },
    "ips": [
        {
            "address": "10.1.0.1/24",
            "dhcp": {
                "ranges": ["10.1.0.50-10.1.0.60"],
                "hosts": [
                    {"mac": "52:54:00:00:00:10", "ip": "10.1.0.10"},
                    {"mac": "52:54:00:00:00:11", "ip": "10.1.0.11"},
                ],
            },
        },
        {
            "address": "fd01::1/64",
            "dhcp": {"ranges": ["fd01::50-fd01::60"], "hosts": [{"id": "0:3:0:1:52:54:0:0:0:10", "ip": "fd01::10"}]},
        },
    ],
}
PRELUDE = """
import dataclasses, json, sys
from netreconcile.verify.experience import Offer, Offer6, Question
from netreconcile.verify.resolver import alive, ask
from netreconcile.verify.talk import Dhcp4, Dhcp6, ask_routers, knock, ping

MAC, DUID = "52:54:00:00:00:77", bytes.fromhex("00030001525400000077")
WEB, DB, WEB6 = "52:54:00:00:00:10", "52:54:00:00:00:11", bytes.fromhex("00030001525400000010")

def tell(**what):
    print(json.dumps(what, default=dataclasses.asdict))
"""
REPLY: dict[str, str] = {}
"""A value without fields."""


def said(host: LabHost, script: str, *, guest: str = "") -> Any:
    """Return what a script on the host tells, or one in a guest."""
    inside = ("ip", "netns", "exec", guest) if guest else ()
    ran = host.lab.run(*inside, sys.executable, "-c", PRELUDE + script, capture_output=True)
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


@contextmanager
def guest(host: LabHost, name: str = "guest") -> Generator[str]:
    """Yield the name of a namespace that is plugged in."""
    for command in (
        f"netns add {name}",
        f"link add t-{name} type veth peer name eth0 netns {name}",
        f"link set t-{name} master {BRIDGE} up",
        f"netns exec {name} sysctl -qw net.ipv6.conf.eth0.accept_dad=0",
        f"-n {name} link set eth0 up",
    ):
        host.lab.run("ip", *command.split(), check=True)
    try:
        yield name
    finally:
        host.lab.run("ip", "netns", "delete", name, check=True)


def test_the_host_asks_its_own_server_with_nothing_plugged_in(host: LabHost) -> None:
    host.applied({"t": NETWORK})
    script = """
with Dhcp4("virbr-t") as client:
    informed = client.inform("10.1.0.1", 5)
    reserved = client.discover([WEB, DB], 5, server="10.1.0.1")
tell(informed=informed, reserved=reserved)
"""
    told = said(host, script)
    (informed,) = told["informed"]
    expected = {"prefix": 24, "routers": ["10.1.0.1"], "dns": ["10.1.0.1"], "domain": "lab.test", "mtu": 1400}
    assert informed == {"server": "10.1.0.1", "address": "", "seconds": None, **expected}
    addresses = {mac: [offer["address"] for offer in offers] for mac, offers in told["reserved"].items()}
    assert addresses == {"52:54:00:00:00:10": ["10.1.0.10"], "52:54:00:00:00:11": ["10.1.0.11"]}
    assert host.network("t").DHCPLeases() == []


def test_names_are_answered_with_every_value(host: LabHost) -> None:
    host.applied({"t": NETWORK})
    script = """
kinds = {"db.lab.test": "A", "note.lab.test": "TXT", "_ldap._tcp.lab.test": "SRV", "7.0.1.10.in-addr.arpa": "PTR"}
questions = [Question(name, kind) for name, kind in kinds.items()]
odd = [Question("nobody.lab.test", "A"), Question("db.lab.test", "AAAA"), Question("a..b", "A")]
tell(
    records=list(ask("10.1.0.1", [*questions, *odd], 5).values()),
    alive=alive("10.1.0.1", 5),
    dead=alive("127.0.0.1", 5),
    none=list(ask("127.0.0.1", questions[:1], 5).values()),
)
"""
    told = said(host, script)
    *known, unknown, empty, no_name = told["records"]
    assert {answer["rcode"] for answer in known} == {"NOERROR"}
    assert [answer["values"] for answer in known] == [
        ["10.1.0.7", "10.1.0.8"],
        ["one,two words"],
        ["1 2 389 db.lab.test"],
        ["db.lab.test"],
    ]
    assert unknown == {"rcode": "NXDOMAIN", "values": []}
    assert empty == {"rcode": "NOERROR", "values": []}
    assert no_name["why"].startswith("no question that DNS knows: ")
    assert told["alive"] == REPLY
    assert told["dead"] == {"why": "nothing listens there"}
    assert told["none"] == [{"why": "nothing listens there"}]


def test_many_questions_are_answered_at_once_and_long_answers_whole(host: LabHost) -> None:
    addresses = [f"10.1.1.{number}" for number in range(200)]
    rack = [{"ip": ip, "hostnames": [f"n{number}.lab.test", "rack.lab.test"]} for number, ip in enumerate(addresses)]
    host.applied({"t": NETWORK | {"dns": {"hosts": rack}}})
    script = """
names = [f"n{number}.lab.test" for number in range(200)]
tell(answers=list(ask("10.1.0.1", [Question(name, "A") for name in ("rack.lab.test", *names)], 10).values()))
"""
    whole, *single = said(host, script)["answers"]
    assert whole["values"] == sorted(addresses)
    assert [answer["values"] for answer in single] == [[address] for address in addresses]


def test_a_guest_takes_leases_and_another_run_gives_them_back(host: LabHost) -> None:
    host.applied({"t": NETWORK})
    with guest(host) as name:
        take = """
with Dhcp4("eth0") as client:
    (offer,) = client.discover([MAC], 20, server="10.1.0.1")[MAC]
    refused = client.request(MAC, dataclasses.replace(offer, address="10.9.9.9"), 20)
    lease = client.request(MAC, offer, 20)
adverts = ask_routers("eth0", 20)
with Dhcp6("eth0") as client:
    informed, reserved, offered = client.inform(20), client.solicit(WEB6, 20), client.solicit(DUID, 20)
    lease6 = client.request(DUID, offered, 20)
tell(adverts=adverts, informed=informed, reserved=reserved, lease6=lease6, refused=refused, lease=lease)
"""
        told = said(host, take, guest=name)
        (advert,) = told["adverts"]
        assert (advert["managed"], advert["mtu"], advert["lifetime"] > 0) == (True, 1400, True)
        assert advert["prefixes"] == [{"prefix": "fd01::/64", "on_link": True, "autonomous": False}]
        assert told["informed"] == {"server": advert["router"], "address": "", "dns": ["fd01::1"], "domains": []}
        assert told["reserved"]["address"] == "fd01::10"
        assert told["refused"]["why"].startswith("the server refuses 10.9.9.9: ")
        assert told["lease"]["address"] in RANGE
        taken = {told["lease"]["address"], told["lease6"]["address"]}
        assert eventually(lambda: {lease["ipaddr"] for lease in host.network("t").DHCPLeases()} == taken)
        give = f"""
lease, lease6 = json.loads({json.dumps(json.dumps([told["lease"], told["lease6"]]))})
with Dhcp4("virbr-t") as client:
    client.release(MAC, Offer(**lease))
with Dhcp6("virbr-t") as client:
    client.release(DUID, Offer6(**lease6))
tell()
"""
        said(host, give)
        assert eventually(lambda: host.network("t").DHCPLeases() == [])


def test_a_network_without_dhcp_advertises_a_prefix_and_offers_nothing(host: LabHost) -> None:
    host.applied({"t": NETWORK | {"mode": "isolated", "ips": [{"address": "fd01::1/64"}]}})
    with guest(host) as name:
        script = """
adverts = ask_routers("eth0", 20)
with Dhcp6("eth0") as client:
    solicited = client.solicit(DUID, 0.3)
with Dhcp4("eth0") as client:
    offers = client.discover([MAC], 0.3)
link_local = adverts[0].router
tell(
    adverts=adverts,
    solicited=solicited,
    offers=offers,
    host=ping(link_local, 5, device="eth0"),
    resolver=alive(link_local + "%eth0", 5),
    nobody=ping("fe80::77", 0.3, device="eth0"),
)
"""
        told = said(host, script, guest=name)
    (advert,) = told["adverts"]
    assert advert["prefixes"] == [{"prefix": "fd01::/64", "on_link": True, "autonomous": True}]
    assert (advert["managed"], advert["lifetime"]) == (False, 0)
    assert told["solicited"] == {"why": "no answer within 0.3 s"}
    assert told["offers"] == {"52:54:00:00:00:77": []}
    assert told["host"] == told["resolver"] == REPLY
    assert told["nobody"] == {"why": "no answer within 0.3 s"}


def test_a_foreign_server_is_heard_beside_the_own(host: LabHost, tmp_path: Path) -> None:
    host.applied({"t": NETWORK})
    with guest(host, "rogue") as name:
        rogue = (
            *("dnsmasq", "--conf-file=/dev/null", "--port=0", "--interface=eth0", "--dhcp-authoritative", "--no-ping"),
            *("--dhcp-range=10.1.0.200,10.1.0.210", "--leasefile-ro", f"--pid-file={tmp_path}/pid", "--user=root"),
        )
        host.lab.run("ip", "-n", name, "address", "add", "10.1.0.99/24", "dev", "eth0", check=True)
        host.lab.run("ip", "netns", "exec", name, *rogue, check=True)
        try:
            script = """
with Dhcp4("virbr-t") as client:
    tell(informed=client.inform("10.1.0.1", 5), offers=client.discover([WEB], 5, server="10.1.0.1")[WEB])
"""
            told = said(host, script)
        finally:
            host.lab.run("kill", (tmp_path / "pid").read_text().strip(), check=True)
    assert {offer["server"] for offer in told["informed"]} == {"10.1.0.1", "10.1.0.99"}
    assert {offer["server"] for offer in told["offers"]} == {"10.1.0.1", "10.1.0.99"}


def test_what_leads_nowhere_is_told_and_what_cannot_be_used_is_an_error(host: LabHost) -> None:
    host.applied({"t": NETWORK})
    host.lab.run("ip", "link", "add", "t-down", "type", "bridge", check=True)
    script = """
def failed(function):
    try:
        function()
    except OSError as error:
        return error.strerror

tell(
    own=ping("10.1.0.1", 5),
    silent=ping("10.1.0.99", 0.2),
    unrouted=ping("192.0.2.1", 0.2),
    no_address=ping("web", 5),
    errors=[
        failed(lambda: Dhcp4("t-none").__enter__()),
        failed(lambda: Dhcp6("t-down").__enter__()),
        failed(lambda: ask_routers("t-down", 5)),
        failed(lambda: knock("192.0.2.1", b"x")),
        failed(lambda: knock("10.1.0.1", b"x", source="10.1.0.2")),
        failed(lambda: knock("10.1.0.1", b"x", source="10.1.0.1")),
    ],
)
"""
    try:
        told = said(host, script)
    finally:
        host.lab.run("ip", "link", "delete", "t-down", check=True)
    assert told["own"] == REPLY
    assert told["silent"] == {"why": "no answer within 0.2 s"}
    assert told["unrouted"] == {"why": "Network is unreachable"}
    assert told["no_address"] == {"why": "'web' does not appear to be an IPv4 or IPv6 address"}
    assert told["errors"] == [
        "No such device",
        "Network is down",
        "Network is down",
        "Network is unreachable",
        "Cannot assign requested address",
        None,
    ]
