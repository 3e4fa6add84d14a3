"""What every report tells: each difference in words, what becomes of it, and where in the file it stands."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from netreconcile.below.finding import Finding
from netreconcile.below.remedy import by_hand
from netreconcile.graph.graph import Tone
from netreconcile.loader import load_text
from netreconcile.plan import plan
from netreconcile.reports.subject import Difference, Subject, subject
from tests.unit import hostile
from tests.unit.examples import GUEST, host, network, there, topology

if TYPE_CHECKING:
    from netreconcile.errors import Path, Position
    from netreconcile.model import Topology
    from netreconcile.observed import Host

FINDING = Finding("net", "bridge.mtu", "", "1500", "1400", by_hand("ip link set br1 mtu 1500"))
FILE = """\
version: 1
name: lab
networks:
  net:
    mode: nat
    bridge: br1
    ips:
      - address: 10.0.0.1/24
        dhcp:
          hosts:
            - {mac: "52:54:00:00:00:09", ip: 10.0.0.9}
            - {mac: "52:54:00:00:00:10", ip: 10.0.0.10}
    dns:
      forwarders: [192.0.2.1]
"""


def about(wanted: Topology, before: Host, command: str = "drift") -> Subject:
    return subject(command, plan(wanted, before), wanted, before)


def test_each_difference_says_what_becomes_of_it() -> None:
    before = host(
        there(network(mtu=1400, domain="a"), network(mtu=1400, domain="a"), guests=(replace(GUEST, plugged=False),)),
        there(network(uuid=uuid(1), bridge="br7", ips=[]), name="gone"),
    )
    wanted = topology(
        net=network(domain="b", ipv6=True),
        new=network(uuid=uuid(2), bridge="br8", ips=[{"address": "10.8.0.1/24"}]),
    )
    assert [(item.sign, str(item)) for item in about(wanted, before).differences] == [
        ("~", "net: guest unplugged: web vnet7"),
        ("~", "net: file changed: domain.name: a → b"),
        ("~", "net: file changed: ipv6: false → true"),
        ("-", "net: file changed: mtu: 1400"),
        ("+", "new: missing"),
        ("-", "gone: not in the file"),
    ]


def uuid(number: int) -> str:
    return f"11111111-2222-4333-8444-55555555550{number}"


def test_a_refusal_says_why_and_that_apply_leaves_it() -> None:
    found = about(topology(net=network()), host(there(network(), network(), owner="other"))).differences
    assert found == (
        Difference(
            "net",
            "refused",
            "it belongs to topology 'other'; --take-over makes it this one's",
            "!",
            found[0].impact,
            refused=True,
        ),
    )


def test_what_is_wrong_below_libvirt_comes_with_what_mends_it() -> None:
    wanted, before = topology(net=network()), host(there(network(), network()))
    sound = about(wanted, before)
    found = subject("drift", plan(wanted, before), wanted, before, below=[FINDING], unseen="why\nnot")
    (item,) = found.differences
    assert str(item) == "net: below libvirt: bridge.mtu: 1400, instead of 1500 (large packets may get lost)"
    assert item.mend.startswith("by hand: ip link set br1 mtu 1500")
    assert (sound.summary, found.summary) == (
        "nothing to do: 1 network in sync",
        "nothing to do: 1 network in sync; 1 thing below libvirt isn't as it should be",
    )
    two = subject("drift", plan(wanted, before), wanted, before, below=[FINDING, FINDING])
    assert two.summary.endswith("; 2 things below libvirt aren't as they should be")
    assert [node.tone for node in (*sound.graph.networks, *found.graph.networks)] == [Tone.SAME, Tone.BROKEN]
    assert found.unseen == r"why\nnot"


def places(file: str, before: Host) -> dict[str, str]:
    loaded = load_text(file, "lab.yaml")

    def where(path: Path) -> Position | None:
        return loaded.source.position(path, key=len(path) == 2)

    found = subject("plan", plan(loaded.topology, before), loaded.topology, before, where)
    return {item.what.partition(":")[0] or item.cause: str(item.place) for item in found.differences}


def test_a_difference_stands_where_the_file_says_it() -> None:
    dhcp = {"hosts": [{"mac": "52:54:00:00:00:10", "ip": "10.0.0.11"}], "ranges": ["10.0.0.50-10.0.0.60"]}
    now = network(ips=[{"address": "10.0.0.1/24", "dhcp": dhcp}], bridge={"name": "br2", "stp": True, "delay": 0})
    found = places(FILE, host(there(now)))
    assert {key: place.removeprefix("lab.yaml:") for key, place in found.items()} == {
        "stopped": "4:3",
        "bridge.name": "6:13",
        "dns.forwarders": "14:19",
        "ips[10.0.0.1].dhcp.hosts[52": "12:46",
        "ips[10.0.0.1].dhcp.ranges[10.0.0.50-10.0.0.60]": "10:11",
    }


def test_a_network_that_the_file_does_not_name_stands_at_its_networks() -> None:
    gone = there(network(uuid=uuid(1), bridge="br7", ips=[]), name="gone")
    assert places(FILE, host(gone))["not in the file"] == "lab.yaml:3:1"


def test_every_text_is_one_printable_line_of_bounded_length() -> None:
    found = subject("plan", hostile.planned(), hostile.topology(), hostile.there_is())
    assert len(found.differences) > 3 * len(hostile.NAMES)
    for text in (found.title, found.uri, *map(str, found.differences)):
        assert text.isprintable()
        assert len(text) < 1100
