"""Two networks to the changes between them, on examples; `test_properties` has what holds for all."""

from __future__ import annotations

import sys

import pytest

from netreconcile.diff import Change, changes, label
from tests.unit.examples import network

HOST = {"mac": "52:54:00:00:00:10", "name": "web", "ip": "10.0.0.10"}


def dhcp(*hosts: dict[str, str]) -> dict[str, object]:
    return {"ips": [{"address": "10.0.0.1/24", "dhcp": {"hosts": list(hosts)}}]}


def test_a_changed_value_is_one_change_with_its_path() -> None:
    renamed = HOST | {"name": "www"}
    path = ("ips", "10.0.0.1", "dhcp", "hosts", HOST["mac"], "name")
    assert changes(network(**dhcp(HOST)), network(**dhcp(renamed))) == (Change(path, "web", "www"),)


def test_what_only_one_side_has_is_a_change_without_a_comparison(monkeypatch: pytest.MonkeyPatch) -> None:
    """With deepdiff each takes a quarter of a millisecond: seconds, where a file has 10 000 more than the host."""
    monkeypatch.setitem(sys.modules, "deepdiff.diff", None)
    path = ("ips", "10.0.0.1", "dhcp", "hosts", HOST["mac"])
    assert changes(network(**dhcp()), network(**dhcp(HOST))) == (Change(path, None, HOST),)
    assert changes(network(**dhcp(HOST)), network(**dhcp())) == (Change(path, HOST, None),)


def test_two_renamed_items_are_two_changes() -> None:
    other = {"mac": "52:54:00:00:00:11", "name": "db", "ip": "10.0.0.11"}
    found = changes(network(**dhcp(HOST, other)), network(**dhcp(HOST | {"name": "a"}, other | {"name": "b"})))
    assert [(change.before, change.after) for change in found] == [("web", "a"), ("db", "b")]


def test_an_item_that_comes_is_told_without_its_defaults() -> None:
    (change,) = changes(network(**dhcp()), network(**dhcp(HOST)))
    assert change.before is None
    assert change.after == HOST


def test_a_list_whose_order_matters_changes_as_one_value() -> None:
    before, after = network(dnsmasq_options=["a", "b"]), network(dnsmasq_options=["a", "c", "b"])
    assert changes(before, after) == (Change(("dnsmasq_options",), ("a", "b"), ("a", "c", "b")),)
    assert changes(network(), after) == (Change(("dnsmasq_options",), (), ("a", "c", "b")),)


def test_names_that_start_with_underscores_differ_like_others() -> None:
    before, after = (network(dns={"txt": [{"name": "__a", "value": value}]}) for value in "12")
    assert [change.path for change in changes(before, after)] == [("dns", "txt", "__a", "value")]


def test_names_with_brackets_and_quotes_are_no_paths() -> None:
    name = "root['a'].b[0]\"'"
    (change,) = changes(network(), network(dns={"txt": [{"name": name, "value": "1"}]}))
    assert change.path == ("dns", "txt", name)


def test_order_is_no_change() -> None:
    other = {"mac": "52:54:00:00:00:11", "ip": "10.0.0.11"}
    assert changes(network(**dhcp(HOST, other)), network(**dhcp(other, HOST))) == ()


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (("mtu",), "mtu"),
        (("bridge", "stp"), "bridge.stp"),
        (
            ("ips", "10.0.0.1", "dhcp", "hosts", "52:54:00:00:00:10", "name"),
            "ips[10.0.0.1].dhcp.hosts[52:54:00:00:00:10].name",
        ),
        (("forward", "interfaces", "eth0"), "forward.interfaces[eth0]"),
        (("dns", "hosts", "10.0.0.9", "hostnames"), "dns.hosts[10.0.0.9].hostnames"),
        (("dnsmasq_options",), "dnsmasq_options"),
        (("portgroups",), "portgroups"),
    ],
)
def test_a_path_reads_like_the_file(path: tuple[str, ...], text: str) -> None:
    assert label(path) == text
