"""What the README shows is what happens."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from netreconcile import cli

if TYPE_CHECKING:
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


def test_every_command_is_in_the_readme() -> None:
    everyday = set(re.findall(r"^netreconcile (\w+)", block("sh", "netreconcile"), re.MULTILINE))
    assert everyday == set(re.findall(r"^    (\w+) ", cli.parser().format_help(), re.MULTILINE))


def test_every_exit_code_is_in_the_readme_and_in_the_help() -> None:
    in_readme = {int(code) for code in re.findall(r"^\| (\d+) \| ", README, re.MULTILINE)}
    in_help = {int(code) for code in re.findall(r"^  (\d+) ", cli.parser().format_help(), re.MULTILINE)}
    assert in_readme == in_help == {0, 1, 2, 3, 4, 64, 65, 69, 75}
