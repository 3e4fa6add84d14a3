"""The reader: values and positions from YAML, every problem at its place, no bytes that hurt."""

from __future__ import annotations

import io
import math
import os
import sys
import threading
from typing import TYPE_CHECKING, cast

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st
from yaml.resolver import Resolver

from netreconcile import compose, reader, scalars, syntax
from netreconcile.errors import InvalidTopology, Path, Problem
from netreconcile.reader import Document, read, read_files

if TYPE_CHECKING:
    from pathlib import Path as FilePath


def value(text: str) -> object:
    return read(text.encode(), "t.yaml").value


def problems(text: str | bytes) -> tuple[Problem, ...]:
    with pytest.raises(InvalidTopology) as caught:
        read(text if isinstance(text, bytes) else text.encode(), "t.yaml")
    return caught.value.problems


def problem(text: str | bytes) -> tuple[str, str]:
    """Return code and `line:column` of the only problem."""
    (only,) = problems(text)
    assert only.message
    return only.code, str(only.position).removeprefix("t.yaml:")


def failures(*arguments: str) -> tuple[Problem, ...]:
    with pytest.raises(InvalidTopology) as caught:
        read_files(arguments)
    return caught.value.problems


# Scalars


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("true", True),
        ("True", True),
        ("FALSE", False),
        ("", None),
        ("~", None),
        ("NULL", None),
        ("0", 0),
        ("+7", 7),
        ("-12", -12),
        ("340282366920938463463374607431768211455", 2**128 - 1),
        ("1.5", 1.5),
        ("1.", 1.0),
        ("-.5", -0.5),
        ("010.5", 10.5),
        ("1.5e+3", 1500.0),
        ("-.INF", -math.inf),
    ],
)
def test_plain_scalars_follow_the_core_schema(text: str, expected: object) -> None:
    assert repr(value(f"a: {text}")) == repr({"a": expected})


def test_nan_is_a_float() -> None:
    found = scalars.plain(".nan")
    assert isinstance(found, float)
    assert math.isnan(found)


@pytest.mark.parametrize(
    "text",
    [
        "52:54:00:12:34:56",
        "00:16:3e:00:00:01",
        "00:03:00:01:52:54:00:12:34:56",
        "12:30",
        "190:20:30.15",
        "2001-01-01",
        "2001-12-14t21:59:43.10-05:00",
        "10.0.0.1",
        "10.0.0.0/8",
        "192.168.1.2-192.168.1.254",
        "1024-65535",
        "fd00::1/64",
        "::1",
        "4dea22b3-1d52-d8f3-2516-782e98ab3fa0",
        "1e10aaaa-0000-4000-8000-000000000000",
        "0x0a.1",
        "0x",
        "0o8",
        "deadbeef",
        "yes",
        "no",
        "on",
        "Off",
        "y",
        "nUll",
        "tRue",
        "=",
        "<<",
        "_1",
        "-",
        ".",
        "1.2.3",
        "+",
        "e3",
        ".e3",
        "1:",
        "\u0661",
    ],
)
def test_what_looks_special_elsewhere_stays_text(text: str) -> None:
    assert scalars.plain(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "010",
        "-010",
        "00",
        "09",
        "0o10",
        "0x1F",
        "-0x1F",
        "0b11",
        "1_000",
        "1_0.5",
        "1_",
        "1e3",
        "5254001234e5",
        "1.5e3",
    ],
)
def test_numbers_that_yaml_versions_read_differently_are_errors_with_a_hint(text: str) -> None:
    (only,) = problems(f"a:\n  - {text}")
    assert (only.code, only.path, str(only.position)) == ("ambiguous-number", ("a", 0), "t.yaml:2:5")
    assert text in only.message
    assert "quote it" in only.hint
    assert value(f"a: '{text}'") == {"a": text}


def test_a_number_of_a_million_digits_is_an_error() -> None:
    assert problem("a: " + "1" * 1_000_000) == ("number-too-long", "1:4")
    assert problem("a: 1." + "1" * 1_000_000) == ("number-too-long", "1:4")


def test_quoted_and_block_scalars_are_text() -> None:
    assert value("a: '1'\nb: \"true\"\nc: |\n  010\nd: >-\n  null") == {
        "a": "1",
        "b": "true",
        "c": "010\n",
        "d": "null",
    }


def test_core_tags_are_honoured() -> None:
    text = (
        "{a: !!str 010, b: !!int '5', c: !!float 1, d: !!bool 'true', e: !!null '', f: !!map {}, g: !!seq [], h: ! 1}"
    )
    assert value(text) == {"a": "010", "b": 5, "c": 1.0, "d": True, "e": None, "f": {}, "g": [], "h": "1"}


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("!!int x", "wrong-tag"),
        ("!!int true", "wrong-tag"),
        ("!!bool yes", "wrong-tag"),
        ("!!float 0x10", "ambiguous-number"),
        ("!!python/object/apply:os.system [id]", "unknown-tag"),
        ("!!python/name:os.system", "unknown-tag"),
        ("!!timestamp 2001-01-01", "unknown-tag"),
        ("!!binary aGk=", "unknown-tag"),
        ("!secret x", "unknown-tag"),
        ("!!str {}", "unknown-tag"),
        ("!!map []", "unknown-tag"),
        ("!str x", "unknown-tag"),
        ("!<str> x", "unknown-tag"),
    ],
)
def test_other_tags_are_errors_at_their_place(text: str, code: str) -> None:
    assert problem(f"a: {text}") == (code, "1:4")


# Mappings


def test_every_duplicate_key_is_a_problem_at_the_second_key() -> None:
    first, second = problems("a: 1\nb:\n  c: 1\n  c: 2\na: 2\n")
    assert (first.code, first.path, str(first.position)) == ("duplicate-key", ("b", "c"), "t.yaml:4:3")
    assert "first on line 3" in first.message
    assert (second.path, str(second.position)) == (("a",), "t.yaml:5:1")


def test_duplicates_are_found_inside_duplicates_and_however_the_key_is_written() -> None:
    assert [found.path for found in problems("a: 1\n'a': {b: 1, b: 2}")] == [("a",), ("a", "b")]


@pytest.mark.parametrize(
    ("key", "code"),
    [
        ("100", "key-not-text"),
        ("1.5", "key-not-text"),
        ("true", "key-not-text"),
        ("~", "key-not-text"),
        ("[a]", "key-not-text"),
        ("{a: b}", "key-not-text"),
        ("010", "ambiguous-number"),
        ("!x a", "unknown-tag"),
        ("*nothing ", "unknown-alias"),
    ],
)
def test_a_key_that_is_not_text_is_an_error_with_a_hint(key: str, code: str) -> None:
    (only,) = problems(f"networks:\n  {key}: x")
    assert (only.code, only.path, str(only.position)) == (code, ("networks",), "t.yaml:2:3")
    assert only.hint


def test_a_key_that_is_not_there_is_an_error() -> None:
    assert problem("{a: 1, ? : x}") == ("key-not-text", "1:10")


def test_names_that_look_like_numbers_or_booleans_can_be_keys() -> None:
    text = "'100': 1\non: 2\n52:54:00:12:34:56: 3\n? e\n: 4\n!!str 5: 5\n&k f: 6\n*k : 7"
    assert problem(text) == ("duplicate-key", "8:1")
    expected = {"100": 1, "on": 2, "52:54:00:12:34:56": 3, "e": 4, "5": 5, "f": 6}
    assert value(text.removesuffix("*k : 7")) == expected


def test_a_key_longer_than_yaml_allows_is_an_error() -> None:
    assert problem("? " + "k" * (compose.MAX_KEY + 1) + "\n: 1") == ("key-too-long", "1:3")


# Aliases and merge keys


def test_aliases_stand_for_what_is_anchored_last() -> None:
    assert value("a: &x [1]\nb: *x\nc: &x 2\nd: *x") == {"a": [1], "b": [1], "c": 2, "d": 2}


def test_merged_keys_yield_to_explicit_ones_and_earlier_mappings_win() -> None:
    text = "a: &a {x: 1, y: 1}\nb: &b {y: 2, z: 2}\nc:\n  <<: [*a, *b, {w: 3}]\n  x: 0\nd: {x: 9, <<: *b}\ne: {<<: []}"
    found = value(text)
    assert isinstance(found, dict)
    assert found["c"] == {"x": 0, "y": 1, "z": 2, "w": 3}
    assert found["d"] == {"x": 9, "y": 2, "z": 2}
    assert found["e"] == {}


def test_a_quoted_merge_key_is_an_ordinary_key() -> None:
    assert value("{'<<': 1, <<: {a: 2}}") == {"<<": 1, "a": 2}


@pytest.mark.parametrize(
    ("text", "code", "place"),
    [
        ("a: {<<: 1}", "bad-merge", "1:5"),
        ("a: {<<: [{}, 1]}", "bad-merge", "1:5"),
        ("a: {<<: [[{}]]}", "bad-merge", "1:5"),
        ("a: {<<: }", "bad-merge", "1:5"),
        ("a: {<<: {}, <<: {}}", "duplicate-key", "1:13"),
        ("a: {<<: *x}", "unknown-alias", "1:9"),
        ("a: *x", "unknown-alias", "1:4"),
        ("a: &a [*a]", "alias-cycle", "1:8"),
        ("a: &a {b: {c: *a}}", "alias-cycle", "1:15"),
        ("a: &a {<<: *a}", "alias-cycle", "1:12"),
        ("? &a [*a]\n: x", "alias-cycle", "1:7"),
    ],
)
def test_bad_merges_and_aliases_are_errors_at_their_place(text: str, code: str, place: str) -> None:
    assert problem(text) == (code, place)


def test_an_alias_bomb_is_an_error() -> None:
    lines = [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 60)]
    assert problem("\n".join(["a0: &a0 x", *lines]))[0] == "too-many-values"
    lines = [f"a{i}: &a{i} {{<<: [*a{i - 1}, *a{i - 1}]}}" for i in range(1, 60)]
    assert problem("\n".join(["a0: &a0 {k: x}", *lines]))[0] == "too-many-values"


# Positions


def at(document: Document, *path: str | int) -> tuple[str, str]:
    """Return `line:column` of the value and of its key."""
    found, key = document.position(path), document.key_position(path)
    return f"{found.line}:{found.column}", f"{key.line}:{key.column}"


def test_each_value_and_key_has_its_position() -> None:
    document = read("# é\na:\n  - é: 1\n    b: {c: 'x'}\n".encode(), "t.yaml")
    assert str(document.position(("a", 0))) == "t.yaml:3:5"
    assert at(document) == ("2:1", "2:1")
    assert at(document, "a") == ("3:3", "2:1")
    assert at(document, "a", 0) == ("3:5", "3:5")
    assert at(document, "a", 0, "é") == ("3:8", "3:5")
    assert at(document, "a", 0, "b", "c") == ("4:12", "4:9")


def test_what_is_not_in_the_file_has_the_position_of_its_nearest_ancestor() -> None:
    document = read(b"a:\n  b: [1]", "t.yaml")
    assert at(document, "a", "x", 7, "y") == ("2:3", "1:1")
    assert at(document, "a", "b", 1) == at(document, "a", "b")
    assert at(read(b"", "t.yaml"), "a") == ("1:1", "1:1")


def test_an_alias_stands_where_it_is_used_and_what_is_in_it_where_it_is_written() -> None:
    document = read(b"a: &x {k: 1}\nb: *x\nc:\n  <<: *x\n", "t.yaml")
    assert at(document, "a") == ("1:4", "1:1")
    assert at(document, "b") == ("2:4", "2:1")
    assert at(document, "b", "k") == at(document, "c", "k") == ("1:11", "1:8")


def test_a_byte_order_mark_takes_no_column() -> None:
    document = read(b"\xef\xbb\xbfa: 1", "t.yaml")
    assert document.value == {"a": 1}
    assert at(document, "a") == ("1:4", "1:1")


# Text that is not YAML


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("a:\n\tb: 1", "2:1", "indent with spaces"),
        ("a: 1\n\tb: 1", "2:1", "indent with spaces"),
        ("a: b: c", "1:5", "quote"),
        ("a: 1\n b: 2", "2:3", "indentation"),
        ("a: @x", "1:4", "'@'"),
        ("a: %x", "1:4", "'%'"),
        ("a: `x`", "1:4", "'`'"),
        ("hosts: [*.apps, *.x]", "1:9", "quote it: '*.apps'"),
        ("a: *.apps", "1:4", "quote it: '*.apps'"),
        ("a: & b", "1:4", "'&'"),
        ("a: 'x", "1:4", "never closed"),
        ('a: "x\n---\n', "1:4", "never closed"),
        ('a: "\\q"', "1:5", "single quotes"),
        ('a: "\\ud800"', "1:7", "escape"),
        ('a: "\\x4"', "1:7", "escape"),
        ("a: [1, 2\nb: 3", "2:2", "on line 1"),
        ("a: {x: 1\nb: 3", "2:2", "the '{' on line 1"),
        ("a: - b", "1:4", "line of its own"),
        ("a:\n  b: 1\n c: 2", "3:2", "same column"),
        ("a: 'it's'", "1:8", "quotes"),
        ("- a\nb: 1", "2:1", "begins on line 1"),
        ("a: 1\nfoo\nb: 2", "2:1", "no ':'"),
        ("a: [,]", "1:5", "missing"),
        ("{a: 1} x", "1:8", "ends before"),
        ("a: |x\n  b", "1:5", "'|'"),
        ("a: !x!y z", "1:4", "'!'"),
        ("a: !<x z", "1:4", "'!'"),
        ("%FOO\n--- a", "1:5", "'%'"),
        ("%YAML 2.0\n--- a", "1:1", "'%'"),
        ("%TAG x\n--- a", "1:6", "'%'"),
    ],
)
def test_a_syntax_error_says_where_and_what_to_do(text: str, place: str, words: str) -> None:
    (only,) = problems(text)
    assert (only.code, str(only.position)) == ("syntax", f"t.yaml:{place}")
    assert words in f"{only.message} {only.hint}"
    assert "\n" not in str(only)


def test_a_syntax_error_comes_with_the_problems_before_it() -> None:
    assert [found.code for found in problems("a: 1\na: 010\nb: ]")] == ["duplicate-key", "ambiguous-number", "syntax"]


def test_a_syntax_error_that_is_not_known_is_told_as_it_is() -> None:
    mark = yaml.Mark("t.yaml", 2, 1, 0, None, 0)
    found = syntax.problem(yaml.MarkedYAMLError("while doing", None, "found something new", mark), "a\nb", "t.yaml")
    assert str(found) == "t.yaml:2:1: while doing: found something new"


def test_there_is_one_document_in_a_file() -> None:
    assert value("---\na: 1\n...\n") == {"a": 1}
    assert problem("a: 1\n---\nb: 1") == ("several-documents", "2:1")


@pytest.mark.parametrize("text", ["", "\n\n", "# nothing\n", "---\n", "\ufeff", "~"])
def test_a_file_that_says_nothing_is_none(text: str) -> None:
    assert value(text) is None


@pytest.mark.parametrize(
    ("text", "code", "place"),
    [
        (b"a: 1\r\nb\xc3\xa9: \xff", "not-utf-8", "2:5"),
        (b"\xef\xbb\xbf\xff", "not-utf-8", "1:1"),
        (b"\xed\xa0\x80", "not-utf-8", "1:1"),
        ("a".encode("utf-16"), "not-utf-8", "1:1"),
        ("a".encode("utf-16-be"), "control-character", "1:1"),
        (b"\xfe\xff\x00a", "not-utf-8", "1:1"),
        ("a".encode("utf-32"), "not-utf-8", "1:1"),
        (b"\x00\x00\xfe\xff\x00\x00\x00a", "not-utf-8", "1:1"),
        (b"a: x\n\x1b[31m", "control-character", "2:1"),
        (b"a: \x00", "control-character", "1:4"),
        (b"a:\r\rb: \x7f", "control-character", "3:4"),
        ("# x\u2028a: 1".encode(), "control-character", "1:4"),
        ("a: \x85".encode(), "control-character", "1:4"),
        ("a: \ufffe".encode(), "control-character", "1:4"),
        ("a: \u202e".encode(), "control-character", "1:4"),
        ("# \u2066".encode(), "control-character", "1:3"),
        (b'a: "\\0"', "control-character", "1:4"),
        (b'a: "x\\e"', "control-character", "1:4"),
    ],
)
def test_bytes_that_are_no_clean_text_are_errors_at_their_place(text: bytes, code: str, place: str) -> None:
    assert problem(text) == (code, place)


def test_unusual_but_clean_text_is_read() -> None:
    assert value('a: "\\u2028\\t\\U0001F600"\nb: 😀é') == {"a": "\u2028\t\U0001f600", "b": "😀é"}


# Limits


@pytest.mark.parametrize("unit", ["[", "{", "? ", "- ", "[\n", "{a: "])
def test_depth_is_limited(unit: str) -> None:
    assert problem(unit * 100_000)[0] == "too-deep"


def test_the_deepest_text_is_read_and_aliases_add_to_the_depth() -> None:
    depth = compose.MAX_DEPTH
    read(("[" * depth + "]" * depth).encode(), "t.yaml")
    assert problem("[" * (depth + 1) + "]" * (depth + 1)) == ("too-deep", f"1:{depth + 1}")
    chain = [f"- &a{i} [*a{i - 1}]" for i in range(1, 100)]
    assert problem("\n".join(["- &a0 x", *chain]))[0] == "too-deep"


def test_the_number_of_values_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compose, "MAX_VALUES", 1000)
    assert problem("- a\n" * 1000) == ("too-many-values", "1000:3")
    assert value("- a\n" * 999) == ["a"] * 999


def test_ten_thousand_hosts_are_within_the_limits() -> None:
    hosts = "".join(
        f"- {{mac: 52:54:00:00:{i // 256:02x}:{i % 256:02x}, name: h{i}, ip: 10.0.0.{i}}}\n" for i in range(10_000)
    )
    found = value(hosts)
    assert isinstance(found, list)
    assert found[255] == {"mac": "52:54:00:00:00:ff", "name": "h255", "ip": "10.0.0.255"}


def test_size_directives_and_problems_are_limited() -> None:
    assert problem(b" " * (reader.MAX_BYTES + 1))[0] == "too-large"
    assert problem("".join(f"%TAG !{i}! x\n" for i in range(100_000)) + "---\n")[0] == "too-many-directives"
    many = problems("a: 1\n" * 10_000)
    assert len(many) == compose.MAX_PROBLEMS + 1
    assert many[-1].code == "too-many-problems"


@pytest.mark.parametrize("text", ["a: {}", "a: '{}'", 'a: "{}"', "a: |\n {}", "a: !!str {}", "- a\n- {}"])
def test_the_length_of_a_text_is_limited(text: str) -> None:
    (only,) = problems(text.format("x" * (compose.MAX_TEXT + 1)))
    assert only.code == "text-too-long"
    assert len(str(only)) < 200
    value(text.format("x" * (compose.MAX_TEXT - 1)))


@pytest.mark.parametrize(
    "text",
    [
        "a: *\u202e",
        "&\u202e a: 1\na: 2",
        "!\u2066 a",
        "a: \u200fb\xa0: c",
        'a: 1\n"a\\n\\u202e": 1\n"a\\n\\u202e": 2',
        "a: `\ufeff`",
    ],
)
def test_a_problem_is_told_on_one_line_that_does_nothing_to_a_terminal(text: str) -> None:
    assert all(str(found).isprintable() for found in problems(text))


# Files


def test_files_and_directories_are_read_in_order(tmp_path: FilePath) -> None:
    inside = tmp_path / "site"
    (inside / "deeper.yaml").mkdir(parents=True)
    for name in ("b.yaml", "a.yml", ".hidden.yaml", "c.txt", "deeper.yaml/d.yaml"):
        (inside / name).write_text(f"name: {name}")
    (tmp_path / "z").write_text("name: z")
    documents = read_files([str(tmp_path / "z"), str(inside), str(inside / "b.yaml"), str(tmp_path / "z")])
    assert [document.value for document in documents] == [{"name": "z"}, {"name": "a.yml"}, {"name": "b.yaml"}]
    assert documents[1].file == str(inside / "a.yml")


def test_no_arguments_give_no_documents() -> None:
    assert read_files([]) == ()


def test_standard_input_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"a: 1")))
    (document,) = read_files(["-", "-"])
    assert document.value == {"a": 1}
    assert str(document.position(("a",))) == "<stdin>:1:4"


def test_a_closed_standard_input_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    (only,) = failures("-")
    assert only.code == "cannot-read"
    assert "standard input" in only.message


def test_the_problems_of_all_files_come_together(tmp_path: FilePath) -> None:
    (tmp_path / "a.yaml").write_text("a: 1\na: 2")
    (tmp_path / "b.yaml").write_text("]")
    (tmp_path / "c.yaml").symlink_to("nowhere")
    os.mkfifo(tmp_path / "d.yaml")
    (tmp_path / "empty").mkdir()
    found = failures(str(tmp_path / "missing.yaml"), str(tmp_path), str(tmp_path / "empty"), "nul\0")
    assert [each.code for each in found] == [
        "cannot-read",
        "duplicate-key",
        "syntax",
        "cannot-read",
        "cannot-read",
        "no-files",
        "cannot-read",
    ]
    assert all(each.hint for each in found if each.code != "syntax")


def test_a_path_that_cannot_be_looked_up_is_a_problem() -> None:
    assert [each.code for each in failures("x" * 5000, "/dev/null/x.yaml")] == ["cannot-read", "cannot-read"]


def test_a_file_that_breaks_off_is_a_problem() -> None:
    (only,) = failures("/proc/self/mem")
    assert only.code == "cannot-read"
    assert "/proc/self/mem" in only.message


def files(folder: FilePath, *texts: str) -> list[str]:
    for number, text in enumerate(texts):
        (folder / f"{number}.yaml").write_text(text)
    return [str(folder / f"{number}.yaml") for number in range(len(texts))]


def test_the_limits_are_for_all_files_together(tmp_path: FilePath, monkeypatch: pytest.MonkeyPatch) -> None:
    names = files(tmp_path, "[a, a]", "[a, a, a]", "[a, ]]", "[a, a, a, a]")
    monkeypatch.setattr(compose, "MAX_VALUES", 7)
    assert len(read_files(names[:2])) == 2
    assert [(each.code, str(each.position)) for each in failures(*names[:2], names[3])] == [
        ("too-many-values", f"{names[3]}:1:1")
    ]
    # What a file with problems holds is counted, too, and behind the limit nothing is read.
    assert [each.code for each in failures(*names)] == ["too-many-values"]
    monkeypatch.setattr(compose, "MAX_VALUES", 9)
    assert [each.code for each in failures(*names)] == ["syntax", "too-many-values"]
    monkeypatch.setattr(reader, "MAX_BYTES", 16)
    assert [(each.code, str(each.position)) for each in failures(*names)] == [("too-large", f"{names[2]}:1:1")]


def test_the_number_of_files_is_limited(tmp_path: FilePath, monkeypatch: pytest.MonkeyPatch) -> None:
    names = files(tmp_path, "a: 1", "a: 1", "a: 1", "a: 1")
    monkeypatch.setattr(reader, "MAX_FILES", 2)
    assert len(read_files([*names[:2], *names[:2]])) == 2
    assert [each.code for each in failures(str(tmp_path), *names, "missing")] == ["too-many-files"]


def test_no_file_is_read_after_too_many_problems(tmp_path: FilePath) -> None:
    found = failures(*files(tmp_path, *["]\n"] * (compose.MAX_PROBLEMS + 9)))
    assert [each.code for each in found] == ["syntax"] * compose.MAX_PROBLEMS + ["too-many-problems"]
    assert str(found[-1].position) == f"{tmp_path}/{compose.MAX_PROBLEMS}.yaml:1:1"


def test_a_file_name_does_nothing_to_a_terminal(tmp_path: FilePath) -> None:
    odd = tmp_path / "\x1b[2J\n\u202e.yaml"
    odd.write_text("]")
    (tmp_path / "\x1b.yaml").symlink_to("nowhere")
    os.mkfifo(tmp_path / "\x9b.yaml")
    (tmp_path / "\x07").mkdir()
    found = failures(str(tmp_path), f"{tmp_path}/\x07", "\x1b", "nul\x00")
    assert [each.code for each in found] == [
        "cannot-read",
        "syntax",
        "cannot-read",
        "no-files",
        "cannot-read",
        "cannot-read",
    ]
    assert all(str(each).isprintable() for each in found)


def test_a_pipe_that_is_named_is_read_and_an_endless_device_stops_at_the_limit(tmp_path: FilePath) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_text, args=("a: 1",), daemon=True)
    writer.start()
    (document,) = read_files([str(pipe)])
    writer.join()
    assert document.value == {"a": 1}
    assert [each.code for each in failures("/dev/zero")] == ["too-large"]


# Properties


def agrees(text: str) -> bool:
    """Whether the text, if it can stand unquoted, is text in both YAML versions or in neither."""
    if Resolver().resolve(yaml.ScalarNode, text, (True, False)) != "tag:yaml.org,2002:str":  # type: ignore[no-untyped-call]
        return True
    try:
        return isinstance(scalars.plain(text), str)
    except scalars.ScalarError:
        return False


characters = st.characters(
    exclude_categories=["Cs", "Cc", "Zl", "Zp"], exclude_characters="\ufffe\uffff", include_characters="\n\t"
)
texts = st.text(characters, max_size=30) | st.from_regex(r"[-+.0-9_:xeobTrue~<*&%@ ]{0,8}", fullmatch=True)
words = texts.filter(agrees)
leaves = st.none() | st.booleans() | st.integers(-(2**64), 2**64) | st.floats(allow_nan=False) | words
trees = st.recursive(leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words, inner, max_size=4))


def paths(tree: object, here: Path = ()) -> list[Path]:
    inner: list[tuple[str | int, object]] = []
    if isinstance(tree, dict):
        inner = list(cast("dict[str | int, object]", tree).items())
    elif isinstance(tree, list):
        inner = list(enumerate(cast("list[object]", tree)))
    return [here, *(path for part, each in inner for path in paths(each, (*here, part)))]


@given(trees, st.booleans(), st.sampled_from([None, True, False]))
def test_what_yaml_dumps_is_read_back_equal(tree: object, unicode: bool, flow: bool | None) -> None:  # noqa: FBT001
    text = yaml.safe_dump(tree, allow_unicode=unicode, default_flow_style=flow, sort_keys=False)
    assert repr(read(text.encode(), "t.yaml").value) == repr(tree)


@given(trees)
def test_positions_point_into_the_text_in_its_order(tree: object) -> None:
    text = yaml.safe_dump(tree, sort_keys=False)
    document = read(text.encode(), "t.yaml")
    places = [document.position(path) for path in paths(tree)]
    assert places == sorted(places)
    assert all(document.key_position(path) <= document.position(path) for path in paths(tree))


def settles(text: bytes) -> None:
    """Check that reading ends with a document, or with problems that say where."""
    found: tuple[Problem, ...] = ()
    try:
        document = read(text, "t.yaml")
    except InvalidTopology as error:
        found = error.problems
    else:
        found = (Problem("none", "", position=document.position(())),)
    assert found
    assert all(str(each.position).startswith("t.yaml:") and "\n" not in str(each) for each in found)


@given(st.binary())
@example(b"%YAML 1." + b"9" * 5000 + b"\n--- a")
@example(b'"\\UFFFFFFFF"')
@example(b"a: !<\x25\x25> x")
def test_any_bytes_give_a_document_or_problems(text: bytes) -> None:
    settles(text)


@given(
    st.lists(st.sampled_from([*"ab1:-\n []{},&*!?|>'\"#%@`\t<~\\", ": ", "- ", "\n  ", "&a ", "*a ", "<<: ", "!!str "]))
)
def test_any_yaml_indicators_give_a_document_or_problems(parts: list[str]) -> None:
    settles("".join(parts).encode())


@given(trees, st.data())
def test_any_damaged_yaml_gives_a_document_or_problems(tree: object, data: st.DataObject) -> None:
    text = yaml.safe_dump(tree).encode()
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 8)))
    settles(text[:start] + data.draw(st.binary(max_size=4)) + text[end:])


@given(st.text("ab1:- \n[]{},&*!?|>'\"#%@`\\u0d8xU", max_size=40))
@example('"\\ud800"')
@example('"\\UFFFFFFFF"')
@example("%YAML 1." + "9" * 5000 + "\n--- a")
def test_the_parser_without_libyaml_settles_too(text: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compose, "_LOADER", yaml.SafeLoader)
        settles(text.encode())


@given(trees)
def test_the_parser_without_libyaml_reads_the_same(tree: object) -> None:
    text = yaml.safe_dump(tree).encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compose, "_LOADER", yaml.SafeLoader)
        found = read(text, "t.yaml")
    assert repr(found.value) == repr(read(text, "t.yaml").value)
