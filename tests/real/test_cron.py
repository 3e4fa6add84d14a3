"""`drift` as cron runs it: silent when clean, a paragraph when not, in time, never twice at once, with metrics."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from netreconcile.folder import LOCK, folder_of
from netreconcile.memory import LOCK as DRIFT_LOCK

if TYPE_CHECKING:
    from tests.conftest import LabHost

pytestmark = pytest.mark.lab
ROOT = Path(__file__).parents[2]
NETWORKS: dict[str, Any] = {
    "t": {"mode": "open", "bridge": "virbr-t", "ips": [{"address": "10.1.0.1/24"}]},
    "w": {"mode": "very-isolated", "bridge": "virbr-w"},
}


def metrics(file: Path) -> dict[str, float]:
    families = text_string_to_metric_families(file.read_text())
    return {sample.name.removeprefix("netreconcile_"): sample.value for each in families for sample in each.samples}


def job(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `drift` as cron does: in a process of its own."""
    command = [sys.executable, "-m", "netreconcile", "drift", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT, timeout=60)


def test_a_clean_host_is_silence_each_time(host: LabHost, tmp_path: Path) -> None:
    host.applied(NETWORKS)
    file = tmp_path / "drift.prom"
    for _ in range(2):
        ran = host.run("drift", host.file(NETWORKS), "--metrics", str(file), "--max-time", "60")
        assert (ran.code, ran.out, ran.err) == (0, "", "")
        told = metrics(file)
        assert (told["in_sync"], told["last_run_exit_code"]) == (1, 0)
        assert "drift" not in told
        file.unlink()


def test_a_paragraph_says_what_differs_since_when_and_what_to_do(host: LabHost, tmp_path: Path) -> None:
    host.applied(NETWORKS)
    assert host.drifted(NETWORKS) == ()
    host.network("w").destroy()
    file = tmp_path / "drift.prom"
    topology = host.file(NETWORKS)
    ran = host.run("drift", topology, "--metrics", str(file))
    assert ran.code == 2
    assert ran.out == "w: stopped\n"
    paragraph = ran.err.splitlines()[0]
    assert paragraph.startswith(f"tests: 1 of 2 networks on {host.uri} differs: w (stopped). All was well when last ")
    assert "The last change from here was entry 1, apply by " in paragraph
    assert f"{topology}` mends this: nothing that runs is touched." in paragraph
    told = metrics(file)
    assert (told["in_sync"], told["networks_differing"], told["drift"], told["last_run_exit_code"]) == (0, 1, 1, 2)


def test_quiet_leaves_it_to_the_exit_code_and_still_says_what_went_wrong(host: LabHost) -> None:
    host.applied(NETWORKS)
    host.network("w").destroy()
    ran = host.run("drift", "--quiet", host.file(NETWORKS))
    assert (ran.code, ran.out, ran.err) == (2, "", "")
    ran = host.run("drift", "--quiet", "missing.yaml")
    assert (ran.code, ran.out) == (65, "")
    assert ran.err.startswith("cannot read missing.yaml: ")


def test_the_notice_is_an_object_where_logs_are_json(host: LabHost) -> None:
    host.applied(NETWORKS)
    host.network("w").destroy()
    ran = host.run("drift", "--log-format", "json", host.file(NETWORKS))
    line = json.loads(ran.err.splitlines()[0])
    assert (line["level"], line["command"], ran.out) == ("warning", "drift", "w: stopped\n")


def test_a_host_that_never_answers_is_given_up_in_time(tmp_path: Path) -> None:
    topology = tmp_path / "t.yaml"
    topology.write_text("version: 1\nname: tests\nnetworks: {w: {mode: very-isolated}}\n")
    file = tmp_path / "drift.prom"
    with socket.socket(socket.AF_UNIX) as deaf:
        deaf.bind(str(tmp_path / "s"))
        deaf.listen()
        uri = f"network+unix:///system?socket={tmp_path}/s"
        ran = job("-c", uri, str(topology), "--max-time", "0.5", "--metrics", str(file), "--quiet")
    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr == f"gave up after 0.5 s (--max-time): whether {uri} matches isn't known\n"
    told = metrics(file)
    assert told["last_run_exit_code"] == 1
    assert "in_sync" not in told


def test_a_second_drift_of_a_host_does_nothing_and_says_so(host: LabHost, tmp_path: Path) -> None:
    host.applied(NETWORKS)
    file = tmp_path / "drift.prom"
    with folder_of(host.uri).locked(0, "netreconcile drift", lambda _: None, lock=DRIFT_LOCK):
        for limit in (("--lock-timeout", "0"), ("--max-time", "0.2")):
            ran = host.run("drift", host.file(NETWORKS), "--metrics", str(file), *limit)
            assert (ran.code, ran.out) == (75, "")
            assert f"looked at already: netreconcile drift, process {os.getpid()}, since " in ran.err
        assert not file.exists()
        assert host.apply(NETWORKS).code == 0
    assert host.drifted(NETWORKS) == ()


def test_drift_looks_also_while_somebody_changes_the_host(host: LabHost) -> None:
    host.applied(NETWORKS)
    with folder_of(host.uri).locked(0, "netreconcile apply", lambda _: None, lock=LOCK):
        assert host.drifted(NETWORKS) == ()


def test_where_no_lock_can_be_kept_drift_works_without(host: LabHost) -> None:
    host.applied(NETWORKS)
    folder = folder_of(host.uri).path
    (folder / DRIFT_LOCK).unlink(missing_ok=True)
    (folder / DRIFT_LOCK).mkdir()
    assert host.drifted(NETWORKS) == ()


def test_metrics_that_cannot_be_written_are_a_failure(host: LabHost, tmp_path: Path) -> None:
    host.applied(NETWORKS)
    nowhere = tmp_path / "missing" / "drift.prom"
    ran = host.run("drift", host.file(NETWORKS), "--metrics", str(nowhere))
    assert ran.code == 1
    assert ran.err == f"can't write metrics to {nowhere}: No such file or directory\n"
    ran = host.run("drift", "missing.yaml", "--metrics", str(nowhere))
    assert ran.code == 65
    assert ran.err.splitlines()[0] == f"can't write metrics to {nowhere}: No such file or directory"


def test_a_change_tells_how_it_went(host: LabHost, tmp_path: Path) -> None:
    file = tmp_path / "apply.prom"

    def told(*arguments: str) -> dict[str, float]:
        host.run(*arguments, "--metrics", str(file))
        found = {name.removeprefix("last_run_"): value for name, value in metrics(file).items()}
        assert found.pop("timestamp_seconds") > found.pop("duration_seconds") >= 0
        return found

    done = {"exit_code": 0.0, "in_sync": 1.0, "guests_cut": 0.0}
    assert told("apply", host.file(NETWORKS)) == done
    assert told("apply", host.file(NETWORKS)) == done
    assert told("apply", "missing.yaml") == {"exit_code": 65}
    assert told("rollback") == done
    assert told("destroy", host.file(NETWORKS)) == done
    assert told("apply", "--expect", "0" * 20, host.file(NETWORKS)) == {"exit_code": 3}


def test_on_the_host_itself_it_says_when_libvirt_last_wrote_what_differs(host: LabHost) -> None:
    host.applied(NETWORKS)
    host.network("t").update(3, 10, 0, "<host ip='10.1.0.9'><hostname>late</hostname></host>", 1)
    words = (sys.executable, "-m", "netreconcile", "drift", host.file(NETWORKS))
    ran = host.lab.run(*words, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True)
    assert ran.returncode == 2
    today = time.strftime("%F")
    assert f"Last written by libvirt: t {today[:8]}" in ran.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has rights to give up")
@pytest.mark.parametrize(("command", "told"), [("drift", '"below_unknown": null'), ("verify", '"unseen": 0')])
def test_the_rights_that_a_unit_leaves_are_enough_to_see_all(host: LabHost, command: str, told: str) -> None:
    unit = (ROOT / f"contrib/systemd/netreconcile-{command}.service").read_text()
    (line,) = re.findall(r"^CapabilityBoundingSet=(.*)$", unit, re.MULTILINE)
    rights = ",".join(f"+{right.removeprefix('CAP_').lower()}" for right in line.split())
    reduced = ("setpriv", "--bounding-set", f"-all,{rights}", "--inh-caps=-all", "--no-new-privs")
    host.applied(NETWORKS)
    words = (*reduced, sys.executable, "-m", "netreconcile", command, host.file(NETWORKS), "-o", "json")
    ran = host.lab.run(*words, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True)
    assert ran.returncode == 0, ran.stderr
    assert told in ran.stdout
