"""Plans in files: apply knows them from topologies, and takes nothing from them but what it compares."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

from netreconcile.cli import main, parser
from netreconcile.commands.apply import apply_loaded
from netreconcile.commands.saved import MAX_BYTES, SavedPlan, check_savable, save, saved
from netreconcile.document import fingerprint, plan_document
from netreconcile.errors import Refused, UsageError
from netreconcile.fill import topology_digest
from netreconcile.loader import Loaded, Source
from netreconcile.plan import plan
from tests.unit.examples import GUEST, host, network, there, topology
from tests.unit.simulator import Simulator
from tests.unit.wire import Wire, scene

if TYPE_CHECKING:
    from argparse import Namespace

    from netreconcile.model import Topology

SCHEMA = json.loads((Path(__file__).parents[2] / "schemas" / "plan.schema.json").read_text())
OTHER_GUEST = replace(GUEST, domain="db", mac="52:54:00:00:00:98")
BEFORE = host(there(network(), network(), guests=(GUEST,)))
WANTED = topology(net=network(mtu=9000))


def options(*arguments: str, command: str = "plan") -> Namespace:
    return parser().parse_args([command, "-c", BEFORE.uri, *arguments, "lab.yaml"])


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A plan as `plan --out` saves it."""
    path = tmp_path / "plan.json"
    save(str(path), options("--max-impact", "restart"), plan(WANTED, BEFORE), BEFORE, topology_digest(WANTED))
    return path


def changed(file: Path, **values: Any) -> str:
    """Return the path of the saved plan, after it was changed."""
    file.write_text(json.dumps({**json.loads(file.read_text()), **values}))
    return str(file)


# -- what is saved


def test_a_saved_plan_fits_its_schema_and_is_read_again(file: Path) -> None:
    jsonschema.validate(json.loads(file.read_text()), SCHEMA)
    found = saved([str(file)])
    assert found
    assert found.fingerprint == fingerprint(plan(WANTED, BEFORE))
    assert found.topology_digest == topology_digest(WANTED)
    assert (found.files, found.connection, found.max_impact) == (("lab.yaml",), BEFORE.uri, "restart")
    assert found.plan == json.loads(json.dumps(plan_document(plan(WANTED, BEFORE), BEFORE)))


def test_the_schema_has_the_keys_of_a_saved_plan() -> None:
    assert list(SCHEMA["else"]["then"]["properties"]) == list(SavedPlan.model_fields)


def test_a_plan_is_saved_as_a_whole_or_not_at_all(file: Path, tmp_path: Path) -> None:
    before = file.read_text()
    (tmp_path / "folder.json").mkdir()
    for path in (tmp_path / "missing" / "plan.json", file / "plan.json", tmp_path / "folder.json"):
        with pytest.raises(UsageError, match="can't write the plan to"):
            save(str(path), options(), plan(WANTED, BEFORE), BEFORE, "digest")
    save(str(file), options(), plan(WANTED, BEFORE), BEFORE, topology_digest(WANTED))
    assert file.read_text() != before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder.json", "plan.json"]


@pytest.mark.parametrize(
    ("out", "topology", "message"),
    [
        ("plan.yaml", "lab.yaml", "must be called \\*.json"),
        ("plan", "lab.yaml", "must be called \\*.json"),
        ("plan.json", "-", "standard input can't be saved"),
        ("plan.json", "\udcff.yaml", "not Unicode"),
    ],
)
def test_what_could_not_be_applied_later_is_not_saved(out: str, topology: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        check_savable(parser().parse_args(["plan", "--out", out, topology]))


# -- what is taken for a saved plan


def test_a_topology_in_json_is_none(tmp_path: Path) -> None:
    file = tmp_path / "topology.json"
    for networks in ({}, {"fingerprint": {"mode": "nat"}}, {"a": {"title": '"fingerprint"'}}):
        file.write_text(json.dumps({"version": 1, "name": "lab", "networks": networks}))
        assert saved([str(file)]) is None


def test_only_one_file_called_json_can_be_one(file: Path, tmp_path: Path) -> None:
    other = tmp_path / "plan.yaml"
    other.write_text(file.read_text())
    assert saved([str(other)]) is None
    assert saved([str(file), str(file)]) is None
    assert saved(["-"]) is None
    assert saved([]) is None


def test_what_is_no_file_is_left_to_the_loader(tmp_path: Path) -> None:
    (tmp_path / "folder.json").mkdir()
    os.mkfifo(tmp_path / "pipe.json")
    (tmp_path / "loop.json").symlink_to("loop.json")
    for name in ("folder.json", "pipe.json", "loop.json", "missing.json"):
        assert saved([str(tmp_path / name)]) is None


DEEP = "[" * 200_000
WRONG = {
    "torn": '{"format_version": 1, "fingerprint": "ab',
    "no plan": '{"fingerprint": "ab"}',
    "a list": '["fingerprint"]',
    "deep": f'{{"fingerprint": {DEEP}',
    "deep and whole": f'{{"fingerprint": {DEEP}{"]" * 200_000}}}',
    "not UTF-8": '{"fingerprint": "\udcff"}',
    "a lone surrogate": '{"fingerprint": "\\udcff"}',
    "a huge number": f'{{"fingerprint": {"9" * 5000}}}',
}


@pytest.mark.parametrize("text", WRONG.values(), ids=WRONG)
def test_what_plan_did_not_save_is_wrong_usage(tmp_path: Path, text: str) -> None:
    file = tmp_path / "plan.json"
    file.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(UsageError, match=f"{file} is no plan that `netreconcile plan --out` saved: ") as caught:
        saved([str(file)])
    assert len(str(caught.value).splitlines()) == 1


def test_a_plan_that_was_only_printed_is_wrong_usage(tmp_path: Path) -> None:
    file = tmp_path / "plan.json"
    file.write_text(json.dumps(plan_document(plan(WANTED, BEFORE), BEFORE)))
    with pytest.raises(UsageError, match="topology_digest: Field required"):
        saved([str(file)])


@pytest.mark.parametrize(
    "values",
    [
        {"format_version": 2},
        {"fingerprint": None},
        {"connection": 1},
        {"files": []},
        {"files": "lab.yaml"},
        {"files": [1]},
        {"max_impact": "worst"},
        {"plan": []},
        {"plan": {}},
        {"plan": {"networks": [], "steps": None}},
        {"plan": {"networks": [1], "steps": []}},
        {"plan": {"networks": ["name"], "steps": []}},
        {"plan": {"networks": [{"name": "net"}], "steps": []}},
        {"plan": {"networks": [{"name": "n", "refusal": None, "impact": "none", "drift": "x"}], "steps": []}},
        {"plan": {"networks": [], "steps": [{"network": "net"}]}},
        {"plan": {"networks": [], "steps": [{"network": "net", "sentence": "define", "xml": 1}]}},
        {"plan": {"networks": [], "steps": [{"network": "net", "sentence": "\x1b[2J"}]}},
    ],
    ids=str,
)
def test_a_plan_of_another_shape_is_wrong_usage(file: Path, values: dict[str, Any]) -> None:
    (key,) = values
    with pytest.raises(UsageError, match=f"saved: {key}"):
        saved([changed(file, **values)])


def test_a_file_that_is_too_large_is_wrong_usage(file: Path) -> None:
    with file.open("ab") as handle:
        handle.truncate(MAX_BYTES + 1)
    with pytest.raises(UsageError, match="larger than 64 MiB"):
        saved([str(file)])


def test_apply_ends_as_wrong_usage_before_it_looks_for_a_host(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["apply", "-c", "test:///nowhere.xml", changed(file, plan={})]) == 64
    assert "is no plan that" in capsys.readouterr().err


# -- what is taken from it


def prepared(file: Path, *arguments: str) -> Namespace:
    given = parser().parse_args(["apply", *arguments, str(file)])
    found = saved(given.topology)
    assert found
    found.prepare(given)
    return given


def test_apply_gets_files_and_options_from_it(file: Path) -> None:
    given = prepared(file, "-c", BEFORE.uri)
    assert (given.topology, given.max_impact) == (["lab.yaml"], "restart")
    assert prepared(file, "-c", BEFORE.uri, "--max-impact", "live").max_impact == "live"
    assert prepared(file, "-c", BEFORE.uri, "--max-impact", "remove").max_impact == "restart"


def test_what_permits_something_is_not_taken_from_it(file: Path) -> None:
    given = prepared(Path(changed(file, take_over=True, allow_disruption=True)), "-c", BEFORE.uri)
    assert not given.take_over
    assert not given.allow_disruption


def test_the_file_does_not_choose_the_host(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A URI like qemu+ext:///system?command=… names a program that libvirt runs."""
    monkeypatch.delenv("LIBVIRT_DEFAULT_URI", raising=False)
    for arguments in ((), ("-c", "qemu:///session")):
        with pytest.raises(UsageError, match="the plan was made for 'test:///unit', and this is qemu:///s"):
            prepared(file, *arguments)
    monkeypatch.setenv("LIBVIRT_DEFAULT_URI", BEFORE.uri)
    assert prepared(file).topology == ["lab.yaml"]


# -- whether it is still true


def reviewed(wanted: Topology, before: Simulator) -> SavedPlan:
    there = before.host()
    document = plan_document(plan(wanted, there), there)
    return SavedPlan(
        format_version=1,
        fingerprint=document["fingerprint"],
        topology_digest=topology_digest(wanted),
        connection=there.uri,
        files=("lab.yaml",),
        max_impact="remove",
        plan=document,
    )


def test_a_saved_plan_is_carried_out_if_it_is_still_the_same_and_refused_with_what_has_changed() -> None:
    simulator = Simulator()
    with scene(simulator) as here:
        assert here.apply(topology(net=network())).code == 0
        simulator.guests["net"] = (GUEST,)
        found = reviewed(WANTED, simulator)
        given = parser().parse_args(["apply", "--allow-disruption", "lab.yaml"])
        before = simulator.host()

        other = Loaded(topology(net=network(mtu=1400)), (), Source(()))
        with pytest.raises(Refused) as caught:
            apply_loaded(given, here.session(), other, plan, found)
        assert "host or file has changed since this plan was saved; nothing was done:" in str(caught.value)
        assert "the file has changed: lab.yaml" in str(caught.value)
        assert "no longer: net: file changed: + mtu: 9000\n" in str(caught.value)
        assert "new: net: file changed: + mtu: 1400\n" in str(caught.value)

        simulator.guests["net"] = (GUEST, OTHER_GUEST)
        with pytest.raises(Refused, match="new: net: cuts off db 52:54:00:00:00:98"):
            apply_loaded(given, here.session(), Loaded(WANTED, (), Source(())), plan, found)
        simulator.guests["net"] = (GUEST,)
        assert simulator.host() == before

        wire = Wire(simulator)
        assert apply_loaded(given, here.session(wire), Loaded(WANTED, (), Source(())), plan, found).code == 0
        assert wire.done == [f"net: {step['sentence']}" for step in found.plan["steps"]]

        with pytest.raises(Refused, match="no longer: net: define"):
            apply_loaded(given, here.session(), Loaded(WANTED, (), Source(())), plan, found)
