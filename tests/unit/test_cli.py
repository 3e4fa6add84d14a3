"""The command line: its grammar, its exit codes, and what goes where."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest

from netreconcile import __version__
from netreconcile.cli import main, parser
from netreconcile.entry import Ended, Status
from netreconcile.folder import folder_of
from netreconcile.journal import Journal
from tests.unit.examples import header

if TYPE_CHECKING:
    from argparse import ArgumentParser

COMMANDS = (
    *("validate", "fmt", "plan", "apply", "drift", "watch", "status", "repair", "doctor", "verify", "rehearse"),
    *("destroy", "history", "rollback", "confirm", "import", "render", "show", "graph", "schema", "lab"),
)
VALID = "version: 1\nname: lab\nnetworks: {a: {mode: very-isolated}, b: {mode: very-isolated, state: absent}}\n"


@pytest.fixture
def topology(tmp_path: Path) -> str:
    file = tmp_path / "t.yaml"
    file.write_text(VALID)
    return str(file)


def ran(*arguments: str) -> int:
    """Run the command line and return its exit code."""
    try:
        return main(arguments)
    except SystemExit as end:
        return cast("int", end.code)


def commands() -> dict[str, ArgumentParser]:
    (action,) = (action for action in parser()._actions if action.dest == "command")
    return cast("dict[str, ArgumentParser]", action.choices)


def test_the_commands_are_those_of_the_manual() -> None:
    assert tuple(commands()) == COMMANDS


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_the_exit_codes(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert ran(command, "--help") == 0
    shown = capsys.readouterr()
    assert "usage: netreconcile" in shown.out
    assert not shown.err
    if command != "lab":
        assert "exit codes:" in shown.out


def test_help_says_how_to_start_and_version_is_the_packages(capsys: pytest.CaptureFixture[str]) -> None:
    assert ran("--help") == 0
    assert "start here:" in capsys.readouterr().out
    assert ran("--version") == 0
    assert capsys.readouterr().out == f"netreconcile {__version__}\n"


@pytest.mark.parametrize(
    "arguments",
    [
        *(
            (),
            ("plam",),
            ("plan",),
            ("plan", "--wrong", "t.yaml"),
            ("plan", "-o", "yaml", "t.yaml"),
            ("schema", "nothing"),
        ),
        *(("validate", "-c", "test:///default", "t.yaml"), ("lab", "nothing")),
        *(("apply", "--confirm", "soon", "t.yaml"), ("apply", "--confirm", "-1", "t.yaml")),
        *(("apply", "--lock-timeout", "inf", "t.yaml"), ("apply", "--on-error", "panic", "t.yaml")),
        *(("rollback", "last"), ("rollback", "-1"), ("show", "1.5"), ("show", "٣"), ("rollback", "9" * 10)),
        *(("drift", "--max-time", "soon", "t.yaml"), ("drift", "--log-format", "xml", "t.yaml")),
        *(("watch",), ("watch", "--interval", "soon", "t.yaml"), ("watch", "-o", "json", "t.yaml")),
        *(("confirm", "-o", "json"), ("verify",), ("verify", "--fast", "t.yaml"), ("verify", "-o", "xml", "t.yaml")),
    ],
)
def test_wrong_usage_is_64_and_never_looks_like_drift(
    arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert ran(*arguments) == 64
    shown = capsys.readouterr()
    assert "usage:" in shown.err
    assert not shown.out


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        (
            ("-c", "test:///a b", "plan", "t.yaml"),
            "-c belongs after the command: netreconcile plan -c 'test:///a b' t.yaml",
        ),
        (
            ("--connect=x:///", "-v", "drift", "a"),
            "--connect belongs after the command: netreconcile drift --connect=x:/// -v a",
        ),
    ],
)
def test_an_option_before_the_command_is_told_where_it_belongs(
    line: tuple[str, ...], meant: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ran(*line) == 64
    assert capsys.readouterr().err.splitlines()[-1] == f"netreconcile: {meant}"


def test_validate_says_that_a_file_is_valid_on_stderr(topology: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert ran("validate", topology) == 0
    shown = capsys.readouterr()
    assert not shown.out
    assert shown.err.startswith("lab is valid: 2 networks")


@pytest.mark.parametrize("command", ["validate", "render"])
def test_an_invalid_topology_is_65(command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "t.yaml"
    file.write_text("version: 1\nname: lab\nnetworks: {a: {mode: nta}}\n")
    assert ran(command, str(file)) == 65
    shown = capsys.readouterr()
    assert f"{file}:3:22: networks.a.mode: must be" in shown.err
    assert not shown.out


def test_problems_are_data_if_json_is_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "t.yaml"
    file.write_text("version: 1\nname: lab\nnetworks: {a: {mode: nta}}\n")
    assert ran("validate", "-o", "json", str(file)) == 65
    document = json.loads(capsys.readouterr().out)
    assert not document["valid"]
    assert document["problems"][0]["line"] == 3


def test_a_missing_file_is_an_invalid_topology(capsys: pytest.CaptureFixture[str]) -> None:
    assert ran("validate", "no-such-file.yaml") == 65
    assert "no-such-file.yaml" in capsys.readouterr().err


def test_a_topology_comes_from_standard_input_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(VALID.encode())))
    assert ran("render", "-") == 0
    assert "<name>a</name>" in capsys.readouterr().out


def test_render_prints_what_libvirt_would_get(topology: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert ran("render", topology) == 0
    shown = capsys.readouterr().out
    assert "<name>a</name>" in shown
    assert 'topology="lab"' in shown
    assert "<name>b</name>" not in shown
    assert ran("render", "-o", "json", topology, "--network", "a") == 0
    assert list(json.loads(capsys.readouterr().out)["networks"]) == ["a"]
    assert ran("render", topology, "--network", "b") == 64
    assert "no network 'b'; it has a" in capsys.readouterr().err


def test_the_history_of_a_host_that_nothing_was_done_to_is_empty(capsys: pytest.CaptureFixture[str]) -> None:
    assert ran("history", "-c", "qemu+ssh://host/system") == 0
    shown = capsys.readouterr()
    assert not shown.out
    assert shown.err.startswith("nothing was done to this host from here: ")
    assert ran("history", "-c", "qemu+ssh://host/system", "-o", "json") == 0
    assert json.loads(capsys.readouterr().out) == {"format_version": 1, "entries": []}
    assert ran("show", "1", "-c", "qemu+ssh://host/system") == 64
    assert "no entry 1; the journal is empty" in capsys.readouterr().err
    assert ran("confirm", "-c", "qemu+ssh://host/system") == 1
    assert "no change of this host waits for a confirmation" in capsys.readouterr().err


def test_history_tells_what_cannot_be_read_and_all_else(capsys: pytest.CaptureFixture[str]) -> None:
    journal = Journal(folder_of("qemu:///system"))
    with journal.folder.locked(0, "a test", lambda _: None):
        journal.begin(header())
        (journal.folder.path / f"{journal.begin(header()).number}.jsonl").write_text("garbage")
    assert ran("history", "-c", "qemu:///system") == 0
    shown = capsys.readouterr()
    assert [line.split()[0] for line in shown.out.splitlines()] == ["entry", "1"]
    assert shown.err.startswith("entry 2 of the journal can't be read: ")
    assert ran("show", "2", "-c", "qemu:///system") == 1
    assert "can't be read" in capsys.readouterr().err
    assert ran("show", "1", "-c", "qemu:///system", "-o", "json") == 0
    assert json.loads(capsys.readouterr().out)["status"] == "unfinished"


def test_confirm_keeps_the_newest_change_that_waits_for_it(capsys: pytest.CaptureFixture[str]) -> None:
    journal = Journal(folder_of("qemu:///system"))
    with journal.folder.locked(0, "a test", lambda _: None):
        for topology in ("one", "two"):
            waits = Ended(status=Status.UNCONFIRMED, when=1, confirm_until=2)
            journal.begin(header(topology=topology)).add(waits)
        journal.begin(header(topology="three"))
    assert [ran("confirm", "-c", "qemu:///system") for _ in range(3)] == [0, 0, 1]
    told = capsys.readouterr().err.splitlines()
    assert told[:2] == ["entry 2 is confirmed, and stays", "entry 1 is confirmed, and stays"]
    assert told[2] == "no change of this host waits for a confirmation; the last change, entry 3, is unfinished"
    assert [entry.status for entry in journal.entries()] == [Status.UNFINISHED, Status.APPLIED, Status.APPLIED]


def test_a_host_that_somebody_else_is_changing_is_75(capsys: pytest.CaptureFixture[str]) -> None:
    with folder_of("qemu:///system").locked(0, "netreconcile apply", lambda _: None):
        assert ran("confirm", "-c", "qemu:///system") == 75
    assert "another run changes this host: netreconcile apply, process" in capsys.readouterr().err


@pytest.mark.parametrize(
    "which", ["topology", "plan", "history", "verification", "status", "doctor", "operator-policy"]
)
def test_schema_prints_the_generated_file(which: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert ran("schema", which) == 0
    assert capsys.readouterr().out == (Path(__file__).parents[2] / "schemas" / f"{which}.schema.json").read_text()


def test_an_unexpected_error_asks_for_a_report(
    topology: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("nobody thought of this")

    monkeypatch.setattr("netreconcile.commands.render.load", broken)
    assert ran("render", topology) == 1
    shown = capsys.readouterr().err
    assert "unexpected RuntimeError: nobody thought of this" in shown
    assert "report" in shown


def test_an_unreachable_libvirt_is_69(topology: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("libvirt")
    uri = f"test://{tmp_path}/missing.xml"
    for command in ("plan", "drift", "apply", "destroy"):
        assert ran(command, "-c", uri, topology) == 69
        shown = capsys.readouterr()
        assert f"can't reach libvirt at {uri}" in shown.err
        assert "virsh" in shown.err
        assert not shown.out


def test_what_is_printed_drives_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    from netreconcile.commands.output import show_json, tell

    tell("failed: a\x1b[2J\nnext\u202e: grün")
    show_json({"a": "\x9b31m\u202e\udc80", "b": "grün"})
    out, err = capsys.readouterr()
    assert err == "failed: a\\x1b[2J\nnext\\u202e: grün\n"
    assert out.replace("\n", "").isprintable()
    assert "grün" in out
    assert json.loads(out) == {"a": "\x9b31m\u202e\udc80", "b": "grün"}
