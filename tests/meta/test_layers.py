"""Which module may import what, and where printing and exiting happen; read off the source."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE = Path(__file__).parents[2] / "netreconcile"
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if "schemas" not in path.parts)
CORE = (
    "errors",
    "spelling",
    "notation",
    "binding",
    "model",
    "mark",
    "codec",
    "unmodelled",
    "diff",
    "fill",
    "observed",
    "allowance",
    "actions",
    "live",
    "drift",
    "leases",
    "order",
    "running",
    "networkplan",
    "policy",
    "plan",
    "restore",
)
"""The pure core, each module above those before it."""
SHELL = frozenset(
    {"libvirt", "libvirt_qemu", "yaml", "argparse", "rich", "logging", "subprocess", "socket", "os", "sys"}
)
COMMAND_LINE = ("cli", "__main__", "commands", "lab.command", "reference.__main__")


def name(path: Path) -> str:
    """Return the module's name inside the package, `checks` for `checks/__init__.py`."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


def imports(path: Path) -> Iterator[str]:
    """Yield the modules that a module imports, wherever, except those that only a type checker sees."""
    waiting: list[ast.AST] = [ast.parse(path.read_text())]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        waiting += ast.iter_child_nodes(node)


def own(path: Path) -> set[str]:
    """Return which modules of the package a module imports."""
    known = {name(other) for other in MODULES}
    return {found.removeprefix("netreconcile.") for found in imports(path)} & known


def is_core(path: Path) -> bool:
    return name(path).split(".")[0] in (*CORE, "checks")


@pytest.mark.parametrize("path", [path for path in MODULES if is_core(path)], ids=name)
def test_the_core_is_pure(path: Path) -> None:
    assert {found.split(".")[0] for found in imports(path)} & SHELL == set()
    rooms = {found.split(".")[0] for found in own(path)}
    assert rooms <= {*CORE, "checks"}


@pytest.mark.parametrize("module", CORE)
def test_the_core_is_a_ladder(module: str) -> None:
    below = set(CORE[: CORE.index(module)])
    assert own(PACKAGE / f"{module}.py") - {"checks"} <= below


def test_only_one_module_and_the_lab_import_libvirt() -> None:
    users = {name(path) for path in MODULES if {"libvirt", "libvirt_qemu"} & set(imports(path))}
    assert {user for user in users if not user.startswith("lab")} == {"reach"}


def test_only_loader_and_dump_know_yaml() -> None:
    users = {name(path) for path in MODULES if "yaml" in imports(path)}
    assert users <= {"compose", "syntax", "dump", "reference.page"}


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_printing_and_exiting_happen_at_the_command_line(path: Path) -> None:
    here = name(path)
    if here in COMMAND_LINE or here.startswith(("commands.", "lab.inside")):
        return
    calls = {ast.unparse(node.func) for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)}
    assert calls & {"print", "exit", "quit", "sys.exit", "sys.stdout.write", "sys.stderr.write", "input"} == set()


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_nothing_imports_the_command_line(path: Path) -> None:
    here = name(path)
    rooms = {found.split(".")[0] for found in own(path)}
    assert "commands" not in rooms or here.startswith("commands")
    assert "cli" not in rooms or here == "__main__"
