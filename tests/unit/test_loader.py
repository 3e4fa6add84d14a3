"""Topology files to networks, or to all problems at once, each at its place."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from netreconcile import loader
from netreconcile.errors import InvalidTopology, Severity
from netreconcile.loader import MAX_PROBLEMS, load, load_text

if TYPE_CHECKING:
    from pathlib import Path

    from netreconcile.model import Network, Topology

HEAD = "version: 1\nname: lab\n"
NAT = "mode: nat, ips: [{address: 10.0.0.1/24}]"
OTHER = "mode: isolated, ips: [{address: 10.1.0.1/24}]"


def topology(networks: str) -> Topology:
    return load_text(HEAD + networks, "t.yaml").topology


def network(inner: str) -> Network:
    return topology(f"networks: {{net: {{{inner}}}}}").networks["net"]


def problems(text: str) -> list[str]:
    with pytest.raises(InvalidTopology) as caught:
        load_text(text, "t.yaml")
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("short", "long"),
    [
        ("mode: very-isolated, bridge: br1", "mode: very-isolated, bridge: {name: br1}"),
        (f"{NAT}, forward: {{dev: eth0}}", f"{NAT}, forward: {{interfaces: [eth0]}}"),
        (f"{NAT}, domain: a.example", f"{NAT}, domain: {{name: a.example}}"),
        (f"{NAT}, dns: {{forwarders: [192.0.2.1]}}", f"{NAT}, dns: {{forwarders: [{{addr: 192.0.2.1}}]}}"),
        (
            "mode: nat, ips: [{address: 10.0.0.1/24, dhcp: {ranges: [10.0.0.2-10.0.0.9]}}]",
            "mode: nat, ips: [{address: 10.0.0.1/255.255.255.0, dhcp: {ranges: [{start: 10.0.0.2, end: 10.0.0.9}]}}]",
        ),
        (
            "mode: nat, ips: [{address: fd00::1/64, dhcp: {ranges: ['fd00::2-fd00::9']}}]",
            "mode: nat, ips: [{address: 'FD00:0::1/64', dhcp: {ranges: [{start: fd00::2, end: fd00::9}]}}]",
        ),
        (f"{NAT}, mtu: null, dns: null", NAT),
        (f"{NAT}, autostart: yes, ipv6: no", f"{NAT}, autostart: true, ipv6: false"),
        (f"{NAT}, mac: 52:54:00:12:34:56", f"{NAT}, mac: '52:54:0:12:34:56'"),
    ],
)
def test_a_short_form_means_the_same_as_the_long_one(short: str, long: str) -> None:
    assert network(short) == network(long)


def test_defaults_are_merged_under_every_network() -> None:
    found = topology(
        "defaults: {autostart: false, bridge: {stp: false}, dns: {forwarders: [192.0.2.1]}}\n"
        f"networks: {{a: {{{NAT}, bridge: br1}}, b: {{{OTHER}, autostart: true}}}}"
    ).networks
    assert (found["a"].autostart, found["b"].autostart) == (False, True)
    assert (found["a"].bridge.name, found["a"].bridge.stp) == ("br1", False)
    assert found["b"].dns.forwarders == found["a"].dns.forwarders


@pytest.mark.parametrize(
    ("defaults", "own", "interfaces"),
    [
        ("{dev: eth0}", "{dev: eth1}", ("eth1",)),
        ("{interfaces: [eth0]}", "{dev: eth1}", ("eth1",)),
        ("{dev: eth0}", "{interfaces: [eth1]}", ("eth1",)),
        ("{dev: eth0}", "{nat: {ipv6: true}}", ("eth0",)),
        ("{dev: eth0}", "{dev: null}", ()),
    ],
)
def test_a_short_form_overrides_the_long_one_in_defaults(defaults: str, own: str, interfaces: tuple[str, ...]) -> None:
    found = topology(f"defaults: {{forward: {defaults}}}\nnetworks: {{a: {{{NAT}, forward: {own}}}}}").networks["a"]
    assert found.forward.interfaces == interfaces


def test_both_forms_in_one_place_are_a_contradiction() -> None:
    (problem,) = problems(HEAD + f"networks: {{a: {{{NAT}, forward: {{dev: eth0, interfaces: [eth1]}}}}}}")
    assert "dev is short for interfaces with one item: give one of the two" in problem


def test_a_problem_of_the_defaults_is_told_once_and_where_it_stands() -> None:
    text = f"{HEAD}defaults:\n  mtu: big\nnetworks:\n  a: {{{NAT}}}\n  b: {{{OTHER}}}\n"
    (problem,) = problems(text)
    assert problem.startswith("t.yaml:4:8: ")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "t.yaml:1:1: there is nothing in the topology (start with `version: 1`)"),
        (
            "[]",
            "t.yaml:1:1: the file holds a list, not a mapping with the keys version, name, policy, defaults, networks",
        ),
        ("name: a", "t.yaml:1:1: version is missing (add `version: 1`)"),
        ("version: 2\nname: a", "t.yaml:1:10: version: must be 1, not 2"),
        ("version: 1\nname: ''", "t.yaml:2:7: name: must not be empty, not ''"),
        (f"version: 1\nname: {'a' * 129}", "name: must have at most 128 characters"),
        (
            "version: 1\nname: a\nnetworks: {n: {mode: very-isolated, description: ''}}",
            "description: must not be empty",
        ),
        ("version: 1\nname: 5", 't.yaml:2:7: name: must be a text, not 5 (put it in quotes: "5")'),
        ("version: 1\nname: a\nnets: {}", "t.yaml:3:1: nets: unknown key 'nets' (did you mean 'networks'?)"),
        ("version: 1\nname: a\nnetworks: []", "t.yaml:3:1: networks: must be a mapping, not a list"),
        ("version: 1\nname: a\nnetworks: {n: 5}", "t.yaml:3:15: networks.n: must be a mapping, not a single value"),
        (
            "version: 1\nname: a\nnetworks: {n: }",
            "mode is missing (one of nat, route, open, isolated, very-isolated, bridge, …)",
        ),
        ("version: 1\nname: a\nnetworks: {n: {mode: nta}}", "networks.n.mode: must be 'nat', 'route'"),
        ("version: 1\nname: a\nnetworks: {n: {mode: nat, forwardDelay: 1}}", "networks.n.forwardDelay: unknown key"),
        ("version: 1\nname: a\nnetworks: {n: {mode: very-isolated, macTableManager: 1}}", "unknown key"),
        (
            "version: 1\nname: a\nnetworks: {n: {mode: very-isolated, bridge: {macTableManager: kernel}}}",
            "did you mean 'mac_table_manager'?",
        ),
        ("version: 1\nname: a\nnetworks: {n: {mode: very-isolated, mtu: 1e3}}", "quote it"),
        (
            "version: 1\nname: a\nnetworks: {n: {mode: very-isolated, mtu: true}}",
            "networks.n.mtu: must be a whole number, not True",
        ),
        ("version: 1\nname: a\nnetworks: {n: {mode: very-isolated, mtu: 70000}}", "must be 65535 or less, not 70000"),
        ("version: 1\nname: a\nnetworks: {n: {mode: very-isolated, autostart: 1}}", "must be true or false"),
        ("version: 1\nname: a\nnetworks: {n: {mode: very-isolated, uuid: 5}}", 'put it in quotes: "5"'),
        ("version: 1\nname: a\nnetworks: {n: {mode: very-isolated, mac: 01:00:5e:00:00:01}}", "multicast"),
        ('version: 1\nname: a\nnetworks: {n: {mode: very-isolated, title: "a\\tb"}}', "control character"),
        ('version: 1\nname: a\nnetworks: {"a\\nb": {mode: very-isolated}}', "control character"),
        ('version: 1\nname: a\nnetworks: {"a\\tb": {mode: very-isolated}}', "control character"),
        ('version: 1\nname: a\nnetworks: {"a\\u2028b": {mode: very-isolated}}', "control character"),
        ('version: 1\nname: "a\\nb"', "control character"),
        ("version: 1\nname: a\nnetworks: {n: {mode: very-isolated}, n: {mode: nat}}", "n"),
    ],
)
def test_what_is_wrong_is_told_with_its_place_and_what_to_do(text: str, expected: str) -> None:
    assert any(expected in problem for problem in problems(text)), problems(text)


def test_all_problems_come_at_once_in_the_order_of_the_file() -> None:
    text = f"{HEAD}networks:\n  a:\n    mode: nta\n    brige: br1\n    mtu: 0\n  b:\n    mode: nat\n"
    lines = [int(problem.split(":")[1]) for problem in problems(text)]
    assert lines == sorted(lines)
    assert {5, 6, 7, 9} <= set(lines)


@pytest.mark.parametrize("order", [("inactive", "active"), ("active", "inactive")])
def test_what_defaults_say_wrong_counts_for_the_network_that_it_harms(order: tuple[str, str]) -> None:
    """A network that doesn't start now can have an MTU that no bridge takes; one that starts can't."""
    networks = ", ".join(
        f"{name}: {{mode: very-isolated, state: {state}}}" for name, state in zip("ab", order, strict=True)
    )
    (problem,) = problems(f"{HEAD}defaults: {{mtu: 60}}\nnetworks: {{{networks}}}")
    assert problem.startswith("t.yaml:3:17: networks.")
    assert "warning" not in problem


def test_more_errors_than_anybody_reads_are_not_told() -> None:
    wrong = "".join(f"  n{i}: {{mode: nta}}\n" for i in range(MAX_PROBLEMS + 9))
    found = problems(f"{HEAD}networks:\n{wrong}")
    assert len(found) == MAX_PROBLEMS + 1
    assert found[-1].endswith(f"these are the first {MAX_PROBLEMS} errors; the rest is not told")
    assert problems(f"{HEAD}networks:\n{wrong[: wrong.index(f'  n{MAX_PROBLEMS}:')]}") == found[:-1]
    unknown = "".join(f"k{i}: 1\n" for i in range(MAX_PROBLEMS + 9))
    assert problems(HEAD + unknown)[-1].endswith("the rest is not told")


def test_more_warnings_than_anybody_reads_are_counted_and_hide_no_error() -> None:
    odd = ", ".join(
        f"{{name: h{i}, mac: '52:54:00:00:00:01', ip: 10.0.{i // 250}.{i % 250 + 2}}}" for i in range(MAX_PROBLEMS + 9)
    )
    network = f"mode: nat, ips: [{{address: 10.0.0.1/16, dhcp: {{hosts: [{odd}]}}}}]"
    warnings = load_text(f"{HEAD}networks: {{n: {{{network}}}}}", "t.yaml").warnings
    assert len(warnings) == MAX_PROBLEMS + 1
    assert "there are 8 more warnings" in str(warnings[-1])
    found = problems(f"{HEAD}networks: {{n: {{{network}}}, driven: {{mode: nat}}}}")
    assert any("needs an address" in problem for problem in found)


def test_defaults_count_for_each_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loader, "MAX_VALUES", 20)
    text = (
        f"{HEAD}defaults: {{bridge: {{stp: false}}, port: {{isolated: true}}}}\nnetworks: {{a: {{mode: very-isolated}}"
    )
    assert len(load_text(f"{text}, b: {{mode: very-isolated}}}}", "t.yaml").topology.networks) == 2
    (problem,) = problems(f"{text}, b: {{}}, c: {{}}}}")
    assert problem.startswith("t.yaml:3:11: defaults: 9 values for each of 3 networks are more than 20")


def test_a_problem_is_told_on_one_line_of_some_length_that_does_nothing_to_a_terminal() -> None:
    odd = '"\\u202e' + "a" * 1000 + '\\x85"'
    found = problems(f"version: {odd}\nname: 1\n{odd}: 1\nnetworks: {{{odd}: {{mode: {odd}, uuid: {odd}, {odd}: 1}}}}")
    assert len(found) > 4
    assert all(problem.isprintable() for problem in found)
    assert all(len(problem) < 3000 for problem in found)


def test_a_warning_does_not_keep_a_topology_from_being_used(tmp_path: Path) -> None:
    file = tmp_path / "t.yaml"
    file.write_text(
        f"{HEAD}networks: {{a: {{mode: nat, ips: [{{address: 10.0.0.1/24, dhcp: {{ranges: [10.0.0.1-10.0.0.9]}}}}]}}}}"
    )
    loaded = load([str(file)])
    assert [problem.severity for problem in loaded.warnings] == [Severity.WARNING]
    with pytest.raises(InvalidTopology):
        load([str(file)], strict=True)


def files(folder: Path, **texts: str) -> list[str]:
    for name, text in texts.items():
        (folder / f"{name}.yaml").write_text(text)
    return [str(folder / f"{name}.yaml") for name in texts]


def test_several_files_make_one_topology(tmp_path: Path) -> None:
    names = files(
        tmp_path,
        a=f"{HEAD}networks: {{a: {{{NAT}}}}}",
        b="version: 1\nnetworks: {b: {mode: very-isolated}}",
        c="defaults: {mtu: 1400}",
    )
    loaded = load(names).topology
    assert set(loaded.networks) == {"a", "b"}
    assert {network.mtu for network in loaded.networks.values()} == {1400}
    assert load([str(tmp_path)]).topology == loaded


@pytest.mark.parametrize(
    ("second", "sentence"),
    [
        ("networks: {a: {mode: very-isolated}}", "another file has a network of this name"),
        ("name: other", "is 'other' here and 'lab' in another file"),
        ("name: [other]", "is list here and 'lab' in another file"),
        ("defaults: {}", "another file has defaults already"),
    ],
)
def test_files_that_contradict_each_other_are_refused_at_the_second(tmp_path: Path, second: str, sentence: str) -> None:
    names = files(tmp_path, one=f"{HEAD}defaults: {{}}\nnetworks: {{a: {{{NAT}}}}}", two=second)
    with pytest.raises(InvalidTopology) as caught:
        load(names)
    (problem,) = caught.value.problems
    assert sentence in problem.message
    assert problem.position
    assert problem.position.file.endswith("two.yaml")


def test_one_alias_may_be_used_by_many_networks() -> None:
    found = topology(
        "defaults: {}\nnetworks:\n  a: &one {mode: very-isolated}\n  b: *one\n  c: {<<: *one, mtu: 1400}\n"
    ).networks
    assert found["a"] == found["b"]
    assert found["c"].mtu == 1400


def test_10_000_reservations_are_loaded() -> None:
    hosts = "\n".join(
        f"            - {{mac: '52:54:00:00:{i >> 8:02x}:{i & 255:02x}', name: h{i}, ip: 10.{i >> 8}.{i & 255}.9}}"
        for i in range(10_000)
    )
    ips = f"    ips:\n      - address: 10.0.0.1/8\n        dhcp:\n          hosts:\n{hosts}\n"
    text = f"{HEAD}networks:\n  a:\n    mode: nat\n{ips}"
    assert len(load_text(text, "t.yaml").topology.networks["a"].ips[0].dhcp.hosts) == 10_000
