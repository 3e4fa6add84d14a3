"""The generated files are current, complete, and agree with what `validate` accepts."""

from __future__ import annotations

import functools
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st
from jsonschema import Draft7Validator
from pydantic import ValidationError

from netreconcile import codec
from netreconcile.actions import Action, Replug
from netreconcile.document import plan_document, report_document
from netreconcile.errors import InvalidTopology
from netreconcile.loader import load_text
from netreconcile.mark import Mark
from netreconcile.model import Element, Ip, ModeName, Network, Topology
from netreconcile.observed import Guest, Host, Observed, observed
from netreconcile.plan import plan, removal
from netreconcile.reader import read
from netreconcile.reference.__main__ import generated, main
from netreconcile.reference.history import history_schema
from netreconcile.reference.keys import Key, keys, places, xml_paths
from netreconcile.reference.operators import operator_policy_schema
from netreconcile.reference.plans import plan_schema
from netreconcile.reference.rehearsals import rehearsal_schema
from netreconcile.reference.texts import RANGE, SPELLINGS
from netreconcile.reference.topology import topology_schema
from netreconcile.reference.verifications import verification_schema
from netreconcile.results import Outcome, Report, Result, Undone

if TYPE_CHECKING:
    from collections.abc import Callable

    from netreconcile.plan import Plan

ROOT = Path(__file__).parents[2]
SAMPLES = sorted((ROOT / "sample-topologies").rglob("*.yaml"))
ELEMENTS: list[type[Element]] = [*places(), Topology]
ALL_KEYS = [(element, key) for element in ELEMENTS for key in keys(element)]
NAMES = [f"{element.__name__}.{key.name}" for element, key in ALL_KEYS]


@functools.cache
def validator() -> Draft7Validator:
    return Draft7Validator(topology_schema())


@functools.cache
def plan_validator() -> Draft7Validator:
    return Draft7Validator(plan_schema())


@functools.cache
def definition(element: type[Element]) -> Draft7Validator:
    schema = topology_schema()
    return Draft7Validator({**schema["definitions"][element.__name__], "definitions": schema["definitions"]})


def complaints(text: str) -> list[str]:
    """Return what the schema says against a file."""
    value: Any = read(text.encode(), "topology.yaml").value
    return [error.message for error in validator().iter_errors(value)]


def accepted(text: str) -> bool:
    try:
        load_text(text, "topology.yaml")
    except InvalidTopology:
        return False
    return True


def test_generated_files_are_what_the_model_says() -> None:
    for path, text in generated().items():
        assert (ROOT / path).read_text(encoding="utf-8") == text, f"{path}: run python -m netreconcile.reference"
    assert main(["--check"]) == 0


def test_a_stale_file_is_named_and_written_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("netreconcile.reference.__main__.ROOT", tmp_path)
    assert main(["--check"]) == 1
    assert not list(tmp_path.iterdir())
    assert "docs/reference.md is out of date" in capsys.readouterr().err
    assert main([]) == 0
    assert main(["--check"]) == 0


@pytest.mark.parametrize(
    "schema",
    [
        topology_schema(),
        plan_schema(),
        history_schema(),
        verification_schema(),
        rehearsal_schema(),
        operator_policy_schema(),
    ],
    ids=["topology", "plan", "history", "verification", "rehearsal", "operator-policy"],
)
def test_schemas_are_schemas_and_every_reference_leads_somewhere(schema: dict[str, Any]) -> None:
    Draft7Validator.check_schema(schema)
    for name in re.findall(r'"#/definitions/([^"]*)"', json.dumps(schema)):
        assert name in schema["definitions"]


def test_constraints_never_stand_beside_a_reference_where_draft_7_ignores_them() -> None:
    def check(pairs: list[tuple[str, Any]]) -> None:
        names = [name for name, _ in pairs]
        assert "$ref" not in names or len(names) == 1, names

    schemas = [topology_schema(), plan_schema(), history_schema(), operator_policy_schema()]
    json.loads(json.dumps(schemas), object_pairs_hook=check)


@pytest.mark.parametrize(("element", "key"), ALL_KEYS, ids=NAMES)
def test_every_key_is_documented(element: type[Element], key: Key) -> None:
    assert key.doc.endswith("."), f"{element.__name__}.{key.name} needs a docstring below it"
    assert key.spell is None or key.spell in SPELLINGS, "its kind of text needs a pattern in reference.texts"
    if key.kind is str:
        assert key.examples, "a text needs an example"
    if element is not Topology:
        assert all(xml_paths(key, place) for place in places()[element]) or key.outside or key.short_for
        assert f"`{key.name}`" in generated()["docs/reference.md"]


@pytest.mark.parametrize(("element", "key"), ALL_KEYS, ids=NAMES)
def test_examples_are_valid(element: type[Element], key: Key) -> None:
    needed = {other.name: needed_value(other) for other in keys(element) if other.required}
    for example in key.examples:
        data = {**needed, key.name: example}
        element.model_validate(data)
        if element is not Topology:
            assert not list(definition(element).iter_errors(data))


def needed_value(key: Key) -> Any:
    return key.examples[0] if key.examples else key.choices[0] if key.choices else key.lowest


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.name)
def test_the_schema_takes_every_sample(path: Path) -> None:
    assert not complaints(path.read_text(encoding="utf-8"))


def test_the_page_covers_every_mode_and_its_links_lead_to_headings() -> None:
    page = generated()["docs/reference.md"]
    for mode in get_args(ModeName):
        assert f"\n| `{mode}` |" in page
    anchors = {
        "".join(letter for letter in heading.lower().replace(" ", "-") if letter.isalnum() or letter in "-_")
        for heading in re.findall(r"^## (.*)$", page, re.MULTILINE)
    }
    assert set(re.findall(r"\]\(#([^)]*)\)", page)) <= anchors
    rows = [line for line in page.split("\n") if line.startswith("|")]
    assert all(line.endswith("|") for line in rows)


# --- the schema against `validate`

ODD = ["", "x", "a b", "a\tb", "a\nb", "<&>", "é", "\u2028", "x" * 16, "x" * 300, "a/b", "yes", "1"]
ADDRESSES = ["192.0.2.1", "10.0.0.1", "fd00::1", "FD00:0:0::A", "::", "::ffff:192.0.2.1", "010.0.0.1", "fe80::1%eth0"]
NETS = [
    "10.0.0.1/24",
    "10.0.0.1/024",
    "10.0.0.1/033",
    "10.0.0.1/255.255.255.0",
    "fd00::1/64",
    "10.0.0.0/8",
    "10.0.0.1",
    "::/0",
]
WRITTEN = {
    "text": ODD,
    "block": ODD,
    "unescaped": ODD,
    "ip-address": ADDRESSES,
    "ip-with-prefix": NETS,
    "subnet": NETS,
    "mac": ["52:54:00:00:00:10", "2:0:0:A:b:c", "53:54:00:00:00:10", "52-54-00-00-00-10"],
    "duid": ["00:03:00:01:52:54:00:00:00:10", "0:3:0:1", "abc", "x"],
    "uuid": ["7e2a1c0e-7d4f-4a55-9d0b-0d6c5a3b9f10", "{7E2A1C0E7D4F4A559D0B0D6C5A3B9F10}",
             "urn:uuid:7e2a1c0e-7d4f-4a55-9d0b-0d6c5a3b9f10", "7e2a"],
    "lease-time": ["2m", "120s", "119s", "0120s", "1h", "infinite", "1m", "9999999999s", "1193046h", "00001h", "0"],
    "address-span": ["10.0.0.1-10.0.0.9", "10.0.0.1", "10.0.0.1 - 10.0.0.9", "10.0.0.1-", "10.0.0.9-10.0.0.1", "::1"],
    "port-span": ["1024-65535", "01024 - 65535", "1-2", "5-5", "0-9", "9-1", "80"],
    "pci-address": ["0000:03:10.0", "3:1f.7", "3:20.0", "03:10.8"],
}  # fmt: skip
STRAY: list[Any] = [None, True, 0, 1, 10, -1, 70000, 2**33, 1.5, "", "yes", [], {}, [1], {"a": 1}]


def leaves(key: Key) -> st.SearchStrategy[Any]:
    """Return values of a scalar, good ones and near misses."""
    if key.choices:
        return st.sampled_from(key.choices)
    if key.kind is bool:
        # 1.0 is left out: `validate` takes it for true, and a schema can't tell it from 1, which is refused.
        return st.sampled_from([True, False, "yes", "NO", "on", "oFF", "t", "true", "maybe"])
    if key.kind is int:
        limits = [limit for limit in (key.lowest, key.highest) if limit is not None]
        return st.sampled_from(
            [*limits, *limits, 10, *(limit + 1 for limit in limits), *(limit - 1 for limit in limits)]
        )
    examples = [text for example in key.examples for text in (example if key.is_list else [example])]
    return st.sampled_from(WRITTEN[SPELLINGS[key.spell].name]) | st.sampled_from(examples) if key.spell else st.just("")


def values(key: Key) -> st.SearchStrategy[Any]:
    """Return values of a key, one in ten of them astray."""
    item = elements(key.element) if key.element else leaves(key)
    good = st.lists(item, max_size=2) if key.is_list else item
    return st.integers(0, 9).flatmap(lambda number: good if number else st.sampled_from(STRAY))


@functools.cache
def elements(element: type[Element]) -> st.SearchStrategy[Any]:
    """Return mappings with some of an element's keys, its short form, and now and then a key that it hasn't."""
    known = {key.name: values(key) for key in keys(element)}
    needed = {key.name: known[key.name] for key in keys(element) if key.required}
    some = st.lists(st.sampled_from(sorted(known)), max_size=2, unique=True).flatmap(
        lambda names: st.fixed_dictionaries({**needed, **{name: known[name] for name in names}})
    )
    if not element.short:
        return some
    first, hyphen, _ = element.short.partition("-")
    pairs = st.tuples(st.sampled_from(ADDRESSES), st.sampled_from(["-", " - ", "-\u00a0"]), st.sampled_from(ADDRESSES))
    return some | (pairs.map("".join) if hyphen else known[first])


def topologies() -> st.SearchStrategy[Any]:
    """Return files: networks that are valid in themselves, with some keys changed, under heads of all kinds."""
    lan: list[Any] = [{"mode": "bridge", "bridge": "br0"}, {"mode": "hostdev"}, {"mode": "vepa"}]
    own = [{"mode": mode, "ips": [{"address": "192.0.2.1/24"}]} for mode in ("nat", "route", "open", "isolated")]
    bases = st.sampled_from([{"mode": "very-isolated"}, *lan, *own, {}, None])
    states: list[Any] = [{}, {}, {"state": "absent"}, {"state": "inactive"}, {"state": None}]
    networks = st.tuples(bases, st.sampled_from(states), elements(Network)).map(
        lambda parts: None if parts[0] is None else {**parts[2], **parts[0], **parts[1]}
    )
    named = st.dictionaries(st.sampled_from([*"abcdefg", "a/b", "é"]), networks, max_size=2)
    head = st.sampled_from([*[{"version": 1, "name": "lab"}] * 9, {}, {"version": 2, "name": ""}, {"name": None}])
    defaults = st.one_of(elements(Network), st.sampled_from([{"state": "absent"}, {"mode": "nat"}, None, {}]))
    body: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
        {"networks": st.one_of(*[named] * 9, st.sampled_from(STRAY))},
        optional={"defaults": defaults},
    )
    return st.tuples(head, body).map(lambda parts: {**parts[0], **parts[1]})


@settings(max_examples=400, deadline=None)
@given(topologies())
def test_whatever_validate_accepts_the_schema_accepts(topology: Any) -> None:
    text = json.dumps(topology, ensure_ascii=False)
    good = accepted(text)
    event("accepted" if good else "refused")
    if good:
        assert not complaints(text)


@settings(max_examples=50, deadline=None)
@pytest.mark.parametrize("element", places())
@given(data=st.data())
def test_whatever_the_model_accepts_its_definition_accepts(element: type[Element], data: st.DataObject) -> None:
    value = data.draw(elements(element))
    try:
        element.model_validate(value)
    except ValidationError:
        return
    assert not [error.message for error in definition(element).iter_errors(value)]


@settings(max_examples=200, deadline=None)
@pytest.mark.parametrize("spell", [pytest.param(spell, id=kind.name) for spell, kind in SPELLINGS.items()])
@given(data=st.data())
def test_a_pattern_takes_whatever_its_spelling_takes(spell: Callable[[str], str], data: st.DataObject) -> None:
    kind = SPELLINGS[spell]
    text = data.draw(st.sampled_from(WRITTEN[kind.name]) | st.ip_addresses().map(lambda ip: ip.exploded))
    at, length = data.draw(st.integers(0, len(text))), data.draw(st.integers(0, 1))
    text = text[:at] + data.draw(st.text("0123456789abcdefABCDEF:./-smh,", max_size=2)) + text[at + length :]
    try:
        spell(text)
    except ValueError:
        return
    assert re.search(kind.pattern, text), f"{text!r} is a valid {kind.name}"


@settings(max_examples=200, deadline=None)
@given(st.ip_addresses(), st.sampled_from(["exploded", "compressed"]))
def test_addresses_match_their_patterns_in_every_form(ip: Any, form: str) -> None:
    text = getattr(ip, form)
    assert re.search(next(kind.pattern for kind in SPELLINGS.values() if kind.name == "ip-address"), text)
    assert re.search(RANGE.pattern, f"{text}-{text}")


@pytest.mark.parametrize(
    "text", ["1::2::3", ":::", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "256.0.0.1", "1.2.3", "01.2.3.4", "::1%lo"]
)
def test_what_is_no_address_doesnt_match(text: str) -> None:
    assert not re.search(next(kind.pattern for kind in SPELLINGS.values() if kind.name == "ip-address"), text)


NAT = "mode: nat, ips: [{address: 192.0.2.1/24}]"
BAD_NETWORKS = {
    "unknown key": "mode: very-isolated, mtuu: 9000",
    "unknown key inside": "mode: very-isolated, bridge: {nam: br0}",
    "libvirt's own spelling": "mode: very-isolated, bridge: {macTableManager: kernel}",
    "mode null": "mode: null",
    "mode unknown": "mode: natted",
    "text where a list belongs": "mode: very-isolated, portgroups: a",
    "list where a mapping belongs": "mode: very-isolated, dns: []",
    "null in a list": "mode: very-isolated, portgroups: [null]",
    "number where a text belongs": "mode: very-isolated, bridge: 5",
    "number for a truth value": "mode: very-isolated, ipv6: 1",
    "word for a truth value": "mode: very-isolated, ipv6: maybe",
    "text where a number belongs": "mode: very-isolated, mtu: '9000'",
    "number too large": "mode: very-isolated, mtu: 65536",
    "number too small": "mode: very-isolated, mtu: 0",
    "control character": 'mode: very-isolated, title: "a\\nb"',
    "multicast MAC": "mode: very-isolated, mac: 53:54:00:00:00:10",
    "bad MAC": "mode: very-isolated, mac: 52:54:00:00:10",
    "bad UUID": "mode: very-isolated, uuid: 7e2a",
    "address without prefix": "mode: isolated, ips: [{address: 192.0.2.1}]",
    "prefix too long": "mode: isolated, ips: [{address: 192.0.2.1/33}]",
    "octal address": "mode: isolated, ips: [{address: 010.0.0.1/24}]",
    "address missing in its item": "mode: isolated, ips: [{local_ptr: true}]",
    "IPv4 without a number": "mode: isolated, ips: [{address: 192.0.2/24}]",
    "zone": "mode: isolated, ips: [{address: 'fe80::1%eth0/64'}]",
    "port 0": f"{NAT}, forward: {{nat: {{ports: 0-9}}}}",
    "range of nothing": f"{NAT[:-2]}, dhcp: {{ranges: [first-last]}}}}]",
    "lease too short": f"{NAT[:-2]}, dhcp: {{ranges: [{{start: 192.0.2.2, end: 192.0.2.3, lease: 1m}}]}}}}]",
    "reserved for nobody": f"{NAT[:-2]}, dhcp: {{hosts: [{{ip: 192.0.2.2}}]}}}}]",
    "bad DUID": f"{NAT[:-2]}, dhcp: {{hosts: [{{ip: 192.0.2.2, name: a, id: xyz}}]}}}}]",
    "nat without address": "mode: nat",
    "isolated without address": "mode: isolated",
    "isolated with empty ips": "mode: isolated, ips: []",
    "very-isolated with address": "mode: very-isolated, ips: [{address: 192.0.2.1/24}]",
    "bridge with address": "mode: bridge, bridge: br0, ips: [{address: 192.0.2.1/24}]",
    "bridge with mtu": "mode: bridge, bridge: br0, mtu: 9000",
    "macvtap with bridge": "mode: vepa, bridge: br0",
    "macvtap with bridge, long form": "mode: vepa, bridge: {name: br0}",
    "nat settings in route": "mode: route, ips: [{address: 192.0.2.1/24}], forward: {nat: {ports: 5-6}}",
    "nat ipv6 in open": "mode: open, ips: [{address: 192.0.2.1/24}], forward: {nat: {ipv6: yes}}",
    "interface in hostdev": "mode: hostdev, forward: {dev: eth0}",
    "two interfaces in nat": f"{NAT}, forward: {{interfaces: [eth0, eth1]}}",
    "dev and interfaces": f"{NAT}, forward: {{dev: eth0, interfaces: [eth0]}}",
    "VLAN in nat": f"{NAT}, vlan: {{tags: [10]}}",
    "VLAN too high": "mode: bridge, bridge: br0, vlan: {tags: [4096]}",
    "VLANs without trunk": "mode: bridge, bridge: br0, vlan: {trunk: no, tags: [1, 2]}",
    "bandwidth in hostdev": "mode: hostdev, bandwidth: {inbound: {average: 1}}",
    "floor": f"{NAT}, bandwidth: {{inbound: {{average: 9, floor: 5}}}}",
    "DNS host without names": f"{NAT}, dns: {{hosts: [{{ip: 192.0.2.2}}]}}",
    "TXT without value": f"{NAT}, dns: {{txt: [{{name: a}}]}}",
    "TXT name with a space": f"{NAT}, dns: {{txt: [{{name: a b, value: c}}]}}",
    "SRV port without target": f"{NAT}, dns: {{srv: [{{service: a, protocol: tcp, port: 1}}]}}",
    "forwarder to nowhere": f"{NAT}, dns: {{forwarders: [{{}}]}}",
    "route with host bits": f"{NAT}, routes: [{{to: 10.0.0.1, via: 192.0.2.2}}]",
    "PCI slot": "mode: hostdev, forward: {addresses: ['0000:03:20.0']}",
    "portgroup name unescaped": "mode: bridge, bridge: br0, portgroups: [{name: a&b}]",
}
BAD_FILES = {
    "a list": "[1]",
    "a text": "hello",
    "unknown top-level key": "version: 1\nname: lab\nnetwork: {}",
    "version 2": "version: 2\nname: lab",
    "version as text": "version: '1'\nname: lab",
    "empty name": "version: 1\nname: ''",
    "long name": f"version: 1\nname: {'x' * 129}",
    "networks as list": "version: 1\nname: lab\nnetworks: []",
    "network as text": "version: 1\nname: lab\nnetworks: {a: nat}",
    "mode missing beside defaults": "version: 1\nname: lab\ndefaults: {mtu: 9000}\nnetworks: {a: {bridge: virbr1}}",
    "nothing in a network": "version: 1\nname: lab\ndefaults: {mtu: 9000}\nnetworks: {a: }",
    "slash in a name": "version: 1\nname: lab\nnetworks: {a/b: {mode: very-isolated}}",
    "bad defaults": "version: 1\nname: lab\ndefaults: {mtuu: 1}",
    "null mode in defaults": "version: 1\nname: lab\ndefaults: {mode: null}",
    **{name: f"version: 1\nname: lab\nnetworks: {{a: {{{text}}}}}" for name, text in BAD_NETWORKS.items()},
}


@pytest.mark.parametrize("text", [pytest.param(text, id=name) for name, text in BAD_FILES.items()])
def test_validate_and_schema_refuse_the_same_mistakes(text: str) -> None:
    assert not accepted(text)
    assert complaints(text)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("networks: {a: {bridge: br0}}", id="mode"),
        pytest.param("version: 1\nname: lab\nnetworks: {a: }", id="everything of a network"),
        pytest.param("defaults: {mode: nat}", id="version"),
        pytest.param("", id="everything"),
    ],
)
def test_what_may_stand_in_another_file_is_not_missed(text: str) -> None:
    assert not complaints(text)


# --- plans and reports

LIVE = """
version: 1
name: lab
networks:
  a: {mode: isolated, bridge: virbr8, mtu: 9000, ips: [{address: 192.0.2.1/24, dhcp: {ranges: [192.0.2.2-192.0.2.9]}}]}
  b:
    mode: nat
    bridge: virbr9
    ips: [{address: 198.51.100.1/24, dhcp: {hosts: [{mac: 52:54:00:00:00:10, ip: 198.51.100.9}]}}]
  c: {mode: very-isolated, state: inactive, autostart: false}
"""
GUESTS = (
    Guest("web", "52:54:00:00:00:10", "vnet0"),
    Guest("db", "52:54:00:00:00:11", running=False),
    Guest("cut-off", "52:54:00:00:00:12", by_bridge=True, plugged=False),
)


def topology(text: str) -> Topology:
    return load_text(text, "topology.yaml").topology


def there(name: str, network: Network, owner: str | None = "lab") -> Observed:
    xml = codec.new(name, network, Mark(owner, "old") if owner else None)
    return observed(name, f"uuid-{name}", config_xml=xml, running_xml=xml, autostart=True, guests=GUESTS)


def host(*networks: Observed) -> Host:
    return Host("test:///default", (9, 0, 0), {network.name: network for network in networks})


def before(name: str, **changes: Any) -> Observed:
    network = topology(LIVE).networks[name]
    return there(name, network.model_copy(update=changes))


HOSTS = {
    "empty": host(),
    "in sync": host(*(there(name, network) for name, network in topology(LIVE).networks.items())),
    "foreign": host(there("a", topology(LIVE).networks["a"], "another")),
    "adopted": host(there("a", topology(LIVE).networks["a"], None)),
    "restart": host(before("a", mtu=1500)),
    "more on the host": host(there("z", topology(LIVE).networks["c"])),
    "without a reservation": host(before("b", ips=(Ip(address="198.51.100.1/24"),))),
    "running": host(there("c", topology(LIVE).networks["c"])),
}


def reported(made: Plan) -> Report:
    outcomes = (Outcome.DONE, Outcome.FAILED, Outcome.SKIPPED)
    results = tuple(
        Result(step, outcomes[number % 3], "why", 0.25 if isinstance(step.action, Replug) else None)
        for number, step in enumerate(made.steps)
    )
    return Report(results, made)


@pytest.mark.parametrize("found", HOSTS.values(), ids=HOSTS)
def test_the_plan_schema_takes_plans_and_reports(found: Host) -> None:
    for made in (plan(topology(LIVE), found), removal(topology(LIVE), found)):
        report = reported(made)
        undone = Undone(report.results, made, complete=False)
        documents = (
            plan_document(made, found),
            report_document(made, report, found, 1),
            report_document(made, replace(report, undone=undone, why="it failed"), found, 2),
        )
        for document in documents:
            assert not [error.message for error in plan_validator().iter_errors(json.loads(json.dumps(document)))]


def test_the_hosts_above_make_every_kind_of_action() -> None:
    kinds = {type(step.action) for found in HOSTS.values() for step in plan(topology(LIVE), found).steps}
    assert kinds == set(get_args(Action))


def test_the_plan_schema_is_strict() -> None:
    made = plan(topology(LIVE), HOSTS["restart"])
    document = json.loads(json.dumps(plan_document(made, HOSTS["restart"])))
    for wrong in ({**document, "more": 1}, {**document, "verified": True}, {**document, "impact": "worst"}):
        assert list(plan_validator().iter_errors(wrong))
    del document["steps"][0]["xml"]
    assert list(plan_validator().iter_errors(document))
