"""Nothing is lost: what fails is taken back, what broke off is finished or undone, and one at a time changes a host."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from netreconcile.folder import VARIABLE, folder_of
from tests.waiting import eventually

if TYPE_CHECKING:
    from tests.conftest import LabHost, Meanwhile

pytestmark = pytest.mark.lab

Said = dict[str, Any]
ROOT = Path(__file__).parents[2]


def quiet(number: int, **more: Any) -> Said:
    """Return a network that starts fast."""
    address = {"ips": [{"address": f"10.{number}.0.1/24"}], "dns": {"enable": False}}
    return {"mode": "open", "bridge": f"vbr-{number}", **address, **more}


BAD = {**quiet(9), "dns": {}, "dnsmasq_options": ["no-such-option"]}
"""A network that libvirt defines, and can't start."""
ALLOW = "--allow-dnsmasq-options"


def states(host: LabHost) -> dict[str, tuple[object, ...]]:
    return {name: host.snapshot(name) for name in host.names()}


def history(host: LabHost) -> list[Said]:
    found: list[Said] = host.run("history", "-o", "json").json["entries"]
    return found


def background(host: LabHost, *arguments: str) -> subprocess.Popen[str]:
    """Start a command as a process of its own."""
    command, *rest = arguments
    return subprocess.Popen(
        [sys.executable, "-m", "netreconcile", command, "-c", host.uri, *rest],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def until(process: subprocess.Popen[str], text: str) -> str:
    """Return what a process says up to a line with the text."""
    said = ""
    assert process.stderr is not None
    for line in process.stderr:
        said += line
        if text in line:
            return said
    pytest.fail(f"{text!r} was not said, but: {said}")


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Return the exit code of a process, and the rest of what it said."""
    _, said = process.communicate(timeout=60)
    return process.returncode, said


# -- failures


def test_a_failed_apply_leaves_the_host_as_it_was(host: LabHost) -> None:
    before = {"a": quiet(1), "b": quiet(2), "c": quiet(3)}
    host.applied(before)
    there = states(host)
    ran = host.apply({"a": quiet(1, mtu=1400), "b": quiet(2, autostart=False), "bad": BAD}, ALLOW)
    assert ran.code == 4
    assert states(host) == there
    assert "failed, and rolled back: the host is as it was before (entry 2)" in ran.err
    assert host.drifted(before) == ()
    assert [entry["status"] for entry in history(host)] == ["rolled back", "applied"]


def test_a_report_for_machines_says_what_was_taken_back(host: LabHost) -> None:
    ran = host.apply({"a": quiet(1), "bad": BAD}, ALLOW, "-o", "json")
    assert ran.code == 4
    taken_back = ran.plan["rolled_back"]
    assert taken_back["complete"]
    assert taken_back["everything"]
    assert "bad option" in taken_back["why"]
    assert {step["outcome"] for step in taken_back["steps"]} == {"done"}
    assert host.names() == set()


def test_keep_going_keeps_whole_networks_and_undoes_the_one_that_failed(host: LabHost) -> None:
    host.applied({"a": quiet(1), "bad": quiet(9)})
    before = host.snapshot("bad")
    ran = host.apply({"a": quiet(1, mtu=1400), "bad": BAD, "new": quiet(2)}, ALLOW, "--on-error", "keep-going")
    assert ran.code == 1
    assert host.snapshot("bad") == before
    assert (host.running("a").mtu, host.names()) == (1400, {"a", "bad", "new"})
    assert history(host)[0]["status"] == "partly applied"


def test_a_change_that_has_not_the_wanted_effect_is_taken_back(host: LabHost, meanwhile: Meanwhile) -> None:
    """A plan that libvirt carries out in other words than the plan's can only be seen afterwards."""
    host.applied({"a": quiet(1)})
    there = states(host)

    def redefined() -> None:
        host.define(host.config_xml("a").replace("</network>", "<mtu size='1300'/></network>"))

    meanwhile(redefined)
    ran = host.apply({"a": quiet(1, mtu=1400), "b": quiet(2)})
    assert ran.code == 4
    assert "a: define: somebody else has changed this network meanwhile" in ran.err
    assert host.config("a").mtu == 1300  # theirs
    assert host.names() == {"a"}
    assert host.snapshot("a")[2] == there["a"][2]


def test_what_somebody_else_changes_in_the_middle_stays_theirs(host: LabHost, meanwhile: Meanwhile) -> None:
    host.applied({"a": quiet(1)})
    meanwhile(lambda: host.network("a").destroy())
    ran = host.apply({"a": quiet(1, mtu=1400), "b": quiet(2)}, "--on-error", "keep-going")
    assert ran.code == 1
    assert not host.network("a").isActive()
    assert host.names() == {"a", "b"}
    assert host.network("b").isActive()


@pytest.mark.parametrize("act", ["destroy", "undefine"])
def test_a_network_that_goes_in_the_middle_is_told_though_the_plan_does_nothing_to_it(
    host: LabHost, meanwhile: Meanwhile, act: str
) -> None:
    idle = {**quiet(2), "state": "active" if act == "destroy" else "inactive"}
    host.applied({"a": quiet(1), "idle": idle})
    meanwhile(getattr(host.network("idle"), act))
    ran = host.apply({"a": quiet(1, mtu=1400), "idle": idle})
    assert ran.code == 1
    assert "idle" in ran.err
    assert host.running("a").mtu == 1400


# -- signals and kills


def slow(host: LabHost) -> str:
    """Return a file whose apply takes long enough to be caught in the middle: each network starts dnsmasq."""
    networks = {
        f"n{number}": {"mode": "open", "bridge": f"vbr-{number}", "ips": [{"address": f"10.{number}.0.1/24"}]}
        for number in range(1, 21)
    }
    return host.file(networks)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_an_apply_as_if_it_had_not_begun(host: LabHost, number: signal.Signals) -> None:
    process = background(host, "apply", slow(host))
    until(process, "n3: start")
    process.send_signal(number)
    code, said = ended(process)
    assert code == 4, said
    assert f"{number.name} asked to stop" in said
    assert host.names() == set()
    assert history(host)[0]["status"] == "rolled back"


def test_a_killed_apply_is_told_and_finished(host: LabHost) -> None:
    file = slow(host)
    process = background(host, "apply", file)
    until(process, "n3: start")
    process.kill()
    ended(process)
    for command in ("plan", "drift"):
        told = host.run(command, file).err
        assert "entry 1, apply of tests" in told
        assert "`netreconcile apply` finishes it, `netreconcile rollback` undoes it" in told
    assert host.run("apply", file).code == 0
    assert host.run("drift", file).err == ""
    assert [entry["status"] for entry in history(host)] == ["applied", "continued"]
    assert host.run("rollback").code == 0
    assert host.names() == set()


def broken_off(host: LabHost) -> dict[str, tuple[object, ...]]:
    """Return what the host had before an apply that is killed in the middle."""
    host.applied({"n3": quiet(3, autostart=False, mtu=1300)})
    before = states(host)
    process = background(host, "apply", slow(host))
    until(process, "n5: start")
    process.kill()
    ended(process)
    return before


def test_a_killed_apply_is_told_and_undone(host: LabHost) -> None:
    before = broken_off(host)
    assert host.run("rollback").code == 0
    assert states(host) == before
    assert history(host)[0]["status"] == "undone"


def test_what_an_apply_left_in_the_middle_is_taken_back_to_the_beginning_when_the_next_one_fails(host: LabHost) -> None:
    before = broken_off(host)
    assert host.apply({"n3": quiet(3), "bad": BAD}, ALLOW).code == 4
    assert states(host) == before


# -- one at a time


def test_one_at_a_time_changes_a_host(host: LabHost) -> None:
    file = host.file({"a": quiet(1)})
    with folder_of(host.uri).locked(0, "a test", lambda _: None):
        ran = host.run("apply", file)
        assert ran.code == 75
        assert f"another run changes this host: a test, process {os.getpid()}" in ran.err
        assert host.run("rollback").code == 75
        assert host.run("plan", file).code == host.run("drift", file).code - 2 == 0
        assert host.names() == set()
        waiting = background(host, "apply", "--lock-timeout", "60", file)
        until(waiting, "waiting for another run: a test")
    assert ended(waiting)[0] == 0
    assert host.names() == {"a"}


def test_two_at_once_both_end_well(host: LabHost) -> None:
    file = slow(host)
    both = [background(host, "apply", "--lock-timeout", "60", file) for _ in range(2)]
    ends = [ended(process) for process in both]
    assert [code for code, _ in ends] == [0, 0], ends
    assert host.run("drift", file).code == 0
    assert len(history(host)) == 1


def test_without_a_journal_nothing_is_changed(host: LabHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "file"
    place.touch()
    monkeypatch.setenv(VARIABLE, str(place))
    ran = host.apply({"a": quiet(1)})
    assert ran.code == 1
    assert f"can't keep the journal in {place}" in ran.err
    assert host.names() == set()


# -- history and rollback


def test_every_apply_can_be_looked_up_and_undone_one_after_the_other(host: LabHost) -> None:
    past = [states(host)]
    for networks in ({"a": quiet(1)}, {"a": quiet(1, mtu=1400)}, {"a": quiet(1, mtu=1400), "b": quiet(2)}):
        host.applied(networks)
        past.append(states(host))
    assert [entry["entry"] for entry in history(host)] == [3, 2, 1]
    shown = host.run("show", "2").out
    assert "a: stop: done" in shown
    assert "+ mtu: 1400" in shown
    assert host.run("show", "2", "-o", "json").json["before"]["a"]["uuid"] == host.network("a").UUIDString()
    for was in reversed(past[:-1]):
        assert host.run("rollback").code == 0
        assert states(host) == was
    assert "nothing to take back" in host.run("rollback").err


def test_a_rollback_can_be_rolled_back(host: LabHost) -> None:
    host.applied({"a": quiet(1)})
    there = states(host)
    assert host.run("rollback", "1").code == 0
    assert host.run("rollback", "2").code == 0
    assert host.config("a").uuid == there["a"][0]
    assert states(host) == there


def test_a_rollback_leaves_what_was_changed_since(host: LabHost) -> None:
    host.applied({"a": quiet(1)})
    host.applied({"a": quiet(1, mtu=1400)})
    host.applied({"a": quiet(1, mtu=1300)})
    ran = host.run("rollback", "2")
    assert ran.code == 3
    assert "changed since by somebody else, or by a later apply: a" in ran.err
    assert host.running("a").mtu == 1300
    assert host.run("rollback", "2", "--discard-changes").code == 0
    assert host.running("a").mtu is None


@pytest.mark.parametrize("arguments", [("rollback", "7"), ("show", "7"), ("show", "-1"), ("rollback", "x")])
def test_there_is_no_such_entry(host: LabHost, arguments: tuple[str, ...]) -> None:
    assert host.run(*arguments).code == 64


def test_what_was_taken_back_is_not_applied_again_by_a_loop(host: LabHost) -> None:
    networks = {"a": quiet(1)}
    host.applied(networks)
    assert host.run("rollback").code == 0
    ran = host.apply(networks)
    assert ran.code == 3
    assert "entry 1 of the journal" in ran.err
    assert host.names() == set()
    assert host.planned(networks)["steps"]
    host.applied(networks, "--again")
    host.applied(networks)
    assert host.run("rollback").code == 0
    host.applied({"a": quiet(1, mtu=1400)})


# -- confirm or revert


def test_an_apply_that_is_not_confirmed_is_taken_back(host: LabHost) -> None:
    host.applied({"a": quiet(1)})
    before = states(host)
    networks = {"a": quiet(1, mtu=1400), "b": quiet(2)}
    host.applied(networks, "--confirm", "0")
    assert eventually(lambda: history(host)[0]["status"] == "undone")
    assert states(host) == before
    assert host.apply(networks).code == 3


def test_an_apply_that_is_confirmed_stays(host: LabHost) -> None:
    networks = {"a": quiet(1)}
    ran = host.applied(networks, "--confirm", "600")
    assert "`netreconcile confirm` within 600 seconds" in ran.err
    assert host.apply({"a": quiet(1, mtu=1400)}).code == 3
    assert host.apply(networks).code == 0
    assert "is not confirmed; it is taken back at" in host.run("plan", host.file(networks)).err
    assert host.run("confirm").code == 0
    assert history(host)[0]["status"] == "applied"
    host.applied({"a": quiet(1, mtu=1400)})
    assert host.run("confirm").code == 1


def test_an_unconfirmed_apply_can_be_taken_back_at_once(host: LabHost) -> None:
    host.applied({"a": quiet(1)}, "--confirm", "600")
    assert host.run("rollback").code == 0
    assert host.names() == set()


def test_the_revert_outlives_the_session_of_whoever_applied(host: LabHost) -> None:
    file = host.file({"a": quiet(1)})
    command = [sys.executable, "-m", "netreconcile", "apply", "-c", host.uri, "--confirm", "3", file]
    session = subprocess.Popen(["setsid", "--wait", *command], cwd=ROOT, stderr=subprocess.PIPE, text=True)
    until(session, "`netreconcile confirm` within 3 seconds")
    session.kill()
    ended(session)
    assert host.names() == {"a"}
    assert eventually(lambda: history(host)[0]["status"] == "undone")
    assert host.names() == set()


def test_a_killed_apply_that_wanted_confirmation_is_taken_back_without_anybody(host: LabHost) -> None:
    process = background(host, "apply", "--confirm", "600", slow(host))
    until(process, "n3: start")
    process.kill()
    ended(process)
    assert eventually(lambda: history(host)[0]["status"] == "undone")
    assert host.names() == set()


# -- saved plans


def saved(host: LabHost, networks: Said, tmp_path: Path, *arguments: str) -> str:
    path = tmp_path / "plan.json"
    assert host.run("plan", host.file(networks), "--out", str(path), *arguments).code == 0
    return str(path)


def test_a_saved_plan_is_carried_out_as_it_is(host: LabHost, tmp_path: Path) -> None:
    plan = saved(host, {"a": quiet(1)}, tmp_path)
    ran = host.run("apply", plan)
    assert ran.code == 0
    assert host.names() == {"a"}
    fingerprint = json.loads(Path(plan).read_text())["fingerprint"]
    assert f"fingerprint {fingerprint}" in ran.out
    assert history(host)[0]["fingerprint"] == fingerprint


@pytest.mark.parametrize("moved", ["host", "file"])
def test_a_saved_plan_is_refused_when_host_or_file_have_moved_on(host: LabHost, tmp_path: Path, moved: str) -> None:
    host.applied({"a": quiet(1)})
    plan = saved(host, {"a": quiet(1, mtu=1400)}, tmp_path)
    if moved == "host":
        host.define(host.config_xml("a").replace("</network>", "<mtu size='1300'/></network>"))
        change = "a: foreign edit"
    else:
        host.file({"a": quiet(1, mtu=1200)})
        change = "the file has changed: "
    before = states(host)
    ran = host.run("apply", plan)
    assert ran.code == 3
    assert "nothing was done" in ran.err
    assert change in ran.err or "mtu" in ran.err
    assert states(host) == before


def test_only_the_expected_plan_is_carried_out(host: LabHost) -> None:
    networks = {"a": quiet(1)}
    fingerprint = host.planned(networks)["fingerprint"]
    ran = host.apply(networks, "--expect", "0" * 20)
    assert ran.code == 3
    assert f"the plan's fingerprint is {fingerprint} now" in ran.err
    assert host.names() == set()
    host.applied(networks, "--expect", fingerprint)


def test_whom_a_plan_cuts_off_is_part_of_its_fingerprint_and_the_way_to_the_host_is_not(
    host: LabHost, tmp_path: Path
) -> None:
    plan = saved(host, {"a": quiet(1)}, tmp_path)
    ran = host.run("apply", "-c", "qemu:///elsewhere", plan)
    assert ran.code == 64
    assert "the plan was made for" in ran.err


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ('{"fingerprint": 1}', 64),
        ('{"fingerprint": ' + "[" * 100_000 + "}", 64),
        ("{", 65),
        ('{"version": 1, "name": "t", "networks": {"a": {"mode": "very-isolated"}}}', 0),
    ],
)
def test_what_is_no_saved_plan_does_no_harm(host: LabHost, tmp_path: Path, content: str, code: int) -> None:
    path = tmp_path / "odd.json"
    path.write_text(content)
    assert host.run("apply", str(path)).code == code


@pytest.mark.parametrize("arguments", [("--out", "plan.txt"), ("--out", "/nowhere/plan.json")])
def test_a_plan_that_can_not_be_saved_is_wrong_usage(host: LabHost, arguments: tuple[str, ...]) -> None:
    assert host.run("plan", host.file({"a": quiet(1)}), *arguments).code == 64


def test_what_another_topology_left_in_the_middle_stays_its_own(host: LabHost) -> None:
    """Another one neither finishes nor undoes it, and takes over nothing that it has lost."""
    process = background(host, "apply", slow(host))
    until(process, "n3: start")
    process.kill()
    ended(process)
    other = {"x": quiet(30)}
    host.applied(other, name="other")
    assert host.apply({"x": quiet(30, mtu=1400), "bad": {**BAD, "bridge": "vbr-bad"}}, ALLOW, name="other").code == 4
    assert [entry["status"] for entry in history(host)] == ["rolled back", "applied", "unfinished"]
    assert host.run("rollback").code == 0
    assert host.names() == {"x"}
    assert [entry["status"] for entry in history(host)] == ["rolled back", "applied", "undone"]


def test_a_rollback_for_machines_tells_what_became_of_the_entry(host: LabHost) -> None:
    assert host.run("rollback", "-o", "json").history == {"format_version": 1, "entries": []}
    host.applied({"a": quiet(1)}, "--confirm", "600")
    told = host.run("rollback", "-o", "json").history
    assert (told["entry"], told["status"]) == (1, "undone")
