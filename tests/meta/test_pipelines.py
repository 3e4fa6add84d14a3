"""The ready-made workflows and hooks are what GitHub, GitLab and pre-commit take, and call commands that there are."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from netreconcile import cli

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "contrib" / "ci"
SCHEMAS = {"github-actions.yml": "vendor.github-workflows", "gitlab-ci.yml": "vendor.gitlab-ci"}
FORMS = {"github", "markdown", "html", "gitlab", "gitlab-quality", "junit"}


def commands(text: str) -> list[list[str]]:
    """Return the arguments of the commands in a workflow, without what the shell does with their output."""
    found = re.findall(r"(?:run:|-) netreconcile (.*)", text)
    return [shlex.split(re.split(r" [>|]", line)[0]) for line in found]


def test_each_workflow_has_its_schema() -> None:
    assert {path.name for path in FOLDER.iterdir()} == SCHEMAS.keys()


@pytest.mark.parametrize(("file", "schema"), SCHEMAS.items())
def test_a_workflow_is_valid(file: str, schema: str) -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, str(FOLDER / file)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.mark.parametrize("file", SCHEMAS)
def test_a_workflow_calls_commands_that_there_are(file: str) -> None:
    called = [cli.parser().parse_args(arguments) for arguments in commands((FOLDER / file).read_text())]
    assert {options.command for options in called} == {"validate", "fmt", "plan", "apply", "drift"}


def test_every_form_of_report_is_used() -> None:
    texts = "".join((FOLDER / file).read_text() for file in SCHEMAS)
    assert set(re.findall(r" -o ([\w-]+)", texts)) == FORMS


@pytest.mark.parametrize("file", SCHEMAS)
def test_no_workflow_consents_to_what_cuts_guests_off(file: str) -> None:
    applies = [arguments for arguments in commands((FOLDER / file).read_text()) if arguments[0] == "apply"]
    assert applies
    for arguments in applies:
        assert arguments[1:3] == ["--max-impact", "live"]
        assert "--allow-disruption" not in arguments


def test_hooks_of_pre_commit_run_commands_that_there_are() -> None:
    hooks = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    assert [hook["id"] for hook in hooks] == ["netreconcile-validate", "netreconcile-fmt"]
    for hook in hooks:
        assert {"id", "name", "entry", "language"} <= hook.keys()
        _, *arguments = shlex.split(hook["entry"])
        cli.parser().parse_args([*arguments, "site/"])
        assert re.search(hook["files"], "site/lab.yaml")
