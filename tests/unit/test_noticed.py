"""Since when something is wrong below libvirt."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from netreconcile.below.finding import Finding
from netreconcile.below.remedy import by_hand
from netreconcile.below.report import since
from netreconcile.folder import Folder
from netreconcile.memory import NOTICED, folder_digest
from netreconcile.noticed import noticed

if TYPE_CHECKING:
    from pathlib import Path

DOWN = Finding("net", "bridge.up", "", "up", "down", by_hand("look"))
OTHER = replace(DOWN, network="my other net", subject="a b")


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    (tmp_path / "host").mkdir(mode=0o700)
    return Folder(tmp_path / "host")


def look(folder: Folder, *findings: Finding, well: float | None = None, everything: bool = True) -> list[float | None]:
    """Return when each of the findings was first seen."""
    found = noticed(folder, findings, {"net"}, well=well, everything=everything)
    assert found == findings
    return [each.first_seen for each in found]


def test_what_was_there_at_an_earlier_look_was_first_seen_then(folder: Folder) -> None:
    before = time.time()
    (first,) = look(folder, DOWN)
    assert first
    assert before <= first <= time.time()
    again, other = look(folder, DOWN, OTHER)
    assert again == first
    assert other
    assert other > first


def test_what_has_gone_meanwhile_is_seen_for_the_first_time_again(folder: Folder) -> None:
    first = look(folder, DOWN)
    look(folder)
    later = look(folder, DOWN)
    assert later != first
    assert look(folder, DOWN, well=time.time()) != later, "all was well in between, as a cheaper look has found"


def test_of_networks_that_were_not_looked_at_nothing_is_forgotten(folder: Folder) -> None:
    first = look(folder, OTHER)
    look(folder)
    assert look(folder, OTHER) == first


def test_what_could_not_be_seen_is_not_forgotten(folder: Folder) -> None:
    first = look(folder, DOWN)
    look(folder, everything=False)
    assert look(folder, DOWN) == first


def test_no_more_is_kept_than_anybody_reads(folder: Folder) -> None:
    look(folder, *(replace(DOWN, subject=str(number)) for number in range(1500)))
    assert len((folder.read(NOTICED) or "").splitlines()) == 1000


@pytest.mark.parametrize("text", ["", "junk", "[1]", '["then", "net", "bridge.up", ""]', "\0", "[[]]\n[1,2,3,4]"])
def test_lines_that_mean_nothing_are_none(folder: Folder, text: str) -> None:
    folder.create(NOTICED, f'{text}\n[7.0, "net", "bridge.up", ""]\n')
    assert look(folder, DOWN) == [7.0]


def test_where_nothing_can_be_kept_nothing_fails(tmp_path: Path) -> None:
    for _ in range(2):
        assert look(Folder(tmp_path / "missing"), DOWN) == [None]


def test_what_is_remembered_changes_no_digest_of_the_folder(folder: Folder) -> None:
    before = folder_digest(folder)
    look(folder, DOWN)
    assert folder_digest(folder) == before


def test_it_says_since_when_as_far_as_that_is_known() -> None:
    assert since(DOWN) == ""
    assert since(replace(DOWN, well=7.0)).startswith("all was well at 1970-01-01 ")
    assert since(replace(DOWN, first_seen=9.0)).startswith("first seen at 1970-01-01 ")
    assert "; all was well at " in since(replace(DOWN, first_seen=9.0, well=7.0))
    assert since(replace(DOWN, began=8.0, first_seen=9.0, well=7.0)).startswith("since 1970-01-01 ")
