"""Standard error for machines: a priority for the journal, an object for each line where JSON is asked for."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from netreconcile.cli import main
from netreconcile.logs import JOURNAL, Level, records, tell

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path


@contextmanager
def journal(monkeypatch: pytest.MonkeyPatch, file: Path) -> Generator[None]:
    """Let standard error be a stream that systemd calls the journal."""
    with file.open("w") as stream:
        status = os.fstat(stream.fileno())
        monkeypatch.setenv(JOURNAL, f"{status.st_dev}:{status.st_ino}")
        monkeypatch.setattr("sys.stderr", stream)
        yield


def test_the_journal_gets_a_priority_for_each_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with journal(monkeypatch, tmp_path / "log"):
        assert main(["validate", "missing.yaml"]) == 65
        with records():
            tell("one\ntwo", Level.WARNING)
            tell("three")
    told = (tmp_path / "log").read_text().splitlines()
    assert told[0].startswith("<3>cannot read missing.yaml: ")
    assert told[1:] == ["<4>one", "<4>two", "<6>three"]


def test_wrong_usage_is_an_error_in_the_journal_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with journal(monkeypatch, tmp_path / "log"), pytest.raises(SystemExit) as end:
        main(["plam"])
    assert end.value.code == 64
    assert all(line.startswith("<3>") for line in (tmp_path / "log").read_text().splitlines())


def test_a_stream_that_is_not_the_journal_gets_no_priorities(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(JOURNAL, "8:1")
    assert main(["validate", "missing.yaml"]) == 65
    assert capsys.readouterr().err.startswith("cannot read missing.yaml: ")


def test_json_has_an_object_for_each_message(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "t.yaml"
    file.write_text("version: 1\nname: lab\nnetworks: {a: {mode: nta}, b: {mode: nta}}\n")
    assert main(["validate", "--log-format", "json", str(file)]) == 65
    told = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert told
    assert all(line.keys() == {"time", "level", "command", "message"} for line in told)
    assert {(line["level"], line["command"]) for line in told} == {("error", "validate")}
    assert "networks.a.mode" in told[0]["message"]


def test_json_in_the_journal_has_a_priority_before_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with journal(monkeypatch, tmp_path / "log"):
        assert main(["validate", "--log-format", "json", "missing.yaml"]) == 65
    line = (tmp_path / "log").read_text()
    assert line.startswith("<3>{")
    assert json.loads(line.removeprefix("<3>"))["level"] == "error"


def test_what_is_printed_in_pieces_is_one_record_and_what_has_no_end_is_not_lost(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with records(command="apply"):
        sys.stderr.write("one ")
        sys.stderr.write("two\nGo on? ")
        sys.stderr.flush()
        sys.stderr.write("rest")
    assert [json.loads(line)["message"] for line in capsys.readouterr().err.splitlines()] == [
        "one two",
        "Go on? ",
        "rest",
    ]


def test_calls_are_told_in_their_own_words() -> None:
    code = "import logging; from netreconcile.logs import calls; calls(1); logging.getLogger('one').info('a: define')"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stderr == "INFO a: define\n"


def test_data_stays_as_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "t.yaml"
    file.write_text("version: 1\nname: lab\nnetworks: {a: {mode: very-isolated}}\n")
    assert main(["render", "--log-format", "json", str(file)]) == 0
    assert capsys.readouterr().out.startswith("<network")
