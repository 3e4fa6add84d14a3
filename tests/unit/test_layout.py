"""The one layout of topology files: what is moved, what stays, and that nothing is lost."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, reject
from hypothesis import strategies as st

from netreconcile.cli import main
from netreconcile.errors import InvalidTopology
from netreconcile.layout import Unchangeable, laid_out
from netreconcile.loader import load_text
from netreconcile.reader import read

SAMPLES = sorted((Path(__file__).parents[2] / "sample-topologies").rglob("*.yaml"))
UNTIDY = """\
# about the file
networks:
    # why there is an a
    a: {bridge: br1,mode: nat ,  ips: [ {dhcp: {hosts: [{ip: 10.0.0.2, mac: "52:54:00:00:00:01"}]},
                                         address: 10.0.0.1/24} ] }   # beside a


    b:
        # why these
        ips:
        # first
        -   dhcp: {ranges: [ '10.1.0.5-10.1.0.9' ]}  # beside dhcp
            address: 10.1.0.1/24
        - address:
            fd00::1/64
        mtu:  1400
        mode: isolated
            # deeper
        description: |
            text


            more # no comment
    # the end of networks
name: lab # who

version: 1
# the end
"""
TIDY = """\
# about the file

version: 1
name: lab # who
networks:
  # why there is an a
  a: {bridge: br1,mode: nat ,  ips: [ {dhcp: {hosts: [{ip: 10.0.0.2, mac: "52:54:00:00:00:01"}]},
                                       address: 10.0.0.1/24} ] }   # beside a

  b:
    mode: isolated
      # deeper
    description: |
        text


        more # no comment
    mtu: 1400
    # why these
    ips:
      # first
      - address: 10.1.0.1/24
        dhcp: {ranges: ['10.1.0.5-10.1.0.9']}  # beside dhcp
      - address: fd00::1/64
  # the end of networks
# the end
"""


def tidy(text: str) -> str:
    """Return the text laid out, after a look whether a second time changes nothing."""
    out = laid_out(text.encode(), "t.yaml")
    assert laid_out(out.encode(), "t.yaml") == out
    return out


def test_keys_get_their_order_and_comments_go_with_them() -> None:
    assert tidy(UNTIDY) == TIDY
    assert load_text(UNTIDY, "a").topology == load_text(TIDY, "b").topology


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: {b: 1}\n", "a: {b: 1}\n"),
        ("name: x\nversion: 1", "version: 1\nname: x\n"),
        ("name:    x\t\nversion:\n", "version:\nname: x\n"),
        ("networks: {b: {mtu: 1400,mode: nat}, a: }", "networks: {b: {mode: nat, mtu: 1400}, a}\n"),
        ("networks: {b: {mode: nat}, a: {mode: open}}\n", "networks: {b: {mode: nat}, a: {mode: open}}\n"),
        ("\n\n# only a comment\n\n\n", "# only a comment\n"),
        ("", ""),
        ("---\nname: x\nversion: 1\n...\n", "---\nversion: 1\nname: x\n...\n"),
        ("- - a\n  -   b\n-\n  c: 1\n  d: 2\n", "- - a\n  - b\n- c: 1\n  d: 2\n"),
        ("name: 'a\n  b'\nversion: 1\n", "version: 1\nname: 'a\n  b'\n"),
        ("unknown: 1\nname: x\n", "name: x\nunknown: 1\n"),
        ("defaults: {ips: [], mode: nat}\n", "defaults: {mode: nat, ips: []}\n"),
        ("policy: {max_removed: 1, max_impact: live}\n", "policy: {max_impact: live, max_removed: 1}\n"),
        ("\ufeffname: x\r\nversion: 1\r\n", "version: 1\nname: x\n"),
        ("name: |+\n  x\n\nversion: 1\n", "version: 1\nname: |+\n  x\n\n"),
    ],
)
def test_each_notation_has_its_layout(text: str, expected: str) -> None:
    assert tidy(text) == expected


def test_a_name_stays_before_what_uses_it() -> None:
    text = "networks:\n  a: {ips: &here [{address: 10.0.0.1/24}], mode: nat}\n  b: {mtu: 1, ips: *here}\n"
    assert tidy(text) == text


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a: # why\n  1\n", "the comment '# why' stands where it would be lost"),
        ("- &x\n  a: 1\n", "an anchor or a tag stands before the item on line 1"),
        ("a:\n  !!map\n  b: 1\n", "'!!map' stands on a line of its own"),
        ("a:\n- # why\n  b: 1\n", "'- # why' stands on a line of its own"),
    ],
)
def test_where_something_would_be_lost_nothing_is_done(text: str, why: str) -> None:
    with pytest.raises(Unchangeable, match=re.escape(why)):
        laid_out(text.encode(), "t.yaml")


def test_a_comment_inside_a_long_flow_collection_stays() -> None:
    text = "name: x\nips: [1, # one\n  2] # two\n"
    assert tidy(text) == text


def test_what_is_no_yaml_is_an_invalid_topology() -> None:
    with pytest.raises(InvalidTopology):
        laid_out(b"a: [", "t.yaml")


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.name)
def test_the_samples_are_in_the_layout(path: Path) -> None:
    assert tidy(path.read_text()) == path.read_text()


@given(st.data())
def test_whatever_stands_between_the_lines_nothing_is_lost(data: st.DataObject) -> None:
    lines = data.draw(st.sampled_from(SAMPLES)).read_text().splitlines()
    additions = st.sampled_from(["", "# one", "  # two", "    # three", "        # four", "            # five", "   "])
    for _ in range(data.draw(st.integers(1, 6))):
        lines.insert(data.draw(st.integers(0, len(lines))), data.draw(additions))
    indent = data.draw(st.sampled_from(["", " ", "   "]))
    text = "\n".join(f"{indent}{line}" for line in lines)
    try:
        said = read(text.encode(), "t.yaml").value
    except InvalidTopology:
        reject()  # a comment can't stand inside a text of several lines
    out = tidy(text)
    assert read(out.encode(), "t.yaml").value == said
    assert out.count("#") == text.count("#")


# -- the command


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "lab.yaml"
    path.write_text(UNTIDY)
    path.chmod(0o640)
    return path


def test_fmt_writes_the_file_and_says_so(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    link = file.with_name("link.yaml")
    link.symlink_to(file)
    assert main(["fmt", str(link)]) == 0
    assert file.read_text() == TIDY
    assert link.is_symlink()
    assert file.stat().st_mode & 0o777 == 0o640
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == ("", f"{link}: laid out\n")
    assert main(["fmt", str(file)]) == 0
    assert capsys.readouterr().err == ""


def test_fmt_checks_a_folder_and_writes_nothing(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = file.with_name("other.yaml")
    other.write_text("version: 1\nname: x\n")
    assert main(["fmt", "--check", str(file.parent)]) == 2
    assert file.read_text() == UNTIDY
    assert "+  b:" in capsys.readouterr().out.splitlines()
    assert main(["fmt", "--check", str(other)]) == 0
    assert capsys.readouterr().out == ""


def test_fmt_goes_on_after_a_file_that_it_cannot_lay_out(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    broken, kept = file.with_name("broken.yaml"), file.with_name("kept.yaml")
    broken.write_text("a: [\n")
    kept.write_text("a: # why\n  1\n")
    assert main(["fmt", str(broken), str(kept), str(file)]) == 65
    assert file.read_text() == TIDY
    told = capsys.readouterr().err
    assert f"{broken}:" in told
    assert f"{kept} is left as it is: the comment '# why' stands where it would be lost" in told
    assert main(["fmt", str(kept)]) == 1
