"""What the README shows is what happens."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from netreconcile import cli
from netreconcile.lab import Lab
from tests.conftest import LabHost

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")


def block(language: str, start: str = "") -> str:
    """Return the README's first block in a language that starts with the text."""
    found: list[str] = re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)
    return next(text for text in found if text.startswith(start))


def before(topology: dict[str, Any]) -> dict[str, Any]:
    """Return the networks as the README says that the host has them: without `db`, and with the usual MTU."""
    networks: dict[str, Any] = topology["networks"]
    dhcp = networks["default"]["ips"][0]["dhcp"]
    dhcp["hosts"] = [host for host in dhcp["hosts"] if host["name"] != "db"]
    del networks["backend"]["mtu"]
    return networks


def test_the_first_plan_is_the_one_that_is_printed(host: LabHost, tmp_path: Path) -> None:
    topology = tmp_path / "readme.yaml"
    topology.write_text(block("yaml"))
    host.applied(before(yaml.safe_load(block("yaml"))), name="home-lab")
    command, _, shown = block("console").partition("\n")
    assert command == "$ netreconcile plan topology.yaml"
    ran = host.run("plan", str(topology))
    assert ran.code == 0
    release = ".".join(map(str, host.release))
    *lines, last = ran.out.splitlines()
    *expected, fingerprint = shown.splitlines()
    assert lines == [line.replace("qemu:///system", host.uri).replace("9.0.0", release) for line in expected]
    assert re.fullmatch("fingerprint [0-9a-f]{20}", last), "libvirt chooses the UUID, which is part of it"
    assert re.fullmatch("fingerprint [0-9a-f]{20}", fingerprint)
    assert host.run("apply", str(topology)).code == 0


@pytest.mark.usefixtures("lab")
def test_what_verify_tells_is_what_is_printed(tmp_path: Path) -> None:
    topology = tmp_path / "readme.yaml"
    topology.write_text(block("yaml"))
    command, _, shown = block("console", "$ sudo netreconcile verify").partition("\n")
    arguments = command.replace("topology.yaml", str(topology)).split()[3:]
    package = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    with Lab() as damaged:
        host = LabHost(damaged, tmp_path)
        assert host.run("apply", str(topology)).code == 0
        damaged.run("iptables", "-t", "nat", "-F", check=True)
        ran = damaged.run(sys.executable, "-m", "netreconcile", *arguments, env=package, capture_output=True)
        host.connection.close()
    assert ran.returncode == 2, ran.stderr
    assert chosen_by_the_host(ran.stderr + ran.stdout) == chosen_by_the_host(shown)


def chosen_by_the_host(text: str) -> str:
    """Return the text without the names and numbers that are others on each host."""
    chosen = r"virbr\d+|52:54:00:(?!00)[0-9a-f:]{8}|process \d+|\d+\.\d s"
    return re.sub(chosen, lambda found: re.sub(r"[0-9a-f]+", "0", found[0]), text)


def test_every_command_is_in_the_readme() -> None:
    everyday = set(re.findall(r"^netreconcile (\w+)", block("sh", "netreconcile"), re.MULTILINE))
    assert everyday == set(re.findall(r"^    (\w+) ", cli.parser().format_help(), re.MULTILINE))


def test_every_exit_code_is_in_the_readme_and_in_the_help() -> None:
    in_readme = {int(code) for code in re.findall(r"^\| (\d+) \| ", README, re.MULTILINE)}
    in_help = {int(code) for code in re.findall(r"^  (\d+) ", cli.parser().format_help(), re.MULTILINE)}
    assert in_readme == in_help == {0, 1, 2, 3, 4, 64, 65, 69, 75}
