"""What a network's DHCP and DNS are asked for, and what answers."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netreconcile.verify.questions import inquiry, lent_by_range, records, reservations4, reservations6
from tests.unit.examples import network
from tests.unit.lives import DUID, IP4, IP6, MAC, kind

MANY = 10_000


def asked(domain: str | None = None, **dns: Any) -> dict[str, tuple[str, ...]]:
    found = records(network(dns=dns, **({"domain": domain} if domain else {})))
    return {f"{question.name} {question.kind}": values for question, values in found.items()}


# The answers below are those of dnsmasq 2.90 to what libvirt 9.0 makes of the same topology.
@pytest.mark.parametrize(
    ("hosts", "answers"),
    [
        (
            [{"ip": "10.0.0.5", "hostnames": ["web.lab", "www.lab"]}],
            {
                "web.lab A": ("10.0.0.5",),
                "www.lab A": ("10.0.0.5",),
                "5.0.0.10.in-addr.arpa PTR": ("web.lab",),
            },
        ),
        (
            [{"ip": "fd00::5", "hostnames": ["web.lab"]}],
            {
                "web.lab AAAA": ("fd00::5",),
                f"5{'.0' * 29}.d.f.ip6.arpa PTR": ("web.lab",),
            },
        ),
        (
            [
                {"ip": "10.0.0.6", "hostnames": ["web.lab"]},
                {"ip": "10.0.0.5", "hostnames": ["WEB.lab"]},
                {"ip": "10.0.0.5", "hostnames": ["db.lab"]},
            ],
            {
                "web.lab A": ("10.0.0.5", "10.0.0.6"),
                "db.lab A": ("10.0.0.5",),
                "6.0.0.10.in-addr.arpa PTR": ("web.lab",),
                "5.0.0.10.in-addr.arpa PTR": ("web.lab",),
            },
        ),
        (
            [{"ip": "10.0.0.5", "hostnames": ["a.lab b.lab"]}],
            {"a.lab A": ("10.0.0.5",), "b.lab A": ("10.0.0.5",), "5.0.0.10.in-addr.arpa PTR": ("a.lab",)},
        ),
        ([{"ip": "10.0.0.5", "hostnames": ["bücher.lab", f"{'x' * 64}.lab", "#no"]}], {}),
    ],
)
def test_hosts_have_addresses_and_each_address_its_first_name(
    hosts: list[dict[str, Any]], answers: dict[str, tuple[str, ...]]
) -> None:
    assert asked(hosts=hosts) == answers


def test_the_reverse_of_a_name_without_a_dot_has_the_domain() -> None:
    hosts = [{"ip": "10.0.0.5", "hostnames": ["Web"]}]
    assert asked(hosts=hosts)["5.0.0.10.in-addr.arpa PTR"] == ("web",)
    assert asked("Lab.example", hosts=hosts)["5.0.0.10.in-addr.arpa PTR"] == ("web.lab.example",)
    assert asked("Lab.example", hosts=hosts)["web A"] == ("10.0.0.5",)


@pytest.mark.parametrize(
    ("value", "answer"),
    [
        ("v=spf1 a:foo -all", "v=spf1 a:foo -all"),
        ("", ""),
        ("a, b ,c", "a, b ,c"),
        ("a,,b,", "a,,b,"),
        ("  space at both ends ", "space at both ends"),
        (r"back\slash\t", r"back\slash\t"),
        ("no#comment", "no#comment"),
    ],
)
def test_a_text_is_told_as_the_file_has_it(value: str, answer: str) -> None:
    assert asked(txt=[{"name": "T.lab", "value": value}]) == {"t.lab TXT": (answer,)}


@pytest.mark.parametrize("value", ['"q,r" s', "a # comment", "# comment", "größe", "x" * 256])
def test_a_text_that_dnsmasq_reads_otherwise_is_not_asked_for(value: str) -> None:
    texts = [{"name": "t.lab", "value": "fine"}, {"name": "t.lab", "value": value}, {"name": "u.lab", "value": "x"}]
    assert asked(txt=texts) == {"u.lab TXT": ("x",)}


def test_texts_of_one_name_answer_together() -> None:
    assert asked(txt=[{"name": "t.lab", "value": "x"}, {"name": "t.lab", "value": ""}]) == {"t.lab TXT": ("", "x")}


@pytest.mark.parametrize(
    ("domain", "record", "answer"),
    [
        (
            None,
            {"domain": "Lab.Example", "target": "Ldap1.lab.example", "port": 389, "priority": 1, "weight": 2},
            {"_ldap._tcp.lab.example SRV": ("1 2 389 ldap1.lab.example",)},
        ),
        ("lab.example", {"target": "ldap.lab"}, {"_ldap._tcp.lab.example SRV": ("0 0 1 ldap.lab",)}),
        (None, {"target": "ldap.lab", "priority": 3}, {"_ldap._tcp SRV": ("3 0 1 ldap.lab",)}),
        ("lab.example", {}, {"_ldap._tcp.lab.example SRV": ("0 0 1 ",)}),
        (None, {"target": "a,b"}, {}),
    ],
)
def test_a_service_has_dnsmasqs_defaults_and_the_networks_domain(
    domain: str | None, record: dict[str, Any], answer: dict[str, tuple[str, ...]]
) -> None:
    assert asked(domain, srv=[{"service": "ldap", "protocol": "tcp", **record}]) == answer


@pytest.mark.parametrize("values", [{"dns": {"enable": False}}, {"ips": [], "mode": "very-isolated"}])
def test_where_no_dns_runs_nothing_is_asked(values: dict[str, Any]) -> None:
    assert not records(network(**values))


def test_reservations_are_known_by_mac_address_or_duid() -> None:
    reserved = network(ips=[IP4, IP6])
    assert reservations4(reserved) == {MAC: ("10.0.0.10",)}
    assert reservations6(reserved) == {DUID: ("fd00::10",)}
    assert inquiry(reserved, 5).reserved == (MAC,)
    assert inquiry(reserved, 5).reserved6 == (DUID,)


def test_a_reservation_by_name_only_cannot_be_asked_for() -> None:
    named = {"address": "10.0.0.1/24", "dhcp": {"hosts": [{"name": "web", "ip": "10.0.0.10"}]}}
    assert not inquiry(network(ips=[named]), 5).reserved


def test_networks_of_the_lan_are_asked_nothing() -> None:
    assert inquiry(kind("bridge").network, 5) == inquiry(kind("very-isolated").network, 5)


def many(count: int) -> dict[str, Any]:
    hosts = [{"mac": f"52:54:00:00:{n >> 8:02x}:{n & 255:02x}", "ip": f"10.0.{n >> 8}.{n & 255}"} for n in range(count)]
    return {"ips": [{"address": "10.0.255.254/16", "dhcp": {"hosts": hosts}}]}


@given(st.integers(0, 60), st.integers(0, 20))
def test_of_many_a_sample_is_asked_for_with_the_first_and_the_last(count: int, most: int) -> None:
    wanted = network(**many(count))
    macs = list(reservations4(wanted))
    found = inquiry(wanted, most)
    assert len(found.reserved) == min(count, most)
    assert len(set(found.reserved)) == len(found.reserved)
    assert found.left_out == count - len(found.reserved)
    assert [mac for mac in macs if mac in found.reserved] == list(found.reserved)
    if count and most:
        assert found.reserved[-1] == macs[-1]
    if count and most > 1:
        assert found.reserved[0] == macs[0]


def test_of_ten_thousand_reservations_and_records_few_are_asked_for() -> None:
    hosts = [{"ip": f"10.1.{n >> 8}.{n & 255}", "hostnames": [f"h{n}.lab"]} for n in range(MANY)]
    found = inquiry(network(**many(MANY), dns={"hosts": hosts}), 50)
    assert (len(found.reserved), len(found.records), found.left_out) == (50, 50, 3 * MANY - 100)


@pytest.mark.parametrize(
    ("address", "lent"),
    [("10.0.0.100", True), ("10.0.0.199", True), ("10.0.0.99", False), ("fd00::100", False), ("", False)],
)
def test_an_address_of_a_range_is_one_between_its_ends(address: str, *, lent: bool) -> None:
    assert lent_by_range(network(ips=[IP4]).ips[0], address) is lent
