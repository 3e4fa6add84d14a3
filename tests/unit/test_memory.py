"""What is remembered of files and hosts that agreed."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from netreconcile.folder import Folder
from netreconcile.memory import FILE, Agreement, Memory, files_digest, folder_digest


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    (tmp_path / "host").mkdir(mode=0o700)
    return Folder(tmp_path / "host")


def test_what_was_remembered_agrees_until_either_side_is_another(folder: Folder) -> None:
    memory = Memory(folder)
    memory.remember("files", "host", "lab")
    assert memory.agreed("files", "host")
    assert not memory.agreed("files", "another host")
    assert not memory.agreed("other files", "host")


def test_only_the_latest_agreement_of_the_same_files_counts(folder: Folder) -> None:
    memory = Memory(folder)
    memory.remember("files", "before", "lab")
    memory.remember("files", "after", "lab")
    assert not memory.agreed("files", "before")
    assert memory.agreed("files", "after")


def test_several_topologies_of_one_host_are_remembered_but_not_without_end(folder: Folder) -> None:
    memory = Memory(folder)
    for number in range(150):
        memory.remember(f"files{number}", "host", "lab")
    assert [number for number in range(150) if memory.agreed(f"files{number}", "host")] == list(range(50, 150))


def test_when_a_topology_last_agreed_is_known_whatever_its_files_were(folder: Folder) -> None:
    memory = Memory(folder)
    before = int(time.time())
    memory.remember("files", "host", "my lab")
    memory.remember("other files", "host", "another lab")
    latest = memory.latest("my lab")
    assert latest
    assert latest.when >= before
    assert memory.agreed("files", "host") == latest
    assert memory.latest("lab") is None


def test_lines_that_mean_nothing_are_none(folder: Folder) -> None:
    folder.create(FILE, "files host\nfiles host soon lab\nfiles host 12\n\nfiles host 7 lab\n")
    assert Memory(folder).agreed("files", "host") == Agreement("files", "host", 7, "lab")


def test_where_nothing_can_be_kept_nothing_is_remembered_and_nothing_fails(tmp_path: Path) -> None:
    memory = Memory(Folder(tmp_path / "missing"))
    memory.remember("files", "host", "lab")
    assert not memory.agreed("files", "host")


def test_files_are_told_apart_by_content_name_and_order(tmp_path: Path) -> None:
    one, other = tmp_path / "a.yaml", tmp_path / "b.yaml"
    one.write_text("a: 1\n")
    other.write_text("b: 1\n")
    found = {
        files_digest(names) for names in ([str(one)], [str(other)], [str(one), str(other)], [str(other), str(one)])
    }
    assert len(found) == 4
    assert files_digest([str(one)]) == files_digest([str(one)])
    assert files_digest([str(one)]) != files_digest([str(one)], "strict=True")
    before = files_digest([str(tmp_path)])
    other.write_text("b: 2\n")
    assert files_digest([str(tmp_path)]) != before


@pytest.mark.parametrize("name", ["-", "/dev/null", "missing.yaml"])
def test_what_can_be_read_only_once_or_not_at_all_has_no_digest(name: str) -> None:
    assert files_digest([name]) == ""


def test_a_change_in_the_journal_is_another_host(folder: Folder) -> None:
    before = folder_digest(folder)
    Memory(folder).remember("files", "host", "lab")
    assert folder_digest(folder) == before
    folder.create("1.entry", "{}")
    assert folder_digest(folder) != before
    assert folder_digest(Folder(Path("/nonexistent"))) == folder_digest(Folder(Path("/nonexistent/either")))
