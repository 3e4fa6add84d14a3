"""A state says all that a plan needs, and needs no libvirt; whatever its file holds, a sentence is the worst end."""

from __future__ import annotations

import io
import ipaddress
import json
import os
import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from netreconcile.cli import main
from netreconcile.commands.files import write
from netreconcile.commands.saved import saved
from netreconcile.document import plan_document
from netreconcile.entry import Header
from netreconcile.errors import InvalidState, UsageError
from netreconcile.kernel.state import Address, Link, Route, Settings
from netreconcile.loader import load, load_text
from netreconcile.machine import Machine, machine
from netreconcile.observed import Guest, Lease
from netreconcile.plan import plan
from netreconcile.record import recorded
from netreconcile.state import MAX_BYTES, State, load_state
from tests.unit.examples import GUEST, header, host, network, there

ROOT = Path(__file__).parents[2]
SCHEMA = json.loads((ROOT / "schemas" / "state.schema.json").read_text())
LEASE = Lease("10.0.0.9", GUEST.mac, "web", 1_800_000_000)
DHCP = {"address": "10.0.0.1/24", "dhcp": {"ranges": ["10.0.0.2-10.0.0.20"]}}
NET = replace(
    there(network(ips=[DHCP]), network(ips=[DHCP], mtu=1400), guests=(replace(GUEST, address="10.0.0.9"),)),
    leases=(LEASE,),
)
WAITING = Guest("db", "52:54:00:00:00:98", "vnet8", plugged=False)
HOST = replace(host(NET, there(None, network(), name="passing")), waiting={"gone": (WAITING,)})
TOPOLOGY = """
version: 1
name: lab
networks:
  net: {mode: nat, mtu: 9000, ips: [{address: 10.0.0.1/24}]}
  gone: {mode: isolated, ips: [{address: 10.3.0.1/24}]}
"""

WANTED = load_text(TOPOLOGY, "lab.yaml").topology


def link(name: str, number: int, **values: Any) -> Link:
    addresses = tuple(Address(ipaddress.ip_interface(text)) for text in values.pop("addresses", ()))
    return Link(name, number, mac="52:54:00:00:00:01", up=True, addresses=addresses, **values)


MACHINE = Machine(
    "hv01",
    (link("eth0", 2, addresses=("192.0.2.7/24", "2001:db8::7/64")),),
    (Route(ipaddress.ip_network("0.0.0.0/0"), "eth0", "192.0.2.1"),),
    forwarding4=True,
    forwarding6=None,
)
STATE = State(
    format_version=1,
    taken=1_700_000_000.5,
    connection=HOST.uri,
    version=HOST.version,
    networks={name: recorded(item) for name, item in HOST.networks.items()},
    waiting=dict(HOST.waiting),
    machine=MACHINE,
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A state as it was exported."""
    path = tmp_path / "state.json"
    path.write_text(STATE.model_dump_json())
    return path


@pytest.fixture
def topology(tmp_path: Path) -> str:
    """A topology file for the host of the state."""
    path = tmp_path / "lab.yaml"
    path.write_text(TOPOLOGY)
    return str(path)


def changed(path: Path, *keys: str | int, value: object) -> Path:
    """Return the path of the state, after one value in it was changed."""
    document = json.loads(path.read_text())
    inner = document
    for key in keys[:-1]:
        inner = inner[key]
    inner[keys[-1]] = value
    path.write_text(json.dumps(document))
    return path


# -- what it keeps


def test_a_host_comes_back_from_its_state_as_it_was(file: Path) -> None:
    assert load_state(str(file)) == STATE
    assert load_state(str(file)).host() == replace(HOST, links=frozenset({"eth0"}))


def test_a_state_fits_its_schema_and_has_all_of_its_keys(file: Path) -> None:
    document = json.loads(file.read_text())
    jsonschema.validate(document, SCHEMA)
    assert list(document) == list(SCHEMA["properties"])
    jsonschema.validate({**document, "machine": None, "machine_unknown": "why"}, SCHEMA)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**document, "odd": 1}, SCHEMA)


def test_the_journal_keeps_networks_in_the_same_words_and_still_reads_those_of_before() -> None:
    kept = header({"net": NET})
    assert kept.before["net"] == STATE.networks["net"]
    old = json.loads(kept.model_dump_json())
    del old["before"]["net"]["leases"]
    for guest in old["before"]["net"]["guests"]:
        del guest["address"]
        guest["from a later release"] = True
    read = Header.model_validate_json(json.dumps(old)).before["net"]
    assert read
    assert read.network("net") == replace(NET, guests=(GUEST,), leases=())


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (5, "less than a minute ago"),
        (60, "1 minute ago"),
        (7199, "1 hour ago"),
        (3 * 24 * 3600, "3 days ago"),
        (-5, "in the future, by the clock here"),
    ],
)
def test_a_state_says_how_old_it_is(seconds: float, words: str) -> None:
    assert STATE.age(STATE.taken + seconds) == words


# -- plans from it


@pytest.mark.parametrize("command", ["plan", "drift"])
def test_the_plan_from_a_state_is_that_of_the_host(
    command: str, file: Path, topology: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([command, "--state", str(file), "-o", "json", topology]) == (2 if command == "drift" else 0)
    told = capsys.readouterr()
    wanted, document = load([topology]).topology, json.loads(told.out)
    if command == "drift":
        below = [document.pop(key) for key in ("below", "below_unknown", "below_accepted")]
        assert below == [[], "a stored state tells nothing of what is below libvirt", []]
    assert document == json.loads(json.dumps(plan_document(plan(wanted, HOST), HOST)))
    assert f"state of {HOST.uri}, taken " in told.err
    assert " days ago" in told.err


def test_what_was_to_be_finished_on_the_host_is_told(
    file: Path, topology: str, capsys: pytest.CaptureFixture[str]
) -> None:
    changed(file, "pending", value=["entry 7 has no end\x1b[31m"])
    assert main(["plan", "--state", str(file), topology]) == 0
    assert "entry 7 has no end\\x1b[31m\n" in capsys.readouterr().err


def test_standard_input_can_be_the_state(
    file: Path, topology: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(file.read_bytes())))
    assert main(["plan", "--state", "-", topology]) == 0
    assert "lease hit: web has a lease of 10.0.0.9" in capsys.readouterr().out


def test_a_plan_from_a_state_needs_no_libvirt(file: Path, topology: str) -> None:
    code = "import sys; sys.modules['libvirt'] = None; from netreconcile.cli import main; sys.exit(main(sys.argv[1:]))"
    for command, result in (("plan", 0), ("drift", 2)):
        line = [sys.executable, "-c", code, command, "--state", str(file), topology]
        assert subprocess.run(line, cwd=ROOT, capture_output=True, check=False).returncode == result


def test_a_plan_from_a_state_is_saved_for_the_host_that_the_state_is_of(
    file: Path, topology: str, tmp_path: Path
) -> None:
    out = str(tmp_path / "plan.json")
    assert main(["plan", "--state", str(file), "--out", out, topology]) == 0
    found = saved([out])
    assert found
    assert (found.connection, found.files) == (HOST.uri, (topology,))


def test_wrong_use_is_told(file: Path, topology: str, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, words in (
        (["plan", "-c", "test:///default", "--state", str(file), topology], "--state and -c exclude each other"),
        (["drift", "--state", "-", "-"], "can't be both the state and the topology"),
        (["show", "--export", "state.json", "7"], "not for an entry of the journal"),
    ):
        assert main(arguments) == UsageError.exit_code
        assert words in capsys.readouterr().err


# -- broken and hostile files

XML = "networks", "net", "config_xml"
LINK = "machine", "links", 0


@pytest.mark.parametrize(
    ("keys", "value", "words"),
    [
        (("format_version",), 2, "format_version: Input should be 1"),
        (("taken",), -1, "taken: Input should be greater than or equal to 0"),
        (("taken",), float("nan"), "taken: "),
        (("taken",), "now", "taken: Input should be a valid number"),
        (("version",), [12, 0], "version[2]: "),
        (("version", 1), -1, "version[1]: "),
        (("odd",), 1, "odd: Extra inputs are not permitted"),
        (("networks",), [], "networks: "),
        (("networks", "net"), None, "networks.net: "),
        (
            ("networks", "passing", "running_xml"),
            None,
            "networks.passing: a network that is neither defined nor running",
        ),
        (("networks", "net", "odd"), 1, "networks.net.odd: "),
        (("networks", "net", "autostart"), "yes", "networks.net.autostart: Input should be a valid boolean"),
        (("networks", "net", "guests", 0, "mac"), 7, "networks.net.guests[0].mac: Input should be a valid string"),
        (("networks", "net", "guests", 0, "odd"), 7, "networks.net.guests[0].odd: "),
        (("networks", "net", "leases", 0, "expires"), 1.5, "networks.net.leases[0].expires: "),
        (
            ("networks", "net", "leases", 0, "expires"),
            2**40,
            "networks.net: 1099511627776 is no time that a lease ends at",
        ),
        (
            ("networks", "net", "leases", 0, "ip"),
            "x",
            "networks.net: 'x' does not appear to be an IPv4 or IPv6 address",
        ),
        (("waiting", "gone"), {}, "waiting.gone: "),
        (("machine", "links"), None, "machine.links: "),
        ((*LINK, "name"), "../../etc", "machine: '../../etc' is no name of a link"),
        ((*LINK, "name"), "a b", "machine: 'a b' is no name of a link"),
        ((*LINK, "name"), "a\x1b", r"machine: 'a\x1b' is no name of a link"),
        ((*LINK, "name"), "much-too-long-name", "machine: 'much-too-long-name' is no name of a link"),
        ((*LINK, "mac"), "; reboot", "machine: '; reboot' is no MAC address"),
        ((*LINK, "mtu"), 0, "machine: 0 is no MTU"),
        ((*LINK, "addresses", 0, "interface"), "10.0.0.1/99", "machine.links[0].addresses[0].interface"),
        (("machine", "routes", 0, "to"), "elsewhere", "machine.routes[0].to"),
    ],
)
def test_a_broken_state_is_told_in_a_sentence_with_its_place(
    keys: tuple[str | int, ...], value: object, words: str, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(changed(file, *keys, value=value))
    assert (
        main(["plan", "--state", path, str(ROOT / "sample-topologies" / "four-kinds.yaml")]) == InvalidState.exit_code
    )
    told = capsys.readouterr().err
    said = next(line for line in told.splitlines() if line.startswith(f"state {path}: "))
    assert words in said
    assert "Traceback" not in told


def test_links_have_a_name_of_their_own(file: Path) -> None:
    links = json.loads(file.read_text())["machine"]["links"]
    with pytest.raises(InvalidState, match="two links are called 'eth0'"):
        load_state(str(changed(file, "machine", "links", value=links * 2)))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"", "Invalid JSON: EOF while parsing a value at line 1 column 0"),
        (b"version: 1\n", "Invalid JSON: expected value at line 1 column 1"),
        (b'{"taken": ', "Invalid JSON: EOF while parsing a value at line 1 column 10"),
        (b"[" * 100_000, "Invalid JSON: recursion limit exceeded"),
        (b"[]", "Input should be an object"),
        (b'"\xff"', "Invalid JSON: invalid unicode"),
        (b'{"connection": "\\ud800"}', "Invalid JSON: "),
        (b"{}", "format_version: Field required"),
        (b" " * (MAX_BYTES + 1), "is larger than 16 MiB"),
    ],
    ids=range(9),
)
def test_what_is_no_state_is_told(text: bytes, words: str, file: Path) -> None:
    file.write_bytes(text)
    with pytest.raises(InvalidState) as caught:
        load_state(str(file))
    assert words in str(caught.value)
    assert str(caught.value).isprintable()


def test_a_state_that_cant_be_read_is_told(tmp_path: Path) -> None:
    for path, words in ((tmp_path / "missing", "No such file or directory"), (tmp_path, "Is a directory")):
        with pytest.raises(InvalidState, match=words):
            load_state(str(path))
    with pytest.raises(InvalidState, match="embedded null byte"):
        load_state("a\0b")


LAUGHS = "<!DOCTYPE n [<!ENTITY a 'ha'>" + "".join(
    f"<!ENTITY {new} '{f'&{old};' * 50}'>" for old, new in zip("abcdefg", "bcdefgh", strict=True)
)


@pytest.mark.parametrize(
    "xml",
    [
        "",
        "no xml",
        "<network/>",
        "<domain/>",
        "<network><ip address='x'/></network>",
        f"{LAUGHS}]><network>&h;</network>",
    ],
)
def test_xml_that_cant_be_read_keeps_only_its_network_from_being_planned(
    xml: str, file: Path, topology: str, capsys: pytest.CaptureFixture[str]
) -> None:
    changed(file, *XML, value=xml)
    assert main(["plan", "--state", str(file), "-o", "json", topology]) == 0
    net, gone = json.loads(capsys.readouterr().out)["networks"][:2]
    assert net["refusal"] or net["drift"]
    assert gone["verb"] == "create"


def test_a_network_whose_uuid_is_not_that_of_its_xml_is_refused(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    changed(file, "networks", "net", "uuid", value="another")
    same = tmp_path / "same.yaml"
    same.write_text("version: 1\nname: lab\nnetworks: {net: {mode: nat, ips: [{address: 10.0.0.1/24}]}}\n")
    assert main(["plan", "--state", str(file), str(same)]) == 0
    assert "its UUID is another, and its definition says otherwise" in capsys.readouterr().out


@pytest.mark.parametrize("start", ["start='x'", "start=''", ""])
def test_a_pool_of_addresses_that_are_none_is_no_reason_to_give_up(
    start: str, file: Path, topology: str, capsys: pytest.CaptureFixture[str]
) -> None:
    xml = STATE.networks["net"].running_xml or ""
    changed(file, "networks", "net", "running_xml", value=xml.replace('start="10.0.0.2"', start))
    assert main(["plan", "--state", str(file), topology]) == 0
    assert "restart" in capsys.readouterr().out


def values(document: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Return where each value stands in a document."""
    inner = (
        document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()
    )
    return [found for key, value in inner for found in ((*path, key), *values(value, (*path, key)))]


PLACES = values(json.loads(STATE.model_dump_json()))
ODD: st.SearchStrategy[object] = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.text()) | st.just({})
)


@given(st.sampled_from(PLACES), ODD)
def test_whatever_stands_in_a_state_it_is_refused_or_planned(place: tuple[str | int, ...], value: object) -> None:
    document = json.loads(STATE.model_dump_json())
    inner = document
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    try:
        found = State.model_validate_json(json.dumps(document))
    except ValueError:
        return
    there = found.host()
    assert json.dumps(plan_document(plan(WANTED, there), there))


# -- the file


def test_a_file_is_written_whole_and_private(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    write(str(path), "first", "the state", mode=0o600)
    before = path.open()
    write(str(path), "second", "the state", mode=0o600)
    assert (path.read_text(), before.read()) == ("second", "first")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["state.json"]
    before.close()


def test_a_file_that_cant_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path, words in (
        (tmp_path / "missing" / "state.json", "No such file or directory"),
        (tmp_path / "pipe", "it is there, and no regular file"),
        (tmp_path, "it is there, and no regular file"),
    ):
        with pytest.raises(UsageError, match=f"can't write the state to .*: {words}"):
            write(str(path), "text", "the state")
    with pytest.raises(UsageError, match="surrogates"):
        write(str(tmp_path / "state.json"), "\ud800", "the state")
    assert [each.name for each in tmp_path.iterdir()] == ["pipe"]


# -- the machine

LINKS = (
    link("lo", 1, addresses=("127.0.0.1/8",)),
    link("eth0", 2, addresses=("192.0.2.7/24",)),
    link("eth1", 3, master="br0", addresses=("fe80::1/64",)),
    link("br0", 4, kind="bridge"),
    link("vnet1", 5, kind="tun", master="br0"),
    link("br1", 6, kind="bridge", addresses=("10.0.0.1/24",)),
    link("vnet7", 7, kind="tun", master="br1", addresses=("fe80::2/64",)),
    link("eth2", 8),
    link("eth2.5", 9, kind="vlan", peer=8),
    link("eth3", 10),
    link("tun0", 11, kind="tun", addresses=("10.8.0.2/24",)),
    link("eth4", 12, master="bond0"),
    link("bond0", 13, kind="bond", addresses=("198.51.100.3/24",)),
)
ON_LINKS = host(
    there(network(), network()),
    there(network(mode="bridge", bridge="br0", ips=(), mac=None), name="lan"),
    there(network(forward={"dev": "eth2.5"}, bridge="br9"), name="out"),
)


def test_a_machine_has_what_networks_stand_on_and_nothing_that_libvirt_makes() -> None:
    routes = [
        Route(ipaddress.ip_network(to), device)
        for to, device in (("0.0.0.0/0", "eth0"), ("10.0.0.0/24", "br1"), ("10.8.0.0/24", "tun0"))
    ]
    found = machine("hv01", LINKS, routes, Settings(forwarding4=True), ON_LINKS)
    names = ["eth0", "eth1", "br0", "eth2", "eth2.5", "eth3", "tun0", "eth4", "bond0"]
    assert [each.name for each in found.links] == names
    assert [route.device for route in found.routes] == ["eth0", "tun0"]
    assert (found.forwarding4, found.forwarding6) == (True, None)
