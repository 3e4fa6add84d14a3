"""The operator's policy file: what it may say, where its mistakes are, and who must not be able to write it."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

from netreconcile import operatorfile
from netreconcile.allowance import NOTHING, Allowance
from netreconcile.errors import InvalidTopology
from netreconcile.operatorfile import allowance
from netreconcile.reader import read
from netreconcile.reference.operators import operator_policy_schema

if TYPE_CHECKING:
    from collections.abc import Callable

FULL = """\
version: 1
allow:
  dnsmasq_options: ["dhcp-option=*", log-queries]
  tftp_roots: [/srv/tftp, "//srv/tftp//*", "*"]
"""


@pytest.fixture
def written(tmp_path: Path) -> Callable[[str], str]:
    """Return what writes a policy file, and returns its path."""

    def write(text: str) -> str:
        file = tmp_path / "policy.yaml"
        file.write_text(text)
        file.chmod(0o644)
        return str(file)

    return write


@pytest.fixture
def default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the path at which the policy is looked for unless one is named; nothing is there."""
    file = tmp_path / "default.yaml"
    monkeypatch.setattr(operatorfile, "POLICY_FILE", str(file))
    return file


def problems(file: str | None) -> list[str]:
    with pytest.raises(InvalidTopology) as caught:
        allowance(file)
    assert caught.value.exit_code == 65
    return [str(problem) for problem in caught.value.problems]


# -- what it says


def test_patterns_are_read_and_slashes_that_mean_nothing_are_dropped(written: Callable[[str], str]) -> None:
    file = written(FULL)
    assert allowance(file) == Allowance(("dhcp-option=*", "log-queries"), ("/srv/tftp", "/srv/tftp/*", "*"), file)


@pytest.mark.parametrize(
    "text", ["version: 1", "version: 1\nallow:", "version: 1\nallow: {}", "version: 1\nallow: {tftp_roots: }"]
)
def test_what_is_left_out_is_not_allowed(written: Callable[[str], str], text: str) -> None:
    file = written(text)
    assert allowance(file) == Allowance(file=file)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "1:1: version is missing (add `version: 1`)"),
        ("allow: {}", "1:1: version is missing (add `version: 1`)"),
        ("[a]", "1:1: the file holds a list, not a mapping with the keys version, allow"),
        ("version: 2", "1:10: version: must be 1, not 2"),
        ("version: true", "1:10: version: must be a number, not True"),
        ("version: 1\nalow: {}", "2:1: alow: unknown key (did you mean 'allow'?)"),
        (
            "version: 1\nallow: {dnsmasq_option: [a]}",
            "2:9: allow.dnsmasq_option: unknown key (did you mean 'dnsmasq_options'?)",
        ),
        ("version: 1\nallow: {tftp: [a]}", "2:9: allow.tftp: unknown key (known here: dnsmasq_options, tftp_roots)"),
        ("version: 1\nallow: [a]", "2:8: allow: must be a mapping, not list"),
        ("version: 1\nallow: {tftp_roots: /srv}", "2:21: allow.tftp_roots: must be a list, not '/srv'"),
        (
            "version: 1\nallow: {dnsmasq_options: [5]}",
            '2:27: allow.dnsmasq_options[0]: must be a text, not 5 (put it in quotes: "5")',
        ),
        ('version: 1\nallow: {dnsmasq_options: [""]}', "2:27: allow.dnsmasq_options[0]: must not be empty, not ''"),
        (
            "version: 1\nallow: {dnsmasq_options: [a, log-*]}",
            "2:30: allow.dnsmasq_options[1]: 'log-*' leaves open which option it is, and dnsmasq has some that run",
        ),
        ("version: 1\nallow: {tftp_roots: [srv]}", "2:22: allow.tftp_roots[0]: 'srv' is not absolute"),
        ("version: 1\nallow: {tftp_roots: [/srv/../etc]}", "2:22: allow.tftp_roots[0]: '/srv/../etc' goes up"),
        ('version: 1\nallow: {tftp_roots: ["/a\\nb"]}', "2:22: allow.tftp_roots[0]: '/a\\nb' holds the control"),
        ("version: 1\nversion: 1", "2:1: version: "),
        ("version: 1\nallow: {tftp_roots: [}", "2:22: "),
    ],
)
def test_a_mistake_is_told_with_its_place(written: Callable[[str], str], text: str, expected: str) -> None:
    file = written(text)
    (problem,) = problems(file)
    assert problem.startswith(f"{file}:{expected}")


@pytest.mark.parametrize("pattern", ["dhcp-*=3", "?log-queries", "[a-z]og-queries", "**", "*=*"])
def test_an_option_must_be_named(written: Callable[[str], str], pattern: str) -> None:
    (problem,) = problems(written(f'version: 1\nallow: {{dnsmasq_options: ["{pattern}"]}}'))
    assert "leaves open which option it is" in problem


def test_all_mistakes_are_told_at_once(written: Callable[[str], str]) -> None:
    assert len(problems(written("version: 3\nallow: {tftp_roots: [a, /b], dnsmasq_options: [a*]}\nmore: 1"))) == 4


@pytest.mark.parametrize("page", ["README.md", "docs/permissions.md"])
def test_what_the_documentation_shows_is_valid(written: Callable[[str], str], page: str) -> None:
    text = (Path(__file__).parents[2] / page).read_text(encoding="utf-8")
    (shown,) = (block for block in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL) if "\nallow:\n" in block)
    found = allowance(written(shown))
    assert found.dnsmasq_options
    assert found.tftp_roots
    value: Any = read(shown.encode(), page).value
    assert not list(jsonschema.Draft7Validator(operator_policy_schema()).iter_errors(value))


def test_the_schema_takes_what_is_valid_and_refuses_unknown_keys() -> None:
    validator = jsonschema.Draft7Validator(operator_policy_schema())
    value: Any = read(FULL.encode(), "policy.yaml").value
    assert not list(validator.iter_errors(value))
    for wrong in ({}, {"version": 2}, {"version": 1, "alow": {}}, {"version": 1, "allow": {"tftp": []}}):
        assert list(validator.iter_errors(wrong)), json.dumps(wrong)


# -- whether it is there, and whose it is


def test_the_default_may_be_missing_and_allows_nothing(default: Path) -> None:
    assert allowance() == Allowance(file=str(default))
    assert allowance().dnsmasq_options == NOTHING.dnsmasq_options == ()


def test_the_default_counts_when_none_is_named(default: Path) -> None:
    default.write_text(FULL)
    default.chmod(0o644)
    assert allowance().dnsmasq_options == ("dhcp-option=*", "log-queries")


def test_a_file_that_is_named_must_be_there(tmp_path: Path) -> None:
    (problem,) = problems(str(tmp_path / "missing.yaml"))
    assert "cannot read the operator's policy" in problem
    assert "No such file" in problem


def test_a_link_that_leads_nowhere_is_an_error_also_in_the_defaults_place(default: Path) -> None:
    default.symlink_to("nowhere")
    (problem,) = problems(None)
    assert "No such file" in problem


@pytest.mark.parametrize("mode", [0o664, 0o646, 0o666, 0o602])
def test_a_file_that_others_can_write_is_not_trusted(written: Callable[[str], str], mode: int) -> None:
    file = written(FULL)
    Path(file).chmod(mode)
    (problem,) = problems(file)
    assert f"its mode is {mode:04o}" in problem
    assert problem.endswith(f"(chmod go-w {file})")


@pytest.mark.parametrize("mode", [0o400, 0o600, 0o640, 0o644, 0o755])
def test_a_file_that_only_its_owner_can_write_is_trusted(written: Callable[[str], str], mode: int) -> None:
    file = written(FULL)
    Path(file).chmod(mode)
    assert allowance(file).tftp_roots


def test_a_file_of_another_user_is_not_trusted(written: Callable[[str], str], monkeypatch: pytest.MonkeyPatch) -> None:
    file = written(FULL)
    if os.geteuid() == 0:
        os.chown(file, 12345, 0)
    uid = Path(file).stat().st_uid
    monkeypatch.setattr(os, "geteuid", lambda: uid + 1)
    (problem,) = problems(file)
    assert f"uid {uid} owns it" in problem
    assert problem.endswith(f"(chown root {file})")
    monkeypatch.setattr(os, "geteuid", lambda: uid)
    assert allowance(file).tftp_roots


def test_a_link_counts_as_the_file_that_it_leads_to(written: Callable[[str], str], tmp_path: Path) -> None:
    file, link = written(FULL), tmp_path / "link.yaml"
    link.symlink_to(file)
    assert allowance(str(link)).tftp_roots
    Path(file).chmod(0o666)
    assert "is not trusted" in problems(str(link))[0]


def test_what_is_no_file_is_not_trusted_and_hangs_nothing(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name in (tmp_path, tmp_path / "pipe", Path("/dev/null")):
        (problem,) = problems(str(name))
        assert "it is not a regular file" in problem


def test_what_cannot_be_a_path_is_told(default: Path) -> None:
    default.touch()
    for name in ("a\0b", f"{default}/x", ""):
        assert "cannot read" in problems(name)[0]
