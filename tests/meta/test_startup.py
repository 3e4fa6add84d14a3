"""Start-up time is a feature: a command imports what it uses, and nothing else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = ("pydantic", "libvirt", "deepdiff", "yaml", "lxml", "rich", "logging", "difflib", "socket")
ROOT = Path(__file__).parents[2]
SAMPLE = str(ROOT / "sample-topologies" / "four-kinds.yaml")

COMMAND = """
import contextlib, io, json, sys
from netreconcile.cli import main
out = io.StringIO()
with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
    try:
        code = main(sys.argv[2:])
    except SystemExit as end:
        code = end.code
print(json.dumps([code, [name for name in json.loads(sys.argv[1]) if name in sys.modules]]))
"""
CLEAN_PLAN = """
import json, sys
from netreconcile import codec
from netreconcile.fill import mark_of
from netreconcile.loader import load
from netreconcile.observed import Host, observed
from netreconcile.plan import plan
topology = load(sys.argv[2:]).topology
networks = {}
for name, network in topology.networks.items():
    xml = codec.new(name, network, mark_of(topology, network))
    networks[name] = observed(name, "", config_xml=xml, running_xml=xml, autostart=True)
found = plan(topology, Host("test:///", (12, 0, 0), networks))
heavy = [name for name in json.loads(sys.argv[1]) if name in sys.modules]
print(json.dumps([len(found.steps) + len(found.drifted), heavy]))
"""


def imported(code: str, *arguments: str) -> tuple[int, set[str]]:
    """Return the code's result and which of the heavy modules it has imported."""
    command = [sys.executable, "-c", code, json.dumps(HEAVY), *arguments]
    ran = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    result, found = json.loads(ran.stdout)
    return result, set(found)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("--help",), 0),
        (("--version",), 0),
        (("plan", "--help"), 0),
        (("schema",), 0),
        (("schema", "plan"), 0),
        (("plam",), 64),
    ],
)
def test_what_needs_no_model_imports_none(arguments: tuple[str, ...], code: int) -> None:
    assert imported(COMMAND, *arguments) == (code, set())


def test_help_loads_the_command_line_and_nothing_else_of_ours() -> None:
    code = "import sys; sys.argv = ['netreconcile', 'plan']; import netreconcile.cli; print(*sorted(sys.modules))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    own = {name for name in ran.stdout.split() if name.startswith("netreconcile")}
    assert "dataclasses" not in ran.stdout.split()
    assert own == {"netreconcile", *(f"netreconcile.{each}" for each in ("cli", "arguments", "errors"))}


def test_validate_knows_no_libvirt_and_compares_nothing() -> None:
    code, found = imported(COMMAND, "validate", SAMPLE)
    assert code == 0
    assert found <= {"pydantic", "yaml", "socket"}


def test_render_knows_no_libvirt() -> None:
    code, found = imported(COMMAND, "render", SAMPLE)
    assert code == 0
    assert found.isdisjoint({"libvirt", "deepdiff", "rich"})


def test_a_clean_plan_needs_no_deepdiff() -> None:
    result, found = imported(CLEAN_PLAN, SAMPLE)
    assert result == 0
    assert found.isdisjoint({"libvirt", "deepdiff", "rich"})


def test_what_else_is_installed_takes_no_part(tmp_path: Path) -> None:
    """Pydantic loads the plugins of every package that names one."""
    about = tmp_path / "intruder-1.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: intruder\nVersion: 1\n")
    (about / "entry_points.txt").write_text("[pydantic]\nintruder = intruder:plugin\n")
    (tmp_path / "intruder.py").write_text("raise SystemExit('I was loaded')")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(tmp_path)])}
    command = [sys.executable, "-m", "netreconcile", "validate", SAMPLE]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 0
    assert "loaded" not in ran.stderr
