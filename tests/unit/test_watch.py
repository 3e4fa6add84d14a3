"""When `watch` looks, what it tells, and what it tries again."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

import pytest

from netreconcile import cli
from netreconcile.watch.files import folder_files, processes, running, topology_files
from netreconcile.watch.outcome import Outcome, Said, news, standing
from netreconcile.watch.pace import PATIENCE, REST, SETTLE, Wait
from netreconcile.watch.supervisor import notify, patience, status, without
from netreconcile.watch.tries import LONGEST, NOTHING

if TYPE_CHECKING:
    from pathlib import Path

MINUTE = 60.0
MATCHES = Outcome(0)
STOPPED = Outcome(2, ("w: stopped",), (Said("1 of 2 networks differs, seen 12:00", "warning"),))
LATER = Outcome(2, ("w: stopped",), (Said("1 of 2 networks differs, seen 12:05", "warning"),))
BOTH = Outcome(2, ("w: stopped", "t: live only"), (Said("2 of 2 networks differ", "warning"),))
REFUSED = Outcome(69, (), (Said("connection refused", "error"),))
SILENT = Outcome(69, (), (Said("no answer within 30 s", "error"),))
INVALID = Outcome(65, (), (Said("t.yaml:3: must be a mapping", "error"),))
BROKEN = Outcome(65, (), (Said("t.yaml:4: must be a mapping", "error"),))


def told(*outcomes: Outcome) -> list[str]:
    """Return what is told of the last of the outcomes."""
    *before, now = outcomes
    return [said.text for said in news(before[-1] if before else None, now, "site")]


def test_where_nothing_happens_the_next_look_is_after_the_interval() -> None:
    assert Wait(100.0).due(MINUTE) == 160.0


def test_a_look_waits_until_it_has_been_quiet_for_a_moment() -> None:
    once = Wait(100.0).woken(110.0)
    assert once.due(MINUTE) == 110.0 + SETTLE
    assert once.woken(110.2).due(MINUTE) == 110.2 + SETTLE


def test_a_look_does_not_wait_for_ever_where_it_is_never_quiet() -> None:
    wait, now = Wait(100.0), 110.0
    while wait.due(MINUTE) > now:
        wait, now = wait.woken(now), now + SETTLE / 2
    assert now <= 110.0 + PATIENCE + SETTLE


def test_looks_take_no_more_than_a_part_of_the_time_whatever_happens() -> None:
    wait, now, looking = Wait(0.0), 0.0, 0.0
    while now < 1000:
        wait = wait.woken(now)
        if wait.due(MINUTE) <= now:
            wait, now, looking = Wait(now).woken(now).rested(now + 2.0, 2.0), now + 2.0, looking + 2.0
        now += 0.1
    assert 0.1 < looking / now < 1 / REST


def test_a_look_that_cost_much_is_not_followed_by_a_rest_longer_than_the_interval() -> None:
    assert Wait(100.0, cost=50.0).woken(101.0).due(MINUTE) == 160.0


def test_what_happens_during_a_look_is_looked_at_afterwards() -> None:
    assert Wait(100.0).woken(100.5).rested(102.0, 0.1).due(MINUTE) == 102.0 + REST * 0.1
    assert Wait(100.0).rested(102.0, 2.0).due(MINUTE) == 162.0


def test_what_is_as_it_was_is_not_told_again() -> None:
    assert told(MATCHES) == ["site matches"]
    assert told(MATCHES, MATCHES) == []
    assert told(MATCHES, STOPPED) == ["1 of 2 networks differs, seen 12:00"]
    assert told(STOPPED, LATER) == []
    assert told(STOPPED, BOTH) == ["2 of 2 networks differ"]
    assert told(BOTH, MATCHES) == ["site matches again"]


def test_that_libvirt_is_gone_is_told_once_whatever_the_reason_and_that_it_is_back() -> None:
    assert told(MATCHES, REFUSED) == ["connection refused"]
    assert told(REFUSED, SILENT) == []
    assert told(SILENT, MATCHES) == ["libvirt answers again", "site matches again"]
    assert told(SILENT, STOPPED) == ["libvirt answers again", "1 of 2 networks differs, seen 12:00"]


def test_a_file_that_is_wrong_is_told_each_time_that_it_is_wrong_in_another_way() -> None:
    assert told(MATCHES, INVALID) == ["t.yaml:3: must be a mapping"]
    assert told(INVALID, INVALID) == []
    assert told(INVALID, BROKEN) == ["t.yaml:4: must be a mapping"]
    assert told(BROKEN, MATCHES) == ["site matches again"]


def test_reminders_are_told_also_where_all_matches() -> None:
    assert told(MATCHES, Outcome(0, (), (Said("entry 3 is not confirmed"),))) == [
        "site matches",
        "entry 3 is not confirmed",
    ]


def test_the_standing_is_a_line() -> None:
    assert standing(MATCHES) == "matches"
    assert standing(STOPPED) == "differs: w: stopped"
    assert standing(BOTH) == "differs: w: stopped and 1 more"
    assert standing(Outcome(2, ("w: stopped", "    by hand: start it"))) == "differs: w: stopped"
    assert standing(INVALID) == "can't be told: t.yaml:3: must be a mapping"


def test_what_an_apply_has_left_is_tried_again_after_pauses_that_grow() -> None:
    tried, now, pauses = NOTHING, 0.0, list[float]()
    for _ in range(8):
        assert not tried.covers(("a",), now)
        tried = tried.tried(("a",), now, MINUTE).left(("a",))
        assert tried.covers(("a",), tried.again - 1)
        now = tried.again
        pauses.append(tried.pause)
    assert pauses == [60, 120, 240, 480, 960, 1920, LONGEST, LONGEST]


def test_what_differs_besides_what_was_left_is_tried_at_once() -> None:
    tried = NOTHING.tried(("a",), 0.0, MINUTE)
    assert not tried.covers(("a", "b"), 1.0)
    assert tried.tried(("a", "b"), 1.0, MINUTE).pause == MINUTE


def test_what_was_mended_and_differs_once_more_is_tried_at_once() -> None:
    tried = NOTHING.tried(("a", "b"), 0.0, MINUTE).left(("b",))
    assert tried.covers(("b",), 1.0)
    assert not tried.covers(("a", "b"), 1.0)


def test_files_that_are_edited_replaced_or_gone_are_others(tmp_path: Path) -> None:
    file, folder = tmp_path / "t.yaml", str(tmp_path)
    file.write_text("a")
    seen = [topology_files([folder]), topology_files([str(file)])]
    assert [topology_files([folder]), topology_files([str(file)])] == seen
    other = tmp_path / ".t.yaml.new"
    other.write_text("a")
    os.utime(other, ns=(file.stat().st_mtime_ns, file.stat().st_mtime_ns))
    other.replace(file)
    assert topology_files([folder]) != seen[0]
    assert topology_files([str(file)]) != seen[1]
    file.unlink()
    assert topology_files([folder]) not in seen
    assert topology_files([str(file)]) == (str(file),)


def test_folders_that_cannot_be_read_hold_nothing(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("")
    (tmp_path / "b").symlink_to("nowhere")
    assert len(folder_files([tmp_path, tmp_path / "missing"])) == 2


@pytest.mark.parametrize("name", ["notify", "@netreconcile-tests"])
def test_systemd_is_told_through_its_socket(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    address = f"{name}-{os.getpid()}" if name.startswith("@") else str(tmp_path / name)
    monkeypatch.setenv("NOTIFY_SOCKET", address)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(address.replace("@", "\0"))
        notify("READY=1", status("all\nis  well"))
        assert systemd.recv(100) == b"READY=1\nSTATUS=all is well"


@pytest.mark.parametrize("address", ["", "/nowhere/notify"])
def test_where_nobody_listens_nothing_is_told(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", address)
    notify("READY=1")


def test_signs_of_life_are_wanted_from_the_process_that_systemd_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WATCHDOG_USEC", raising=False)
    assert patience() is None
    monkeypatch.setenv("WATCHDOG_USEC", "1500000")
    assert patience() == 1.5
    monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()))
    assert patience() == 1.5
    monkeypatch.setenv("WATCHDOG_PID", "1")
    assert patience() is None
    assert without({"WATCHDOG_USEC": "1", "WATCHDOG_PID": "1", "NOTIFY_SOCKET": "s", "PATH": "p"}) == {"PATH": "p"}


@pytest.mark.parametrize(
    ("arguments", "mistake"),
    [
        (("-",), "watch needs files"),
        (("t.yaml", "--interval", "0.1"), "--interval must be at least 1"),
        (("t.yaml", "--max-impact", "live"), "--max-impact is about --apply"),
        (("t.yaml", "--allow-tftp-root"), "--allow-tftp-root is about --apply"),
    ],
)
def test_options_that_do_not_fit_together_are_wrong_usage(
    arguments: tuple[str, ...], mistake: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["watch", *arguments]) == 64
    assert mistake in capsys.readouterr().err


def test_processes_are_those_that_wrote_their_number_into_a_file(tmp_path: Path) -> None:
    (tmp_path / "a.pid").write_text(f"{os.getpid()}\n")
    (tmp_path / "b.pid").write_text("0\n")
    (tmp_path / "c.xml").write_text("1\n")
    assert processes(tmp_path) == {str(os.getpid()), "0"}
    assert running(processes(tmp_path)) == {str(os.getpid())}
