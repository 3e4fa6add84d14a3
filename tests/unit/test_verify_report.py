"""Verdicts as text for people, and as documents for machines."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from netreconcile.verify.report import verdict_lines, verification_document
from netreconcile.verify.target import Level
from netreconcile.verify.verdict import NetworkVerdict, Remark, Verdict, judged, unseen
from tests.conftest import schema

if TYPE_CHECKING:
    from collections.abc import Iterable

ROOT = Path(__file__).parents[2]
ROUTER = judged("dhcp4.router", "192.0.2.1", "192.0.2.99", kept=False, hint="restart dnsmasq")
DNS = judged("dhcp4.dns", "192.0.2.1", "none", kept=False, hint="restart dnsmasq")
BRIDGE = judged("bridge.up", "virbr0 is up", "up", kept=True)
OUT = unseen("out4", "packets leave as 203.0.113.2", "only --full sees that")
REMARK = Remark("ipv6-open", "IPv6 is routed, and open from outside")


def network(*verdicts: Verdict, name: str = "default", remarks: tuple[Remark, ...] = ()) -> NetworkVerdict:
    return NetworkVerdict(name, "nat", verdicts, remarks, 0.42)


def reserved(number: int, *, kept: bool, hint: str = "") -> Verdict:
    mac = f"52:54:00:00:00:{number:02x}"
    seen = "as expected" if kept else "nothing"
    return judged("dhcp4.reserved", f"192.0.2.{number}", seen, kept=kept, subject=mac, hint=hint)


def text(networks: Iterable[NetworkVerdict], width: int = 0) -> list[str]:
    return [line.text for line in verdict_lines(tuple(networks), width)]


def test_a_promise_is_a_line_with_expected_and_seen_in_columns_and_what_mends_a_broken_one_below() -> None:
    assert text([network(BRIDGE, ROUTER, OUT, remarks=(REMARK,)), network(BRIDGE, name="backend")]) == [
        "            promise       expected                      seen",
        "default: nat, 1 promise kept, 1 broken, 1 not seen, 0.4 s",
        "  ok        bridge.up     virbr0 is up                  up",
        "  BROKEN    dhcp4.router  192.0.2.1                     192.0.2.99",
        "  hint      restart dnsmasq",
        "  not seen  out4          packets leave as 203.0.113.2  only --full sees that",
        "  note      IPv6 is routed, and open from outside [ipv6-open]",
        "",
        "backend: nat, 1 promise kept, 0.4 s",
        "  ok        bridge.up     virbr0 is up                  up",
        "",
        "2 networks: 2 promises kept, 1 broken, 1 not seen; broken in default",
    ]


def test_a_hint_that_promises_share_is_told_once_a_network() -> None:
    mtu = judged("mtu", "9000", "1500", kept=False, hint="set it")
    range_ = judged("dhcp4.range", "192.0.2.2-192.0.2.9", "none", kept=False, hint="restart dnsmasq")
    told = text([network(ROUTER, DNS, mtu, range_), network(DNS)])[1:]
    marks = [line.split()[0] for line in told if line.startswith("  ")]
    assert marks == ["BROKEN", "BROKEN", "hint", "BROKEN", "hint", "BROKEN", "BROKEN", "hint"]


def test_many_kept_promises_of_one_kind_are_one_line_and_a_few_are_a_line_each() -> None:
    told = text([network(*(reserved(number, kept=True) for number in range(1, 33)), BRIDGE)])
    assert told[2:4] == [
        "  ok        dhcp4.reserved  32 as in the file  32 as in the file",
        "  ok        bridge.up       virbr0 is up       up",
    ]
    assert "  ok        dhcp4.reserved 52:54:00:00:00:08  192.0.2.8     as expected" in text(
        [network(*(reserved(number, kept=True) for number in range(1, 9)), BRIDGE)]
    )


def test_what_was_not_seen_is_not_among_those_that_should_be_as_in_the_file() -> None:
    rest = unseen("dhcp4.reserved", "addresses for 9968 others", "only a sample is asked for")
    told = text([network(*(reserved(number, kept=True) for number in range(1, 33)), rest)])
    assert "  ok        dhcp4.reserved  32 as in the file          32 as in the file" in told


def test_of_many_broken_promises_of_one_kind_the_first_are_named_and_all_are_counted() -> None:
    broken = (reserved(number, kept=False, hint="start dnsmasq") for number in range(1, 21))
    told = text([network(*(reserved(number, kept=True) for number in range(21, 41)), *broken)])
    assert told[2].split("  ")[-1] == "20 as in the file"
    assert [line.split()[0] for line in told[3:-2]] == ["BROKEN"] * 8 + ["hint"]
    assert told[10].split() == ["BROKEN", "dhcp4.reserved", "13", "more", "of", "40", "likewise"]
    assert told[-1] == "1 network: 20 promises kept, 20 broken; broken in default"


def test_the_last_line_says_where_promises_are_broken() -> None:
    some = [network(ROUTER, name=f"net{number}") for number in range(1, 12)]
    assert text([network(BRIDGE), *some])[-1] == (
        "12 networks: 1 promise kept, 11 broken; broken in net1, net2, net3, net4, net5, net6, net7, net8 and 3 more"
    )
    assert text([network(BRIDGE)])[-1] == "1 network: 1 promise kept"


@pytest.mark.parametrize("width", [80, 120])
def test_on_a_terminal_nothing_is_wider_than_it_and_columns_stay(width: int) -> None:
    expected = f"one of {', '.join(f'192.0.2.{number}' for number in range(40))}"
    long = judged("dhcp4.address", expected, "none within 4.5 s", kept=False, hint=f"look at {expected}")
    told = text([network(long, BRIDGE, remarks=(Remark("lots", expected),))], width)
    assert all(len(line) <= width for line in told)
    assert " ".join(" ".join(told).split()).count("192.0.2.39") == 3
    table = told[2 : next(number for number, line in enumerate(told) if line.startswith("  hint"))]
    assert len(table) > 3
    for head in ("expected", "seen"):
        assert {line.ljust(width)[told[0].index(head) - 1] for line in table} == {" "}


def test_long_words_break_where_they_have_punctuation() -> None:
    span = "192.168.122.2-192.168.122.254"
    told = text([network(judged("dhcp4.range", span, "fd00:1234:5678:9abc:def0::1", kept=True))], 60)
    assert [line.split() for line in told[2:4]] == [
        ["ok", "dhcp4.range", "192.168.122.2-", "fd00:1234:5678:"],
        ["192.168.122.254", "9abc:def0::1"],
    ]


def test_without_a_terminal_a_promise_is_one_line_however_long() -> None:
    long = judged("dns.txt", "x" * 300, "y" * 300, kept=True)
    told = text([network(long, BRIDGE)])
    assert told[2].endswith(f"{'x' * 300}  {'y' * 300}")
    assert len(told[3]) < 100


def test_what_a_name_or_an_answer_holds_drives_no_terminal() -> None:
    told = text([network(judged("dns.txt", "a", "\x1b[2J\nok", kept=False, subject="a\u202eb"))], 80)
    assert "".join(told).isprintable()


def test_a_document_has_every_promise_with_nothing_folded() -> None:
    many = tuple(reserved(number, kept=True) for number in range(1, 41))
    found = (network(*many, ROUTER, OUT, remarks=(REMARK,)), network(name="empty"))
    document = json.loads(json.dumps(verification_document("lab", "qemu:///system", Level.QUICK, found)))
    schema("verification").validate(document)
    assert {key: document[key] for key in ("topology", "connection", "level", "kept", "broken", "unseen")} == {
        "topology": "lab",
        "connection": "qemu:///system",
        "level": "quick",
        "kept": 40,
        "broken": 1,
        "unseen": 1,
    }
    first, second = document["networks"]
    assert (first["name"], first["seconds"], second["promises"]) == ("default", 0.42, [])
    assert len(first["promises"]) == 42
    assert first["promises"][40:] == [
        {
            "code": "dhcp4.router",
            "subject": None,
            "outcome": "broken",
            "expected": "192.0.2.1",
            "seen": "192.0.2.99",
            "hint": "restart dnsmasq",
        },
        {
            "code": "out4",
            "subject": None,
            "outcome": "unseen",
            "expected": "packets leave as 203.0.113.2",
            "seen": None,
            "hint": "only --full sees that",
        },
    ]
    assert first["remarks"] == [{"code": "ipv6-open", "message": "IPv6 is routed, and open from outside"}]


def test_the_schema_is_strict() -> None:
    document = verification_document("lab", "qemu:///system", Level.FULL, (network(ROUTER),))
    for wrong in ({**document, "more": 1}, {**document, "level": "slow"}, {**document, "kept": -1}):
        assert list(schema("verification").iter_errors(wrong))


def codes() -> set[str]:
    """Return the codes of promises and remarks, as far as the source has them in one piece."""
    names: set[str] = set()
    for path in (ROOT / "netreconcile" / "verify").glob("*.py"):
        for call in (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)):
            if ast.unparse(call.func) in ("judged", "unseen", "Remark", "_option") and call.args:
                match call.args[0]:
                    case ast.Constant(value=str(code)):
                        names.add(code if ast.unparse(call.func) != "_option" else f"dhcp4.{code}")
                    case _:
                        pass
    return names


def test_every_promise_and_remark_stands_in_the_documentation() -> None:
    page = (ROOT / "docs" / "verify.md").read_text()
    assert len(codes()) > 30
    assert {code for code in codes() if f"`{code}`" not in page} == set()
