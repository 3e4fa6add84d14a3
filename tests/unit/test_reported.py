"""The forms of reports on the command line: what is printed, and where else it goes."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from typing import TYPE_CHECKING

import pytest
from markdown_it import MarkdownIt

from netreconcile.commands.reported import SUMMARY, reported
from netreconcile.errors import UsageError
from netreconcile.loader import load
from netreconcile.plan import plan
from tests.unit.examples import host

if TYPE_CHECKING:
    from pathlib import Path

FILE = "version: 1\nname: lab\nnetworks:\n  net: {mode: very-isolated}\n"


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A topology in a folder of the repository that a pipeline works in."""
    for name in (SUMMARY, "CI_PROJECT_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GITHUB_WORKSPACE", str(tmp_path))
    (tmp_path / "site").mkdir()
    path = tmp_path / "site" / "lab.yaml"
    path.write_text(FILE)
    return str(path)


def report(file: str, output: str) -> None:
    loaded = load([file])
    reported(Namespace(command="drift", output=output, topology=[file]), plan(loaded.topology, host()), host(), loaded)


@pytest.mark.parametrize(
    ("output", "start"),
    [
        ("markdown", "<!-- netreconcile drift lab -->"),
        ("html", "<!doctype html>"),
        ("github", "::warning file=site/lab.yaml,line=4,title=netreconcile drift::net: missing"),
        ("gitlab", '{"create": 1, "update": 0, "delete": 0}'),
        ("gitlab-quality", "["),
        ("junit", '<testsuites name="netreconcile drift"'),
    ],
)
def test_each_form_is_printed(output: str, start: str, file: str, capsys: pytest.CaptureFixture[str]) -> None:
    report(file, output)
    shown = capsys.readouterr()
    assert shown.out.startswith(start)
    assert shown.out.endswith("\n")
    assert not shown.err


def test_files_are_named_as_the_repository_knows_them(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    report(file, "gitlab-quality")
    (found,) = json.loads(capsys.readouterr().out)
    assert found["location"] == {"path": "site/lab.yaml", "lines": {"begin": 4}}


def test_files_elsewhere_keep_their_name(
    file: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GITHUB_WORKSPACE", "/nowhere/at/all")
    report(file, "gitlab-quality")
    (found,) = json.loads(capsys.readouterr().out)
    assert found["location"]["path"] == file


def test_the_summary_of_a_step_has_the_whole(
    file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    summary = tmp_path / "summary.md"
    summary.write_text("<details>what an earlier command said</details>\n")
    monkeypatch.setenv(SUMMARY, str(summary))
    report(file, "github")
    assert capsys.readouterr().out.count("\n") == 1
    said = summary.read_text()
    (heading,) = (token for token in MarkdownIt("commonmark").parse(said) if token.type == "heading_open")
    assert heading.map == [3, 4], "not part of what an earlier command said"
    assert "+ net: missing  (site/lab.yaml:4:3)" in said


def test_a_summary_that_cannot_be_written_spoils_no_annotation(
    file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(SUMMARY, str(tmp_path))
    report(file, "github")
    shown = capsys.readouterr()
    assert shown.out.startswith("::warning")
    assert shown.err == f"no summary of the step: {tmp_path}: Is a directory\n"


def test_a_page_without_jinja_says_what_to_install(file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jinja2", None)
    monkeypatch.delitem(sys.modules, "netreconcile.reports.html", raising=False)
    with pytest.raises(UsageError, match=r"python3-jinja2.*netreconcile\[html\]"):
        report(file, "html")
